"""JSON from somebody we do not trust, read so that it has one meaning and cannot crash us.

text  ->  (value, index where it ends)
"""

from __future__ import annotations

import json
from typing import NoReturn

from headgate.lm.faults import AnswerFault


class JsonFaultError(ValueError):
    """The text is not JSON with one meaning."""

    def __init__(self, fault: AnswerFault) -> None:
        super().__init__(fault)
        self.fault = fault


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the object; two readers could disagree on a key that has two values."""
    values: dict[str, object] = {}
    for key, value in pairs:
        if key in values and values[key] != value:
            raise JsonFaultError(AnswerFault.DUPLICATE_KEY)
        values[key] = value
    return values


def _refuse_constant(_: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python reads and JSON does not have."""
    raise JsonFaultError(AnswerFault.NOT_JSON)


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def decode_first(text: str, start: int = 0) -> tuple[object, int]:
    """Return the JSON value that begins at `start` of `text`, and the index behind it.

    Raises:
        JsonFaultError: No JSON value there, nested too deep, or a key with two values.
    """
    try:
        return _DECODER.raw_decode(text, start)
    except JsonFaultError:
        raise
    except RecursionError:
        raise JsonFaultError(AnswerFault.TOO_DEEP) from None
    except ValueError:  # also integers with thousands of digits
        raise JsonFaultError(AnswerFault.NOT_JSON) from None


def decode_all(text: str) -> object:
    """Return the one JSON value of `text`.

    Raises:
        JsonFaultError: As `decode_first`, or something follows the value.
    """
    stripped = text.strip()
    value, end = decode_first(stripped)
    if end != len(stripped):
        raise JsonFaultError(AnswerFault.NOT_JSON)
    return value
