"""The reply of /v1/chat/completions, opened by our own reader.

bytes  ->  strict JSON  ->  RawAnswer(text, tokens, fault, log-probability)
"""

from __future__ import annotations

from collections.abc import Mapping

from headgate.lm.faults import AnswerFault, invalid_answer
from headgate.lm.log_probs import mean_log_prob
from headgate.lm.seam import RawAnswer
from headgate.lm.strict_json import JsonFaultError, decode_all

_MOST_TOKENS = 1_000_000_000  # more than any model reads; beyond it the count is not believed

_FINISH_FAULTS = {
    "length": AnswerFault.TRUNCATED,
    "content_filter": AnswerFault.CONTENT_FILTER,
}


def open_envelope(body: bytes, weighed: str = "") -> RawAnswer:
    """Return the answer and token counts in a chat completion.

    A refusal or a cut-off answer is returned with its fault, because its tokens are paid.

    Args:
        body: The reply as it came.
        weighed: The key of the answer whose log-probability is wanted; empty for none.

    Raises:
        LmAnswerError: The body is not JSON, or holds no choice with a message.
    """
    try:
        envelope = decode_all(body.decode("utf-8"))
    except JsonFaultError as error:
        raise invalid_answer(error.fault) from None
    except UnicodeDecodeError:
        raise invalid_answer(AnswerFault.NOT_JSON) from None
    choice = _first_choice(_mapping(envelope))
    message = _mapping(choice.get("message"))
    usage = _mapping(_mapping(envelope).get("usage"))
    content = message.get("content")
    text = content if isinstance(content, str) else ""
    tokens = _mapping(choice.get("logprobs")).get("content")
    return RawAnswer(
        text=text,
        input_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
        fault=_fault(choice, message),
        log_prob=mean_log_prob(text, tokens, weighed) if weighed else None,
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _first_choice(envelope: Mapping[str, object]) -> Mapping[str, object]:
    choices = envelope.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    choice = _mapping(first)
    if not isinstance(choice.get("message"), dict):
        raise invalid_answer(AnswerFault.NO_CHOICES)
    return choice


def _fault(choice: Mapping[str, object], message: Mapping[str, object]) -> AnswerFault | None:
    if message.get("refusal"):
        return AnswerFault.REFUSAL
    finish = choice.get("finish_reason")
    return _FINISH_FAULTS.get(finish) if isinstance(finish, str) else None


def _count(value: object) -> int | None:
    """Return a believable token count; True is an int in Python, but no count."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _MOST_TOKENS else None
