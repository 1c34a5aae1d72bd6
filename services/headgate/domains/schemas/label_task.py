"""Naming what a column holds: which of the declared terms fits it.

Record("values", "name"?, "table"?)  ->  Column  ->  text with shapes  ->  logits  ->  Prediction

The small model reads the column alone. The rest of the table is for the large model: read into
one vector with the column, it drowns what the column says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.domains.schemas.columns import Column
from headgate.domains.schemas.gather import ColumnGatherer
from headgate.domains.schemas.match_record import VALUE_SEPARATOR
from headgate.domains.schemas.samples import mixed
from headgate.domains.schemas.serialise import SHOWN_VALUES, header_values
from headgate.domains.schemas.shapes import shape_words
from headgate.domains.task import TextPairs, softmax
from headgate.errors import InputError
from headgate.types import Prediction, Record

LABEL_COLUMNS = "label_columns"
VALUES, NAME, TABLE = "values", "name", "table"
MOST_CHARS = 64 * 1024
"""Characters of `values` that are looked at; the rest says nothing new and costs time."""

_READS = f"{LABEL_COLUMNS} reads {VALUES!r}, and {NAME!r} and {TABLE!r} where they are known."


@dataclass(frozen=True, slots=True)
class LabelTask:
    """Which of the labels says what a column holds?"""

    labels: tuple[str, ...]
    operation: str = LABEL_COLUMNS
    fields: tuple[str, ...] = (VALUES,)
    """The cells, one a line."""
    optional_fields: tuple[str, ...] = (NAME, TABLE)
    """The column's name, and the rest of its table in any form that people read."""
    pairs: bool = False
    ranks: bool = False

    def options(self, record: Record) -> tuple[str, ...]:
        """Return the labels, whatever the record."""
        del record
        return self.labels

    def cell(self, value: object, place: str) -> object:
        """Return a list of cells as lines, and an object of columns as a line a column.

        Raises:
            InputError: A cell is a list or an object.
        """
        if isinstance(value, list):
            return "\n".join(_line(each, place) for each in value)
        if isinstance(value, dict):
            return "\n".join(f"{name}: {_joined(cells, place)}" for name, cells in value.items())
        return value

    def canonical(self, answer: str) -> str:
        """Return the answer as it is: it is one of the options."""
        return answer

    def check(self, record: Record) -> None:
        """Refuse a record that is no column.

        Raises:
            InputError: The values are missing or blank, or there is something else.
        """
        place = f"record {record.id!r}"
        if not record.fields.get(VALUES, "").strip():
            raise InputError(place, f"field {VALUES!r} is missing or blank", _READS)
        unknown = record.fields.keys() - {VALUES, NAME, TABLE}
        if unknown:
            raise InputError(place, f"field {min(unknown)!r} is not known", _READS)
        if record.candidates:
            problem = f"it has candidates, and {LABEL_COLUMNS} answers with declared labels"
            raise InputError(place, problem, "Send no candidates.")

    def texts(self, records: Sequence[Record]) -> list[str]:
        """Return name, values and the shapes of the values, a text a record."""
        return [_text(_column(record)) for record in records]

    def text_pairs(self, records: Sequence[Record]) -> TextPairs:
        """Refuse, since a column is read alone.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"{LABEL_COLUMNS} has no pairs of {len(records)} records. This is a bug.")

    def query_text(self, record: Record) -> str:
        """Return the column's name and values."""
        return header_values(_column(record))

    def predictions_from_labels(
        self, records: Sequence[Record], logits: NDArray[np.float32]
    ) -> list[Prediction]:
        """Return a prediction a record from logits of shape (records, labels)."""
        rows = softmax(logits).tolist()
        return [Prediction(self.labels, tuple(row)) for _, row in zip(records, rows, strict=True)]

    def predictions_from_pairs(
        self, records: Sequence[Record], pairs: TextPairs, logits: NDArray[np.float32]
    ) -> list[Prediction]:
        """Refuse, since a column is read alone.

        Raises:
            ValueError: Always.
        """
        del pairs, logits
        raise ValueError(f"{LABEL_COLUMNS} has no pairs of {len(records)} records. This is a bug.")


def _column(record: Record) -> Column:
    """Return the column of a record, with a bounded sample of its values."""
    gatherer = ColumnGatherer(record.fields.get(NAME, ""))
    gatherer.add(record.fields[VALUES][:MOST_CHARS].split("\n"))
    return gatherer.column()


def _text(column: Column) -> str:
    """Return what the small model reads; shapes come last, where an encoder may cut them off."""
    shapes = [shape_words(value) for value in mixed(column, SHOWN_VALUES)]
    repeats = "repeated" if column.distinct < column.rows - column.nulls else "unique"
    return "\n".join([header_values(column), *shapes, repeats])


def _line(cell: object, place: str) -> str:
    """Return a cell of JSON on one line; null is an empty one."""
    if isinstance(cell, list | dict):
        raise InputError(place, "a cell is a list or an object", "Write cells as texts.")
    return "" if cell is None else " ".join(str(cell).split())


def _joined(cells: object, place: str) -> str:
    """Return the cells of a column of JSON on one line."""
    own = cells if isinstance(cells, list) else [cells]
    return VALUE_SEPARATOR.join(_line(cell, place) for cell in own)
