"""Asks language models, which are paid for.

records (n) -> purse -> those that can be paid -> stage -> answers, each as it comes
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence

from headgate import spans
from headgate.cascade import traced
from headgate.cascade.guarantee import Guarantee
from headgate.cascade.nodes import Paying
from headgate.cascade.payment import Purse, exhausted
from headgate.cascade.progress import Progress
from headgate.cascade.running import Runner, too_late
from headgate.errors import BudgetError, HeadgateError
from headgate.gate.budget import Admission, Demand, Grant
from headgate.stages.catalog import Asking, Rerank
from headgate.stages.contract import Cell
from headgate.types import Deadline, Origin


class Asker:
    """Asks for one cascade, and settles what each call cost."""

    def __init__(self, runner: Runner, guarantee: Guarantee) -> None:
        """Grant everything until a server puts its own purse here.

        Args:
            runner: Runs the stages.
            guarantee: Says which calls no budget may leave out.
        """
        self.purse = Purse()
        self._runner = runner
        self._guarantee = guarantee

    async def run(
        self, stage: Paying, live: Sequence[Progress], deadline: Deadline, origin: Origin
    ) -> tuple[list[Cell], float]:
        """Run a stage on what can be paid; the cell of the others is that nothing is left.

        What it costs is money and no part of a share, which is of calls of the last stage.
        """
        costs = [stage.largest_cost_usd(each.record, each.shown(stage.inputs)) for each in live]
        demands = [Demand(1.0, cost_usd, required=True, calls=0) for cost_usd in costs]
        admissions = [self.purse.admit(demand, origin.caller) for demand in demands]
        paid = [place for place, each in enumerate(admissions) if each.grant is Grant.ESCALATE]
        found: Sequence[Cell | None] = [None] * len(paid)
        elapsed_ms = 0.0
        try:
            if paid:
                asked = [live[place] for place in paid]
                found, elapsed_ms = await self._runner.timed(stage, asked, deadline, origin)
        finally:
            for place, cell in zip(paid, found, strict=True):
                self.purse.settle(admissions[place], cell)
        cells: list[Cell] = [exhausted(f"record {each.record.id!r}") for each in live]
        for place, cell in zip(paid, found, strict=True):
            cells[place] = cells[place] if cell is None else cell
        return cells, elapsed_ms

    async def decide(
        self, stage: Asking, live: Sequence[Progress], deadline: Deadline, origin: Origin
    ) -> AsyncGenerator[Progress, None]:
        """Ask the large model for all at once and yield each record as its answer comes."""
        if not live:
            return
        groups = [list(live)] if isinstance(stage, Rerank) else [[each] for each in live]
        span = traced.begun(stage, len(live))
        with spans.entered(span):  # tasks begin where they are created; our reader is not in it
            tasks = [
                asyncio.create_task(self._decide_some(stage, group, deadline, origin))
                for group in groups
            ]
        try:
            for next_done in asyncio.as_completed(tasks):
                for progress in await next_done:
                    yield progress
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            traced.note_asked(span, stage, live)
            span.end()

    async def _decide_some(
        self, stage: Asking, group: Sequence[Progress], deadline: Deadline, origin: Origin
    ) -> Sequence[Progress]:
        """Ask about what can be paid; for the rest the small model's answer stays."""
        if self._runner.is_too_late(stage, len(group), deadline):
            # Nothing is sent, so nothing is paid for.
            _decided(stage, group, [too_late(stage)] * len(group), 0.0)
            return group
        paid = [
            (progress, admission)
            for progress in group
            if (admission := self._pay(stage, progress, origin)) is not None
        ]
        if paid:
            await self._ask(stage, paid, deadline, origin)
        return group

    def _pay(self, stage: Asking, progress: Progress, origin: Origin) -> Admission | None:
        """Reserve what asking about a record can cost; None when it is not asked about."""
        admission = self.purse.admit(self._demand(stage, progress), origin.caller)
        match admission.grant:
            case Grant.KEEP:
                progress.keep_for_budget()
            case Grant.EXHAUSTED if self.purse.rejects:
                progress.refuse(exhausted(f"record {progress.record.id!r}"))
            case Grant.EXHAUSTED:
                progress.problem = exhausted(f"record {progress.record.id!r}")
            case _:
                return admission
        return None

    def _demand(self, stage: Asking, progress: Progress) -> Demand:
        prediction = progress.prediction
        doubt = 1.0 if prediction is None else 1 - prediction.confidence
        if math.isnan(doubt):
            doubt = 1.0
        cost_usd = stage.largest_cost_usd(progress.record, progress.shown(stage.inputs))
        required = self._guarantee.demands or prediction is None
        return Demand(max(0.0, doubt), cost_usd, required=required)

    async def _ask(
        self,
        stage: Asking,
        paid: Sequence[tuple[Progress, Admission]],
        deadline: Deadline,
        origin: Origin,
    ) -> None:
        """Ask the large model, which is paid for."""
        asked = [progress for progress, _ in paid]
        cells: Sequence[Cell | None] = [None] * len(asked)
        try:
            cells, elapsed_ms = await self._runner.timed(stage, asked, deadline, origin)
        finally:
            self.purse.settle_all([admission for _, admission in paid], cells)
        _decided(stage, asked, cells, elapsed_ms)
        for progress, cell in zip(asked, cells, strict=True):
            if isinstance(cell, BudgetError) and self.purse.rejects:
                progress.refuse(cell)  # none of its steps could be paid


def _decided(
    stage: Asking, asked: Sequence[Progress], cells: Sequence[Cell], elapsed_ms: float
) -> None:
    """Note what came of asking about each record."""
    for progress, cell in zip(asked, cells, strict=True):
        progress.take(stage.name, stage.kind, cell, elapsed_ms)
        if isinstance(cell, HeadgateError):
            progress.problem = cell
