"""Into which folder of the output a row goes.

table + name of a column  ->  for each of its values: folder `answer=error`, rows

Values come from data, so everything but letters, digits and `_.-~` is written as `%41`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote, unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headgate.batch.outputs.columns import coded
from headgate.errors import InputError

DATE = "date"
"""Stands for the day of the column `timestamp`, in UTC, where a table has no column of the name."""
MISSING = "__HIVE_DEFAULT_PARTITION__"
"""The value, in a folder's name, of rows that have none."""
MOST_FOLDERS = 256
"""Of one unit; each is an open file while the unit is written."""
MOST_BYTES = 200
"""Of a folder's name; file systems take 255."""


class Part(NamedTuple):
    """Rows that go into one folder."""

    folder: str
    table: pa.Table


def partitioned(table: pa.Table, by: str) -> Iterator[Part]:
    """Yield the rows of a table by folder, in the order of the folders' names.

    A column that the folders name is not in their tables: readers of such folders add it.

    Args:
        table: Any number of rows.
        by: The name of a column of texts, or `date`.

    Raises:
        InputError: There is no such column, or its values cannot name folders.
    """
    values = coded(_column(table, by))
    if len(values.names) > MOST_FOLDERS:
        problem = f"the column has over {MOST_FOLDERS} different values in one unit"
        raise InputError(f"partition by {by!r}", problem, "Partition by another column.")
    rest = table.drop_columns([by]) if by in table.column_names else table
    folders = [folder_name(by, value) for value in values.names]
    for code in sorted(range(len(folders)), key=folders.__getitem__):
        rows = pa.array(np.flatnonzero(values.codes == code))
        yield Part(folders[code], rest.take(rows))


def folder_name(column: str, value: str) -> str:
    """Return the name of the folder for a value.

    Raises:
        InputError: It would be too long.
    """
    name = f"{column}={quote(value, safe='') or MISSING}"
    if len(name) > MOST_BYTES:
        problem = f"a value of {len(value):,} characters is too long for a folder's name"
        raise InputError(f"partition by {column!r}", problem, "Partition by another column.")
    return name


def folder_value(name: str) -> tuple[str, str]:
    """Return the column and the value that a folder was named for."""
    column, _, value = name.partition("=")
    return column, "" if value == MISSING else unquote(value)


def _column(table: pa.Table, by: str) -> pa.ChunkedArray:
    if by in table.column_names:
        column = table[by]
        if not _is_text(column.type):
            remedy = "Partition by a column of texts, such as answer, or by date."
            raise InputError(f"partition by {by!r}", "the column holds no texts", remedy)
        return column
    if by == DATE and "timestamp" in table.column_names:
        return _days(table["timestamp"])
    remedy = f"Use one of {', '.join(table.column_names)}, or date where there are timestamps."
    raise InputError(f"partition by {by!r}", "the output has no such column", remedy)


def _is_text(kind: pa.DataType) -> bool:
    own = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(own) or pa.types.is_large_string(own) or pa.types.is_null(own))


def _days(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_timestamp(column.type):
        return pa.chunked_array([pa.nulls(len(column), pa.string())])
    plain = column.cast(pa.timestamp(column.type.unit))
    days = pc.floor_temporal(plain, unit="day").dictionary_encode().combine_chunks()
    names = pc.strftime(days.dictionary, "%Y-%m-%d")
    return pa.chunked_array([pa.DictionaryArray.from_arrays(days.indices, names)])
