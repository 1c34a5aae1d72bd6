"""What is kept of each unit between reading it and writing its answers.

LineBlock | RowBlock -> rows: code, place (n) + items: what the codes stand for, without repeats
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headgate.batch.durable import replacing
from headgate.batch.store import KEY_BYTES
from headgate.batch.types import LineBlock, RowBlock
from headgate.types import Candidate, Record

FOLDER = "spool"
TEXTS = pa.dictionary(pa.int32(), pa.string())
LINES = pa.schema(
    [
        ("code", pa.int32()),
        ("line", pa.int64()),
        ("offset", pa.int64()),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("level", TEXTS),
        ("component", TEXTS),
        ("lossy", pa.bool_()),
    ]
)
"""Of a line: which item it is, and where it stands."""
ROWS = pa.schema([("code", pa.int32()), ("row", pa.int64()), ("id", pa.string())])
"""Of a row: which item of its block it is, and where it stands."""
RECORDS = pa.schema([("key", pa.binary(KEY_BYTES)), ("record", pa.string())])
"""Items of one block: the key of each record and itself, as JSON."""
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")

Write = Callable[[pa.RecordBatch], None]


@dataclass(frozen=True, slots=True)
class UnitSpool:
    """Where the files of one unit are."""

    folder: Path
    number: int

    @classmethod
    def of(cls, directory: Path, number: int) -> UnitSpool:
        """Return the files of a unit of the job in a directory."""
        return cls(directory / FOLDER, number)

    @property
    def rows(self) -> Path:
        """Return the file of `LINES` or `ROWS`, one batch a block."""
        return self._path("rows.arrow")

    @property
    def items(self) -> Path:
        """Return the file of the unit's shapes, or of `RECORDS`, one batch a block."""
        return self._path("items.arrow")

    @property
    def answers(self) -> Path:
        """Return the file of answers to the items, one batch a block."""
        return self._path("answers.arrow")

    @property
    def templates(self) -> Path:
        """Return the file that says which template each shape is of."""
        return self._path("templates.npy")

    @property
    def letters(self) -> Path:
        """Return the file of what could not be read."""
        return self._path("letters.jsonl")

    def _path(self, name: str) -> Path:
        return self.folder / f"{self.number:05}.{name}"


def template_answers(directory: Path) -> Path:
    """Return the file of the answers to all templates of the job in a directory."""
    return directory / FOLDER / "answers.arrow"


@contextlib.contextmanager
def writing(path: Path, schema: pa.Schema) -> Iterator[Write]:
    """Yield what writes a batch to a file that is there at the end of the block.

    A file that got none has an empty one, so that whoever reads it sees its columns.

    Raises:
        OSError: It cannot be written.
    """
    with (
        replacing(path) as partial,
        pa.OSFile(str(partial), "wb") as sink,
        # A stream: a file of this format could not change dictionaries from batch to batch.
        pa.ipc.new_stream(sink, schema, options=_OPTIONS) as writer,
    ):
        yield writer.write_batch
        if not writer.stats.num_record_batches:
            writer.write_batch(pa.RecordBatch.from_pylist([], schema))


def reading(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a file.

    Raises:
        OSError: It cannot be read.
    """
    with pa.OSFile(str(path), "rb") as source, pa.ipc.open_stream(source) as reader:
        yield from reader


def line_batch(block: LineBlock, codes: NDArray[np.int32]) -> pa.RecordBatch:
    """Return what is kept of lines, in order."""
    count = len(codes)
    lossy = pa.repeat(False, count) if block.lossy is None else block.lossy
    timestamps = block.timestamps
    if timestamps is None:
        timestamps = pa.nulls(count, LINES.field("timestamp").type)
    columns = [
        pa.array(codes),
        block.numbers,
        block.offsets,
        timestamps.cast(LINES.field("timestamp").type),
        _texts(block.levels, count),
        _texts(block.components, count),
        lossy,
    ]
    return pa.record_batch(columns, schema=LINES)


def _texts(column: pa.Array | None, count: int) -> pa.DictionaryArray:
    if column is None:
        return pa.nulls(count, TEXTS)
    encoded = column.dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices, encoded.dictionary.cast(pa.string()))


def row_batch(block: RowBlock, codes: NDArray[np.int32]) -> pa.RecordBatch:
    """Return what is kept of rows, in order."""
    ids = pa.array([record.id for record in block.records], pa.string())
    numbers = pa.array(block.numbers, pa.int64())
    return pa.record_batch([pa.array(codes), numbers, ids], schema=ROWS)


def record_batch(keys: Sequence[bytes], records: Sequence[Record]) -> pa.RecordBatch:
    """Return the records of a block as items."""
    texts = pa.array([record_to_json(record) for record in records], pa.string())
    return pa.record_batch([pa.array(keys, pa.binary(KEY_BYTES)), texts], schema=RECORDS)


def records_of(batch: pa.RecordBatch) -> list[Record]:
    """Return the records that `record_batch` took."""
    return [record_from_json(text) for text in batch["record"].to_pylist()]


def record_to_json(record: Record) -> str:
    """Return a record as text."""
    candidates = [(each.id, each.text) for each in record.candidates]
    return json.dumps([record.id, dict(record.fields), candidates, record.lossy])


def record_from_json(text: str) -> Record:
    """Return what `record_to_json` wrote."""
    record_id, fields, candidates, lossy = json.loads(text)
    return Record(record_id, fields, tuple(Candidate(*each) for each in candidates), lossy)
