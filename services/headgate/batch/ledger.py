"""What is known of a job's units while it runs, and how long its phases took.

Planned units, what workers tell -> steps, counts -> lines before a unit, ProgressState
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from headgate.batch.journal import Journal, Step
from headgate.batch.letters import check_errors
from headgate.batch.progress import ProgressState, Tally
from headgate.batch.types import Unit
from headgate.batch.work import Spooled

_READING_SHARE = 0.75
"""Of the work on a byte, about; the rest is to write what became of it."""

_PHASES = "phases_s"


class Ledger:
    """The units of a job and how far each is."""

    def __init__(self, journal: Journal, tally: Tally, most_errors: int | None) -> None:
        """Take what the journal says.

        Args:
            journal: Of the job; its units are planned.
            tally: Of the lines that workers of this process are reading.
            most_errors: More wrong lines or rows end the job.

        Raises:
            InputError: There were more already.
        """
        planned = journal.units()
        self.units: Sequence[Unit] = [each.unit for each in planned]
        self._journal, self._tally, self._most_errors = journal, tally, most_errors
        self._steps = [each.step for each in planned]
        self._line_counts = [int(each.spooled.get("line_count", 0)) for each in planned]
        self._lines_before: dict[int, int] = {}
        self._rows = sum(int(each.spooled.get("rows", 0)) for each in planned)
        self._letters = sum(int(each.spooled.get("letters", 0)) for each in planned)
        check_errors(self._letters, most_errors)
        self._rows_before = self._rows
        self._bytes = [_size_bytes(unit) for unit in self.units]
        self._done_before = self._done()
        self._started_s = time.monotonic()
        self.phases_s: dict[str, float] = journal.noted(_PHASES) or {}
        """Seconds of the clock by phase, all runs together."""
        self._phase: tuple[str, float] | None = None

    def step(self, unit: Unit) -> Step:
        """Return how far a unit is."""
        return self._steps[unit.number]

    def below(self, step: Step) -> list[Unit]:
        """Return the units that are not so far yet, in their order."""
        return [unit for unit in self.units if self._steps[unit.number] < step]

    def spooled(self, unit: Unit, facts: Spooled) -> None:
        """Note that a unit was read.

        Raises:
            InputError: With it, too much of the input is wrong.
        """
        self._steps[unit.number] = Step.SPOOLED
        self._line_counts[unit.number] = facts.line_count
        self._rows += facts.rows
        self.save_times()
        self._letters += facts.letters
        check_errors(self._letters, self._most_errors)

    def answered(self, *units: Unit) -> None:
        """Note that these units, or all when none is named, have their answers."""
        for unit in units or self.units:
            self._steps[unit.number] = max(Step.ANSWERED, self._steps[unit.number])

    def written(self, unit: Unit) -> None:
        """Note that a unit's rows are in their place."""
        self._steps[unit.number] = Step.WRITTEN
        self.save_times()

    def lines_before(self, unit: Unit) -> int:
        """Return the lines of a unit's file in earlier units, all of which were read."""
        first = unit.number
        while first and first not in self._lines_before and self._continues(first):
            first -= 1
        lines = self._lines_before.setdefault(first, 0)
        for number in range(first, unit.number):
            lines += self._line_counts[number]
            self._lines_before[number + 1] = lines
        return lines

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time of the block to a phase, over all runs."""
        self._phase = name, time.monotonic()
        try:
            yield
        finally:
            self.save_times()
            self._phase = None

    def save_times(self) -> None:
        """Write down what the phases took so far: a run may end at any moment."""
        if self._phase is not None:
            name, since_s = self._phase
            self._phase = name, time.monotonic()
            self.phases_s[name] = self.phases_s.get(name, 0.0) + self._phase[1] - since_s
            self._journal.note(_PHASES, self.phases_s)

    def progress(self, answered: int) -> ProgressState:
        """Return how far the job is now.

        Args:
            answered: Different records that have an answer.
        """
        elapsed_s = max(time.monotonic() - self._started_s, 1e-3)
        # What a worker here is reading counts; a worker elsewhere tells when it is done.
        read = max(self._rows - self._rows_before, self._tally.lines)
        usage = self._journal.calls.total()
        return ProgressState(
            lines=self._rows_before + read,
            lines_per_s=read / elapsed_s,
            llm_share=min(1.0, usage.calls / max(1, answered)),
            cost_usd=usage.cost_usd,
            seconds_left=self._seconds_left(elapsed_s),
        )

    def _seconds_left(self, elapsed_s: float) -> float | None:
        done = self._done()
        gained = done - self._done_before
        return elapsed_s * (sum(self._bytes) - done) / gained if gained else None

    def _done(self) -> float:
        """Return the work that is done, in bytes of input."""
        parts = {Step.PLANNED: 0.0, Step.WRITTEN: 1.0}
        steps = zip(self._steps, self._bytes, strict=True)
        return sum(size * parts.get(step, _READING_SHARE) for step, size in steps)

    def _continues(self, number: int) -> bool:
        return self.units[number - 1].file == self.units[number].file


def _size_bytes(unit: Unit) -> int:
    """Return about how much of its file a unit is."""
    if unit.end is None or unit.file.format == "parquet":
        return unit.file.size_bytes
    return unit.end - unit.start
