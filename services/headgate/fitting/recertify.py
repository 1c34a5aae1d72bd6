"""Certifies a cascade anew on what audits and feedback brought in service; no model is fitted.

decisions under the present certificate -> those whose coin is below the audits' share: a uniform
sample of all records -> thresholds, certificate -> the artifact with both exchanged

Other audits are more frequent where the small model is unsure. They serve estimates with their
weights, and never enter a test: errors where the model is sure would be missed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from headgate.artifact import Artifact, ArtifactWriter
from headgate.cascade.assemble import loaded_hashes
from headgate.cascade.certificate import Certificate
from headgate.cascade.decision_log import Decision
from headgate.cascade.fitted import (
    KIND,
    REFERENCE_SCORES,
    Fitted,
    FittedGate,
    FittedRung,
    facts_of,
    read_fitted,
)
from headgate.cascade.load import LoadedCascade
from headgate.cascade.spec import GateSpec
from headgate.errors import InputError
from headgate.fitting.proven import LADDER, TIGHTER
from headgate.fitting.score import halfway
from headgate.gate.audit import AuditRow, RiskEstimate, weighted_risk
from headgate.gate.bounds import labels_needed, risk_upper_bound
from headgate.gate.stream import Rung, certify_threshold
from headgate.gate.threshold import KEEP_NOTHING
from headgate.gate.tier_rows import LossKind, TierEvidence
from headgate.gate.tiers import certify_list

MAX_REFERENCE_SCORES = 5_000
"""The newest ones, for the monitor of drift."""
_LEVELS = 400
_SURE_ROWS = 3.9
"""How many times the fewest labels a first threshold is expected to keep, as in a fit."""


@dataclass(frozen=True, slots=True)
class Recertified:
    """What came of it; nothing is written yet."""

    artifact: Artifact
    """The one in service."""
    fitted: Fitted
    """With the new gate and certificate."""
    scores: Sequence[float]
    """For the monitor."""
    decisions: int
    sample: int
    """Of them, the uniform sample."""
    missing: int
    """Of the sample, those without the large model's answer; they count as bad."""
    gold: int
    """Of the sample, those with a right answer by feedback."""
    estimate: RiskEstimate
    """Of the disagreement under the present gate, from all audits with their weights."""

    @property
    def certificate(self) -> Certificate:
        """Return the new certificate."""
        if self.fitted.certificate is None:
            raise ValueError("nothing was certified anew. This is a bug.")
        return self.fitted.certificate

    def write(self) -> Artifact:
        """Put it in the place of the artifact; every other file stays as it is.

        Raises:
            InputError: The artifact is a copy of a remote one.
        """
        if "://" in self.artifact.place:
            raise InputError(
                self.artifact.place,
                "a certificate is written to a local directory, and this is a URL",
                "Copy the artifact, name the copy with --artifact, and copy it back.",
            )
        with ArtifactWriter(self.artifact.directory) as writer:
            for name in self.artifact.manifest.files:
                if name != REFERENCE_SCORES:
                    shutil.copyfile(self.artifact.path(name), writer.path(name))
            writer.write_json(REFERENCE_SCORES, list(self.scores))
            return writer.finish(KIND, facts_of(self.fitted))


def certificate_in_service(loaded: LoadedCascade) -> Certificate:
    """Return the certificate whose decisions certify anew.

    Raises:
        ArtifactError: There is no artifact, or one for another file.
        InputError: It has no certificate, one that needs a fit, or one about other files.
    """
    artifact = Artifact.open(loaded.artifact, kind=KIND)
    fitted = read_fitted(artifact, loaded.spec)
    certificate = fitted.certificate
    problem = ""
    if loaded.spec.deferral.audits is None or certificate is None:
        problem = "it asks for no certificate with audits"
    elif certificate.kind == "two_sided" or certificate.groups:
        problem = "certificates of single classes need labels of each class"
    elif len(_gates(loaded)) > 1:
        problem = "which tiers run can be planned by a fit only"
    elif dict(certificate.hashes) != loaded_hashes(loaded, artifact, fitted):
        problem = "its prompt or a model has changed since it was fitted"
    if problem or certificate is None:
        raise InputError(f"cascade {loaded.name!r}", problem, "Fit it with new labels.")
    return certificate


