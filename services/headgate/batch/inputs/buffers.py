"""Whole lines out of pieces that end anywhere.

pieces -> gather_lines -> Buffer: data (whole lines, about block_bytes), offset
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass

from headgate.batch.inputs.storage import Source
from headgate.batch.inputs.streams import BrokenStreamError, pieces_of, read_ahead
from headgate.batch.types import InputSpec, Unit


@dataclass(frozen=True, slots=True)
class Buffer:
    """Some whole lines; the last one of a file may lack its newline."""

    data: bytes
    offset: int
    """Of the first byte, within the (decompressed) file."""

    @property
    def end(self) -> int:
        """Return the offset behind the last byte."""
        return self.offset + len(self.data)


def unit_buffers(
    source: Source, unit: Unit, spec: InputSpec, block_bytes: int
) -> Generator[Buffer, None, None]:
    """Yield the whole lines of a unit, and some behind it where it is a range.

    Raises:
        BrokenStreamError: The compressed file breaks off, after the whole lines before.
    """
    buffers = gather_lines(
        pieces_of(source, unit),
        unit.start,
        unit.end,
        block_bytes=block_bytes,
        max_line_bytes=spec.max_line_bytes,
    )
    return read_ahead(buffers) if unit.file.compression else buffers


def gather_lines(
    pieces: Iterable[bytes], start: int, end: int | None, *, block_bytes: int, max_line_bytes: int
) -> Generator[Buffer, None, None]:
    """Yield the lines of a file from the first that starts at `start` or later.

    Of a line longer than `max_line_bytes` one byte more than that is kept, so that it is still
    seen to be too long; it is the last of its buffer, since the offsets behind it jump.

    Args:
        pieces: The bytes from `start - 1`, or from 0; of any size.
        start: Byte within the file.
        end: Lines that start behind it are not waited for to fill a buffer.
        block_bytes: About how much a buffer holds.
        max_line_bytes: Longest line that is wanted.

    Raises:
        BrokenStreamError: As `pieces` does, after the whole lines before.
    """
    gathered = _Gathered(start, end, block_bytes, max_line_bytes)
    try:
        for piece in pieces:
            yield from gathered.add(piece)
            if gathered.has_nothing_to_come:
                return
    except BrokenStreamError:
        yield from gathered.flush()
        raise
    yield from gathered.finish()


class _Gathered:
    """What was read and not yet handed on."""

    def __init__(self, start: int, end: int | None, block_bytes: int, max_line_bytes: int) -> None:
        self._whole: list[bytes | memoryview] = []
        """Pieces that end with a newline, together."""
        self._tail: list[bytes | memoryview] = []
        """What is behind the last newline."""
        self._whole_bytes = self._tail_bytes = 0
        self._offset = start
        """Of the first byte in `_whole`, or else in `_tail`."""
        self._position = max(0, start - 1)
        """Of the next piece."""
        self._skipping = start > 0
        """Whether everything up to the next newline is to be dropped."""
        self._end, self._block_bytes = end, block_bytes
        self._max_line_bytes = max_line_bytes

    @property
    def has_nothing_to_come(self) -> bool:
        """Return whether a line from before `start` goes on behind `end`."""
        return self._skipping and not self._tail and self._is_behind_end(self._position)

    def add(self, piece: bytes) -> Iterator[Buffer]:
        skipped = 0
        if self._skipping:
            skipped = piece.find(b"\n") + 1
            if skipped:
                yield from self._resume(self._position + skipped)
        self._position += len(piece)
        if not self._skipping:
            self._take(memoryview(piece)[skipped:], piece.rfind(b"\n") + 1 - skipped)
        if self._whole_bytes >= self._block_bytes or self._is_behind_end(
            self._offset + self._whole_bytes
        ):
            yield from self.flush()

    def flush(self) -> Iterator[Buffer]:
        """Hand on the whole lines."""
        if self._whole:
            data = b"".join(self._whole)
            yield Buffer(data, self._offset)
            self._offset += len(data)
            self._whole, self._whole_bytes = [], 0

    def finish(self) -> Iterator[Buffer]:
        """Hand on everything: the last line needs no newline."""
        self._end_line(b"")
        yield from self.flush()

    def _resume(self, offset: int) -> Iterator[Buffer]:
        """Begin anew at a line's start, after what came before a gap."""
        if self._tail:
            self._end_line(b"\n")
        yield from self.flush()
        self._offset, self._skipping = offset, False

    def _take(self, piece: memoryview, whole_bytes: int) -> None:
        """Take a piece, of which so many bytes end with its last newline."""
        if whole_bytes:
            self._end_line(piece[:whole_bytes])
        if whole_bytes < len(piece):
            self._tail.append(piece[whole_bytes:])
            self._tail_bytes += len(piece) - whole_bytes
        if self._tail_bytes > self._max_line_bytes:
            self._tail = [b"".join(self._tail)[: self._max_line_bytes + 1]]
            self._skipping = True

    def _end_line(self, piece: bytes | memoryview) -> None:
        added = [*self._tail, piece] if piece else self._tail
        self._whole += added
        self._whole_bytes += sum(map(len, added))
        self._tail, self._tail_bytes = [], 0

    def _is_behind_end(self, offset: int) -> bool:
        return self._end is not None and offset >= self._end
