"""A cascade's stages, each called alone: classify, retrieve, rerank, verify.

records or texts -> one stage -> its answers, without gate and trace
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from headgate.cascade import traced
from headgate.cascade.engine import Engine
from headgate.cascade.nodes import GateNode, Paying
from headgate.cascade.payment import Purse, exhausted
from headgate.errors import (
    BudgetError,
    DeadlineError,
    HeadgateError,
    InputError,
    NotFoundError,
)
from headgate.gate.budget import Admission, Demand, Grant
from headgate.stages.catalog import Asking, Retrieve
from headgate.stages.classify import Classify
from headgate.stages.contract import Batch, Cell, Hits, Stage
from headgate.types import Candidate, Deadline, Judgement, Prediction, Record, Verification

Ranking = tuple[tuple[str, float], ...]
"""Candidate ids with scores, best first."""
Admit = Callable[[float, int], Admission | None]
"""Reserves the largest cost of a call, which counts as so many of a share; None for no."""
StageType = TypeVar("StageType", Classify, Retrieve)


async def classify(
    engine: Engine, records: Sequence[Record], deadline: Deadline, *, stage: str = ""
) -> list[Prediction | HeadgateError]:
    """Return the small model's prediction, or an error, a record.

    Raises:
        NotFoundError: The cascade has no such classify stage.
    """
    engine = engine.units
    found = _stage(engine, Classify, stage)
    cells = await _run_valid(engine, found, records, deadline)
    return [cell for cell in cells if isinstance(cell, Prediction | HeadgateError)]


async def retrieve(
    engine: Engine, queries: Sequence[str], deadline: Deadline, *, stage: str = "", top_k: int = 0
) -> list[Hits]:
    """Return the nearest documents a query text, nearest first; the stage's own number when 0.

    Raises:
        NotFoundError: The cascade has no such retrieve stage.
        DeadlineError: Too late.
    """
    found = _stage(engine, Retrieve, stage)
    with traced.opened(found, len(queries)):
        async with _within(deadline):
            return await found.search(queries, top_k or found.top_k)


async def rerank(
    engine: Engine, items: Sequence[tuple[str, Sequence[Candidate]]], deadline: Deadline
) -> list[Ranking]:
    """Return each item's candidates, best first, by how well they fit its text.

    The score is the log-odds of the cascade's pair classifier, or the cosine of the texts'
    vectors where the cascade classifies single texts.

    Args:
        engine: The cascade.
        items: A text and its candidates, at least one.
        deadline: When the caller stops waiting.

    Raises:
        InputError: An item has no candidates, or two of the same id.
        NotFoundError: The cascade has no encoder to compare with.
        DeadlineError: Too late.
    """
    if not items:
        return []
    for position, (_, candidates) in enumerate(items):
        _check_candidates(position, candidates)
    pairs = [(text, each.text) for text, candidates in items for each in candidates]
    stage = _stage(engine, Classify, "")
    firsts, seconds = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    with traced.opened(stage, len(items)):
        async with _within(deadline):
            scores = await stage.compare(firsts, seconds)
    ends = np.cumsum([len(candidates) for _, candidates in items])
    parts = np.split(scores, ends[:-1])
    return [_ranking(each[1], own) for each, own in zip(items, parts, strict=True)]


async def verify(
    engine: Engine,
    records: Sequence[Record],
    deadline: Deadline,
    *,
    stage: str = "",
    proposals: Sequence[str] = (),
    caller: str = "",
) -> list[Verification]:
    """Return the large model's decision, or an error, a record; no small model is asked first.

    Each call is paid for by the cascade's budget, and by the caller's.

    Args:
        engine: The cascade.
        records: What to decide.
        deadline: When the caller stops waiting.
        stage: The verify stage; the last one when empty.
        proposals: An answer a record to be confirmed or not; or none at all.
        caller: Who asks.

    Raises:
        InputError: The number of proposals is another than that of records.
        NotFoundError: The cascade has no such verify stage.
        DeadlineError: Too late for every record.
    """
    if proposals and len(proposals) != len(records):
        problem = f"{len(proposals)} proposals for {len(records)} records"
        raise InputError("proposals", problem, "Send one a record, or none.")
    engine = engine.units
    found = _asking(engine, stage)
    engine.purse.arrive(caller, len(records))

    def admit(cost_usd: float, calls: int) -> Admission:
        return engine.purse.admit(Demand(1.0, cost_usd, required=True, calls=calls), caller)

    columns = await _evidence(engine, found, records, deadline, admit)
    paid = _Paid(found, engine.purse, admit, calls=1)
    cells = await _run_valid(engine, paid, records, deadline, columns)
    too_late = [cell for cell in cells if isinstance(cell, DeadlineError)]
    if too_late and len(too_late) == len(cells):
        raise too_late[0]
    wanted = list(proposals) or [""] * len(records)
    return [
        _verification(record, cell, proposal, engine.task.canonical)
        for record, cell, proposal in zip(records, cells, wanted, strict=True)
    ]


async def audit(engine: Engine, record: Record, deadline: Deadline) -> str | None:
    """Return the large model's answer to a record that was kept; None when it is not to be had.

    It is in its canonical form.

    It is paid for by the audits' part of the budget, and asked with the same evidence.
    """
    engine = engine.units
    stage = _asking(engine, "")
    admit = engine.purse.admit_audit
    columns = await _evidence(engine, stage, [record], deadline, admit)
    if any(isinstance(column[0], BudgetError) for column in columns.values()):
        return None  # what the large model would have been told is not what it is told now
    (cell,) = await _Paid(stage, engine.purse, admit, calls=1).run(
        Batch([record], deadline, columns)
    )
    return engine.task.canonical(cell.answer) if isinstance(cell, Judgement) else None


class _Paid:
    """A stage whose calls are paid for; a record that cannot be paid gets its error."""

    def __init__(self, stage: Asking | Paying, purse: Purse, admit: Admit, *, calls: int) -> None:
        self._stage, self._purse, self._admit, self._calls = stage, purse, admit, calls
        self.name, self.kind = stage.name, stage.kind
        self.inputs, self.model = stage.inputs, stage.model

    async def warm_up(self) -> None:
        await self._stage.warm_up()

    async def run(self, batch: Batch) -> list[Cell]:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._run_one(batch, place))
                for place in range(len(batch.records))
            ]
        return [task.result() for task in tasks]

    async def _run_one(self, batch: Batch, place: int) -> Cell:
        if batch.deadline.remaining_s() <= 0:
            return _too_late()  # nothing is sent, so nothing is paid for
        record = batch.records[place]
        columns = {name: [column[place]] for name, column in batch.columns.items()}
        cost_usd = self._stage.largest_cost_usd(record, _shown(columns, 0))
        admission = self._admit(cost_usd, self._calls)
        if admission is None or admission.grant is not Grant.ESCALATE:
            return exhausted(f"record {record.id!r}")
        cell: Cell | None = None
        try:
            (cell,) = await self._stage.run(Batch([record], batch.deadline, columns))
        finally:
            self._purse.settle(admission, cell)
        return cell


def _verification(
    record: Record, cell: Cell, proposal: str, canonical: Callable[[str], str]
) -> Verification:
    if isinstance(cell, Judgement):
        confirmed = canonical(cell.answer) == canonical(proposal) if proposal else None
        return Verification(record.id, cell, confirmed)
    return Verification(record.id, error=cell if isinstance(cell, HeadgateError) else None)


def _shown(columns: Mapping[str, Sequence[Cell]], place: int) -> dict[str, Cell]:
    """Return what a stage that asks a language model is told of the record at a place."""
    return {name: column[place] for name, column in columns.items()}


def _stage(engine: Engine, kind: type[StageType], name: str) -> StageType:
    """Return the stage of that name, or the last of its kind when no name is given."""
    stages = [node for node in engine.nodes if isinstance(node, kind)]
    named = [stage for stage in stages if name in ("", stage.name)]
    if not named:
        raise _no_stage(engine, kind.kind, name)
    return named[-1]


def _asking(engine: Engine, name: str) -> Asking:
    """Return the stage of that name that asks a large model; the only one without a name."""
    stage = engine.asking
    if stage is None or name not in ("", stage.name):
        raise _no_stage(engine, "verify", name)
    return stage


def _no_stage(engine: Engine, kind: str, name: str) -> NotFoundError:
    wanted = f"{kind} stage {name!r}" if name else f"{kind} stage"
    return NotFoundError(
        f"cascade {engine.name!r}",
        f"it has no {wanted}",
        f"It has: {', '.join(node.name for node in engine.nodes)}.",
    )


async def _run_valid(
    engine: Engine,
    stage: Stage,
    records: Sequence[Record],
    deadline: Deadline,
    columns: dict[str, list[Cell]] | None = None,
) -> list[Cell]:
    """Run a stage on the records the task can answer; the others get their error."""
    cells: dict[int, Cell] = {}
    for index, record in enumerate(records):
        try:
            engine.task.check(record)
        except HeadgateError as error:
            cells[index] = error
    valid = [index for index in range(len(records)) if index not in cells]
    chosen = {k: [column[index] for index in valid] for k, column in (columns or {}).items()}
    batch = Batch([records[index] for index in valid], deadline, chosen)
    try:
        with traced.opened(stage, len(valid)) as span:
            found = await stage.run(batch)
            traced.note_cells(span, found)
        cells.update(zip(valid, found, strict=True))
    except TimeoutError:  # every stage keeps the batch's deadline itself
        raise _too_late() from None
    return [cells[index] for index in range(len(records))]


async def _evidence(
    engine: Engine,
    stage: Asking,
    records: Sequence[Record],
    deadline: Deadline,
    admit: Admit,
) -> dict[str, list[Cell]]:
    """Return what the stage tells the large model; errors of records stay for later.

    What a stage reads may have been read from an earlier one, which then runs first and is told,
    too.
    """
    wanted = set(stage.inputs)
    for node in reversed(engine.nodes):
        if node.name in wanted and not isinstance(node, GateNode):
            wanted |= set(node.inputs)
    columns: dict[str, list[Cell]] = {}
    for node in engine.nodes:
        if node.name in wanted and not isinstance(node, GateNode):
            own = {name: columns[name] for name in node.inputs}
            runs: Stage = node
            if isinstance(node, Paying) and node.large_model is not None:
                runs = _Paid(node, engine.purse, admit, calls=0)
            columns[node.name] = await _run_valid(engine, runs, records, deadline, own)
    return columns


def _check_candidates(position: int, candidates: Sequence[Candidate]) -> None:
    ids = [candidate.id for candidate in candidates]
    if not ids or len(set(ids)) < len(ids) or not all(ids):
        raise InputError(
            f"items[{position}].candidates",
            f"{len(ids)} candidates, or their ids are blank or repeated",
            "Send at least one, with different ids.",
        )


def _ranking(candidates: Sequence[Candidate], scores: NDArray[np.float32]) -> Ranking:
    order = np.argsort(-scores, kind="stable").tolist()
    return tuple((candidates[place].id, float(scores[place])) for place in order)


@asynccontextmanager
async def _within(deadline: Deadline) -> AsyncIterator[None]:
    """Turn the end of the caller's time into our error."""
    try:
        async with asyncio.timeout(max(deadline.remaining_s(), 0)):
            yield
    except TimeoutError:
        raise _too_late() from None


def _too_late() -> DeadlineError:
    return DeadlineError(
        "request", "its time was over before the answer was there", "Allow more time."
    )
