"""One run of a job: from what its journal says to the end, or to where it is stopped.

job.json, journal -> engine, workers -> passes -> finish; SIGINT, SIGTERM -> KeyboardInterrupt
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.batch.asking import Answerer
from headgate.batch.certify import Certifier, Promise, asking_all
from headgate.batch.durable import private_folder
from headgate.batch.finish import FINISHED, RUNS, Ending, finish
from headgate.batch.identity import Identity
from headgate.batch.inputs import plan_units
from headgate.batch.journal import Journal
from headgate.batch.ledger import Ledger
from headgate.batch.outputs.shards import recover
from headgate.batch.paid import JournalledEngine
from headgate.batch.passes import Passes
from headgate.batch.progress import Report, Tally
from headgate.batch.purse import JobPurse
from headgate.batch.spool import FOLDER
from headgate.batch.work import PARTS, Work
from headgate.batch.workers import open_workers
from headgate.cascade.assemble import task_of
from headgate.cascade.engine import Engine
from headgate.cascade.load import LoadedCascade
from headgate.cascade.open import open_engine
from headgate.cascade.payment import purse_of
from headgate.lm.ledger import Price
from headgate.lm.seam import Engine as LmEngine

_REPORT_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a run does its work; it makes no difference to what is written."""

    workers: int | None = None
    """How many; one a core when None."""
    address: str = ""
    """Of a Ray cluster; `local` starts one here; empty: threads of this process."""
    most_errors: int | None = None
    """More wrong lines or rows than this end the run; None: any number is borne."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run; the lock of the directory is held meanwhile."""

    directory: Path
    identity: Identity
    loaded: LoadedCascade
    environment: Mapping[str, str]
    """Where keys and OPENAI_BASE_URL are looked up."""

    def go(self, placement: Placement, report: Report | None) -> None:
        """Go on with the job until it is finished; see `Job.run`."""
        for folder in (FOLDER, PARTS):
            private_folder(self.directory / folder)
        with closing(Journal(self.directory)) as journal:
            if journal.noted(FINISHED) is None:
                self._begin(journal)
                self._go_on(journal, placement, report)

    def _begin(self, journal: Journal) -> None:
        """Plan the units if no run has, and mend what a killed one left."""
        if not journal.planned:
            journal.plan(plan_units(self.identity.files, self.identity.spec))
        recover(self.directory / PARTS)
        journal.calls.run = (journal.noted(RUNS) or 0) + 1
        journal.note(RUNS, journal.calls.run)

    def _go_on(self, journal: Journal, placement: Placement, report: Report | None) -> None:
        engine = self._engine(journal)
        tally = Tally()
        work, ledger = self._work(placement), Ledger(journal, tally, placement.most_errors)
        workers = open_workers(work, tally, count=placement.workers, address=placement.address)
        with closing(workers):
            passes = Passes(work, journal, workers, ledger)
            answerer, certifier = self._answerer(engine, journal)
            going = passes.go(answerer, certifier)
            _until_stopped(_Reported(ledger, answerer, report).during(going))
        ending = Ending(self.directory, self.identity, self.loaded, engine, journal)
        finish(ending, workers.count, ledger.phases_s)

    def _engine(self, journal: Journal) -> Engine:
        def before(engine: LmEngine, price: Price) -> LmEngine:
            return JournalledEngine(engine, price, journal.calls)

        return open_engine(self.loaded, self.environment, around=before)

    def _answerer(self, engine: Engine, journal: Journal) -> tuple[Answerer, Certifier | None]:
        """Return who answers, and who decides what is asked if that is not for the gates."""
        deferral, output = self.loaded.spec.deferral, self.identity.output
        # A job is the cascade's own; there is no caller whose budget it would be.
        budget = deferral.budget.model_copy(update={"per_caller": None})
        purse = JobPurse(purse_of(deferral.model_copy(update={"budget": budget})))
        if not output.certify:
            return Answerer(engine, purse, journal), None
        promise = Promise.of(deferral.certificate, self.identity.seed)
        answerer = Answerer(asking_all(engine), purse, journal)
        return answerer, Certifier(answerer, journal, promise, f"{output.grain}s")

    def _work(self, placement: Placement) -> Work:
        output = self.identity.output
        return Work(
            directory=str(self.directory),
            spec=self.identity.spec,
            task=task_of(self.loaded),
            grain=output.grain,
            output_format=output.format,
            partition_by=output.partition_by,
            most_errors=placement.most_errors,
        )


@dataclass(frozen=True, slots=True)
class _Reported:
    """Tells somebody how far the job is while it runs."""

    ledger: Ledger
    answerer: Answerer
    report: Report | None

    async def during(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work; tell of it until it ends, and once more then."""
        telling = asyncio.create_task(self._tell_regularly())
        try:
            await work
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            await self.answerer.close()
        self._tell()

    async def _tell_regularly(self) -> None:
        while self.report is not None:
            self._tell()
            await asyncio.sleep(_REPORT_EVERY_S)

    def _tell(self) -> None:
        if self.report is not None:
            self.report(self.ledger.progress(self.answerer.answered))


def _until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Do the work; SIGINT and SIGTERM cancel it.

    Raises:
        KeyboardInterrupt: One of them came.
    """
    try:
        with asyncio.Runner() as runner:
            runner.run(_with_sigterm(work))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _with_sigterm(work: Coroutine[Any, Any, None]) -> None:
    """Do the work, which SIGTERM cancels; SIGINT is the runner's."""
    task = asyncio.current_task()
    if task is None or threading.current_thread() is not threading.main_thread():
        await work
        return
    loop, before = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await work
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)
