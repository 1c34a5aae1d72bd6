"""The shards of a finished job again, in the order of the input, a few rows at a time.

folder of shards  ->  tables of KEYED: a key that orders rows, their place, their answer

A unit that lies in several folders is put together again. Never more than some row groups of each
file are in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import csv, json

from headgate.batch.outputs.cells import without_mark
from headgate.batch.outputs.columns import coded
from headgate.batch.outputs.encoding import ROW_GROUP
from headgate.batch.outputs.partition import folder_value
from headgate.batch.outputs.shards import shard_files
from headgate.errors import InputError

_TEXT = pa.large_string()
_READ = {
    "file": _TEXT,
    "line": pa.int64(),
    "row": pa.int64(),
    "offset": pa.int64(),
    "template_id": _TEXT,
    "answer": _TEXT,
    "tier": _TEXT,
}
KEYED = pa.schema(
    [
        ("key", pa.int64()),
        ("number", pa.int64()),
        ("offset", pa.int64()),
        ("template_id", _TEXT),
        ("answer", _TEXT),
        ("tier", _TEXT),
    ]
)
"""A row: its key, its line or row in the file, its byte in the file, and what was answered."""
PLACE_BITS = 44
"""Of a key, below the number of the file; enough for 16 TiB."""
_NAME = re.compile(r"part-(\d+)\.(?:parquet|jsonl|csv)")


def rows_in_order(folder: Path, places: Sequence[str]) -> Iterator[pa.Table]:
    """Yield all rows of a job as tables of `KEYED`, by ascending keys.

    Args:
        folder: Of its shards.
        places: Of its input files, in order; the key of a row begins with the index of its file.

    Raises:
        InputError: A shard is damaged, of another job, or not in order.
    """
    index = {place: number for number, place in enumerate(places)}
    last = -1
    for unit in _units(folder):
        files = shard_files(folder, unit)
        for table in in_order([_keyed_rows(path, index) for path in files]):
            keys = keys_of(table)
            if keys[0] <= last or (np.diff(keys) <= 0).any():
                problem = f"the rows of unit {unit} are not in the order of the input"
                raise InputError(str(folder), problem, "Run the job into another directory.")
            last = int(keys[-1])
            yield table


def in_order(streams: Sequence[Iterator[pa.Table]]) -> Iterator[pa.Table]:
    """Yield the rows of streams that are each in order as one stream in order."""
    heads = [Head(stream) for stream in streams]
    while heads := [head for head in heads if head.there]:
        bound = min(head.last for head in heads)
        window = pa.concat_tables([head.take(bound) for head in heads])
        yield window if len(heads) == 1 else window.take(np.argsort(keys_of(window)))


class Head:
    """What comes next of a stream of tables in order."""

    def __init__(self, stream: Iterator[pa.Table]) -> None:
        """Look at the first rows."""
        self._stream = stream
        self._table = KEYED.empty_table()
        self._advance()

    @property
    def there(self) -> bool:
        """Return whether there are rows left."""
        return bool(self._table.num_rows)

    @property
    def last(self) -> int:
        """Return the key up to which rows can be taken at once."""
        return int(keys_of(self._table)[-1])

    def take(self, bound: int) -> pa.Table:
        """Return the next rows up to a key, as many as are at hand."""
        count = int(keys_of(self._table).searchsorted(bound, side="right"))
        taken, self._table = self._table.slice(0, count), self._table.slice(count)
        if not self.there:
            self._advance()
        return taken

    def _advance(self) -> None:
        tables = (table for table in self._stream if table.num_rows)
        self._table = next(tables, KEYED.empty_table())


def keys_of(table: pa.Table) -> NDArray[np.int64]:
    """Return the keys of a table's rows, shape (n,)."""
    keys: NDArray[np.int64] = table["key"].to_numpy()
    return keys


def file_of(key: int) -> int:
    """Return the index of the file that a key is of."""
    return key >> PLACE_BITS


def _units(folder: Path) -> list[int]:
    """Return the numbers of all units that have a shard."""
    names = (path.name for pattern in ("part-*", "*=*/part-*") for path in folder.glob(pattern))
    return sorted({int(found[1]) for name in names if (found := _NAME.fullmatch(name))})


def _keyed_rows(path: Path, index: Mapping[str, int]) -> Iterator[pa.Table]:
    column, value = folder_value(path.parent.name) if "=" in path.parent.name else ("", "")
    fixed = {column: value} if column in _READ else {}
    try:
        for table in _tables(path):
            yield _keyed(table, fixed, index)
    except (pa.ArrowException, KeyError, UnicodeDecodeError) as error:
        problem = f"it is damaged, or no shard of this job ({type(error).__name__})"
        raise InputError(str(path), problem, "Run the job into another directory.") from error


def _keyed(table: pa.Table, fixed: Mapping[str, str], index: Mapping[str, int]) -> pa.Table:
    columns = {
        name: pa.repeat(pa.scalar(fixed[name], kind), table.num_rows)
        if name in fixed
        else _column(table, name, kind)
        for name, kind in _READ.items()
    }
    number = pc.coalesce(columns["line"], columns["row"])
    place = pc.coalesce(columns["offset"], number)
    files = coded(pa.chunked_array([columns["file"]]))
    of_name = np.array([index[name] for name in files.names], dtype=np.int64)
    keys = (of_name[files.codes] << PLACE_BITS) + place.to_numpy(zero_copy_only=False)
    texts = [columns[name].fill_null("") for name in ("template_id", "answer", "tier")]
    return pa.table([pa.array(keys, pa.int64()), number, columns["offset"], *texts], schema=KEYED)


def _column(table: pa.Table, name: str, kind: pa.DataType) -> pa.Array:
    if name not in table.column_names:
        return pa.nulls(table.num_rows, kind)
    return table[name].cast(kind).combine_chunks()


def _tables(path: Path) -> Iterator[pa.Table]:
    match path.suffix:
        case ".parquet":
            yield from _parquet(path)
        case ".jsonl" if path.stat().st_size:
            schema = pa.schema(list(_READ.items()))
            options = json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
            yield from _batches(json.open_json(path, parse_options=options))
        case ".csv":
            options = csv.ConvertOptions(
                include_columns=list(_READ), include_missing_columns=True, column_types=_READ
            )
            for table in _batches(csv.open_csv(path, convert_options=options)):
                yield _unmarked(table)


def _parquet(path: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        names = [name for name in file.schema_arrow.names if name in _READ]
        for batch in file.iter_batches(ROW_GROUP, columns=names):
            yield pa.Table.from_batches([batch])


def _batches(reader: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    for batch in reader:
        yield pa.Table.from_batches([batch])


def _unmarked(table: pa.Table) -> pa.Table:
    """Return the texts of a CSV file as they were before formulas in them were made harmless."""
    for place, name in enumerate(table.column_names):
        if _READ[name] == _TEXT:
            found = table[name].dictionary_encode().combine_chunks()
            words = pa.array(map(without_mark, found.dictionary.to_pylist()), _TEXT)
            table = table.set_column(place, name, words.take(found.indices))
    return table
