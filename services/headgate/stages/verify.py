"""The large model decides.

record, its hits -> request with a closed answer set -> judgement
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from headgate.domains.task import Task
from headgate.errors import HeadgateError
from headgate.lm.decide import LmRequest
from headgate.lm.large_model import LargeModel
from headgate.stages.contract import Batch, Cell
from headgate.stages.isolate import blame
from headgate.types import Deadline, Judgement, Record, Usage


class Verify:
    """Asks the large model, showing it similar past cases where there are any."""

    kind = "verify"

    def __init__(
        self,
        name: str,
        model: str,
        *,
        task: Task,
        large_model: LargeModel,
        instruction: str,
        evidence: str | None,
    ) -> None:
        """Put the parts together.

        Args:
            name: The stage's name.
            model: The large model's name in the cascade.
            task: Says what the answers are.
            large_model: Who is asked.
            instruction: The operator's prompt.
            evidence: The retrieve stage whose hits are shown; None for none.
        """
        self.name, self.model, self.evidence = name, model, evidence
        self.inputs = (evidence,) if evidence else ()
        self.large_model = large_model
        self._task = task
        self._instruction = instruction

    async def warm_up(self) -> None:
        """Do nothing: a first call would cost."""

    async def run(self, batch: Batch) -> list[Cell]:
        """Return a judgement or an error a record, all asked at once."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._judge(record, batch.shown(place), batch.deadline))
                for place, record in enumerate(batch.records)
            ]
        return [task.result() for task in tasks]

    def request(self, record: Record, shown: Mapping[str, Cell]) -> LmRequest:
        """Return what the large model would be asked about the record."""
        hits = shown.get(self.evidence or "", ())
        return LmRequest(
            record_id=record.id,
            instruction=self._instruction,
            fields=record.fields,
            options=self._task.options(record),
            candidates=record.candidates,
            # A retrieval that failed leaves the model without cases, not the record without answer.
            evidence=hits if isinstance(hits, tuple) else (),
        )

    def largest_cost_usd(self, record: Record, shown: Mapping[str, Cell]) -> float:
        """Return an upper bound of what judging the record can cost."""
        return self.large_model.largest_cost_usd(self.request(record, shown))

    def expected_usage(self, record: Record, shown: Mapping[str, Cell]) -> Usage:
        """Return about what judging the record would consume."""
        return self.large_model.expected_usage(self.request(record, shown))

    async def _judge(self, record: Record, shown: Mapping[str, Cell], deadline: Deadline) -> Cell:
        try:
            done = await self.large_model.complete_one(self.request(record, shown), deadline)
        except HeadgateError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a bug of an engine must stay in its row
            return blame(f"stage {self.name!r}", error)
        return Judgement(done.value.answer, done.value.rationale, done.usage, done.cached)
