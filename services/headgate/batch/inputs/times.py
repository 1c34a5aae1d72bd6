"""Times as logs write them, read by the column.

texts (lines,) -> per length: one text is understood, those of the same form with it -> (lines,)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_DAY: Final = r"(?P<year>\d{4})[-/.](?P<month>\d\d)[-/.](?P<day>\d\d)"
_CLOCK: Final = r"(?P<hour>\d\d)[:.]?(?P<minute>\d\d)[:.]?(?P<second>\d\d)"
_ZONE: Final = r" ?(?:Z|UTC|(?P<sign>[+-])(?P<zone_hour>\d\d):?(?P<zone_minute>\d\d))"
_REST: Final = rf"(?:[.,](?P<fraction>\d{{1,9}}))?(?:{_ZONE})?"
_FORMS: Final = tuple(
    re.compile(form)
    for form in (
        rf"{_DAY}[ T-]{_CLOCK}{_REST}",
        rf"(?P<short_year>\d\d)/(?P<month>\d\d)/(?P<day>\d\d) {_CLOCK}{_REST}",
        rf"(?P<short_year>\d\d)(?P<month>\d\d)(?P<day>\d\d) {_CLOCK}{_REST}",
        rf"(?P<name>[A-Z][a-z]{{2}}) {{1,2}}(?P<day>\d{{1,2}}) {_CLOCK}{_REST}",
        r"(?P<weekday>[A-Z][a-z]{2}) (?P<name>[A-Z][a-z]{2}) {1,2}(?P<day>\d{1,2}) "
        rf"{_CLOCK} (?P<year>\d{{4}})",
        rf"(?P<day>\d\d)/(?P<name>[A-Z][a-z]{{2}})/(?P<year>\d{{4}}):{_CLOCK}{_REST}",
        rf"(?P<month>\d\d)(?P<day>\d\d) {_CLOCK}{_REST}",
        r"(?P<epoch>\d{10})(?:\.?(?P<fraction>\d{1,9}))?",
    )
)
"""With the parts of a time by name; epoch seconds may have their fraction without a point."""
_LONGEST: Final = 40
"""Bytes; what is longer is no time."""
_MOST_FORMS: Final = 8
"""Ways to write times of one length in one block; further ones are not understood."""
_MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
_DAY_US: Final = 86_400_000_000
_SECOND_US: Final = 1_000_000

_Bytes = NDArray[np.uint8]
_Numbers = NDArray[np.int64]
_Parts = dict[str, _Numbers]


def parse_times(texts: pa.LargeBinaryArray, written_s: float) -> pa.TimestampArray:
    """Return microseconds since 1970 in UTC; null for what is not understood.

    A time without a zone is taken as UTC. One without a year is in the year before
    `written_s`, a day of doubt aside; without that it is not understood.

    Args:
        texts: Shape (lines,).
        written_s: Unix time at which the file was written; 0 when it is not known.

    Returns:
        Shape (lines,).
    """
    _, offset_bytes, data = texts.buffers()
    offsets = np.frombuffer(offset_bytes, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    values = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    lengths = np.diff(offsets)
    times = np.zeros(len(texts), np.int64)
    known = np.zeros(len(texts), bool)
    for length in np.unique(lengths[lengths <= _LONGEST]):
        rows = np.flatnonzero(lengths == length)
        matrix = values[offsets[rows, None] + np.arange(length)]
        for found, parts in _by_form(matrix):
            at = rows[found]
            times[at], known[at] = _time(parts, written_s)
    return pa.array(times, pa.timestamp("us", "UTC"), mask=~known)


def _by_form(matrix: _Bytes) -> Iterator[tuple[_Numbers, _Parts]]:
    """Yield the rows of each form with their parts.

    The first row is read by a regular expression. Where it has a digit, the others of its form
    have one too; otherwise they have the same bytes, names aside.
    """
    left = np.arange(len(matrix))
    forms = np.where((matrix >= ord("0")) & (matrix <= ord("9")), np.uint8(ord("0")), matrix)
    for _ in range(_MOST_FORMS):
        if not len(left):
            return
        example = matrix[left[0]].tobytes().decode("latin-1")
        match = next((match for form in _FORMS if (match := form.fullmatch(example))), None)
        same = _same_form(forms[left], match)
        if match is not None:
            yield left[same], _parts(matrix[left[same]], match)
        left = left[~same]


def _same_form(forms: _Bytes, match: re.Match[str] | None) -> NDArray[np.bool_]:
    compared = np.ones(forms.shape[1], bool)
    if match is not None:
        for name in {"name", "weekday"} & match.groupdict().keys():
            compared[slice(*match.span(name))] = False
    same: NDArray[np.bool_] = (forms == forms[0])[:, compared].all(axis=1)
    return same


def _parts(matrix: _Bytes, match: re.Match[str]) -> _Parts:
    """Return the numbers that stand where the match has its groups."""
    parts: _Parts = {}
    for name, text in match.groupdict().items():
        if text is None or name == "weekday":
            continue
        columns = matrix[:, slice(*match.span(name))]
        if name == "name":
            parts["month"] = _month(columns)
        elif name == "sign":
            parts["sign"] = np.where(columns[:, 0] == ord("-"), -1, 1)
        elif name == "fraction":
            parts["fraction"] = _number(columns[:, :6]) * 10 ** max(0, 6 - len(text))
        else:
            parts[name] = _number(columns)
    return parts


def _number(columns: _Bytes) -> _Numbers:
    number = np.zeros(len(columns), np.int64)
    for digit in columns.T:
        number = number * 10 + (digit - ord("0"))
    return number


def _month(columns: _Bytes) -> _Numbers:
    """Return 1 to 12, and 0 for what is no month."""
    month = np.zeros(len(columns), np.int64)
    for number, name in enumerate(_MONTHS, start=1):
        month[(columns == np.frombuffer(name.encode(), np.uint8)).all(axis=1)] = number
    return month


def _time(parts: _Parts, written_s: float) -> tuple[_Numbers, NDArray[np.bool_]]:
    """Return microseconds since 1970, and where there is such a time."""
    fraction_us = parts.get("fraction", np.int64(0))
    if "epoch" in parts:
        return parts["epoch"] * _SECOND_US + fraction_us, parts["epoch"] >= 0
    clock_us = _clock_us(parts) + fraction_us
    known = _is_time(parts)
    if "short_year" in parts:
        # As POSIX reads them: 69 to 99 are of the century before.
        parts["year"] = parts["short_year"] + np.where(parts["short_year"] < 69, 2000, 1900)
    if "year" in parts:
        return _day(parts["year"], parts) * _DAY_US + clock_us, known
    year = np.datetime64(int(written_s), "s").astype("datetime64[Y]").astype(np.int64) + 1970
    times = _day(year, parts) * _DAY_US + clock_us
    late = times > (written_s * _SECOND_US + _DAY_US)
    before = _day(year - 1, parts) * _DAY_US + clock_us
    return np.where(late, before, times), known & (written_s > 0)


def _clock_us(parts: _Parts) -> _Numbers:
    """Return the time of day in UTC; below 0 or above a day for some zones."""
    minutes = parts["hour"] * 60 + parts["minute"]
    if "sign" in parts:
        minutes = minutes - parts["sign"] * (parts["zone_hour"] * 60 + parts["zone_minute"])
    return (minutes * 60 + parts["second"]) * _SECOND_US


def _day(year: _Numbers | np.int64, parts: _Parts) -> _Numbers:
    """Return days since 1970."""
    months = (year - 1970) * 12 + parts["month"] - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return np.asarray(first + parts["day"] - 1)


def _is_time(parts: _Parts) -> NDArray[np.bool_]:
    limits = {
        "month": (1, 12),
        "day": (1, 31),
        "hour": (0, 23),
        "minute": (0, 59),
        "second": (0, 60),
    }
    inside = [(parts[name] >= low) & (parts[name] <= high) for name, (low, high) in limits.items()]
    return np.asarray(np.logical_and.reduce(inside))
