"""Lines of text, or events of several lines, in blocks of columns.

Unit -> pieces -> Buffer (whole lines) -> Entries (lines) -> LineBlock (lines that fit), DeadLetter
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headgate.batch.inputs.buffers import Buffer, unit_buffers
from headgate.batch.inputs.events import entries_of_events
from headgate.batch.inputs.formats import header_of
from headgate.batch.inputs.lines import Entries, entries_of_lines, lossy_flags
from headgate.batch.inputs.streams import BrokenStreamError, open_source
from headgate.batch.types import DeadLetter, DeadLetters, InputSpec, LineBlock, Reason, Unit

BLOCK_BYTES: Final = 16 * 1024 * 1024


def read_lines(
    unit: Unit, spec: InputSpec, dead: DeadLetters, *, block_bytes: int = BLOCK_BYTES
) -> Iterator[LineBlock]:
    r"""Yield the lines of a unit in order, in blocks of columns; memory is that of a few blocks.

    The lines of all units of a file, one after the other, are what `bytes.split(b"\n")` of the
    whole file gives, but for an empty text behind the last newline, `\r` before it and a byte
    order mark. Blank lines are among them. A compressed file is decompressed in a thread of its
    own; where it breaks off, the whole lines before are yielded and one dead letter says so.

    Args:
        unit: Of a file of text.
        spec: What it was found with.
        dead: Takes lines that are too long or do not fit the format, as the blocks are made.
        block_bytes: About how much of the file becomes one block.

    Raises:
        InputError: The file cannot be read, or has become shorter.
    """
    reader = _Reader(unit, spec, dead)
    with (
        open_source(unit.file, spec) as source,
        closing(unit_buffers(source, unit, spec, block_bytes)) as buffers,
    ):
        try:
            for entries in reader.entries(buffers):
                yield reader.block(entries)
        except BrokenStreamError as broken:
            dead.add(reader.letter(broken))


class _Reader:
    """Turns entries into blocks."""

    def __init__(self, unit: Unit, spec: InputSpec, dead: DeadLetters) -> None:
        self._unit, self._spec, self._dead = unit, spec, dead
        self._header = header_of(spec)
        self.next_number = 1
        """Of the line behind those that were read."""

    def entries(self, buffers: Iterator[Buffer]) -> Iterator[Entries]:
        if self._spec.event_start is not None:
            return entries_of_events(buffers, self._unit, self._spec)
        return entries_of_lines(buffers, self._unit.end)

    def block(self, entries: Entries) -> LineBlock:
        self.next_number += entries.line_count
        entries = self._short_ones(entries)
        content = entries.content()
        lossy = lossy_flags(content)
        numbers, offsets = pa.array(entries.numbers), pa.array(entries.offsets)
        if self._header is None:
            return LineBlock(numbers, offsets, content, entries.line_count, lossy=lossy)
        parsed = self._header.parse(content, self._unit.file.modified_s)
        for at, (reason, detail) in zip(np.flatnonzero(~parsed.fits), parsed.reasons, strict=True):
            self._refuse(entries, at, reason, detail)
        return LineBlock(
            _kept(numbers, parsed.fits),
            _kept(offsets, parsed.fits),
            parsed.content,
            entries.line_count,
            parsed.timestamps,
            parsed.levels,
            parsed.components,
            None if lossy is None else _kept(lossy, parsed.fits),
        )

    def letter(self, broken: BrokenStreamError) -> DeadLetter:
        """Return the dead letter of everything behind the place where the file breaks off."""
        unit = self._unit
        number = self.next_number
        return DeadLetter(unit.number, unit.file.place, number, broken.reason, broken.detail)

    def _short_ones(self, entries: Entries) -> Entries:
        """Return the entries within the limit; the others become dead letters."""
        fits = entries.ends - entries.starts <= self._spec.max_line_bytes
        if fits.all():
            return entries
        reason = Reason.EVENT_TOO_LONG if self._spec.event_start else Reason.LINE_TOO_LONG
        for at in np.flatnonzero(~fits):
            detail = f"it is longer than {self._spec.max_line_bytes} bytes"
            self._refuse(entries, at, reason, detail)
        return entries.where(fits)

    def _refuse(self, entries: Entries, at: np.int64, reason: Reason, detail: str) -> None:
        number, offset = int(entries.numbers[at]), int(entries.offsets[at])
        unit = self._unit
        self._dead.add(DeadLetter(unit.number, unit.file.place, number, reason, detail, offset))


def _kept(column: pa.Array, fits: NDArray[np.bool_]) -> pa.Array:
    return column if fits.all() else column.filter(pa.array(fits))
