"""Runs batches through a cascade's flow and splits them at its gates.

records (n) -> admit -> stage, gate, stage, ... -> results (n), each as soon as it is final

The same engine answers online and offline: it knows no server, no cluster and no file.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from headgate.cascade.pace import Pace
from headgate.cascade.progress import Progress
from headgate.domains.logs import LogTask
from headgate.errors import DeadlineError, HeadgateError
from headgate.gate.threshold import Gate
from headgate.stages.catalog import Classify, Retrieve, Verify
from headgate.stages.contract import Batch, Cell, Stage
from headgate.types import Deadline, Record, Result

Indexed = tuple[int, Result]
Parted = tuple[list[Progress], list[Progress]]
"""Records that go on, and records that are finished."""


@dataclass(frozen=True, slots=True)
class GateNode:
    """A gate in the flow: it splits the batch, which no stage may do."""

    name: str
    of: str
    gate: Gate
    kind: str = "gate"


Node = GateNode | Classify | Retrieve | Verify


class Engine:
    """One cascade, ready to answer."""

    def __init__(
        self,
        *,
        name: str,
        description: str,
        revision: str,
        task: LogTask,
        nodes: Sequence[Node],
        llm_share: float,
        metrics: Mapping[str, float],
    ) -> None:
        """Take the parts that `assemble` made; nothing is loaded."""
        self.name, self.description, self.revision = name, description, revision
        self.task = task
        self.nodes = tuple(nodes)
        self.llm_share = llm_share
        self.metrics = dict(metrics)
        self._pace = Pace()

    @property
    def verify_stage(self) -> Verify | None:
        """Return the stage that asks the large model; None in a cascade of small models."""
        return next((node for node in self.nodes if isinstance(node, Verify)), None)

    async def warm_up(self) -> None:
        """Let every stage do what makes its first batch slow."""
        for node in self.nodes:
            if not isinstance(node, GateNode):
                await node.warm_up()

    async def run(self, records: Sequence[Record], deadline: Deadline) -> list[Result]:
        """Return one result a record, in order; a record that fails has its error there."""
        results: dict[int, Result] = {}
        async for index, result in self.stream(records, deadline):
            results[index] = result
        return [results[index] for index in range(len(records))]

    async def stream(
        self, records: Sequence[Record], deadline: Deadline
    ) -> AsyncGenerator[Indexed, None]:
        """Yield each record's position and result as soon as it is final: kept ones first.

        A reader that stops early has to `aclose` it; that ends what is still being asked.
        """
        live, finished = self._admit(records)
        for node in self.nodes:
            for progress in finished:
                yield progress.index, progress.result()
            if isinstance(node, Verify):
                # Closed with us, not when it is collected: a reader that stops ends the calls.
                async with aclosing(self._decide(node, live, deadline)) as decided:
                    async for done in decided:
                        yield done
                return
            live, finished = await self._step(node, live, deadline)
        for progress in [*finished, *live]:
            yield progress.index, progress.result()

    async def advance(self, records: Sequence[Record], deadline: Deadline) -> list[Progress]:
        """Take each record as far as it comes without a large model; return all, in order."""
        live, finished = self._admit(records)
        for node in self.nodes:
            if isinstance(node, Verify):
                break
            live, done = await self._step(node, live, deadline)
            finished += done
        return sorted([*finished, *live], key=lambda progress: progress.index)

    def _admit(self, records: Sequence[Record]) -> Parted:
        """Part the records that the task can answer from those it cannot."""
        live: list[Progress] = []
        refused: list[Progress] = []
        for index, record in enumerate(records):
            progress = Progress(index, record)
            try:
                self.task.check(record)
            except HeadgateError as error:
                progress.problem = error
            (live if progress.problem is None else refused).append(progress)
        return live, refused

    async def _step(
        self, node: GateNode | Classify | Retrieve, live: list[Progress], deadline: Deadline
    ) -> Parted:
        """Take the live records past one node; return who goes on and who is finished."""
        if not live:
            return [], []
        if isinstance(node, GateNode):
            return _split(node, live)
        return await self._pass(node, live, deadline)

    async def _pass(self, stage: Stage, live: Sequence[Progress], deadline: Deadline) -> Parted:
        """Run a stage; a record it fails on ends here unless the stage only adds evidence."""
        cells, elapsed_ms = await self._run(stage, live, deadline)
        for progress, cell in zip(live, cells, strict=True):
            progress.take(stage.name, stage.kind, cell, elapsed_ms)
            if isinstance(cell, DeadlineError) or (
                isinstance(cell, HeadgateError) and stage.kind == "classify"
            ):
                progress.problem = cell
        going = [progress for progress in live if progress.problem is None]
        return going, [progress for progress in live if progress.problem is not None]

    async def _decide(
        self, stage: Verify, live: Sequence[Progress], deadline: Deadline
    ) -> AsyncGenerator[Indexed, None]:
        """Ask the large model for all at once and yield each answer as it comes."""
        tasks = [asyncio.create_task(self._decide_one(stage, each, deadline)) for each in live]
        try:
            for next_done in asyncio.as_completed(tasks):
                yield await next_done
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _decide_one(self, stage: Verify, progress: Progress, deadline: Deadline) -> Indexed:
        (cell,), elapsed_ms = await self._run(stage, [progress], deadline)
        progress.take(stage.name, stage.kind, cell, elapsed_ms)
        if isinstance(cell, HeadgateError):
            progress.problem = cell
        return progress.index, progress.result()

    async def _run(
        self, stage: Stage, live: Sequence[Progress], deadline: Deadline
    ) -> tuple[list[Cell], float]:
        """Return the stage's cells and its wall time in milliseconds; too late is an error."""
        started = time.perf_counter()
        if deadline.remaining_s() <= self._pace.p95_s(stage.name, len(live)):
            return _too_late(stage, len(live)), 0.0
        columns = {name: [each.cells[name] for each in live] for name in stage.inputs}
        batch = Batch([each.record for each in live], deadline, columns)
        try:
            cells = await stage.run(batch)
        except TimeoutError:
            cells = _too_late(stage, len(live))
        elapsed_s = time.perf_counter() - started
        self._pace.note(stage.name, len(live), elapsed_s)
        return cells, elapsed_s * 1000


def _split(node: GateNode, live: Sequence[Progress]) -> Parted:
    """Part what the gate sends on from what it keeps."""
    started = time.perf_counter()
    predictions = [each.prediction for each in live if each.prediction is not None]
    verdicts = node.gate.judge(predictions)
    elapsed_ms = (time.perf_counter() - started) * 1000
    going: list[Progress] = []
    kept: list[Progress] = []
    for progress, verdict in zip(live, verdicts, strict=True):
        progress.judge(node.name, verdict, elapsed_ms)
        (kept if verdict.kept else going).append(progress)
    return going, kept


def _too_late(stage: Stage, count: int) -> list[Cell]:
    error = DeadlineError(
        f"stage {stage.name!r}",
        "the time left is shorter than the stage takes",
        "Allow more time, or send fewer records at once.",
    )
    return [error] * count
