"""A cascade whose records fan out to units: each is answered by itself, then they are joined.

records (n) -> units (m, the columns of all tables) -> engine of units -> parts of each record
            -> join (one-to-one pairs) -> results (n), each as soon as its last part is final
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from headgate import spans
from headgate.cascade import traced
from headgate.cascade.engine import Engine, Indexed
from headgate.cascade.progress import degraded_by
from headgate.domains.schemas.match_record import column_records
from headgate.domains.schemas.match_task import TableTask
from headgate.errors import HeadgateError
from headgate.stages.assign import Assign
from headgate.types import Deadline, Decision, Origin, Record, Result, Step, Tier, Usage


@dataclass(slots=True)
class Expanded:
    """One record on its way: its units, and the parts that are final."""

    record: Record
    started: float
    units: list[Record] = field(default_factory=list)
    parts: list[Result | None] = field(default_factory=list)
    """One a unit; None until it is final."""
    problem: HeadgateError | None = None
    """Why it has no units."""

    @property
    def complete(self) -> bool:
        """Return whether every part is final."""
        return None not in self.parts


class FanOut(Engine):
    """An engine of tables around an engine of columns. Gates and certificates are of columns."""

    def __init__(self, units: Engine, *, name: str, task: TableTask, assign: Assign) -> None:
        """Put the parts together.

        Args:
            units: Answers the columns.
            name: Of the for_each stage.
            task: Reads the tables of a record.
            assign: Chooses the pairs.
        """
        super().__init__(units.about, task=task, nodes=units.nodes, guarantee=units.guarantee)
        self._units = units
        self._for_each = name
        self._tables = task
        self.assign = assign

    @property
    def units(self) -> Engine:
        """Return the engine of columns."""
        return self._units

    async def warm_up(self) -> None:
        """Let every stage do what makes its first batch slow."""
        await self._units.warm_up()
        await asyncio.to_thread(self.assign.warm_up)

    async def stream(
        self,
        records: Sequence[Record],
        deadline: Deadline,
        *,
        origin: Origin = Origin(),  # noqa: B008 - frozen
    ) -> AsyncGenerator[Indexed, None]:
        """Yield each record's position and result as soon as its last part is final."""
        # Up to 10,000 columns are compared here and paired below; the loop has others to answer.
        wholes = await asyncio.to_thread(self.expand, records)
        units = [unit for whole in wholes for unit in whole.units]
        places = [
            (number, place)
            for number, whole in enumerate(wholes)
            for place in range(len(whole.units))
        ]
        for number, whole in enumerate(wholes):
            if whole.complete:
                yield number, await self._finished(whole)
        # Closed with us: a reader that stops ends the calls that are still made.
        source = self._units.stream(units, deadline, origin=origin)
        span = traced.begun(traced.Part(self._for_each, "for_each"), len(records))
        async with aclosing(spans.within(span, source)) as answered:
            async for index, part in answered:
                number, place = places[index]
                wholes[number].parts[place] = part
                if wholes[number].complete:
                    yield number, await self._finished(wholes[number])

    def expand(self, records: Sequence[Record]) -> list[Expanded]:
        """Return each record with its units; with its problem when it cannot be read."""
        return [self._expand(record) for record in records]

    def _expand(self, record: Record) -> Expanded:
        whole = Expanded(record, time.perf_counter())
        try:
            self._tables.check(record)
            whole.units += column_records(self._tables.tables(record))
        except HeadgateError as error:
            whole.problem = error
        whole.parts += [None] * len(whole.units)
        return whole

    async def _finished(self, whole: Expanded) -> Result:
        """Return the record's result, and tell the listener."""
        result = await asyncio.to_thread(self._joined, whole)
        self.listener(result)
        return result

    def _joined(self, whole: Expanded) -> Result:
        """Return the record's result: its error, or its parts with the pairs chosen."""
        if whole.problem is not None:
            return Result(whole.record.id, error=whole.problem, lossy_input=whole.record.lossy)
        elapsed_ms = (time.perf_counter() - whole.started) * 1000
        parts = [part for part in whole.parts if part is not None]
        with traced.opened(self.assign, 1):
            joined = self.assign.join(whole.record.id, parts)
        steps = (
            Step(self._for_each, "for_each", Decision.ANSWERED, elapsed_ms, detail=_of(parts)),
            Step(self.assign.name, "assign", Decision.ANSWERED, joined.elapsed_ms),
        )
        return replace(
            summed(whole.record, parts),
            answer=joined.answer,
            confidence=joined.confidence,
            parts=joined.parts,
            path=steps,
        )


def _of(parts: Sequence[Result]) -> str:
    large = sum(part.tier is Tier.LARGE for part in parts)
    return f"{len(parts)} columns, {large} by the large model"


def summed(record: Record, parts: Sequence[Result]) -> Result:
    """Return what is told of a record as a whole, without its answer."""
    tiers = {part.tier for part in parts}
    degraded = [part.degraded or degraded_by(part.error) for part in parts]
    claims = {(part.certificate_id, part.guarantee) for part in parts}
    whole = Result(record.id, lossy_input=record.lossy)
    if len(claims) == 1:
        certificate_id, guarantee = claims.pop()
        whole = replace(whole, certificate_id=certificate_id, guarantee=guarantee)
    return replace(
        whole,
        tier=next((tier for tier in (Tier.LARGE, Tier.SMALL) if tier in tiers), None),
        usage=sum((part.usage for part in parts), Usage()),
        degraded=next(filter(None, degraded), ""),
        cached=bool(parts) and all(part.cached for part in parts),
    )
