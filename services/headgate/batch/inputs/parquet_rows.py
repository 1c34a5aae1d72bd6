"""Rows of Parquet, read by row group and column.

Source -> batches of the wanted columns -> RawRow (rows), numbered within the file
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from headgate.batch.inputs.raw_row import RawRow, decoded, wrong_row
from headgate.batch.inputs.storage import Source, unreadable
from headgate.batch.inputs.streams import open_source
from headgate.batch.types import InputFile, InputSpec, Reason, Unit
from headgate.errors import InputError

BATCH_ROWS: Final = 4096


def row_groups_of(file: InputFile, spec: InputSpec) -> list[tuple[int, int]]:
    """Return rows and size in bytes, uncompressed, of each row group.

    Raises:
        InputError: The file cannot be read, or is no Parquet.
    """
    with open_source(file, spec) as source:
        about = _opened(source, file).metadata
        groups = [about.row_group(number) for number in range(about.num_row_groups)]
        return [(group.num_rows, group.total_byte_size) for group in groups]


def parquet_columns(file: InputFile, spec: InputSpec) -> list[str]:
    """Return the names of the columns.

    Raises:
        InputError: The file cannot be read, or is no Parquet.
    """
    with open_source(file, spec) as source:
        return list(_opened(source, file).schema_arrow.names)


def parquet_rows(
    source: Source, unit: Unit, wanted: Sequence[str]
) -> Generator[RawRow, None, None]:
    """Yield the rows of a unit's row groups; where one is damaged, one row says so for the rest.

    Args:
        source: The open file.
        unit: Its `start` and `end` count row groups.
        wanted: The columns to read, where they are there.

    Raises:
        InputError: The file cannot be read, or is no Parquet any more.
    """
    table = _opened(source, unit.file)
    columns = [name for name in wanted if name in table.schema_arrow.names]
    number = unit.first_row
    for group in range(unit.start, unit.end or 0):
        behind = number + table.metadata.row_group(group).num_rows
        try:
            for batch in table.iter_batches(BATCH_ROWS, row_groups=[group], columns=columns):
                yield from _rows(batch, number)
                number += batch.num_rows
        except Exception as error:  # a driver may raise anything: this is the border
            if not _is_damage(error):
                raise unreadable(unit.file.place, error) from error
            detail = f"the row group is broken here ({type(error).__name__})"
            yield wrong_row(number, Reason.DAMAGED, detail)
        number = behind


def _opened(source: Source, file: InputFile) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(source.stream)
    except pa.ArrowInvalid as error:
        raise InputError(file.place, "it is no file of Parquet", "Say what it is.") from error
    except Exception as error:  # a driver may raise anything: this is the border
        raise unreadable(file.place, error) from error


def _is_damage(error: Exception) -> bool:
    """Return whether the content is at fault, and not the way to it."""
    # Arrow raises a bare OSError for a page that it cannot decompress.
    return isinstance(error, pa.ArrowException) or (type(error) is OSError and not error.errno)


def _rows(batch: pa.RecordBatch, first_number: int) -> Iterator[RawRow]:
    names = batch.schema.names
    columns = [_values(name, batch.column(name)) for name in names]
    for number, values in enumerate(zip(*columns, strict=True), start=first_number):
        cells = {
            name: value for name, value in zip(names, values, strict=True) if value is not None
        }
        yield _row(number, cells)


def _values(name: str, column: pa.Array) -> list[Any]:
    """Return a column's values; ids may be numbers, as they are in most tables."""
    if name == "id" and pa.types.is_integer(column.type):
        column = column.cast(pa.string())
    return list(column.to_pylist())


def _row(number: int, cells: Mapping[str, Any]) -> RawRow:
    texts = {name: decoded(value) for name, value in cells.items() if isinstance(value, bytes)}
    if not texts:
        return RawRow(number, cells)
    lossy = any(was_lossy for _, was_lossy in texts.values())
    return RawRow(number, {**cells, **{name: text for name, (text, _) in texts.items()}}, lossy)
