"""A table that was read from outside, with what had to be done to read it.

columns, counts of what was wrong  ->  ReadTable.notes
"""

from __future__ import annotations

from dataclasses import dataclass

from headgate.domains.schemas.columns import Table
from headgate.domains.schemas.tables.limits import rows_read


@dataclass(frozen=True)
class ReadTable(Table):
    """A table, and how much of it was read as it was meant."""

    ragged_rows: int = 0
    """Rows with more or fewer cells than there are columns."""
    truncated: bool = False
    """Whether there were more rows than are read."""
    lossy: bool = False
    """Whether bytes that could not be decoded were replaced by U+FFFD."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Return a clause for each liberty that was taken; none when it was read as it is."""
        ragged = f"rows with more or fewer cells than there are columns: {self.ragged_rows}"
        most = rows_read(max(len(self.columns), 1))
        said = (
            (ragged, self.ragged_rows > 0),
            (f"only the first {most} rows were read", self.truncated),
            ("bytes that are not text in its encoding were replaced", self.lossy),
        )
        return tuple(clause for clause, holds in said if holds)


def storable(text: str) -> str:
    """Return `text` with `?` for lone surrogates, which no encoder and no message can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
