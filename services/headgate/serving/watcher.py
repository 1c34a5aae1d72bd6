"""One watcher a cascade: keeps its log of decisions and says whether the certificate still holds.

decisions, audit answers of all gateways -> DecisionLog, Watch -> Status;  feedback -> DecisionLog

On a cluster it is a Ray actor; its state is on disk, so that a restart forgets nothing but the
last seconds.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from headgate.cascade.decision_log import Decision, DecisionLog
from headgate.errors import InputError
from headgate.gate.audit import AuditRow
from headgate.gate.watch import StateChange, Watch, WatchSettings, audit_update
from headgate.serving.logs import get_logger
from headgate.types import Feedback, GuaranteeState

STATE_FILE = "watch-{}.json"
"""One a certificate: going back to an older one must not certify again what is void."""
KEY_FILE = "audit_key"
KEY_BYTES = 32
SAVE_PERIOD_S = 2.0
MAX_BURSTS = 100_000
"""Remembered; about 20 MB."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a watcher watches."""

    settings: WatchSettings
    reference_scores: Sequence[float]
    """Of the development rows."""


@dataclass(frozen=True, slots=True)
class AuditAnswer:
    """What came of one audit."""

    decision: Decision
    answer: str | None
    """The large model's; None when it was skipped or failed."""


@dataclass(frozen=True, slots=True)
class Status:
    """What gateways are told."""

    certificate_id: str
    """Of the certificate that is watched; another gateway may have assigned another one."""
    state: GuaranteeState
    risk_evidence: float
    """The alarm is raised at 1."""
    score_evidence: float
    audits: int
    """Answered since the watcher started."""
    disagreements: int
    """Of these, those that differ from the small model's answer."""
    changes: Sequence[StateChange]


