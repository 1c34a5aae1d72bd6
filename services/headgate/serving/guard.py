"""Watches one cascade in one gateway: notes decisions, audits after the reply, tells the state.

Observation -> coin, Decision -> report to the watcher -> Status -> the engine's guarantee
                 └─ drawn and kept -> queue -> large model -> answer -> next report
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from headgate.cascade.capabilities import audit
from headgate.cascade.decision_log import Decision
from headgate.cascade.engine import Engine
from headgate.cascade.observation import Observation
from headgate.domains.rows import unit_of
from headgate.errors import FeedbackError
from headgate.gate.audit import audit_coin
from headgate.gate.watch import WatchSettings
from headgate.serving.logs import get_logger
from headgate.serving.status import internal_error
from headgate.serving.watcher import Assignment, AuditAnswer, Status
from headgate.types import Deadline, Feedback, FeedbackOutcome, GuaranteeState, Record

REPORT_PERIOD_S = 0.25
AUDIT_TIMEOUT_S = 60.0
AUDITORS = 4
"""Audits at work at once; the rest wait."""
MAX_WAITING = 1_000
"""Audits that wait; one more is given up, and counts as missing."""
MAX_PENDING = 100_000
"""Decisions kept while the watcher cannot be reached; the oldest are dropped."""
CLOSE_TIMEOUT_S = 10.0
"""For the last report; Serve ends a replica that takes longer than 20 s to stop."""

log = get_logger(__name__)


class WatcherHandle(Protocol):
    """A watcher wherever it runs."""

    async def key(self) -> bytes:
        """Return the secret of the audits' coins."""

    async def assign(self, assignment: Assignment) -> Status:
        """Watch a certificate."""

    async def report(
        self, decisions: Sequence[Decision], audits: Sequence[AuditAnswer]
    ) -> Status | None:
        """Take what happened; None when there is no assignment."""

    async def feedback(self, feedback: Sequence[Feedback]) -> list[str]:
        """Note right answers; return what is wrong with each."""

    async def close(self) -> None:
        """Let go of it."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a guard is given."""

    engine: Engine
    assignment: Assignment
    key: bytes
    """Of the coins; empty: the watcher's own."""


