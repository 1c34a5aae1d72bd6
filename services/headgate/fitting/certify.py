"""Certifies a cascade's gates on development rows that nothing was trained or tuned on.

Evidence, what the file asks for -> gates by name, Certificate
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.cascade.certificate import Certificate, GroupCertificate
from headgate.cascade.deferral import CertificateSpec
from headgate.cascade.fitted import FittedGate, FittedHead, FittedMaps, FittedRung
from headgate.cascade.spec import EncoderSpec
from headgate.fitting.certify_classes import Classes, by_class, two_sided
from headgate.fitting.evidence import Evidence, Mask
from headgate.fitting.gates import gates_within_budget
from headgate.gate.bounds import labels_needed, risk_upper_bound
from headgate.gate.head import Head, features, head_pays
from headgate.gate.stream import Rung, certify_threshold, expectation_threshold
from headgate.gate.threshold import KEEP_NOTHING, Gate
from headgate.gate.tiers import LossKind, TierEvidence, TierPolicy, fit_thresholds

LADDER = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
"""What other epsilons would give is kept for `explain`."""
TIGHTER = 4
"""A void certificate's gate keeps what is certified for epsilon over this."""
SMALL_COST, CHEAP_COST = 0.01, 0.001
"""Of an encoder and of n-grams, as shares of a large model's call: what the planner weighs."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What was found out; gates that keep nothing when nothing was."""

    gates: Mapping[str, FittedGate]
    epsilon: float
    certified: bool
    n: int
    bad: int
    p_value: float
    reason: str = ""
    groups: tuple[GroupCertificate, ...] = ()


@dataclass(frozen=True, slots=True)
class Issue:
    """What a certificate says beside its figures."""

    hashes: Mapping[str, str]
    data_sha256: str
    issued: str
    """ISO 8601, UTC."""


def certify(
    evidence: Evidence, issue: Issue, *, seed: int
) -> tuple[dict[str, FittedGate], Certificate]:
    """Return the gates and the certificate that the file asks for.

    When the labels do not suffice the gates keep nothing, or what the budget allows, as the file
    says; the certificate then tells why and how many labels are missing.
    """
    spec = _asked(evidence)
    proven = _prove(evidence, spec, seed)
    gates = dict(proven.gates)
    if not proven.certified and spec.mode == "stream":
        gates = _uncertified(evidence, proven)
    exits = evidence.exits(gates)
    kept = np.array([bool(each) for each in exits])[evidence.units.certify]
    units = int(evidence.units.certify.sum())
    certificate = Certificate(
        kind=spec.kind,
        mode=spec.mode,
        epsilon=proven.epsilon,
        delta=spec.delta,
        certified=proven.certified,
        reason=proven.reason,
        tiers=tuple(dict.fromkeys(stage for stage in exits if stage)) if proven.certified else (),
        n=proven.n,
        bad=proven.bad,
        p_value=proven.p_value,
        automation=float(kept.mean()) if units else 0.0,
        labels_needed=_labels_needed(spec, proven, units),
        groups=proven.groups,
        alarm_epsilon=_alarm_epsilon(evidence, exits, spec),
        hashes=issue.hashes,
        data_sha256=issue.data_sha256,
        issued=issue.issued,
    )
    return gates, certificate


def _asked(evidence: Evidence) -> CertificateSpec:
    spec = evidence.loaded.spec.deferral.certificate
    if spec is None:
        raise ValueError("no certificate is asked for. This is a bug.")
    return spec


def _labels_needed(spec: CertificateSpec, proven: Proven, units: int) -> int:
    if proven.certified:
        return 0
    if proven.groups:
        return max(group.labels_needed for group in proven.groups)
    return max(labels_needed(proven.epsilon, spec.delta, proven.bad), units + 1)


def _alarm_epsilon(evidence: Evidence, exits: Sequence[str], spec: CertificateSpec) -> float:
    """Return the upper bound of what audits see, from the rows that certified.

    Audits compare with the large model, whatever the kind; so its null is a bound of that.
    """
    if spec.kind == "agree" and spec.epsilon is not None:
        return spec.epsilon
    own = evidence.units.certify
    differs = ~evidence.exit_same(exits)[own]
    kept = np.array([bool(each) for each in exits])[own]
    rows = int(kept.sum()) if spec.kind == "selective" else int(own.sum())
    return risk_upper_bound(int(differs.sum()), rows, spec.delta)


def _uncertified(evidence: Evidence, proven: Proven) -> dict[str, FittedGate]:
    if evidence.loaded.spec.deferral.on_uncertified == "run_uncertified":
        return gates_within_budget(evidence)
    nothing = {"threshold": KEEP_NOTHING, "class_thresholds": {}, "tightened": KEEP_NOTHING}
    return {name: gate.model_copy(update=nothing) for name, gate in proven.gates.items()}


