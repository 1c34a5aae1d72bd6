"""What may still be said of a certificate while its cascade runs.

scores (n,) of all requests          ->  ScoreMonitor  ->  alarm: certified -> suspect
losses (n,), weights (n,) of audits  ->  RiskMonitor   ->  alarm: certified, suspect -> void

Nothing leads back: a cascade is certified again by a new certificate, which has a watch of its own.
Feed each stream in one place, in order; a watch is not shared between threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from headgate.gate.audit import AuditPlan, AuditRow
from headgate.gate.monitor import RiskMonitor, ScoreMonitor
from headgate.types import GuaranteeState


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """What a certificate states, and how quickly it is doubted."""

    certificate_id: str
    risk_epsilon: float
    """The risk that audits are held against, between 0 and 1. Of a certificate whose own loss
    cannot be seen online, the upper bound of the loss that can be, as found when it was fitted."""
    risk_alpha: float
    """False alarms an audit, at most, between 0 and 1."""
    score_alpha: float
    """False alarms a request, at most, between 0 and 1."""
    score_drift: bool
    """Whether scores are watched."""
    audits: AuditPlan
    selective: bool
    """The certificate speaks of auto-answered requests only, not of all."""
    signed: bool = False
    """Losses are from -1 to 1 (net gap), not from 0 to 1."""
    persist: int = 3
    """How many updates in a row a monitor is beyond its level before the state changes."""


@dataclass(frozen=True, slots=True)
class StateChange:
    """One step down, and what led to it."""

    at: str
    """ISO 8601, as the caller gave it."""
    update: int
    """Which audit or request of its stream it was, from 1."""
    before: GuaranteeState
    after: GuaranteeState
    cause: Literal["risk", "score_drift"]


class Watch:
    """The state of one certificate of one cascade.

    Args:
        settings: What is watched, and how.
        reference_scores: Shape (n,), of the rows that were certified, whoever answers them; not
            read without `score_drift`.
        seed: Of the order of tied scores, at least 0.

    Raises:
        ValueError: A number is out of its range, or there are no reference scores.
    """

    def __init__(
        self, settings: WatchSettings, reference_scores: NDArray[np.float64], *, seed: int = 0
    ) -> None:
        self.settings = settings
        self._changes: tuple[StateChange, ...] = ()
        persist = settings.persist
        self._risk = RiskMonitor(
            settings.risk_epsilon, settings.risk_alpha, signed=settings.signed, persist=persist
        )
        self._scores: ScoreMonitor | None = None
        if settings.score_drift:
            alpha = settings.score_alpha
            self._scores = ScoreMonitor(reference_scores, alpha, seed, persist=persist)

    @property
    def state(self) -> GuaranteeState:
        """`CERTIFIED`, `SUSPECT` or `VOID`."""
        return self._changes[-1].after if self._changes else GuaranteeState.CERTIFIED

    @property
    def changes(self) -> tuple[StateChange, ...]:
        """The steps so far, in order; two at most."""
        return self._changes

    @property
    def risk_evidence(self) -> float:
        """How near the risk alarm is: it is raised at 1."""
        return self._risk.evidence

    @property
    def score_evidence(self) -> float:
        """How near the score alarm is: it is raised at 1. 0 when scores are not watched."""
        return self._scores.evidence if self._scores else 0.0

    def observe_scores(self, scores: NDArray[np.float64], *, at: str) -> GuaranteeState:
        """Take the scores of requests in order, and return the state after them.

        Args:
            scores: Shape (n,), of all requests, whoever answered them; finite.
            at: The time, ISO 8601, for `changes`.

        Raises:
            ValueError: A score is not finite; nothing was taken then.
        """
        if self._scores is None:
            return self.state
        alarm = self._scores.update(scores)
        if alarm and self.state is GuaranteeState.CERTIFIED:
            self._step(GuaranteeState.SUSPECT, "score_drift", self._scores, at)
        return self.state

    def observe_audits(
        self, losses: NDArray[np.float64], weights: NDArray[np.float64], *, at: str
    ) -> GuaranteeState:
        """Take audits in order, as `audit_update` selects them, and return the state after them.

        Args:
            losses: Shape (n,), from 0 to 1, or from -1 to 1 if signed.
            weights: Shape (n,), in (0, 1]: the plan's share over the audit's propensity.
            at: The time, ISO 8601, for `changes`.

        Raises:
            ValueError: A value is out of its range or no number; nothing was taken then.
        """
        alarm = self._risk.update(losses, weights)
        if alarm and self.state is not GuaranteeState.VOID:
            self._step(GuaranteeState.VOID, "risk", self._risk, at)
        return self.state

    def _step(
        self,
        after: GuaranteeState,
        cause: Literal["risk", "score_drift"],
        monitor: RiskMonitor | ScoreMonitor,
        at: str,
    ) -> None:
        update = monitor.alarmed_at or 0
        self._changes += (StateChange(at, update, self.state, after, cause),)

    def to_json(self) -> dict[str, Any]:
        """Return settings, state and evidence in plain JSON values."""
        return {
            "settings": asdict(self.settings),
            "changes": [asdict(change) for change in self._changes],
            "risk": self._risk.to_json(),
            "scores": self._scores.to_json() if self._scores else None,
        }

    @classmethod
    def from_json(
        cls,
        saved: Mapping[str, Any],
        settings: WatchSettings,
        reference_scores: NDArray[np.float64],
        *,
        seed: int = 0,
    ) -> Self:
        """Return the watch that `to_json` described, as far as it is about the same certificate.

        With another certificate nothing of it holds, and the watch is a new one. With other
        settings of the same certificate the state stays, so that no edit of a setting certifies
        anything again, and the evidence starts anew.

        Raises:
            ValueError: `saved` is no such state, or as for a new watch.
        """
        watch = cls(settings, reference_scores, seed=seed)
        try:
            if saved["settings"]["certificate_id"] != settings.certificate_id:
                return watch
            watch._changes = tuple(_change(each) for each in saved["changes"])
            if saved["settings"] == asdict(settings):
                watch._risk = RiskMonitor.from_json(saved["risk"])
                if settings.score_drift:
                    watch._scores = ScoreMonitor.from_json(saved["scores"])
        except (KeyError, TypeError) as error:
            raise ValueError("not the state of a watch") from error
        return watch


def _change(saved: Mapping[str, Any]) -> StateChange:
    before, after = GuaranteeState(saved["before"]), GuaranteeState(saved["after"])
    return StateChange(saved["at"], saved["update"], before, after, saved["cause"])


def audit_update(
    rows: Sequence[AuditRow], settings: WatchSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the losses and weights with which audits enter `Watch.observe_audits`.

    An epsilon that speaks of the whole stream needs the whole stream: an escalated request draws
    its coin like any other, needs no call, and enters with loss 0. On auto-answered audits alone
    a monitor of such an epsilon raises false alarms. A `selective` epsilon speaks of auto-answered
    requests, and only those enter.

    Args:
        rows: The audit log of the policy in force, in order. Requests that were not drawn are
            passed over, and so are audits without an outcome.
        settings: Of the watch.

    Returns:
        Losses (n,), and weights (n,) in (0, 1]: the plan's share over the row's propensity.

    Raises:
        ValueError: A row was drawn with less than the plan's share.
    """
    share = settings.audits.share
    if any(row.propensity < share for row in rows):
        raise ValueError(f"a row was drawn with less than the share {share!r}")
    taken = [
        (0.0 if row.escalated else row.loss, share / row.propensity)
        for row in rows
        if row.drawn and (not settings.selective if row.escalated else row.loss is not None)
    ]
    table = np.array(taken, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]
