"""One source column against one target table, as a record that stages can pass on.

TableRecord (source Table, target Table)  ->  a ColumnRecord for each source column
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from headgate.domains.schemas.columns import Column, Table
from headgate.domains.schemas.lexical import spelling_similarities
from headgate.domains.schemas.names import words
from headgate.types import Record

NO_MATCH = "(none)"
"""The answer that no column of the target fits."""
VALUE_SEPARATOR = " | "
LOOKALIKE = 0.6
"""Names with a higher similarity of spelling look alike."""
MOST_COMPARED = 1_000
"""Columns of a table that each of its columns is compared with: what counts is few or many."""
VALUES_NAMED = 10
"""Of a column, the most frequent first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRecord(Record):
    """A source column whose counterpart in the target is asked for."""

    column: Column = field(repr=False)
    """The source column."""
    target: Table = field(repr=False)
    """The table whose columns are the options."""
    lookalikes: int = 0
    """Columns of its own table whose names are much like its own, such as one of a numbered row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRecord(Record):
    """Two tables whose columns are to be matched."""

    source: Table = field(repr=False)
    target: Table = field(repr=False)


def column_id(table: str, column: str) -> str:
    """Return the id of a column's record, by that of its table's and its own in the table."""
    return f"{table}/{column}"


def table_id(record: ColumnRecord) -> str:
    """Return the id of the table's record that a column's record came of."""
    return record.id.removesuffix(column_id("", record.fields["column"]))


def column_records(record: TableRecord) -> list[ColumnRecord]:
    """Return a record for each column of the source table, in order."""
    return [
        ColumnRecord(
            id=column_id(record.id, own),
            fields=_fields(record.source, own, column),
            lossy=record.lossy,
            column=column,
            target=record.target,
            lookalikes=alike,
        )
        for own, column, alike in zip(
            record.source.ids, record.source.columns, _lookalikes(record.source), strict=True
        )
    ]


def _lookalikes(table: Table) -> list[int]:
    """Return for each column how many others have a name much like its own."""
    names = [words(column.name) for column in table.columns]
    compared = names[:MOST_COMPARED]
    counts = (spelling_similarities(names, compared) > LOOKALIKE).sum(axis=1)
    itself = np.array([place < len(compared) and bool(name) for place, name in enumerate(names)])
    return [int(count) for count in counts - itself]


def _fields(table: Table, own: str, column: Column) -> dict[str, str]:
    """Return what tells a column from others in logs of decisions: its names and a few values."""
    values = VALUE_SEPARATOR.join(column.values[:VALUES_NAMED])
    return {"column": own, "table": table.name, "values": values}
