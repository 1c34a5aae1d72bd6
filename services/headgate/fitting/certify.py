"""Certifies a cascade's gates on development rows that nothing was trained or tuned on.

Evidence, what the file asks for -> gates by name, Certificate
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from headgate.cascade.certificate import Certificate
from headgate.cascade.deferral import CertificateSpec
from headgate.cascade.fitted import FittedGate
from headgate.fitting.certify_classes import by_class, two_sided
from headgate.fitting.certify_single import one_threshold, within_budget
from headgate.fitting.certify_tiers import planned
from headgate.fitting.evidence import Evidence
from headgate.fitting.gates import gates_within_budget
from headgate.fitting.needs import asks_reference
from headgate.fitting.proven import Proven, may_keep
from headgate.gate.bounds import labels_needed, risk_upper_bound
from headgate.gate.threshold import KEEP_NOTHING


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

    Args:
        evidence: Development rows.
        issue: What the certificate is about, and when it is issued.
        seed: Of the folds on which a learnt score is tried.

    Raises:
        ValueError: A score is NaN, or a plan has no rows to tune on.
    """
    spec = evidence.loaded.spec.deferral.certificate
    if spec is None:
        raise ValueError("no certificate is asked for. This is a bug.")
    proven = _prove(evidence, spec, seed)
    expected = spec.mode == "expectation" and proven.keeps
    gates = dict(proven.gates) if proven.certified or expected else _uncertified(evidence, proven)
    return gates, _certificate(evidence, spec, proven, gates, issue)


def _prove(evidence: Evidence, spec: CertificateSpec, seed: int) -> Proven:
    if spec.kind == "two_sided":
        return two_sided(evidence, spec)
    if evidence.loaded.spec.deferral.groups:
        return by_class(evidence, spec)
    if spec.epsilon is None:
        return within_budget(evidence, spec, seed)
    if len(evidence.stages) == 1 and spec.kind in ("agree", "regret"):
        return one_threshold(evidence, spec, seed)
    return planned(evidence, spec, seed)


def _uncertified(evidence: Evidence, proven: Proven) -> dict[str, FittedGate]:
    if evidence.loaded.spec.deferral.on_uncertified == "run_uncertified":
        return gates_within_budget(evidence)
    nothing = {"threshold": KEEP_NOTHING, "class_thresholds": {}, "tightened": KEEP_NOTHING}
    return {name: gate.model_copy(update=nothing) for name, gate in proven.gates.items()}


def _certificate(
    evidence: Evidence,
    spec: CertificateSpec,
    proven: Proven,
    gates: Mapping[str, FittedGate],
    issue: Issue,
) -> Certificate:
    exits = evidence.exits(gates)
    units = int(evidence.units.certify.sum())
    answering = tuple(gate.of for gate in evidence.gates if may_keep(gates[gate.name]))
    return Certificate(
        kind=spec.kind,
        mode=spec.mode,
        epsilon=proven.epsilon,
        delta=spec.delta,
        certified=proven.certified,
        reason=proven.reason,
        tiers=answering if proven.certified else (),
        n=proven.n,
        bad=proven.bad,
        p_value=proven.p_value,
        automation=_kept(evidence, exits) / units if units else 0.0,
        labels_needed=_labels_needed(spec, proven, units),
        groups=proven.groups,
        alarm_epsilon=_alarm_epsilon(evidence, exits, spec),
        hashes=issue.hashes,
        data_sha256=issue.data_sha256,
        issued=issue.issued,
    )


def _labels_needed(spec: CertificateSpec, proven: Proven, units: int) -> int:
    """Return how many certification units might do: more than there were, in any case."""
    if proven.certified:
        return 0
    if proven.groups:
        return max(group.labels_needed for group in proven.groups)
    if spec.epsilon is None:
        return units + 1
    return max(labels_needed(spec.epsilon, spec.delta), units + 1)


def _alarm_epsilon(evidence: Evidence, exits: Sequence[str], spec: CertificateSpec) -> float:
    """Return the upper bound of what audits see, from the rows that certified.

    Audits compare with the large model, whatever the kind; so its null is a bound of that. For
    `selective` they are held against the kept answers alone, as its epsilon is.
    """
    if not asks_reference(evidence.loaded.spec.deferral):
        return 1.0
    if spec.kind == "agree" and spec.epsilon is not None:
        return spec.epsilon
    own = evidence.units.certify
    differs = ~evidence.exit_same(exits)[own]
    rows = _kept(evidence, exits) if spec.kind == "selective" else int(own.sum())
    return risk_upper_bound(int(differs.sum()), rows, spec.delta)


def _kept(evidence: Evidence, exits: Sequence[str]) -> int:
    """Return how many certification rows a small model answers."""
    return int(np.array([bool(each) for each in exits], bool)[evidence.units.certify].sum())
