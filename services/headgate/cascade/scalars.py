"""What one YAML scalar means: the core schema of YAML 1.2, without its surprises.

text of a plain scalar -> None | bool | int | float | str

So `on`, `no`, `2020-01-01` and `1_000` are text.
"""

from __future__ import annotations

import re
from math import isfinite

_NULL = re.compile(r"(~|null|Null|NULL|)")
_TRUE, _FALSE = re.compile(r"true|True|TRUE"), re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# Besides control characters: line ends that editors do not count, and marks that turn the
# direction of the text so that a person reads something else.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufeff\ufffe\uffff]|\r(?!\n)"
)
_BASES = {"0o": 8, "0x": 16}
_MAX_DIGITS = 20


class UnusableError(ValueError):
    """The scalar is a number that nothing can be done with."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem, self.remedy = problem, remedy


def plain_value(text: str) -> str | int | float | bool | None:
    """Return what the plain (unquoted) scalar means.

    Raises:
        UnusableError: It is infinite, not a number, or beyond 64 bits.
    """
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    if _NOT_FINITE.fullmatch(text):
        raise UnusableError(f"{text} is not a finite number", "Write a finite number.")
    if _INT.fullmatch(text):
        return _whole(text)
    return _real(text) if _FLOAT.fullmatch(text) else text


def find_unseen(text: str) -> re.Match[str] | None:
    """Return the first control or direction character of `text`; tabs and line ends are fine."""
    return _UNSEEN.search(text)


def _whole(text: str) -> int:
    # The length is checked first: int() takes quadratic time, and refuses thousands of digits.
    number = int(text, _BASES.get(text[:2], 10)) if len(text) <= _MAX_DIGITS else 2**63
    if abs(number) >= 2**63:
        raise UnusableError("the number is too large", "Write a smaller number.")
    return number


def _real(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise UnusableError("the number is too large", "Write a smaller number.")
    return number
