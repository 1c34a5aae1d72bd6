"""What kind of values a column has, and how many of them.

Column (values,)  ->  Profile: kind, shares, lengths, range

The kind is told by the values alone, never by the name: names are compared elsewhere, and a model
that reads both may weigh one against the other. Each different value counts once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from headgate.domains.schemas.columns import Column
from headgate.domains.schemas.numbers import number_in

Kind = Literal["number", "date", "boolean", "identifier", "category", "text", "empty"]

LOOKED_AT = 100
"""Values of a column that are looked at."""

_EXCEPTIONS = 0.1
"""The share of values that may be of another kind, such as `> 90` among numbers."""
_FEWEST_IDENTIFIERS = 20
"""Values below which codes may as well be the entries of a list."""
_SHORTEST_IDENTIFIER = 5
_SAME_SHAPE = 0.8
_MOST_CATEGORIES = 100
_MOST_PHRASES = 20
"""Values up to which a list may have sentences in it, as questionnaires do."""
_MOST_WORDS = 6
"""Words of a value, on average, above which values are sentences."""

_PAIRS = [
    *({"yes", "no"}, {"y", "n"}, {"true", "false"}, {"t", "f"}, {"on", "off"}, {"0", "1"}),
    # As programs write whole numbers that have nulls among them.
    {"0.0", "1.0"},
    *({"present", "absent"}, {"positive", "negative"}, {"pos", "neg"}, {"+", "-"}),
    *({"detected", "not detected"}, {"done", "not done"}, {"normal", "abnormal"}),
    *({"ja", "nein"}, {"oui", "non"}, {"s\N{LATIN SMALL LETTER I WITH ACUTE}", "no"}, {"si", "no"}),
]
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_TIME = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s?([ap]m)?\s?(z|utc|[+-]\d{2}:?\d{2})?"
_DATE = re.compile(
    rf"(?:(?:\d{{4}}([-/.])(?:0?[1-9]|1[0-2])(\1(?:0?[1-9]|[12]\d|3[01]))?"
    rf"|\d{{1,2}}([-/.])\d{{1,2}}\3(?:\d{{4}}|\d{{2}})"
    rf"|\d{{1,2}}[- ]?(?:{_MONTHS})[a-z]*\.?,?[- ]?\d{{2,4}}"
    rf"|(?:{_MONTHS})[a-z]*\.?[- ]?\d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
    rf"(?:(?:t|,?\s){_TIME})?|{_TIME})",
    re.IGNORECASE | re.ASCII,
)
_UNIQUE_ID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}|[0-9a-f]{32,64}", re.I)
_MEASURE = re.compile(r"0([.,]0)?a")
"""The shape of a number with its unit."""
_RUNS = ((re.compile(r"[^\W\d_]+"), "a"), (re.compile(r"\d+"), "0"))


@dataclass(frozen=True, slots=True)
class Profile:
    """What a column's values are like."""

    kind: Kind
    """Of most of its values."""
    null_share: float
    """Of all cells, between 0 and 1."""
    distinct_share: float
    """Different values a cell with a value, between 0 and 1."""
    mean_length: float
    """Characters of a value."""
    low: float | None = None
    """The smallest number of a column of numbers."""
    high: float | None = None
    """The largest one."""
    whole: bool = False
    """Whether all its numbers are."""


def profile_of(column: Column) -> Profile:
    """Return the profile of a column, from at most `LOOKED_AT` of its values."""
    values = column.values[:LOOKED_AT]
    cells = max(column.rows - column.nulls, sum(column.counts))
    distinct = max(column.distinct, len(column.values))
    found = [number for number in map(number_in, values) if number is not None]
    kind = _kind(values, found, cells=cells, distinct=distinct)
    counted = found if kind == "number" else []
    return Profile(
        kind=kind,
        null_share=column.nulls / column.rows if column.rows else 0.0,
        distinct_share=min(distinct / cells, 1.0) if cells else 0.0,
        mean_length=sum(map(len, values)) / len(values) if values else 0.0,
        low=min(counted, default=None),
        high=max(counted, default=None),
        whole=bool(counted) and all(number.is_integer() for number in counted),
    )


def _kind(values: Sequence[str], found: list[float], *, cells: int, distinct: int) -> Kind:
    """Return the first kind whose rule holds."""
    if not values:
        return "empty"
    if any(pair.issuperset(map(str.casefold, values)) for pair in _PAIRS):
        return "boolean"
    unique = cells >= _FEWEST_IDENTIFIERS and distinct >= (1 - _EXCEPTIONS) * cells
    if unique and (_are_codes(values) or _are_row_numbers(found, len(values), distinct)):
        return "identifier"
    if len(values) - len(found) <= len(values) * _EXCEPTIONS:
        return "number"
    if _nearly_all(values, _DATE):
        return "date"
    return "text" if _is_free(values, cells=cells, distinct=distinct) else "category"


def _is_free(values: Sequence[str], *, cells: int, distinct: int) -> bool:
    """Return whether values seldom come twice, and are sentences or too many for a list."""
    if distinct <= max(_MOST_PHRASES, cells / 2):
        return False
    words = sum(value.count(" ") + 1 for value in values)
    return distinct > _MOST_CATEGORIES or words > _MOST_WORDS * len(values)


def _nearly_all(values: Sequence[str], pattern: re.Pattern[str]) -> bool:
    """Return whether values match; those behind too many that do not are not looked at."""
    allowed = int(len(values) * _EXCEPTIONS)
    others = (value for value in values if not pattern.fullmatch(value))
    return sum(1 for _ in islice(others, allowed + 1)) <= allowed


def _are_codes(values: Sequence[str]) -> bool:
    """Return whether values are hashes, or letters and digits in one shape: `AB-0012`."""
    if _nearly_all(values, _UNIQUE_ID):
        return True
    shapes = Counter(_shape(value) for value in values if len(value) >= _SHORTEST_IDENTIFIER)
    shape, holding = shapes.most_common(1)[0] if shapes else ("", 0)
    if holding < _SAME_SHAPE * len(values) or not {"a", "0"} <= set(shape) or " " in shape:
        return False
    return not _MEASURE.fullmatch(shape) and not _DATE.fullmatch(values[0])


def _shape(value: str) -> str:
    for run, kept in _RUNS:
        value = run.sub(kept, value)
    return value


def _are_row_numbers(found: list[float], looked_at: int, distinct: int) -> bool:
    """Return whether all are whole numbers without gaps, as far as can be seen."""
    if len(found) < looked_at or not all(number.is_integer() for number in found):
        return False
    return max(found) - min(found) < distinct
