"""What a page and a receipt have to know of a unit's rows; summaries of parts make up the whole.

table (n rows) of a unit  ->  UnitSummary  ->  merge: the same of all units, in any order

It is small, whatever the rows are: templates are limited where they are found, and more different
answers than a task may have labels are no longer told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headgate.batch.outputs.columns import Coded, coded, first_rows
from headgate.batch.outputs.histogram import Histogram, place_key

MOST_ANSWERS = 256
"""Different ones that are told apart; a task has at most 200 labels."""
EARLIEST_MS, LATEST_MS = -2_208_988_800_000, 7_258_118_400_000
"""The years 1900 and 2200: times outside of them are mistakes."""
Counts: TypeAlias = Mapping[str, int]
Name = TypeVar("Name", str, "Group")


class Group(NamedTuple):
    """Rows that are alike; each name is empty where the rows have none."""

    template: str
    answer: str
    tier: str


class Place(NamedTuple):
    """Where in the input a row is; earlier ones are smaller."""

    unit: int
    row: int
    """From 0, in the unit's output."""
    file: str
    number: int | None
    """Of the line or row in the file, from 1; None where it is not known."""
    offset: int | None
    """In bytes, where the file is plain text."""


@dataclass(frozen=True, slots=True)
class UnitSummary:
    """Counts over the rows of one unit or of many."""

    rows: int = 0
    groups: Mapping[Group, int] = field(default_factory=dict)
    """Rows by template, answer and tier."""
    first: Mapping[str, Place] = field(default_factory=dict)
    """The first row of each template."""
    degraded: Counts = field(default_factory=dict)
    """Rows by the reason that their answer is not the one the policy wanted."""
    lossy: int = 0
    """Rows whose bytes were not UTF-8."""
    untimed: int = 0
    """Rows without a time, or with an impossible one."""
    times: Histogram = field(default_factory=lambda: Histogram("time"))
    places: Histogram = field(default_factory=lambda: Histogram("place"))
    many_answers: bool = False
    """Whether answers are no longer told apart; all are empty then."""

    @classmethod
    def from_table(cls, table: pa.Table, *, unit: int = 0, first_row: int = 0) -> UnitSummary:
        """Return the counts over rows of a shard.

        Args:
            table: Has the columns `answer` and `tier`; the others of a shard may be missing.
            unit: Its number.
            first_row: Index in the unit of the table's first row.
        """
        if not table.num_rows:
            return cls()
        answers, templates = coded(table["answer"]), _texts(table, "template_id")
        shown = answers if len(answers.names) <= MOST_ANSWERS else _empty(table.num_rows)
        rows = np.arange(first_row, first_row + table.num_rows)
        timed, untimed = _times(table, shown)
        return cls(
            rows=table.num_rows,
            groups=_groups(templates, answers, coded(table["tier"])),
            first=_first(table, templates, unit, first_row),
            degraded=_reasons(table, "degraded"),
            lossy=pc.sum(table["lossy"]).as_py() or 0 if "lossy" in table.column_names else 0,
            untimed=untimed,
            times=timed,
            places=Histogram.of("place", place_key(unit, rows), shown.codes, shown.names),
        )._bounded()

    def merge(self, other: UnitSummary) -> UnitSummary:
        """Return the counts over the rows of both, which have no row in common."""
        return UnitSummary(
            rows=self.rows + other.rows,
            groups=_added(self.groups, other.groups),
            first=_earliest(self.first, other.first),
            degraded=_added(self.degraded, other.degraded),
            lossy=self.lossy + other.lossy,
            untimed=self.untimed + other.untimed,
            times=self.times.merge(other.times),
            places=self.places.merge(other.places),
            many_answers=self.many_answers or other.many_answers,
        )._bounded()

    def by_answer(self) -> dict[str, int]:
        """Return the rows of each answer, most first."""
        return self._by(1)

    def by_tier(self) -> dict[str, int]:
        """Return the rows that each tier answered, most first."""
        return self._by(2)

    def _by(self, part: int) -> dict[str, int]:
        found: dict[str, int] = {}
        for group, rows in self.groups.items():
            found[group[part]] = found.get(group[part], 0) + rows
        return most_first(found)

    def _bounded(self) -> UnitSummary:
        """Return the same with answers together that are too many to tell apart."""
        different = {group.answer for group in self.groups}
        if not self.many_answers and len(different) <= MOST_ANSWERS:
            return self
        return replace(
            self,
            groups=_without_answers(self.groups),
            times=self.times.without_answers(),
            places=self.places.without_answers(),
            many_answers=True,
        )


