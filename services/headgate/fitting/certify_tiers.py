"""Certifies gates that share one threshold, for several tiers or a loss that is not monotone.

Evidence -> scores, answers, costs of each tier -> plan on tuning rows, walk on certification rows
         -> Proven
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from headgate.cascade.deferral import CertificateSpec
from headgate.cascade.fitted import FittedGate, FittedMaps, FittedRung
from headgate.cascade.lm_spec import LmSpec
from headgate.cascade.model_spec import EncoderSpec
from headgate.fitting.certify_single import stated_epsilon
from headgate.fitting.evidence import Evidence
from headgate.fitting.proven import LADDER, TIGHTER, Proven, too_few
from headgate.fitting.score import choose_score, fitted_head
from headgate.gate.threshold import KEEP_NOTHING, Gate
from headgate.gate.tier_rows import LossKind, TierEvidence
from headgate.gate.tiers import TierPolicy, fit_thresholds

SMALL_COST, CHEAP_COST = 0.01, 0.001
"""Of an encoder and of n-grams, as shares of a large model's call: what the planner weighs."""
READ_COST = 0.25
"""Of a reading: an answer from its steps takes a call a step, and one more."""


def planned(evidence: Evidence, spec: CertificateSpec, seed: int) -> Proven:
    """Choose tiers on tuning rows, and walk a list of thresholds that was frozen with them."""
    gates = _gates(evidence, spec, seed)
    policies = _policies(evidence, gates, spec)
    policy = policies[stated_epsilon(spec)]
    units = int(evidence.units.certify.sum())
    return Proven(
        _fitted(evidence, gates, spec, policies),
        stated_epsilon(spec),
        policy.certified,
        policy.n,
        policy.bad,
        policy.p_value,
        "" if policy.certified else too_few(units),
    )


def _gates(evidence: Evidence, spec: CertificateSpec, seed: int) -> list[Gate]:
    """Return a gate a tier, without a threshold."""
    if len(evidence.gates) == 1:
        return [choose_score(evidence, spec, seed)]
    asked = evidence.loaded.spec.deferral.score
    return [Gate("max_prob" if asked == "auto" else asked, KEEP_NOTHING) for _ in evidence.gates]


def _policies(
    evidence: Evidence, gates: Sequence[Gate], spec: CertificateSpec
) -> dict[float, TierPolicy]:
    """Return what each epsilon gives, in order: the one of the file chooses the tiers of all."""
    own = evidence.units.tune | evidence.units.certify
    fit = partial(
        fit_thresholds,
        _tier_evidence(evidence, gates, spec)[own],
        kind=_loss(spec),
        delta=spec.delta,
        tune=evidence.units.tune[own],
    )
    stated = stated_epsilon(spec)
    policy = fit(epsilon=stated)
    # The last tier runs whatever the plan says, so without a plan the others are told of it.
    tiers = policy.tiers or (len(gates) - 1,)
    others = {*LADDER, stated / TIGHTER} - {stated}
    found = {each: fit(epsilon=each, tiers=tiers) for each in others} | {stated: policy}
    return dict(sorted(found.items()))


def _loss(spec: CertificateSpec) -> LossKind:
    if spec.kind == "two_sided":
        raise ValueError("two_sided has no single loss. This is a bug.")
    return spec.kind


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
    spec = evidence.loaded.spec
    model = next(spec.model_of(each) for each in evidence.stages if each.name == stage)
    match spec.models[model]:
        case EncoderSpec():
            return SMALL_COST
        case LmSpec():
            return READ_COST
    return CHEAP_COST


def _fitted(
    evidence: Evidence,
    gates: Sequence[Gate],
    spec: CertificateSpec,
    policies: Mapping[float, TierPolicy],
) -> dict[str, FittedGate]:
    """Return the gates in order."""
    stated = stated_epsilon(spec)
    policy = policies[stated]
    last = len(gates) - 1
    # Without a plan the ladder is of the last tier, and tells what would have been certified.
    laddered = policy.tiers or (last,)
    rungs = tuple(
        FittedRung(epsilon=each, certified=found.certified, threshold=_threshold(found))
        for each, found in policies.items()
    )
    fitted = {}
    for tier, (node, gate) in enumerate(zip(evidence.gates, gates, strict=True)):
        chosen = tier in policy.tiers
        fitted[node.name] = FittedGate(
            score=gate.score,
            threshold=_threshold(policy) if chosen else KEEP_NOTHING,
            tightened=_threshold(policies[stated / TIGHTER]) if chosen else KEEP_NOTHING,
            maps=FittedMaps.model_validate(policy.maps[tier].to_json()),
            head=fitted_head(gate),
            ladder=rungs if tier in laddered else (),
            # The last tier always runs: its answer is there when the large model is not.
            planned=chosen or tier == last,
        )
    return fitted


def _threshold(policy: TierPolicy) -> float:
    return policy.threshold if policy.certified else KEEP_NOTHING
