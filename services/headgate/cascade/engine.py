"""Runs batches through a cascade's flow and splits them at its gates.

records (n) -> admit -> stage, gate, stage, ... -> results (n), each as soon as it is final

The same engine answers online and offline: it knows no server, no cluster and no file.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from headgate.cascade import traced
from headgate.cascade.asking import Asker
from headgate.cascade.guarantee import Guarantee
from headgate.cascade.nodes import GateNode, Node, Paying
from headgate.cascade.observation import Observation, observed
from headgate.cascade.payment import Purse, StepPurse
from headgate.cascade.progress import Progress
from headgate.cascade.ranking import Ranker, ranked
from headgate.cascade.running import Runner
from headgate.domains.task import Task
from headgate.errors import BudgetError, DeadlineError, HeadgateError
from headgate.lm.large_model import LargeModel
from headgate.stages.catalog import Answering, Asking, Decompose, Finding, Read
from headgate.stages.contract import Cell, prediction_of
from headgate.types import Deadline, GateVerdict, Origin, Prediction, Record, Result

Indexed = tuple[int, Result]
Parted = tuple[list[Progress], list[Progress]]
"""Records that go on, and records that are finished."""


@dataclass(frozen=True, slots=True)
class About:
    """What is told of a cascade."""

    name: str
    description: str
    revision: str
    """Of file, prompts and artifact together."""
    llm_share: float
    """Largest share of records meant for the large model; 1 when only a certificate limits it."""
    metrics: Mapping[str, float]
    """Figures on the development rows."""


class Engine:
    """One cascade, ready to answer."""

    def __init__(
        self,
        about: About,
        *,
        task: Task,
        nodes: Sequence[Node],
        guarantee: Guarantee | None = None,
        ranker: Ranker | None = None,
        steps: Engine | None = None,
    ) -> None:
        """Take the parts that `assemble` made; nothing is loaded.

        Args:
            about: What is told of the cascade.
            task: The question that it answers.
            nodes: Stages and gates in order.
            guarantee: What its answers may claim; nothing when absent.
            ranker: Orders the options of a record, where that is told.
            steps: Answers the steps of plans, for a `synthesise` among the nodes.
        """
        self.about = about
        self.name, self.revision = about.name, about.revision
        self.task = task
        self.nodes = tuple(nodes)
        self.guarantee = guarantee or Guarantee()
        self.steps = steps
        self._runner = Runner()
        self._asker = Asker(self._runner, self.guarantee)
        self.purse = Purse()
        self.observer: Callable[[Observation], None] = lambda observation: None
        """Told of each record that a gate judged, once its result is final; must not wait."""
        self.listener: Callable[[Result], None] = lambda result: None
        """Told of each result that is returned, errors too; must not wait."""
        self._ranker = ranker

    @property
    def purse(self) -> Purse:
        """Return who pays; everything is granted until a server puts its own here."""
        return self._asker.purse

    @purse.setter
    def purse(self, purse: Purse) -> None:
        self._asker.purse = purse
        if self.steps is not None:
            self.steps.purse = StepPurse(purse)

    @property
    def large_models(self) -> list[LargeModel]:
        """Return every language model that a stage may ask, each once."""
        nodes = [*self.nodes, *(self.steps.nodes if self.steps is not None else ())]
        found = [getattr(node, "large_model", None) for node in nodes]
        return [*dict.fromkeys(model for model in found if isinstance(model, LargeModel))]

    async def close(self) -> None:
        """Give back the connections of the language models."""
        for model in self.large_models:
            await model.close()

    @property
    def units(self) -> Engine:
        """Return the engine whose records are what the gates judge and the certificate is about."""
        return self

    @property
    def asking(self) -> Asking | None:
        """Return the stage that asks the large model; None in a cascade of small models."""
        return next((node for node in self.nodes if isinstance(node, Asking)), None)

    async def warm_up(self) -> None:
        """Let every stage do what makes its first batch slow."""
        for node in self.nodes:
            stage = node.second if isinstance(node, GateNode) else node
            if stage is not None:
                await stage.warm_up()
        if self.steps is not None:
            await self.steps.warm_up()

    async def run(
        self,
        records: Sequence[Record],
        deadline: Deadline,
        *,
        origin: Origin = Origin(),  # noqa: B008 - frozen
    ) -> list[Result]:
        """Return one result a record, in order; a record that fails has its error there."""
        results: dict[int, Result] = {}
        async for index, result in self.stream(records, deadline, origin=origin):
            results[index] = result
        return [results[index] for index in range(len(records))]

    async def stream(
        self,
        records: Sequence[Record],
        deadline: Deadline,
        *,
        origin: Origin = Origin(),  # noqa: B008 - frozen
    ) -> AsyncGenerator[Indexed, None]:
        """Yield each record's position and result as soon as it is final: kept ones first.

        A reader that stops early has to `aclose` it; that ends what is still being asked.
        """
        self.purse.arrive(origin.caller, len(records))
        live, finished = self._admit(records)
        for node in self.nodes:
            for progress in finished:
                yield self._final(progress, origin)
            if isinstance(node, Asking):
                # Closed with us, not when it is collected: a reader that stops ends the calls.
                async with aclosing(self._asker.decide(node, live, deadline, origin)) as decided:
                    async for progress in decided:
                        yield self._final(progress, origin)
                return
            live, finished = await self._step(node, live, deadline, origin)
        for progress in [*finished, *live]:
            yield self._final(progress, origin)

    def _final(self, progress: Progress, origin: Origin) -> Indexed:
        """Return a record's result, and tell those who follow what happens."""
        result = progress.result()
        if self._ranker is not None:
            result = ranked(result, progress, self._ranker)
        if progress.verdicts and result.error is None:
            self.observer(observed(progress, origin, self.task.canonical))
        self.listener(result)
        return progress.index, result

    async def advance(
        self, records: Sequence[Record], deadline: Deadline, *, reads: bool = False
    ) -> list[Progress]:
        """Take each record as far as it comes without a large model; return all, in order.

        Args:
            records: What to decide.
            deadline: When the caller stops waiting.
            reads: Whether the small language models that read are asked; otherwise the records
                stop before the first.
        """
        live, finished = self._admit(records)
        end = self.asking if reads else self.first_asking
        for node in self.nodes:
            if isinstance(node, Asking) or node is end:
                break
            live, done = await self._step(node, live, deadline, Origin())
            finished += done
        return sorted([*finished, *live], key=lambda progress: progress.index)

    @property
    def first_asking(self) -> Asking | Paying | None:
        """Return the first stage that asks a language model, large or small."""
        for node in self.nodes:
            if isinstance(node, Asking | Read):
                return node
            if isinstance(node, Decompose) and node.large_model is not None:
                return node
        return None

    def _admit(self, records: Sequence[Record]) -> Parted:
        """Part the records that the task can answer from those it cannot."""
        live: list[Progress] = []
        refused: list[Progress] = []
        for index, record in enumerate(records):
            progress = Progress(index, record, self.guarantee.claim)
            try:
                self.task.check(record)
            except HeadgateError as error:
                progress.problem = error
            (live if progress.problem is None else refused).append(progress)
        return live, refused

    async def _step(
        self,
        node: GateNode | Answering | Finding,
        live: list[Progress],
        deadline: Deadline,
        origin: Origin,
    ) -> Parted:
        """Take the live records past one node; return who goes on and who is finished."""
        if not live:
            return [], []
        if isinstance(node, GateNode):
            return await self._split(node, live, deadline)
        return await self._pass(node, live, deadline, origin)

    async def _split(self, node: GateNode, live: Sequence[Progress], deadline: Deadline) -> Parted:
        """Part what the gate sends on from what it keeps."""
        with traced.opened(node, len(live)) as span:
            await self._judge(node, live, deadline)
            going = [progress for progress in live if not progress.kept]
            kept = [progress for progress in live if progress.kept]
            traced.note_split(span, kept=len(kept), sent_on=len(going))
        return going, kept

    async def _judge(self, node: GateNode, live: Sequence[Progress], deadline: Deadline) -> None:
        """Have the gate judge each record."""
        started = time.perf_counter()
        predictions = [each.prediction for each in live if each.prediction is not None]
        second = None
        if node.second is not None:
            cells, _ = await self._runner.run(node.second, live, deadline)
            second = [_or_silent(cell, own) for cell, own in zip(cells, predictions, strict=True)]
        verdicts = node.judge(predictions, second, self.guarantee.footing)
        if node.second is not None:
            verdicts = [
                _if_heard(verdict, cell) for verdict, cell in zip(verdicts, cells, strict=True)
            ]
        elapsed_ms = (time.perf_counter() - started) * 1000
        for progress, verdict in zip(live, verdicts, strict=True):
            progress.judge(node.name, verdict, elapsed_ms)

    async def _pass(
        self,
        stage: Answering | Finding,
        live: Sequence[Progress],
        deadline: Deadline,
        origin: Origin,
    ) -> Parted:
        """Run a stage; a record it fails on ends here unless the stage only finds things out."""
        with traced.opened(stage, len(live)) as span:
            if isinstance(stage, Paying) and not self._runner.is_too_late(
                stage, len(live), deadline
            ):
                cells, elapsed_ms = await self._asker.run(stage, live, deadline, origin)
            else:
                cells, elapsed_ms = await self._runner.run(stage, live, deadline)
            traced.note_cells(span, cells)
        for progress, cell in zip(live, cells, strict=True):
            progress.take(stage.name, stage.kind, cell, elapsed_ms)
            if isinstance(cell, BudgetError) and self.purse.rejects:
                progress.refuse(cell)
            elif isinstance(cell, DeadlineError) or (
                isinstance(cell, HeadgateError) and isinstance(stage, Answering)
            ):
                progress.problem = cell
        going = [progress for progress in live if progress.problem is None]
        return going, [progress for progress in live if progress.problem is not None]


def _or_silent(cell: Cell, own: Prediction) -> Prediction:
    """Return what the second model says; where it failed, that it believes in nothing."""
    return prediction_of(cell) or Prediction(own.options, (0.0,) * len(own.options))


def _if_heard(verdict: GateVerdict, second: Cell) -> GateVerdict:
    """Return the verdict; what the second model did not answer is not kept."""
    return verdict if isinstance(second, Prediction) else replace(verdict, kept=False)
