"""Where lines are in a buffer, found without a step of Python for each.

Buffer -> line_places: starts, ends (lines,) -> Entries -> content (lines,)
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headgate.batch.inputs.buffers import Buffer

Places = NDArray[np.int64]

_NEWLINE, _RETURN, _NOT_ASCII = 10, 13, 128


@dataclass(frozen=True, slots=True)
class Entries:
    """Some consecutive lines, or events of several lines, as places in their bytes."""

    data: bytes
    starts: Places
    """Shape (entries,): first byte of each in `data`."""
    ends: Places
    """Shape (entries,): behind the last byte of each, its line end not included."""
    offsets: Places
    """Shape (entries,): first byte of each in the file."""
    numbers: Places
    """Shape (entries,): from 1 at the unit's first line."""
    line_count: int
    """Lines they and what was passed over between them take."""

    def where(self, wanted: NDArray[np.bool_]) -> Entries:
        """Return some of them, for as many lines of the file."""
        return replace(
            self,
            starts=self.starts[wanted],
            ends=self.ends[wanted],
            offsets=self.offsets[wanted],
            numbers=self.numbers[wanted],
        )

    def content(self) -> pa.LargeBinaryArray:
        """Return the bytes of each, copied out of `data`; shape (entries,)."""
        edges = np.empty(2 * len(self.starts) + 1, dtype=np.int64)
        edges[0:-1:2], edges[1::2], edges[-1] = self.starts, self.ends, len(self.data)
        buffers = [None, pa.py_buffer(edges), pa.py_buffer(self.data)]
        # Entries and the gaps between them take turns; every other value is an entry.
        all_values = pa.Array.from_buffers(pa.large_binary(), len(edges) - 1, buffers)
        return all_values.filter(pa.array(np.arange(len(edges) - 1) % 2 == 0))


def line_places(buffer: Buffer) -> tuple[Places, Places]:
    r"""Return where each line starts and ends; ends come before `\n` or `\r\n`.

    A byte order mark at the beginning of the file belongs to no line.

    Returns:
        Two arrays of shape (lines,).
    """
    values = np.frombuffer(buffer.data, dtype=np.uint8)
    newlines = np.flatnonzero(values == _NEWLINE)
    unfinished = len(values) > 0 and values[-1] != _NEWLINE
    ends = np.append(newlines, len(values)) if unfinished else newlines.copy()
    starts = np.zeros_like(ends)
    starts[1:] = newlines[: max(0, len(ends) - 1)] + 1
    if buffer.offset == 0 and buffer.data.startswith(codecs.BOM_UTF8):
        starts[0] = len(codecs.BOM_UTF8)
    finished = ends[: len(newlines)]
    finished -= (finished > starts[: len(newlines)]) & (values[finished - 1] == _RETURN)
    return starts, ends


def entries_of_lines(buffers: Iterable[Buffer], end: int | None) -> Iterator[Entries]:
    """Yield every line that starts before `end`."""
    number = 1
    for buffer in buffers:
        starts, ends = line_places(buffer)
        offsets = offsets_of(starts, buffer)
        count = len(starts) if end is None else int(np.searchsorted(offsets, end))
        if count:
            numbers = np.arange(number, number + count)
            places = starts[:count], ends[:count], offsets[:count]
            yield Entries(buffer.data, *places, numbers, count)
        number += count
        if end is not None and buffer.end >= end:
            return


def offsets_of(starts: Places, buffer: Buffer) -> Places:
    """Return the place of each line in the file; that of the first has the byte order mark."""
    offsets = starts + buffer.offset
    offsets[:1] = buffer.offset
    return offsets


def lossy_flags(content: pa.LargeBinaryArray) -> pa.BooleanArray | None:
    """Return where bytes are not UTF-8, shape (lines,); None when all are."""
    data = content.buffers()[2]
    if data is None or not np.frombuffer(data, dtype=np.uint8).max(initial=0) >= _NOT_ASCII:
        return None
    try:
        content.cast(pa.large_string())
    except pa.ArrowInvalid:
        return pa.array([not _is_utf8(line) for line in content.to_pylist()])
    return None


def as_text(column: pa.LargeBinaryArray) -> pa.LargeStringArray:
    """Return the texts, with U+FFFD for what is not UTF-8."""
    try:
        return column.cast(pa.large_string())
    except pa.ArrowInvalid:
        texts = [value.decode("utf-8", "replace") for value in column.to_pylist()]
        return pa.array(texts, pa.large_string())


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
