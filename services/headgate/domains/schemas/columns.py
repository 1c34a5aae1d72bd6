"""Tables as schema matching sees them: columns with a sample of their values.

Table(name, columns)  ->  ids that are unique in it, one a column; a hash of all its content
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, with a bounded sample of its values."""

    name: str
    """As it was written; blank when the table gives none."""
    values: tuple[str, ...] = ()
    """Different values, the most frequent first; nulls are left out."""
    counts: tuple[int, ...] = ()
    """How often each value was seen; as long as `values`."""
    description: str = ""
    """What a dictionary says of the column."""
    rows: int = 0
    """Cells that were read, nulls included."""
    nulls: int = 0
    """Of them without a value."""
    distinct: int = 0
    """Different values among all cells; an estimate when `values` is a sample."""

    def __post_init__(self) -> None:
        """Refuse counts that do not belong to the values."""
        if len(self.counts) != len(self.values):
            raise ValueError("a column needs one count a value. This is a bug.")


@dataclass(frozen=True)
class Table:
    """Columns in order; two may have one name."""

    name: str
    columns: tuple[Column, ...]

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Return an id for each column: its name where no other has it.

        The second column of a name is `name#2`; one without a name is `column 3` by its place.
        """
        names = {column.name for column in self.columns}
        found: dict[str, None] = {}
        numbers: Counter[str] = Counter()
        for place, column in enumerate(self.columns, start=1):
            free = wanted = column.name if column.name.strip() else f"column {place}"
            while free in found or (free in names and free != column.name):
                numbers[wanted] += 1
                free = f"{wanted}#{numbers[wanted] + 1}"
            found[free] = None
        return tuple(found)

    @cached_property
    def places(self) -> dict[str, int]:
        """Return the position of each column by its id."""
        return {own: place for place, own in enumerate(self.ids)}

    def column(self, column_id: str) -> Column:
        """Return a column by its id.

        Raises:
            KeyError: The table has no such column.
        """
        return self.columns[self.places[column_id]]

    @cached_property
    def content_hash(self) -> str:
        """Return the SHA-256, in hex, of all that a model can read of the columns."""
        content = [
            (column.name, column.values, column.counts, column.description, column.rows)
            for column in self.columns
        ]
        canonical = json.dumps(content, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()
