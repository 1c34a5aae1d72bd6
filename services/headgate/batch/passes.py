"""A job from its planned units to its written ones, in an order that a restart does not change.

by template: all units read -> templates -> answers -> all units written
by record:   a unit read -> its records answered -> written; the next ones are being read meanwhile
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa

from headgate.batch.answers import SCHEMA, Answer, batch_of
from headgate.batch.asking import Answerer
from headgate.batch.certify import Block, Certifier
from headgate.batch.durable import replacing
from headgate.batch.journal import Journal, Step
from headgate.batch.ledger import Ledger
from headgate.batch.outputs.texts import TEMPLATES
from headgate.batch.shapes import Mined, mine_templates
from headgate.batch.spool import UnitSpool, reading, records_of, template_answers, writing
from headgate.batch.types import Unit
from headgate.batch.work import Work
from headgate.batch.workers import Workers

TEMPLATE_COUNT = "templates"
"""Name of a note in the journal."""
READING, MINING, ANSWERING, WRITING = "reading", "finding templates", "answering", "writing"
ALL_AT_ONCE = "reading, answering and writing"


class Passes:
    """Takes every unit of a job as far as it goes; what an earlier run did is not done again."""

    def __init__(self, work: Work, journal: Journal, workers: Workers, ledger: Ledger) -> None:
        """Put the parts together.

        Args:
            work: What to do.
            journal: Where each step is written down once its files are on the disk.
            workers: Who reads and writes units.
            ledger: What is known of the units.
        """
        self._work, self._journal, self._workers, self._ledger = work, journal, workers, ledger
        self._directory = Path(work.directory)

    async def go(self, answerer: Answerer, certifier: Certifier | None) -> None:
        """Take all units to their end.

        Args:
            answerer: Whose engine answers; that of `asking_all` when the batch is certified.
            certifier: Decides what is asked; None leaves that to the gates of the cascade.
        """
        if self._work.grain == "template":
            await self.by_template(certifier or answerer)
            return
        if certifier is not None:
            await self._certify(certifier)
        await self.by_record(answerer)

    async def by_template(self, answerer: Answerer | Certifier) -> None:
        """Answer each template once, and give every line its template's answer."""
        with self._ledger.phase(READING):
            await self._in_turns(self._ledger.below(Step.SPOOLED), self._spool)
        if self._ledger.below(Step.ANSWERED):
            await self._answer_templates(answerer)
        with self._ledger.phase(WRITING):
            await self._in_turns(self._ledger.below(Step.WRITTEN), self._write)

    async def by_record(self, answerer: Answerer) -> None:
        """Answer each different record once, unit by unit in their order."""
        todo = self._ledger.below(Step.WRITTEN)
        places = asyncio.Semaphore(self._workers.count)
        with self._ledger.phase(ALL_AT_ONCE), _first_error():
            async with asyncio.TaskGroup() as group:
                reading_ahead: dict[int, asyncio.Task[None]] = {}
                for position, unit in enumerate(todo):
                    for soon in todo[position : position + 1 + self._workers.count]:
                        if soon.number not in reading_ahead:
                            task = group.create_task(self._spool(soon))
                            reading_ahead[soon.number] = task
                    await reading_ahead[unit.number]
                    await self._answer_records(unit, answerer)
                    await places.acquire()
                    written = group.create_task(self._write(unit))
                    written.add_done_callback(lambda _: places.release())

    async def _in_turns(
        self, units: Iterable[Unit], step: Callable[[Unit], Awaitable[None]]
    ) -> None:
        """Take all units through a step, a few at a time."""
        places = asyncio.Semaphore(2 * self._workers.count)

        async def one(unit: Unit) -> None:
            try:
                await step(unit)
            finally:
                places.release()

        with _first_error():
            async with asyncio.TaskGroup() as group:
                for unit in units:
                    await places.acquire()
                    group.create_task(one(unit))

    async def _spool(self, unit: Unit) -> None:
        if self._ledger.step(unit) >= Step.SPOOLED:
            return
        facts = await asyncio.wrap_future(self._workers.spool(unit))
        self._journal.spooled(unit.number, asdict(facts))
        self._ledger.spooled(unit, facts)

    async def _write(self, unit: Unit) -> None:
        lines_before = self._ledger.lines_before(unit)
        told = await asyncio.wrap_future(self._workers.write(unit, lines_before))
        self._journal.written(unit.number, told.facts(), told.summary)
        self._ledger.written(unit)

    async def _answer_templates(self, answerer: Answerer | Certifier) -> None:
        spools = [UnitSpool.of(self._directory, unit.number) for unit in self._ledger.units]
        with self._ledger.phase(MINING):
            mined = await asyncio.to_thread(mine_templates, spools)
        with self._ledger.phase(ANSWERING):
            (field,) = self._work.task.fields
            answers = await answerer.answer(mined.records(field))
            self._save(mined, answers)
        self._journal.note(TEMPLATE_COUNT, len(mined.templates))
        self._journal.answered([unit.number for unit in self._ledger.units])
        self._ledger.answered()

    def _save(self, mined: Mined, answers: Sequence[Answer]) -> None:
        with replacing(self._directory / TEMPLATES) as partial:
            mined.templates.save(partial)
        ids = pa.array([template.id for template in mined.templates], pa.string())
        codes = pa.array(np.arange(len(ids), dtype=np.int32))
        named = pa.DictionaryArray.from_arrays(codes, ids)
        schema = SCHEMA.append(pa.field("template_id", named.type))
        columns = [*batch_of(answers).columns, named]
        with writing(template_answers(self._directory), schema) as write:
            write(pa.record_batch(columns, schema=schema))

    async def _certify(self, certifier: Certifier) -> None:
        """Answer all records of all units, each of which is read first."""
        with self._ledger.phase(READING):
            await self._in_turns(self._ledger.below(Step.SPOOLED), self._spool)
        with self._ledger.phase(ANSWERING):
            if self._ledger.below(Step.ANSWERED):
                await certifier.answer_blocks(
                    block for unit in self._ledger.units for block in self._blocks(unit)
                )

    def _blocks(self, unit: Unit) -> Iterator[Block]:
        """Yield the name, the keys and the records of each block of a unit."""
        spool = UnitSpool.of(self._directory, unit.number)
        for number, batch in enumerate(reading(spool.items)):
            yield f"{unit.number}:{number}", batch["key"].to_pylist(), records_of(batch)

    async def _answer_records(self, unit: Unit, answerer: Answerer) -> None:
        if self._ledger.step(unit) >= Step.ANSWERED:
            return
        with writing(UnitSpool.of(self._directory, unit.number).answers, SCHEMA) as write:
            for block in self._blocks(unit):
                write(batch_of(await answerer.answer_block(*block)))
        self._journal.answered([unit.number])
        self._ledger.answered(unit)


@contextmanager
def _first_error() -> Iterator[None]:
    """Raise the first of the errors that ended several tasks at once."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
