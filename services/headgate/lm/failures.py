"""What went wrong with a call, in our words: the border where other libraries' errors end.

openai / httpx2 / OS error  ->  TransientLmError (again, later) | LmRefusedError | LmError
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import httpx2
import openai

from headgate.errors import LmError, LmRefusedError
from headgate.lm.seam import TransientLmError

_REQUEST_TIMEOUT, _CONFLICT, _TOO_EARLY, _TOO_MANY_REQUESTS = 408, 409, 425, 429
_TRANSIENT_STATUSES = frozenset({_REQUEST_TIMEOUT, _CONFLICT, _TOO_EARLY, _TOO_MANY_REQUESTS})
_LONGEST_NUMBER = 9  # digits of a Retry-After; more is a joke or an attack


def translate(error: Exception, model: str) -> LmError:
    """Return our error for whatever a call to the endpoint of `model` raised.

    Only the status code and the name of the error's type are kept: messages of the libraries hold
    hosts, bodies and sometimes keys.
    """
    place = f"large model {model!r}"
    match error:
        case LmError():
            return error
        case openai.APIStatusError():
            return _for_status(error, place)
        case openai.APIConnectionError() | httpx2.TransportError() | OSError():
            name = type(error.__cause__ or error).__name__
            problem = f"the endpoint cannot be reached ({name})"
            return TransientLmError(place, problem, "Check base_url and that the endpoint runs.")
        case _:
            problem = f"the call failed ({type(error).__name__})"
            return LmError(place, problem, "Check base_url, the model and the options.")


def _for_status(error: openai.APIStatusError, place: str) -> LmError:
    status = error.status_code
    if status in _TRANSIENT_STATUSES or status >= 500:
        return TransientLmError(
            place,
            f"the endpoint is busy or broken (HTTP {status})",
            "Try again later, or lower max_concurrency.",
            retry_after_s(error.response.headers.get("Retry-After", "")),
        )
    return LmRefusedError(
        place,
        f"the endpoint refuses the request (HTTP {status})",
        "Check api_key, base_url and the model's name.",
    )


def retry_after_s(header: str) -> float:
    """Return the seconds that a `Retry-After` header asks for; 0 when it cannot be read.

    Both forms of RFC 9110 are read: whole seconds, and an HTTP date by the wall clock.
    """
    value = header.strip()
    if value.isascii() and value.isdigit():
        return float(value) if len(value) <= _LONGEST_NUMBER else 0.0
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
