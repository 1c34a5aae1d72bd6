"""How much memory an Arrow stream asks for, before any of it is decompressed.

stream -> messages -> metadata (flatbuffer): compression, places of buffers -> bytes declared

A compressed buffer begins with its size when it is decompressed, and Arrow allocates whatever that
says: a file of a few bytes may ask for terabytes.

Source:
    Arrow columnar format, "Encapsulated message format"; its Message.fbs. Arrow has verified the
    metadata when it hands out a message, so that offsets in it lie within it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

_HEADER: Final = 2
"""Field of a Message: the RecordBatch or DictionaryBatch that it brings."""
_DATA: Final = 1
"""Field of a DictionaryBatch: the RecordBatch that holds its values."""
_BUFFERS, _COMPRESSION = 2, 3
"""Fields of a RecordBatch."""
_STORED: Final = -1
"""The size in front of a buffer that was left uncompressed."""


def decoded_bytes(message: pa.Message) -> int:
    """Return the bytes that all buffers of a message need when they are decompressed.

    Returns:
        0 for a message without buffers, such as a schema; the size of the body for one that is
        not compressed.
    """
    metadata = message.metadata.to_pybytes()
    header = _field(metadata, _root(metadata), _HEADER)
    if message.type == "dictionary" and header is not None:
        header = _field(metadata, _table(metadata, header), _DATA)
    elif message.type != "record batch":
        return 0
    if header is None:
        return 0
    batch = _table(metadata, header)
    body = memoryview(message.body)
    if _field(metadata, batch, _COMPRESSION) is None:
        return len(body)
    return sum(_declared(body, *place) for place in _buffers(metadata, batch))


def _declared(body: memoryview, offset: int, length: int) -> int:
    """Return the size of one buffer in a compressed body."""
    if length < 8 or offset < 0 or offset + length > len(body):
        return max(length, 0)
    (size,) = struct.unpack_from("<q", body, offset)
    return length if size == _STORED else max(int(size), 0)


def _buffers(metadata: bytes, batch: int) -> Iterator[tuple[int, int]]:
    """Yield offset and length of each buffer."""
    place = _field(metadata, batch, _BUFFERS)
    if place is None:
        return
    vector = _table(metadata, place)
    (count,) = struct.unpack_from("<I", metadata, vector)
    for index in range(count):
        yield struct.unpack_from("<qq", metadata, vector + 4 + 16 * index)


def _root(metadata: bytes) -> int:
    return _table(metadata, 0)


def _table(metadata: bytes, place: int) -> int:
    """Return the position that the offset at `place` points to."""
    (offset,) = struct.unpack_from("<I", metadata, place)
    return place + int(offset)


def _field(metadata: bytes, table: int, number: int) -> int | None:
    """Return the position of a table's field; None when the table has none of that number."""
    (back,) = struct.unpack_from("<i", metadata, table)
    vtable = table - back
    (size,) = struct.unpack_from("<H", metadata, vtable)
    entry = 4 + 2 * number
    if entry >= size:
        return None
    (offset,) = struct.unpack_from("<H", metadata, vtable + entry)
    return table + int(offset) if offset else None
