"""The bytes of a unit, decompressed, in pieces of bounded size.

Unit -> Source: file -> pieces (up to 1 MiB each) | BrokenStreamError where the file is broken
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import ClassVar, Final, TypeVar

import zstandard

from headgate.batch.inputs.storage import Source, store_of
from headgate.batch.types import InputFile, InputSpec, Reason, Unit
from headgate.errors import InputError

PIECE_BYTES: Final = 1024 * 1024
_OVERRUN_BYTES: Final = 64 * 1024

_Item = TypeVar("_Item")


class BrokenStreamError(Exception):
    """A compressed file that cannot be read on; ends in a dead letter and never leaves the room."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


def open_source(file: InputFile, spec: InputSpec) -> Source:
    """Open a file.

    Raises:
        InputError: It cannot be opened.
    """
    return Source(store_of(spec.patterns[file.pattern])[0], file.path, file.place)


def pieces_of(source: Source, unit: Unit) -> Iterator[bytes]:
    """Yield the bytes from the unit's start (one before it, for ranges) to the end of the file.

    Raises:
        BrokenStreamError: The compressed file is broken here.
        InputError: The file cannot be read, or is shorter than it was.
    """
    match unit.file.compression:
        case "gz":
            yield from _decompressed(source, _GzipMember)
        case "zst":
            yield from _decompressed(source, _ZstdFrame)
        case None:
            yield from _plain(source, unit)


def read_ahead(items: Generator[_Item, None, None]) -> Generator[_Item, None, None]:
    """Yield the items, the next one being made in a thread meanwhile."""
    with closing(items), ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(next, items, None)
        while (item := ahead.result()) is not None:
            ahead = pool.submit(next, items, None)
            yield item


def _plain(source: Source, unit: Unit) -> Iterator[bytes]:
    """Yield to the size the file had when it was found: what came later is another batch's."""
    position = max(0, unit.start - 1)
    source.seek(position)
    end = unit.file.size_bytes if unit.end is None else unit.end
    while position < unit.file.size_bytes:
        want = min(PIECE_BYTES, end - position) if position < end else _OVERRUN_BYTES
        piece = source.read(min(want, unit.file.size_bytes - position))
        if not piece:
            problem = f"it ends at byte {position}, and was longer when the batch began"
            raise InputError(unit.file.place, problem, "Give the batch files nobody writes to.")
        yield piece
        position += len(piece)


class _GzipMember:
    """One of the members that a file of gzip is made of."""

    read_bytes: ClassVar = 256 * 1024

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._piece_bytes = PIECE_BYTES

    @property
    def ended(self) -> bool:
        return self._decoder.eof

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what is decompressed, and what of the data is left for later."""
        before = self._decoder.copy()
        while True:
            try:
                piece = self._decoder.decompress(data, self._piece_bytes)
                return piece, self._decoder.unconsumed_tail or self._decoder.unused_data
            except zlib.error:
                # A call that fails keeps what it had decompressed: ask for less and less.
                if self._piece_bytes == 1:
                    raise
                self._decoder, self._piece_bytes = before.copy(), self._piece_bytes // 2


class _ZstdFrame:
    """One of the frames that a file of zstd is made of."""

    # It cannot be told to stop: four bytes may become 128 KiB, so these 128 MiB at worst.
    read_bytes: ClassVar = 4 * 1024

    def __init__(self) -> None:
        self._decoder = zstandard.ZstdDecompressor().decompressobj()

    @property
    def ended(self) -> bool:
        return self._decoder.eof

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what is decompressed, and what of the data is left for later."""
        return self._decoder.decompress(data), self._decoder.unused_data


def _decompressed(source: Source, part: type[_GzipMember | _ZstdFrame]) -> Iterator[bytes]:
    """Yield the content of all members or frames, which may follow each other in one file."""
    waiting = source.read(part.read_bytes)
    while waiting:
        decoder = part()
        while not decoder.ended:
            waiting = waiting or source.read(part.read_bytes)
            piece, rest = _fed(decoder, waiting)
            if not waiting and not piece:
                raise BrokenStreamError(Reason.TRUNCATED, "the compressed file ends too early")
            waiting = rest
            if piece:
                yield piece
        # Zeros may fill up a file of gzip behind its last member.
        while not (waiting := waiting.lstrip(b"\0")) and (waiting := source.read(part.read_bytes)):
            pass


def _fed(decoder: _GzipMember | _ZstdFrame, data: bytes) -> tuple[bytes, bytes]:
    try:
        return decoder.feed(data)
    except (zlib.error, zstandard.ZstdError) as error:
        detail = f"the compressed file is broken ({type(error).__name__})"
        raise BrokenStreamError(Reason.DAMAGED, detail) from error