def _gates(loaded: LoadedCascade) -> list[GateSpec]:
    return [stage for stage in loaded.spec.unit_flow if isinstance(stage, GateSpec)]


def recertify(
    loaded: LoadedCascade, decisions: Sequence[Decision], *, issued: datetime | None = None
) -> Recertified:
    """Return the cascade with thresholds and certificate made of its own decisions.

    Without a right answer by feedback, a `regret` counts wherever the models differ, which can
    only make it larger. `selective` and `netgap` need right answers: where they are missing, the
    small model counts as wrong, and the large one as right.

    Args:
        loaded: The cascade.
        decisions: Those under its certificate, of the log.
        issued: The moment the certificate bears; now when absent.

    Raises:
        InputError: No decision is in the uniform sample, or the cascade needs a fit.
        ArtifactError: There is no artifact, or one for another file.
    """
    present = certificate_in_service(loaded)
    sample = _uniform(loaded, decisions)
    if not sample:
        raise InputError(
            f"cascade {loaded.name!r}",
            f"of {len(decisions)} decisions none is in the uniform sample",
            "Wait for more, or raise audits.share.",
        )
    artifact = Artifact.open(loaded.artifact, kind=KIND)
    fitted = read_fitted(artifact, loaded.spec)
    (own,) = _gates(loaded)
    reference = np.array(artifact.read_json(REFERENCE_SCORES), np.float64)
    walk = _Walk(_evidence(sample, present.kind), reference, present, own.of)
    gate = walk.gate(fitted.gates[own.name])
    moment = (issued or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    update = {"gates": {own.name: gate}, "certificate": walk.certificate(sample, moment)}
    scores = [each.score for each in decisions][-MAX_REFERENCE_SCORES:]
    return Recertified(
        artifact,
        fitted.model_copy(update=update),
        scores,
        len(decisions),
        len(sample),
        sum(each.reference is None for each in sample),
        sum(each.gold is not None for each in sample),
        weighted_risk(_audit_rows(decisions), len(decisions)),
    )


def _uniform(loaded: LoadedCascade, decisions: Sequence[Decision]) -> list[Decision]:
    """Return the decisions whose coin is below the share of audits, or what it was at some time."""
    audits = loaded.spec.deferral.audits
    shares = [audits.share] if audits else []
    share = min([*shares, *(each.propensity for each in decisions)], default=0.0)
    sample = sorted((each for each in decisions if each.coin < share), key=lambda each: each.coin)
    # Of a burst one counts. The coin, which knows nothing of losses, says which.
    return list({each.burst: each for each in reversed(sample)}.values())


def _evidence(sample: Sequence[Decision], kind: str) -> TierEvidence:
    """Return the sample as rows of one tier; what is not known counts as a loss."""
    reference_right = np.array([_reference_right(each, kind) for each in sample], bool)
    right = np.array([_right(each, kind) for each in sample], bool)
    scores = np.array([[each.score] for each in sample], np.float64)
    zeros = np.zeros((len(sample), 1), np.int64)
    return TierEvidence(scores, right[:, None], reference_right, np.array([0.0, 1.0]), zeros)


def _right(decision: Decision, kind: str) -> bool:
    same = decision.reference == decision.small_answer
    if kind == "agree" or (kind == "regret" and decision.gold is None):
        return same
    return decision.gold == decision.small_answer


def _reference_right(decision: Decision, kind: str) -> bool:
    if kind == "agree" or decision.gold is None or decision.reference is None:
        return True
    return decision.reference == decision.gold


@dataclass(frozen=True, slots=True)
class _Walk:
    """The certification of one score on the uniform sample."""

    evidence: TierEvidence
    reference: NDArray[np.float64]
    """Shape (m,), scores of other records."""
    present: Certificate
    tier: str
    """The classify stage whose score it is."""

    def rung(self, epsilon: float) -> Rung | None:
        """Return the threshold that is certified for an epsilon."""
        kind, delta = self.present.kind, self.present.delta
        if kind in ("agree", "regret"):
            bad = self.evidence.reference_correct & ~self.evidence.correct[:, 0]
            scores = self.evidence.scores[:, 0]
            found = certify_threshold(scores, bad, epsilon=epsilon, delta=delta)
            return found and replace(found, threshold=halfway(scores, found.threshold))
        own: LossKind = "selective" if kind == "selective" else "netgap"
        frozen = self._frozen(epsilon)
        return certify_list(self.evidence, frozen, kind=own, epsilon=epsilon, delta=delta)

    def _frozen(self, epsilon: float) -> list[float]:
        """Return thresholds that the sample's answers have no part in, descending.

        `selective` is tested on what is kept alone: a first threshold that keeps too few would
        end the walk at once.
        """
        levels = np.quantile(self.reference, np.linspace(0, 1, _LEVELS), method="lower")
        thresholds = np.unique(levels)[::-1]
        if self.present.kind != "selective":
            return list(map(float, thresholds))
        shares = (self.reference[:, None] >= thresholds).mean(axis=0)
        fewest = _SURE_ROWS * labels_needed(epsilon, self.present.delta)
        first = int((shares * len(self.evidence.scores) < fewest).sum())
        return list(map(float, thresholds[min(first, len(thresholds) - 1) :]))

    def gate(self, gate: FittedGate) -> FittedGate:
        """Return the gate with new thresholds; score, maps and head stay."""
        own = self.present.epsilon
        rungs = {each: self.rung(each) for each in sorted({*LADDER, own, own / TIGHTER})}
        ladder = tuple(
            FittedRung(epsilon=each, certified=found is not None, threshold=_threshold(found))
            for each, found in rungs.items()
        )
        update = {
            "threshold": _threshold(rungs[own]),
            "tightened": _threshold(rungs[own / TIGHTER]),
            "ladder": ladder,
        }
        return gate.model_copy(update=update)

    def certificate(self, sample: Sequence[Decision], issued: str) -> Certificate:
        """Return the new certificate; it is about the same files as the present one."""
        epsilon, delta = self.present.epsilon, self.present.delta
        found = self.rung(epsilon)
        threshold = _threshold(found)
        kept = self.evidence.scores[:, 0] >= threshold
        differs = np.array([each.reference != each.small_answer for each in sample], bool)
        rows = int(kept.sum()) if self.present.kind == "selective" else len(sample)
        alarm = risk_upper_bound(int((kept & differs).sum()), rows, delta)
        update = {
            "certified": found is not None,
            "reason": "" if found else f"{len(sample)} sampled decisions do not prove it",
            "tiers": (self.tier,) if found else (),
            "n": found.n if found else len(sample),
            "bad": found.bad if found else 0,
            "p_value": found.p_value if found else 1.0,
            "automation": found.automation if found else 0.0,
            "labels_needed": 0 if found else max(labels_needed(epsilon, delta), len(sample) + 1),
            "alarm_epsilon": epsilon if self.present.kind == "agree" else alarm,
            "data_sha256": _hash(sample),
            "issued": issued,
        }
        return self.present.model_copy(update=update)


def _threshold(rung: Rung | None) -> float:
    return rung.threshold if rung else KEEP_NOTHING


def _hash(sample: Sequence[Decision]) -> str:
    rows = [
        [each.request_id, each.record_id, each.small_answer, each.reference, each.gold]
        for each in sample
    ]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _audit_rows(decisions: Sequence[Decision]) -> list[AuditRow]:
    """Return all audits and escalations, for the weighted estimate of the disagreement."""
    return [
        AuditRow(
            record_id=each.record_id,
            request_id=each.request_id,
            version=each.certificate_id,
            score=each.score,
            propensity=each.propensity,
            coin=each.coin,
            loss=_loss(each),
            escalated=not each.kept,
        )
        for each in decisions
        if each.drawn or not each.kept
    ]


def _loss(decision: Decision) -> float | None:
    if not decision.kept:
        return 0.0
    if decision.reference is None:
        return None
    return float(decision.reference != decision.small_answer)
