"""A column from its cells, in memory that does not grow with them.

cells (rows,), in chunks of any size  ->  values without nulls  ->  a sample with counts  ->  Column

What is kept is the values of the smallest hashes. Which those are depends on the set of values
alone, so neither chunks nor the order of rows matter, and samples of two columns have the same
values where the columns do. A value that was dropped never comes back: what is kept was counted
from its first cell on. How many values there are follows from how dense the kept hashes are.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable
from itertools import islice

from headgate.domains.schemas.columns import Column

MOST_VALUES = 1024
"""Different values that are kept; the number of all of them is then right to about 3 %."""
LONGEST_VALUE = 200
"""Characters of a value; the rest is cut off, so longer ones may become one value."""

_CHUNK_CELLS = 8192
_HASHES = 1 << 64
_BRACKETS = "[]()<>"

_NULL_TEXTS = (
    # What stands in the place of a value.
    ", -, --, ---, ., .., ..., ?, _, *",
    # What programs write.
    "null, nil, none, nan, -nan, nat, \\n, #n/a, #na, #ref!, #value!, #div/0!, #null!, 1.#qnan",
    # What people write. That a value is not known says nothing of what a column means, although
    # dictionaries list it among its values.
    "na, n/a, n.a., n\\a, not available, not applicable, unknown, not known, unspecified",
    "not specified, missing, not reported, not recorded, no data, blank",
)
NULLS = frozenset(text for texts in _NULL_TEXTS for text in texts.split(", "))
"""What counts as no value, without case, and without blanks and brackets around it."""
_LONGEST_NULL = 40


def stable_hash(text: str) -> int:
    """Return 64 bits that are the same for a text on every machine, and evenly spread."""
    content = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")


def is_null(cell: str) -> bool:
    """Return whether a cell holds no value: nothing, `N/A`, `[Not reported / unknown]`."""
    text = cell.strip()
    if len(text) > _LONGEST_NULL:
        return False
    text = text.strip(_BRACKETS).casefold()
    return text in NULLS or ("/" in text and all(part.strip() in NULLS for part in text.split("/")))


class ColumnGatherer:
    """Reads the cells of one column and keeps what a `Column` tells of them.

    Args:
        name: The column's name, as it was written.
        description: What a dictionary says of it.
    """

    def __init__(self, name: str, description: str = "") -> None:
        self._name, self._description = name, description
        self._rows = self._nulls = 0
        self._counts: dict[str, int] = {}
        self._largest: list[tuple[int, str]] = []  # a heap: kept values by their hashes, negated
        self._dropped = False

    def add(self, cells: Iterable[str | None]) -> None:
        """Read cells; `None` is a null."""
        remaining = iter(cells)
        while chunk := Counter(islice(remaining, _CHUNK_CELLS)):
            for cell, count in chunk.items():
                self._rows += count
                if cell is None or is_null(cell):
                    self._nulls += count
                    continue
                self._count(" ".join(cell.strip()[:LONGEST_VALUE].split()), count)

    def column(self) -> Column:
        """Return the column of all cells so far.

        Its values are by falling count, then by hash; `distinct` is an estimate where some were
        dropped.
        """
        hashes = {value: -negated for negated, value in self._largest}
        values = sorted(self._counts, key=lambda value: (-self._counts[value], hashes[value]))
        return Column(
            name=self._name,
            values=tuple(values),
            counts=tuple(self._counts[value] for value in values),
            description=self._description,
            rows=self._rows,
            nulls=self._nulls,
            distinct=self._distinct(),
        )

    def _count(self, value: str, count: int) -> None:
        if value in self._counts:
            self._counts[value] += count
            return
        entry = (-stable_hash(value), value)
        if len(self._largest) < MOST_VALUES:
            heapq.heappush(self._largest, entry)
            self._counts[value] = count
            return
        dropped = heapq.heappushpop(self._largest, entry)[1]
        self._dropped = True
        if dropped != value:
            self._counts[value] = count
            del self._counts[dropped]

    def _distinct(self) -> int:
        """Return how many different values there were.

        Source:
            Beyer et al. 2007, On synopses for distinct-value estimation: (k - 1) / u_k.
        """
        if not self._dropped:
            return len(self._counts)
        largest = 1 - self._largest[0][0]
        estimate = (MOST_VALUES - 1) * _HASHES // largest
        return min(max(estimate, MOST_VALUES + 1), self._rows - self._nulls)
