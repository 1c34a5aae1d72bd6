"""How rows become the bytes of a shard: Parquet, JSON Lines or CSV.

tables of a unit  ->  row groups of 131,072 rows  ->  encoder  ->  stream

The bytes depend on the rows alone, not on how they came in tables or on what dictionaries those
had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Literal, Protocol, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from headgate.batch.outputs.cells import Buffer, csv_header, csv_lines, json_lines
from headgate.batch.outputs.columns import compact

ShardFormat: TypeAlias = Literal["parquet", "jsonl", "csv"]

ROW_GROUP = 1 << 17
"""Rows of a Parquet row group, and of one table in memory."""
_ASCENDING = ("line", "offset", "row", "timestamp")
"""Columns whose values grow: small differences compress better than the values."""
_DIFFERENT = ("id", "rationale", "parts")
"""Columns whose values hardly repeat: a dictionary of them would only take time."""


class Encoder(Protocol):
    """Writes the rows of one file."""

    def write(self, table: pa.Table) -> None:
        """Write some rows."""

    def close(self) -> None:
        """Write what comes after the last row."""


class ParquetEncoder:
    """Columns of repeated values as dictionaries, all compressed with Zstandard."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        """Start a file of tables with this schema."""
        own = _canonical(schema.empty_table()).schema
        ascending = [name for name in schema.names if name in _ASCENDING]
        repeated = [name for name in schema.names if name not in (*_ASCENDING, *_DIFFERENT)]
        self._writer = pq.ParquetWriter(
            stream,
            own,
            compression="zstd",
            use_dictionary=repeated,
            column_encoding=dict.fromkeys(ascending, "DELTA_BINARY_PACKED"),
        )

    def write(self, table: pa.Table) -> None:
        """Write a row group."""
        self._writer.write_table(_canonical(table), row_group_size=ROW_GROUP)

    def close(self) -> None:
        """Write the index of the file."""
        self._writer.close()


class LinesEncoder:
    """One line a row."""

    def __init__(
        self, stream: BinaryIO, write_rows: Callable[[pa.Table], Buffer], header: bytes = b""
    ) -> None:
        """Start a file with a header."""
        self._stream, self._write_rows = stream, write_rows
        stream.write(header)

    def write(self, table: pa.Table) -> None:
        """Write some lines."""
        self._stream.write(self._write_rows(table))

    def close(self) -> None:
        """Do nothing: after the last line there is nothing to say."""


def encoder(format_: ShardFormat, stream: BinaryIO, schema: pa.Schema) -> Encoder:
    """Return what writes rows of a schema to a stream."""
    match format_:
        case "parquet":
            return ParquetEncoder(stream, schema)
        case "jsonl":
            return LinesEncoder(stream, json_lines)
    return LinesEncoder(stream, csv_lines, csv_header(schema.empty_table()))


def row_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield the same rows in tables of `ROW_GROUP` rows; the last one may be shorter.

    Of no rows comes one empty table, so that a file knows its columns.
    """
    waiting: list[pa.Table] = []
    count, some = 0, False
    for table in tables:
        waiting.append(table)
        count += table.num_rows
        while count >= ROW_GROUP:
            whole = pa.concat_tables(waiting)
            yield whole.slice(0, ROW_GROUP)
            waiting, count, some = [whole.slice(ROW_GROUP)], count - ROW_GROUP, True
    if waiting and (count or not some):
        yield pa.concat_tables(waiting)


def _canonical(table: pa.Table) -> pa.Table:
    """Return equal rows as equal arrays: one chunk, and dictionaries in order of appearance."""
    columns = [
        compact(column) if pa.types.is_dictionary(column.type) else column.combine_chunks()
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)
