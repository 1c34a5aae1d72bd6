"""Events of several lines, each begun by a line in which a pattern is found.

Buffer (lines) -> entries_of_events -> Entries (events)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow.compute as pc

from headgate.batch.inputs.buffers import Buffer
from headgate.batch.inputs.lines import Entries, Places, line_places, offsets_of
from headgate.batch.inputs.streams import BrokenStreamError
from headgate.batch.types import InputSpec, Unit


def entries_of_events(buffers: Iterable[Buffer], unit: Unit, spec: InputSpec) -> Iterator[Entries]:
    """Yield every event whose first line starts in the unit, however far it goes on.

    The first line of a file begins an event whether the pattern is found in it or not. An event
    that grows longer than `spec.max_line_bytes` is handed on as far as it was read, for its
    length to be seen; the rest of it is passed over.

    Raises:
        BrokenStreamError: As `buffers` does, after the event before.
    """
    events = _Events(unit, spec)
    try:
        for buffer in buffers:
            yield from events.add(buffer)
            if events.ended:
                return
    except BrokenStreamError:
        yield from events.finish()
        raise
    yield from events.finish()


class _Events:
    """The event whose end is not yet known, and how many lines there were."""

    def __init__(self, unit: Unit, spec: InputSpec) -> None:
        self.ended = False
        """Whether an event has begun that is the next unit's."""
        self._end, self._pattern, self._max_bytes = unit.end, spec.event_start, spec.max_line_bytes
        self._open = Buffer(b"", unit.start)
        """The event that may go on; empty when lines up to the next one are passed over."""
        self._number = 1
        """Of the next line that is not in an event before the open one."""
        self._begun = unit.start == 0
        """Whether lines belong to this unit yet."""

    def add(self, buffer: Buffer) -> Iterator[Entries]:
        if buffer.offset != self._open.end:
            # A line that was too long is cut off, and so is the event that it is in.
            yield from self.finish()
        if self._open.data:
            buffer = Buffer(self._open.data + buffer.data, self._open.offset)
        lines = _lines_of(buffer)
        begins, count = self._own(self._beginnings(lines), lines)
        complete = len(begins)
        self._open = Buffer(b"", buffer.end)
        if complete and not self.ended:
            at = int(lines.offsets[begins[-1]]) - buffer.offset
            if len(buffer.data) - at <= self._max_bytes + len(b"\r\n"):
                self._open = Buffer(buffer.data[at:], buffer.offset + at)
                complete, count = complete - 1, int(begins[-1])
        yield from self._entries(lines, begins, complete, count)
        if self._end is not None and not self._begun and buffer.end >= self._end:
            self.ended = True

    def finish(self) -> Iterator[Entries]:
        """Hand on the open event: nothing follows it."""
        if self._open.data:
            lines = _lines_of(self._open)
            self._open = Buffer(b"", self._open.end)
            yield from self._entries(lines, np.zeros(1, np.int64), 1, len(lines.starts))

    def _beginnings(self, lines: Entries) -> Places:
        """Return which lines begin an event, ascending."""
        found = pc.match_substring_regex(lines.content(), self._pattern).to_numpy(False)
        if lines.offsets[0] == 0:
            found = found.copy()
            found[0] = True
        return np.flatnonzero(found)

    def _own(self, begins: Places, lines: Entries) -> tuple[Places, int]:
        """Return the events that begin in the unit, and how many lines come before the next's."""
        if self._end is None:
            return begins, lines.line_count
        own = int(np.searchsorted(lines.offsets[begins], self._end))
        if own == len(begins):
            return begins, lines.line_count
        self.ended = True
        return begins[:own], int(begins[own])

    def _entries(
        self, lines: Entries, begins: Places, complete: int, count: int
    ) -> Iterator[Entries]:
        """Hand on so many events, which are over before line `count` of these."""
        not_ours = 0 if self._begun else (int(begins[0]) if len(begins) else count)
        self._begun = self._begun or len(begins) > 0
        if count == not_ours:
            return
        firsts = begins[:complete]
        lasts = np.append(begins[1:], count)[:complete] - 1
        numbers = firsts + (self._number - not_ours)
        self._number += count - not_ours
        yield Entries(
            lines.data,
            lines.starts[firsts],
            lines.ends[lasts],
            lines.offsets[firsts],
            numbers,
            count - not_ours,
        )


def _lines_of(buffer: Buffer) -> Entries:
    starts, ends = line_places(buffer)
    offsets = offsets_of(starts, buffer)
    return Entries(buffer.data, starts, ends, offsets, offsets, len(starts))