def _prove(evidence: Evidence, spec: CertificateSpec, seed: int) -> Proven:
    deferral = evidence.loaded.spec.deferral
    if spec.kind == "two_sided":
        return _of_classes(evidence, two_sided(evidence, spec), spec)
    if deferral.groups:
        return _of_classes(evidence, by_class(evidence, spec), spec)
    if len(evidence.stages) == 1 and spec.kind in ("agree", "regret"):
        return _one_threshold(evidence, spec, seed)
    if spec.epsilon is None:
        return _one_threshold(evidence, spec, seed)
    return _planned(evidence, spec, seed)


def _of_classes(evidence: Evidence, classes: Classes, spec: CertificateSpec) -> Proven:
    """Return what was certified for classes: the statement holds for those that were."""
    gate = FittedGate(
        score=classes.score, threshold=KEEP_NOTHING, class_thresholds=classes.thresholds
    )
    certified = any(group.certified for group in classes.groups)
    certify_rows = int(evidence.units.certify.sum())
    return Proven(
        {evidence.last_gate.name: gate},
        spec.epsilon or max(group.epsilon for group in classes.groups),
        certified,
        certify_rows,
        sum(group.bad for group in classes.groups),
        max((g.p_value for g in classes.groups if g.certified), default=1.0),
        "" if certified else _too_few(certify_rows),
        classes.groups,
    )


def _one_threshold(evidence: Evidence, spec: CertificateSpec, seed: int) -> Proven:
    """Certify one tier with one fixed score, on all certification rows."""
    gate = choose_score(evidence, spec, seed)
    scores = gate.raw_scores(evidence.table(evidence.last_gate.of), evidence.second_table)
    own = evidence.units.certify
    bad = evidence.bad(spec.kind)[own]
    if spec.epsilon is None:
        return _within_budget(evidence, spec, gate, scores)
    rungs = _rungs(scores[own], bad, spec)
    wanted = rungs[spec.epsilon]
    fitted = _fitted(gate, wanted, rungs, spec)
    expected = spec.mode == "expectation"
    reason = _too_few(len(bad)) if wanted is None else ""
    if expected and wanted is not None:
        reason = "the mode 'expectation' bounds the average over label draws, and certifies nothing"
    return Proven(
        {evidence.last_gate.name: fitted},
        spec.epsilon,
        wanted is not None and not expected,
        len(bad),
        wanted.bad if wanted else 0,
        wanted.p_value if wanted else 1.0,
        reason,
    )


def _too_few(units: int) -> str:
    return f"{units} certification units do not prove it"


def _rungs(
    scores: NDArray[np.float64], bad: Mask, spec: CertificateSpec
) -> dict[float, Rung | None]:
    """Return the threshold of each epsilon that somebody may ask about."""
    own = spec.epsilon or 0.0
    found: dict[float, Rung | None] = {}
    for epsilon in sorted({*LADDER, own, own / TIGHTER}):
        if spec.mode == "expectation" and epsilon == own:
            found[epsilon] = expectation_threshold(scores, bad, epsilon=epsilon)
        else:
            found[epsilon] = certify_threshold(scores, bad, epsilon=epsilon, delta=spec.delta)
    return found


def _fitted(
    gate: Gate, wanted: Rung | None, rungs: Mapping[float, Rung | None], spec: CertificateSpec
) -> FittedGate:
    tighter = rungs.get((spec.epsilon or 0.0) / TIGHTER)
    ladder = tuple(
        FittedRung(
            epsilon=epsilon,
            certified=rung is not None and (spec.mode, epsilon) != ("expectation", spec.epsilon),
            threshold=rung.threshold if rung else KEEP_NOTHING,
        )
        for epsilon, rung in rungs.items()
    )
    return FittedGate(
        score=gate.score,
        threshold=wanted.threshold if wanted else KEEP_NOTHING,
        tightened=tighter.threshold if tighter else KEEP_NOTHING,
        head=_head(gate),
        ladder=ladder,
    )


def _head(gate: Gate) -> FittedHead | None:
    return None if gate.head is None else FittedHead.model_validate(gate.head.to_json())


def _within_budget(
    evidence: Evidence, spec: CertificateSpec, gate: Gate, scores: NDArray[np.float64]
) -> Proven:
    """Set the threshold by the budget on tuning rows; certification rows say what risk is sure."""
    tune, own = evidence.units.tune, evidence.units.certify
    share = evidence.loaded.spec.deferral.share
    threshold = float(np.quantile(scores[tune], share, method="higher")) if tune.any() else 0.0
    kept = scores[own] >= threshold
    wrong = ~evidence.right(evidence.last_gate.of)[own]
    bad = kept & (wrong if spec.kind == "selective" else evidence.bad(spec.kind)[own])
    rows = int(kept.sum()) if spec.kind == "selective" else len(bad)
    epsilon = risk_upper_bound(int(bad.sum()), rows, spec.delta)
    certified = epsilon < 1
    reason = "" if certified else _too_few(rows)
    fitted = FittedGate(
        score=gate.score,
        threshold=threshold,
        head=_head(gate),
    )
    gates = {evidence.last_gate.name: fitted}
    return Proven(gates, epsilon, certified, rows, int(bad.sum()), spec.delta, reason)