class Watcher:
    """Keeps one cascade's log and state in one directory; safe to call from several threads."""

    def __init__(self, directory: str) -> None:
        """Open the log; nothing is watched before an assignment.

        Args:
            directory: Of this cascade alone; created when absent.

        Raises:
            InputError: The log there is damaged.
        """
        self._directory = Path(directory)
        self._log = DecisionLog(self._directory)
        self._lock = threading.Lock()
        self._watch: Watch | None = None
        self._saved_at = 0.0
        self._audits = self._disagreements = 0
        self._bursts: dict[tuple[str, int], None] = {}

    def key(self) -> bytes:
        """Return the secret of the audits' coins, made once and kept.

        Raises:
            InputError: The file of the secret is damaged.
        """
        path = self._directory / KEY_FILE
        with self._lock:
            if not path.exists():
                _write_key(path)
            key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise InputError(str(path), "it is no key of audits", "Remove it; another is made.")
        return key

    def assign(self, assignment: Assignment) -> Status:
        """Watch a certificate; what is known of the same one is taken up again.

        Raises:
            InputError: The saved state is damaged.
        """
        with self._lock:
            scores = np.array(assignment.reference_scores, np.float64)
            self._save()  # what is watched now; a second gateway may assign the same
            self._watch = self._restored(assignment.settings, scores)
            self._save()
            return self._status(self._watch)

    def report(self, decisions: Sequence[Decision], audits: Sequence[AuditAnswer]) -> Status | None:
        """Take what happened since the last report; None when there is no assignment yet.

        Args:
            decisions: New ones, in order.
            audits: Answers to audits of decisions that were reported, now or before.
        """
        with self._lock:
            watch = self._watch
            if watch is None:
                return None
            self._log.add(decisions)
            for audit in audits:
                self._note_answer(audit)
            at = datetime.now(UTC).isoformat(timespec="seconds")
            before = watch.state
            own = watch.settings.certificate_id
            scores = [each.score for each in self._fresh(decisions) if each.certificate_id == own]
            watch.observe_scores(np.array(scores, np.float64), at=at)
            rows = [each for each in _audit_rows(decisions, audits) if _fits(each, watch.settings)]
            watch.observe_audits(*audit_update(rows, watch.settings), at=at)
            if watch.state is not before or time.monotonic() - self._saved_at > SAVE_PERIOD_S:
                self._try_to_save()
            return self._status(watch)

    def feedback(self, feedback: Sequence[Feedback]) -> list[str]:
        """Note right answers; return what is wrong with each, empty when it was taken."""
        with self._lock:
            return [self._take(each) for each in feedback]

    def save(self) -> None:
        """Write the state of the watch, as a gateway that leaves asks for."""
        with self._lock:
            self._save()

    def close(self) -> None:
        """Save and close."""
        with self._lock:
            self._save()
            self._log.close()

    def _fresh(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Return the decisions that are no copies of one within the same hour.

        The scores of a burst say the same thing over and over; taken as independent they would
        look like drift. A call that is tried again is a copy, too.
        """
        fresh = []
        for each in decisions:
            if each.burst not in self._bursts:
                self._bursts[each.burst] = None
                fresh.append(each)
        for oldest in list(self._bursts)[: max(0, len(self._bursts) - MAX_BURSTS)]:
            del self._bursts[oldest]
        return fresh

    def _take(self, feedback: Feedback) -> str:
        decision = self._log.find(feedback.record_id, feedback.request_id)
        if decision is None:
            return "no decision about it is in the log"
        if decision.options and feedback.label not in decision.options:
            return "the label is none of the record's candidates"
        self._log.set_gold(decision, feedback.label)
        return ""

    def _note_answer(self, audit: AuditAnswer) -> None:
        if audit.answer is not None:
            own = audit.decision
            self._audits += 1
            self._disagreements += audit.answer != own.small_answer
            self._log.set_reference(own.request_id, own.record_id, audit.answer)

    def _restored(self, settings: WatchSettings, scores: np.ndarray) -> Watch:
        """Return the watch of the state file, or a new one without a file."""
        path = self._state_path(settings)
        if not path.exists():
            return Watch(settings, scores)
        try:
            saved: Mapping[str, object] = json.loads(path.read_text("utf-8"))
            return Watch.from_json(saved, settings, scores)
        except (OSError, ValueError, ArithmeticError, RecursionError) as error:
            # Starting afresh would certify again what may have been void.
            raise InputError(
                str(path),
                "the state of the watch cannot be read",
                "Certify again, with `headgate recertify` or `fit`, and move the file away.",
            ) from error

    def _save(self) -> None:
        if self._watch is None:
            return
        path = self._state_path(self._watch.settings)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(self._watch.to_json()), "utf-8")
        partial.replace(path)
        self._saved_at = time.monotonic()

    def _try_to_save(self) -> None:
        """Save, or leave it to the next report: a report that fails is sent and counted twice."""
        try:
            self._save()
        except OSError as error:
            log.error("watch_not_saved", type=type(error).__name__)

    def _state_path(self, settings: WatchSettings) -> Path:
        return self._directory / STATE_FILE.format(settings.certificate_id)

    def _status(self, watch: Watch) -> Status:
        return Status(
            watch.settings.certificate_id,
            watch.state,
            watch.risk_evidence,
            watch.score_evidence,
            self._audits,
            self._disagreements,
            watch.changes,
        )


def _write_key(path: Path) -> None:
    """Write a new key, whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
    partial.replace(path)


def _fits(row: AuditRow, settings: WatchSettings) -> bool:
    """Return whether an audit can speak of what is watched.

    One that came late, from another gateway or from before a change, may be of another certificate
    or of a smaller share of audits.
    """
    return row.version == settings.certificate_id and row.propensity >= settings.audits.share


def _audit_rows(decisions: Sequence[Decision], audits: Sequence[AuditAnswer]) -> list[AuditRow]:
    """Return what the risk monitor reads: drawn records that went on, and audits with an answer."""
    sent_on = [_row(each, 0.0) for each in decisions if not each.kept and each.drawn]
    answered = [
        _row(each.decision, float(each.answer != each.decision.small_answer))
        for each in audits
        if each.answer is not None
    ]
    return sent_on + answered


def _row(decision: Decision, loss: float) -> AuditRow:
    return AuditRow(
        record_id=decision.record_id,
        request_id=decision.request_id,
        version=decision.certificate_id,
        score=decision.score,
        propensity=decision.propensity,
        coin=decision.coin,
        loss=loss,
        escalated=not decision.kept,
    )
