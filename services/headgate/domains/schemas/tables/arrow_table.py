"""Tables from Arrow IPC, as a stream or a file.

bytes -> messages (sizes) -> record batches, validated -> texts of each column -> ColumnGatherer

Damaged bytes must not end the process, nor small ones fill its memory. So the sizes are added up
before anything is decompressed, every batch is validated in full before a value of it is looked at,
and texts are counted before they are made: views and dictionaries let many cells share one text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from headgate.domains.schemas.gather import ColumnGatherer
from headgate.domains.schemas.tables.arrow_sizes import decoded_bytes
from headgate.domains.schemas.tables.arrow_texts import ArrowTexts
from headgate.domains.schemas.tables.limits import (
    MAX_BATCHES,
    MAX_DECODED_BYTES,
    check_columns,
    rows_read,
)
from headgate.domains.schemas.tables.values import ReadTable, storable
from headgate.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

_MAGIC: Final = b"ARROW1\0\0"
"""In front of a file, which is a stream with an index behind it."""
_DESCRIPTION: Final = b"description"


def read_arrow(content: bytes, name: str, place: str) -> ReadTable:
    """Return the table of a stream or a file of Arrow IPC.

    Numbers, decimals and times are read as their texts, a time with a zone in UTC; dictionaries as
    what they stand for, and nested values as JSON. Metadata `description` of a field describes it.

    Raises:
        InputError: It is no Arrow IPC or damaged, asks for too much memory, or has a column of a
            type that is not read.
    """
    try:
        return _read(content.removeprefix(_MAGIC), name, place)
    except InputError:
        raise
    except Exception as error:  # damage raises what it likes: this is the border
        problem = f"it is no Arrow IPC, or it is damaged ({type(error).__name__})"
        raise InputError(place, problem, "Write it again, as a stream or a file.") from error


def _read(content: bytes, name: str, place: str) -> ReadTable:
    import pyarrow as pa

    stream = pa.py_buffer(content)
    _check_messages(stream, place)
    texts = ArrowTexts(place)
    with pa.ipc.open_stream(stream) as batches:
        check_columns(place, len(batches.schema))
        gatherers = [_gatherer(field) for field in batches.schema]
        truncated = _gather(batches, gatherers, texts)
    columns = tuple(gatherer.column() for gatherer in gatherers)
    return ReadTable(name, columns, truncated=truncated, lossy=texts.lossy)


def _check_messages(stream: pa.Buffer, place: str) -> None:
    """Refuse a stream that asks for too much.

    Raises:
        InputError: It has too many batches, or its buffers are too large together.
    """
    import pyarrow as pa

    size_bytes = 0
    for count, message in enumerate(pa.ipc.MessageReader.open_stream(stream)):
        size_bytes += decoded_bytes(message)
        if count > MAX_BATCHES:
            remedy = f"Write at most {MAX_BATCHES}, with more rows each."
            raise InputError(place, f"it has more than {MAX_BATCHES} batches", remedy)
        if size_bytes > MAX_DECODED_BYTES:
            problem = f"it has more than {MAX_DECODED_BYTES} bytes when it is decompressed"
            raise InputError(place, problem, "Give some of its rows.")


def _gatherer(field: pa.Field) -> ColumnGatherer:
    described = (field.metadata or {}).get(_DESCRIPTION, b"")
    return ColumnGatherer(storable(field.name), described.decode("utf-8", "replace"))


def _gather(
    batches: Iterable[pa.RecordBatch], gatherers: list[ColumnGatherer], texts: ArrowTexts
) -> bool:
    """Read the rows; return whether there are more than are read."""
    for batch, more in _first_rows(batches, rows_read(len(gatherers))):
        for place, gatherer in enumerate(gatherers):
            gatherer.add(texts.of(place, batch.column(place)))
        if more:
            return True
    return False


def _first_rows(
    batches: Iterable[pa.RecordBatch], left: int
) -> Iterator[tuple[pa.RecordBatch, bool]]:
    """Yield the batches down to the last row that is read, and whether rows are left out."""
    for batch in batches:
        batch.validate(full=True)
        yield batch.slice(0, left), batch.num_rows > left
        left -= min(left, batch.num_rows)