def choose_score(evidence: Evidence, spec: CertificateSpec, seed: int) -> Gate:
    """Return a gate without a threshold, with the score that the file names or that pays.

    `auto` takes a head only when it beats the highest probability on tuning rows beyond chance.
    """
    asked = evidence.loaded.spec.deferral.score
    if asked != "auto" and asked != "head":  # noqa: PLR1714 - narrows the type
        return Gate(asked, KEEP_NOTHING)
    tune, stage = evidence.units.tune, evidence.last_gate.of
    table = evidence.table(stage)
    rows = features(table, evidence.second_table)[tune]
    right = evidence.correct(stage, spec.kind)[tune]
    pays = asked == "head" or head_pays(
        rows,
        table.max_prob()[tune],
        right=right,
        reference_right=evidence.reference_correct(spec.kind)[tune],
        seed=seed,
    )
    if not pays or not len(rows):
        return Gate("max_prob", KEEP_NOTHING)
    return Gate("head", KEEP_NOTHING, head=Head.fit(rows, right))


def _planned(evidence: Evidence, spec: CertificateSpec, seed: int) -> Proven:
    """Plan tiers and walk thresholds, for several tiers or a loss that needs a frozen list."""
    gates = _tier_gates(evidence, spec, seed)
    own = evidence.units.tune | evidence.units.certify
    rows = _tier_evidence(evidence, gates, spec)[own]
    tune = evidence.units.tune[own]
    kind = _loss(spec)
    epsilon = spec.epsilon or 0.0
    policy = fit_thresholds(rows, kind=kind, epsilon=epsilon, delta=spec.delta, tune=tune)
    others = {
        each: fit_thresholds(
            rows, kind=kind, epsilon=each, delta=spec.delta, tune=tune, tiers=policy.tiers or None
        )
        for each in sorted({*LADDER, epsilon / TIGHTER} - {epsilon})
    }
    fitted = _planned_gates(evidence, gates, policy, {**others, epsilon: policy})
    tighter = others.get(epsilon / TIGHTER)
    for name, gate in fitted.items():
        if tighter is not None and tighter.certified and gate.planned:
            fitted[name] = gate.model_copy(update={"tightened": tighter.threshold})
    return Proven(
        fitted,
        epsilon,
        policy.certified,
        policy.n,
        policy.bad,
        policy.p_value,
        "" if policy.certified else _too_few(int(evidence.units.certify.sum())),
    )


def _loss(spec: CertificateSpec) -> LossKind:
    if spec.kind == "two_sided":
        raise ValueError("two_sided has no single loss. This is a bug.")
    return spec.kind


def _tier_gates(evidence: Evidence, spec: CertificateSpec, seed: int) -> list[Gate]:
    """Return a gate a tier, without a threshold."""
    if len(evidence.gates) == 1:
        return [choose_score(evidence, spec, seed)]
    asked = evidence.loaded.spec.deferral.score
    return [Gate("max_prob" if asked == "auto" else asked, KEEP_NOTHING) for _ in evidence.gates]


def _tier_evidence(
    evidence: Evidence, gates: Sequence[Gate], spec: CertificateSpec
) -> TierEvidence:
    tables = [evidence.table(gate.of) for gate in evidence.gates]
    scores = [
        gate.raw_scores(table, evidence.second_table)
        for gate, table in zip(gates, tables, strict=True)
    ]
    correct = [evidence.correct(gate.of, spec.kind) for gate in evidence.gates]
    return TierEvidence(
        np.stack(scores, axis=1),
        np.stack(correct, axis=1),
        evidence.reference_correct(spec.kind),
        np.array([*(_cost(evidence, gate.of) for gate in evidence.gates), 1.0]),
        np.stack([table.predicted for table in tables], axis=1),
    )


def _cost(evidence: Evidence, stage: str) -> float:
    model = next(each.model for each in evidence.stages if each.name == stage)
    is_encoder = isinstance(evidence.loaded.spec.models[model], EncoderSpec)
    return SMALL_COST if is_encoder else CHEAP_COST


def _planned_gates(
    evidence: Evidence,
    gates: Sequence[Gate],
    policy: TierPolicy,
    ladder: Mapping[float, TierPolicy],
) -> dict[str, FittedGate]:
    rungs = tuple(
        FittedRung(
            epsilon=each,
            certified=found.certified,
            threshold=found.threshold if found.certified else KEEP_NOTHING,
        )
        for each, found in sorted(ladder.items())
    )
    fitted = {}
    for tier, (spec, gate) in enumerate(zip(evidence.gates, gates, strict=True)):
        chosen = tier in policy.tiers
        fitted[spec.name] = FittedGate(
            score=gate.score,
            threshold=policy.threshold if chosen else KEEP_NOTHING,
            maps=FittedMaps.model_validate(policy.maps[tier].to_json()),
            head=_head(gate),
            ladder=rungs,
            # The last tier always runs: its answer is there when the large model is not.
            planned=chosen or tier == len(gates) - 1,
        )
    return fitted
