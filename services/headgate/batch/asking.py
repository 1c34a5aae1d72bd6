"""Records are answered by one engine, in an order that a restart does not change.

keys, records (n) of a block -> known answers, new ones from the engine -> answers (n), kept
"""

from __future__ import annotations

from collections.abc import Sequence

from headgate.batch.answers import Answer
from headgate.batch.journal import Journal
from headgate.batch.purse import JobPurse
from headgate.batch.store import Known
from headgate.cascade.engine import Engine
from headgate.cascade.fan_out import FanOut
from headgate.types import Deadline, Record, Result

AT_ONCE = 2048
"""Records in one call of the engine; the large model is asked about all it gets of them."""
TABLES_AT_ONCE = 32
"""The same of tables: what is told of their columns is in memory until all are answered."""
QUESTIONS_AT_ONCE = 256
"""The same of questions with steps: so are their passages."""
DEADLINE_S = 3600.0
"""For one such call."""


async def ask(engine: Engine, records: Sequence[Record]) -> list[Result]:
    """Return one result a record, in order, however many there are."""
    results: list[Result] = []
    at_once = _at_once(engine)
    for start in range(0, len(records), at_once):
        part = records[start : start + at_once]
        results += await engine.run(part, Deadline.after(DEADLINE_S))
    return results


def _at_once(engine: Engine) -> int:
    if isinstance(engine, FanOut):
        return TABLES_AT_ONCE
    return AT_ONCE if engine.steps is None else QUESTIONS_AT_ONCE


class Answerer:
    """Answers the records of a job, each different one once."""

    def __init__(self, engine: Engine, purse: JobPurse, journal: Journal) -> None:
        """Bring the budget to where the journal says that it was.

        Args:
            engine: Its large models write to the journal.
            purse: As full as the cascade file says; the engine is given it.
            journal: Of the job.
        """
        purse.replay(journal.answers.events())
        engine.units.purse = purse
        self.engine, self.purse, self._journal = engine, purse, journal
        self.answered = len(journal.answers)
        """Different records that have an answer."""

    async def close(self) -> None:
        """Give back the connections of the large model."""
        await self.engine.close()

    async def answer(self, records: Sequence[Record]) -> list[Answer]:
        """Return one answer a record, in order; nothing but paid answers is kept.

        Raises:
            OSError: A paid answer could not be written down.
        """
        results = await ask(self.engine, records)
        self._journal.calls.check()
        self.answered += len(records)
        return [Answer.of(result) for result in results]

    async def answer_block(
        self, name: str, keys: Sequence[bytes], records: Sequence[Record]
    ) -> list[Answer]:
        """Return one answer a record, in order; one that was needed before costs nothing more.

        To be called for the blocks of a job in their order, of which those that were answered
        in an earlier run make no difference: new records and what they cost are kept at once.

        Args:
            name: Of the block.
            keys: One a record.
            records: Of the block.

        Raises:
            OSError: The answers cannot be kept.
        """
        known = self._journal.answers.find(keys)
        new = {k: each for k, each in zip(keys, records, strict=True) if k not in known}
        fresh = dict(zip(new, await self.answer(list(new.values())), strict=True))
        if fresh:
            kept = {key: Known(name, answer) for key, answer in fresh.items()}
            self._journal.answers.add(kept, self.purse.take_events())
        paid_here = {key for key, own in known.items() if own.block == name} | set(fresh)
        answers = {key: own.answer for key, own in known.items()} | fresh
        return [_once(answers[key], key, paid_here) for key in keys]


def _once(answer: Answer, key: bytes, paid_here: set[bytes]) -> Answer:
    """Return the answer with its cost the first time, and without it from then on."""
    if key not in paid_here:
        return answer.repeated()
    paid_here.remove(key)
    return answer
