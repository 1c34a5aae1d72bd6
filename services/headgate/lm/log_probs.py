"""How likely a model held the words of its own answer, from what the endpoint says of its tokens.

content, its tokens (n), key  ->  bytes of the key's value  ->  mean over the tokens that touch it
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from statistics import fmean
from typing import TypeGuard

from headgate.errors import LmAnswerError
from headgate.lm.schema import read_object
from headgate.lm.strict_json import decode_first

_LEAST = -1_000_000.0  # endpoints write -9999 for what they hold impossible; lower is not believed
_BLANKS = re.compile(r"[ \t\r\n]*")

_Span = tuple[int, int]
"""Where something begins, and the index behind it."""


def is_log_prob(value: object) -> TypeGuard[float]:
    """Return whether a value that JSON has can be a log-probability: finite, at most 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return _LEAST <= value <= 0


def mean_log_prob(content: str, tokens: object, weighed: str) -> float | None:
    """Return the mean log-probability of the tokens of one value, at most 0.

    A token that holds a byte of the value counts, even if it begins before or ends behind it.
    Those of a list are all from bracket to bracket; an empty text has none.

    Args:
        content: The answer's text. Unless it is a JSON object with the key, all of it is the value.
        tokens: `choices[0].logprobs.content` of a chat completion, of any type.
        weighed: The key of the value.

    Returns:
        None when there are no tokens of it, they do not make up the content, or one is not told
        with a log-probability. Tokens before and behind the content, such as one that ends the
        turn, do no harm.
    """
    pieces = _pieces(tokens)
    if not content or not pieces:
        return None
    said = content.encode("utf-8", "surrogatepass")
    start = b"".join(text for text, _ in pieces).rfind(said)
    if start < 0:
        return None
    first, last = (start + _size(content[:at]) for at in _span(content, weighed))
    touching = list(_touching(pieces, (first, last)))
    return fmean(touching) if touching else None


def _pieces(tokens: object) -> list[tuple[bytes, float]]:
    """Return each token's bytes and log-probability; nothing when one of them is unusable."""
    entries = tokens if isinstance(tokens, list) else []
    pieces: list[tuple[bytes, float]] = []
    for entry in entries:
        fields = entry if isinstance(entry, dict) else {}
        text, log_prob = _bytes(fields.get("bytes"), fields.get("token")), fields.get("logprob")
        if text is None or not is_log_prob(log_prob):
            return []
        pieces.append((text, float(log_prob)))
    return pieces


def _bytes(codes: object, token: object) -> bytes | None:
    """Return what a token stands for; its text cannot show a part of a character, its bytes can."""
    if codes is None:
        return token.encode("utf-8", "surrogatepass") if isinstance(token, str) else None
    if not isinstance(codes, list) or not all(map(_is_byte, codes)):
        return None
    return bytes(codes)


def _is_byte(code: object) -> bool:
    return isinstance(code, int) and not isinstance(code, bool) and 0 <= code <= 255


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _touching(pieces: list[tuple[bytes, float]], span: _Span) -> Iterator[float]:
    """Yield the log-probabilities of the tokens that share a byte with the span."""
    first, last = span
    end = 0
    for text, log_prob in pieces:
        begin, end = end, end + len(text)
        if max(begin, first) < min(end, last):
            yield log_prob


def _span(content: str, weighed: str) -> _Span:
    """Return where the value of a key stands in the content, without quotes; else all of it."""
    try:
        answer = read_object(content)
    except LmAnswerError:
        answer = None
    if answer is None or weighed not in answer:
        return 0, len(content)
    start, end = _value(content, weighed)
    quoted = isinstance(answer[weighed], str)
    return (start + 1, end - 1) if quoted else (start, end)


def _value(content: str, wanted: str) -> _Span:
    """Return where the first value of a key stands in a text that starts with such an object."""
    at = content.index("{")
    while True:
        key, at = decode_first(content, _skip(content, at + 1))
        start = _skip(content, _skip(content, at) + 1)  # behind the colon
        _, at = decode_first(content, start)
        if key == wanted:
            return start, at
        at = _skip(content, at)  # at the comma: the key is still to come


def _skip(content: str, at: int) -> int:
    """Return the index of the first character from `at` that is not blank."""
    blanks = _BLANKS.match(content, at)
    return blanks.end() if blanks else at