def merged(summaries: Iterable[UnitSummary]) -> UnitSummary:
    """Return the counts over all units."""
    return reduce(UnitSummary.merge, summaries, UnitSummary())


def most_first(counts: Counts) -> dict[str, int]:
    """Return counts from the highest to the lowest, equal ones by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _groups(templates: Coded, answers: Coded, tiers: Coded) -> dict[Group, int]:
    wide, deep = len(answers.names), len(tiers.names)
    codes = (templates.codes * wide + answers.codes) * deep + tiers.codes
    found, counts = np.unique(codes, return_counts=True)
    return {
        Group(
            templates.names[code // deep // wide],
            answers.names[code // deep % wide],
            tiers.names[code % deep],
        ): count
        for code, count in zip(found.tolist(), counts.tolist(), strict=True)
    }


def _without_answers(groups: Mapping[Group, int]) -> dict[Group, int]:
    found: dict[Group, int] = {}
    for group, rows in groups.items():
        rest = group._replace(answer="")
        found[rest] = found.get(rest, 0) + rows
    return found


def _first(table: pa.Table, templates: Coded, unit: int, first_row: int) -> dict[str, Place]:
    rows = first_rows(templates.codes, len(templates.names))
    shown = table.take(pa.array(rows))
    files = coded(shown["file"]) if "file" in shown.column_names else None
    return {
        name: Place(unit, first_row + row, files.names[files.codes[at]] if files else "", *spot)
        for at, (name, row, spot) in enumerate(
            zip(templates.names, rows.tolist(), _spots(shown), strict=True)
        )
        if name
    }


def _spots(shown: pa.Table) -> list[tuple[int | None, int | None]]:
    """Return number and offset of each row, as far as the table has them."""
    nothing = [None] * shown.num_rows
    names = shown.column_names
    number = next((name for name in ("line", "row") if name in names), None)
    numbers = shown[number].to_pylist() if number else nothing
    offsets = shown["offset"].to_pylist() if "offset" in names else nothing
    return list(zip(numbers, offsets, strict=True))


def _reasons(table: pa.Table, name: str) -> dict[str, int]:
    """Return the rows of each text in a column, but for the empty one."""
    reasons = _texts(table, name)
    counts = np.bincount(reasons.codes, minlength=len(reasons.names)).tolist()
    return {reason: n for reason, n in zip(reasons.names, counts, strict=True) if reason and n}


def _times(table: pa.Table, answers: Coded) -> tuple[Histogram, int]:
    """Return the rows over time, and how many have none."""
    column = table["timestamp"] if "timestamp" in table.column_names else None
    if column is None or not pa.types.is_timestamp(column.type):  # a column of nulls has no type
        return Histogram("time"), table.num_rows
    moments = _milliseconds(column)
    possible = (moments >= EARLIEST_MS) & (moments < LATEST_MS)
    timed = Histogram.of("time", moments[possible], answers.codes[possible], answers.names)
    return timed, int(len(possible) - possible.sum())


def _milliseconds(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return milliseconds since 1970, rounded down; an impossible number for what is missing."""
    per_second = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[column.type.unit]
    ticks = column.cast(pa.int64())
    missing = pc.is_null(ticks).to_numpy()
    known = ticks.fill_null(0).to_numpy()
    if per_second == 1:  # of years beyond 2200, so many milliseconds would not fit
        known = known.clip(EARLIEST_MS, LATEST_MS) * 1000
    else:
        known = known // (per_second // 1000)
    return np.where(missing, np.int64(LATEST_MS), known)


def _texts(table: pa.Table, name: str) -> Coded:
    """Return a column of texts; empty ones when the table has no such column."""
    if name in table.column_names:
        return coded(table[name])
    return _empty(table.num_rows)


def _empty(count: int) -> Coded:
    return Coded(np.zeros(count, dtype=np.int64), [""])


def _added(some: Mapping[Name, int], others: Mapping[Name, int]) -> dict[Name, int]:
    found = dict(some)
    for name, n in others.items():
        found[name] = found.get(name, 0) + n
    return found


def _earliest(some: Mapping[str, Place], others: Mapping[str, Place]) -> dict[str, Place]:
    found = dict(some)
    for template, place in others.items():
        found[template] = min(place, found.get(template, place), key=lambda each: each[:2])
    return found
