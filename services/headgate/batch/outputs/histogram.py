"""Counts of answers along time or along the input, in memory that does not grow with it.

keys (n,) + answers (n,)  ->  Histogram: at most 512 occupied buckets; merged in any order

Buckets are multiples of one width, the least of a fixed ladder that leaves few enough occupied.
Each width divides the next, so the result depends on the rows alone and not on how they were split
or in which order their parts were merged. Only occupied buckets count: one wrong time far away
does not make all others coarse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Kind: TypeAlias = Literal["time", "place"]
"""Keys are milliseconds since 1970, or places as `place_key` makes them."""
Counts: TypeAlias = Mapping[str, Mapping[int, int]]
"""By answer and by the number of the bucket."""

MOST_BUCKETS = 512
UNIT_BITS = 40
"""A unit has room for so many bits of rows in a place."""

_SECOND, _HOUR, _DAY = 1000, 3_600_000, 86_400_000
_WIDTHS: dict[Kind, tuple[int, ...]] = {
    "time": (
        *(1, 10, 100, _SECOND, 10 * _SECOND, 60 * _SECOND, 600 * _SECOND, _HOUR, 6 * _HOUR),
        *(_DAY * 8**power for power in range(7)),
    ),
    "place": tuple(1 << power for power in range(63)),
}


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many rows of each answer fall into each bucket."""

    kind: Kind
    level: int = 0
    """Which width of the ladder."""
    counts: Counts = field(default_factory=dict)

    @classmethod
    def of(
        cls, kind: Kind, keys: NDArray[np.int64], codes: NDArray[np.int64], names: Sequence[str]
    ) -> Histogram:
        """Return the counts of rows.

        Args:
            kind: What the keys are.
            keys: Shape (n,).
            codes: Shape (n,); which of `names` each row was answered.
            names: Different answers.
        """
        level, occupied = _occupied(kind, keys)
        places = np.searchsorted(occupied, keys // _WIDTHS[kind][level])
        table = np.bincount(places * len(names) + codes, minlength=len(occupied) * len(names))
        by_answer = table.reshape(len(occupied), len(names)).T
        numbers = occupied.tolist()
        counts = {
            name: {number: n for number, n in zip(numbers, row.tolist(), strict=True) if n}
            for name, row in zip(names, by_answer, strict=True)
        }
        return cls(kind, level, {name: row for name, row in counts.items() if row})

    @property
    def width(self) -> int:
        """Return the width of each bucket, in the unit of the keys."""
        return _WIDTHS[self.kind][self.level]

    def totals(self) -> dict[int, int]:
        """Return the rows of each occupied bucket, in order."""
        found: dict[int, int] = {}
        for row in self.counts.values():
            for number, n in row.items():
                found[number] = found.get(number, 0) + n
        return dict(sorted(found.items()))

    def merge(self, other: Histogram) -> Histogram:
        """Return the counts of both together."""
        level = max(self.level, other.level)
        merged = _sum([*self._rows(level), *other._rows(level)])
        found = Histogram(self.kind, level, merged)
        while len({number for row in found.counts.values() for number in row}) > MOST_BUCKETS:
            level += 1
            found = Histogram(self.kind, level, _sum(found._rows(level)))
        return found

    def without_answers(self) -> Histogram:
        """Return the same with all answers taken together, under the empty name."""
        return Histogram(self.kind, self.level, _sum([("", row) for row in self.counts.values()]))

    def _rows(self, level: int) -> list[tuple[str, Mapping[int, int]]]:
        """Return the counts of each answer in the wider buckets of a level."""
        ratio = _WIDTHS[self.kind][level] // self.width
        return [
            (answer, _add((number // ratio, n) for number, n in row.items()))
            for answer, row in self.counts.items()
        ]


def place_key(unit: int, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return keys that order rows by unit and, inside it, by their index in it."""
    return (unit << UNIT_BITS) + rows


def _occupied(kind: Kind, keys: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    """Return the level, and the numbers of the buckets that hold a key."""
    level, widths = 0, _WIDTHS[kind]
    found = _different(np.sort(keys // widths[0]))
    while len(found) > MOST_BUCKETS:
        ratio = widths[level + 1] // widths[level]
        level, found = level + 1, _different(found // ratio)
    return level, found


def _different(ordered: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each value of an ascending array once."""
    # np.unique hashes, which takes many times as long.
    return ordered[np.diff(ordered, prepend=ordered[:1] - 1) > 0]


def _sum(rows: Iterable[tuple[str, Mapping[int, int]]]) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for answer, row in rows:
        _add(row.items(), found.setdefault(answer, {}))
    return found


def _add(pairs: Iterable[tuple[int, int]], found: dict[int, int] | None = None) -> dict[int, int]:
    found = {} if found is None else found
    for number, n in pairs:
        found[number] = found.get(number, 0) + n
    return found
