"""Runs a stage on records, and starts none that cannot end in time.

records with their cells (n), deadline -> stage -> cells (n), milliseconds
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from headgate.cascade.pace import Pace
from headgate.cascade.progress import Progress
from headgate.errors import DeadlineError
from headgate.stages.contract import Batch, Cell, Stage
from headgate.types import Deadline, Origin


class Runner:
    """Knows how long each stage of one cascade takes."""

    def __init__(self) -> None:
        """Start without knowing."""
        self._pace = Pace()

    def is_too_late(self, stage: Stage, records: int, deadline: Deadline) -> bool:
        """Return whether the time left is shorter than the stage mostly takes."""
        return deadline.remaining_s() <= self._pace.p95_s(stage.name, records)

    async def run(
        self, stage: Stage, live: Sequence[Progress], deadline: Deadline
    ) -> tuple[list[Cell], float]:
        """Return the stage's cells and its wall time in milliseconds; too late is an error."""
        if self.is_too_late(stage, len(live), deadline):
            return [too_late(stage)] * len(live), 0.0
        return await self.timed(stage, live, deadline, Origin())

    async def timed(
        self, stage: Stage, live: Sequence[Progress], deadline: Deadline, origin: Origin
    ) -> tuple[list[Cell], float]:
        """Run the stage, and remember how long it took."""
        started = time.perf_counter()
        columns = {name: [each.cells[name] for each in live] for name in stage.inputs}
        batch = Batch([each.record for each in live], deadline, columns, origin)
        try:
            cells = await stage.run(batch)
        except TimeoutError:
            cells = [too_late(stage)] * len(live)
        elapsed_s = time.perf_counter() - started
        self._pace.note(stage.name, len(live), elapsed_s)
        return cells, elapsed_s * 1000


def too_late(stage: Stage) -> DeadlineError:
    """Return the error of a record that a stage has no time for."""
    return DeadlineError(
        f"stage {stage.name!r}",
        "the time left is shorter than the stage takes",
        "Allow more time, or send fewer records at once.",
    )