class Guard:
    """Observes one engine until it is closed. Use it from the engine's event loop."""

    def __init__(self, watched: Watched, watcher: WatcherHandle) -> None:
        """Prepare; nothing is observed before `start`.

        Args:
            watched: The engine, its certificate and the key.
            watcher: Who keeps the log.
        """
        self._engine = watched.engine
        self._assignment = watched.assignment
        self._key = watched.key
        self._watcher = watcher
        self._decisions: list[Decision] = []
        self._answers: list[AuditAnswer] = []
        self._waiting: asyncio.Queue[tuple[Decision, Record]] = asyncio.Queue(MAX_WAITING)
        self._reporting = asyncio.Lock()
        self._closing = asyncio.Event()
        self._reporter: asyncio.Task[None] | None = None
        self._auditors: list[asyncio.Task[None]] = []
        self.status: Status | None = None
        self.skipped = 0
        """Audits that were drawn and not made."""

    @property
    def settings(self) -> WatchSettings:
        """Return what is watched."""
        return self._assignment.settings

    async def start(self) -> None:
        """Take up the watch, and observe from now on."""
        self._key = self._key or await self._watcher.key()
        self._take(await self._watcher.assign(self._assignment))
        self._engine.observer = self._observe
        self._reporter = asyncio.create_task(self._report_until_closed())
        self._auditors = [asyncio.create_task(self._audit_for_ever()) for _ in range(AUDITORS)]

    async def close(self) -> None:
        """Stop observing and report what is left; audits that wait are given up."""
        self._engine.observer = lambda observation: None
        for task in self._auditors:
            task.cancel()
        await asyncio.gather(*self._auditors, return_exceptions=True)
        self._closing.set()
        if self._reporter is not None:
            # Not cancelled at once: a report that is cut off would be sent and counted twice.
            _, late = await asyncio.wait([self._reporter], timeout=CLOSE_TIMEOUT_S)
            for task in late:
                task.cancel()
        try:
            await self._watcher.close()
        except Exception as error:  # noqa: BLE001 - what follows us must start all the same
            internal_error(error, f"close the watch of {self._engine.name}")

    async def feedback(self, feedback: Sequence[Feedback]) -> list[FeedbackOutcome]:
        """Hand right answers to the log; a label outside the answer set is refused.

        Raises:
            UnavailableError: The watcher cannot be reached.
        """
        labels = self._engine.task.labels
        declared = [not labels or each.label in labels for each in feedback]
        await self.report()  # what was answered a moment ago is to be found
        canonical = self._engine.task.canonical
        known = [
            replace(each, label=canonical(each.label))
            for each, own in zip(feedback, declared, strict=True)
            if own
        ]
        problems = iter(await self._watcher.feedback(known))
        return [
            _outcome(each, next(problems) if own else "its label is not declared")
            for each, own in zip(feedback, declared, strict=True)
        ]

    async def report(self) -> None:
        """Tell the watcher what happened, and take the state it answers."""
        async with self._reporting:  # one after the other: the monitors read streams in order
            await self._report()

    async def _report(self) -> None:
        decisions, self._decisions = self._decisions, []
        answers, self._answers = self._answers, []
        try:
            status = await self._watcher.report(decisions, answers)
            if status is None:  # it was started anew and does not know us
                await self._watcher.assign(self._assignment)
                status = await self._watcher.report(decisions, answers)
        except BaseException:
            self._decisions = [*decisions, *self._decisions][-MAX_PENDING:]
            self._answers = [*answers, *self._answers][-MAX_PENDING:]
            raise
        if status is not None:
            self._take(status)

    def _take(self, status: Status) -> None:
        if status.certificate_id != self.settings.certificate_id:
            return  # another gateway has moved on to another certificate
        if self.status is not None and status.state is not self.status.state:
            log.warning("guarantee", cascade=self._engine.name, state=status.state)
        self.status = status
        self._engine.guarantee.take(status.state)

    def _observe(self, seen: Observation) -> None:
        """Note a record; it must not wait nor fail, since the reply would."""
        try:
            self._note(seen)
        except Exception as error:  # noqa: BLE001 - the answer is right without its audit
            internal_error(error, f"observe {self._engine.name}")

    def _note(self, seen: Observation) -> None:
        certificate = self.settings.certificate_id
        suspect = self._engine.guarantee.state is GuaranteeState.SUSPECT
        name = f"{seen.origin.request_id}|{seen.record.id}"
        decision = Decision(
            request_id=seen.origin.request_id,
            record_id=seen.record.id,
            certificate_id=certificate,
            at=time.time(),
            score=seen.score,
            small_answer=seen.small_answer,
            reference=seen.reference,
            kept=seen.kept,
            propensity=self.settings.audits.propensity(seen.confidence, suspect=suspect),
            coin=audit_coin(self._key, certificate, name),
            unit=self._unit(seen.record),
            options=tuple(candidate.id for candidate in seen.record.candidates),
        )
        self._decisions.append(decision)
        if seen.kept and decision.drawn:
            self._queue(decision, seen.record)

    def _unit(self, record: Record) -> str:
        """Return a keyed hash of what copies of the record share."""
        text = json.dumps(unit_of(record)).encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:16]

    def _queue(self, decision: Decision, record: Record) -> None:
        try:
            self._waiting.put_nowait((decision, record))
        except asyncio.QueueFull:
            self.skipped += 1

    async def _report_until_closed(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), REPORT_PERIOD_S)
            if self._decisions or self._answers:
                try:
                    await self.report()
                except Exception as error:  # noqa: BLE001 - the cascade answers without a watcher
                    internal_error(error, f"watch {self._engine.name}")

    async def _audit_for_ever(self) -> None:
        while True:
            decision, record = await self._waiting.get()
            try:
                answer = await audit(self._engine, record, Deadline.after(AUDIT_TIMEOUT_S))
            except Exception as error:  # noqa: BLE001 - one audit must not end the others
                internal_error(error, f"audit {self._engine.name}")
                answer = None
            self.skipped += answer is None
            self._answers.append(AuditAnswer(decision, answer))


def _outcome(feedback: Feedback, problem: str) -> FeedbackOutcome:
    if not problem:
        return FeedbackOutcome(feedback.record_id)
    place = f"record {feedback.record_id!r}"
    error = FeedbackError(place, problem, "Check its ids and its label.")
    return FeedbackOutcome(feedback.record_id, error)
