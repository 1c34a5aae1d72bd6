"""The number that a value is, however it is written: `1,234.5`, `12 %`, `1.5e-3`, `$ 20`.

value (text)  ->  number, or nothing
"""

from __future__ import annotations

import math
import re

LONGEST_NUMBER = 40
"""Characters; longer runs of digits are codes."""

_STARTS = frozenset("0123456789.+-$€£¥")
_NUMBER = re.compile(
    r"[$€£¥]?\s?(?P<sign>[+-]?)\s?[$€£¥]?\s?"
    # Thousands in groups of three behind commas, or none; a fraction behind a point.
    r"(?P<digits>(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+"
    # A fraction behind a comma, which is not a group of three.
    r"|[0-9]+,(?:[0-9]{1,2}|[0-9]{4,}))"
    r"(?P<exponent>[eE][+-]?[0-9]{1,3})?\s?[%€]?"
)
_GROUPS = re.compile(r",(?=[0-9]{3}(?![0-9]))")


def number_in(value: str) -> float | None:
    """Return the number that a value is, without its currency or percent sign; else nothing.

    A comma before three digits is of thousands. What follows `0` without a point, as in `007`, is
    a number here too.
    """
    if not value or value[0] not in _STARTS or len(value) > LONGEST_NUMBER:
        return None
    found = _NUMBER.fullmatch(value)
    if found is None:
        return None
    digits = _GROUPS.sub("", found["digits"]).replace(",", ".")
    number = float(f"{found['sign']}{digits}{found['exponent'] or ''}")
    return number if math.isfinite(number) else None
