"""Certificates of single classes: by the predicted label, or for a rare one.

Evidence, what the file asks for -> a threshold and a certificate a class -> Proven
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from headgate.cascade.certificate import GroupCertificate
from headgate.cascade.deferral import CertificateSpec
from headgate.cascade.fitted import FittedGate
from headgate.fitting.certify_single import stated_epsilon
from headgate.fitting.evidence import Evidence, Mask
from headgate.fitting.gates import score_within_budget
from headgate.fitting.proven import Proven, too_few
from headgate.fitting.score import halfway
from headgate.gate.bounds import labels_needed
from headgate.gate.stream import certify_threshold
from headgate.gate.threshold import KEEP_NOTHING, Gate
from headgate.gate.two_sided import ClassBounds, ClassRung, certify_normal, certify_rare


def by_class(evidence: Evidence, spec: CertificateSpec) -> Proven:
    """Return a certificate for each predicted label: of its records, at most epsilon are a loss.

    The label is known when a record comes, so each has a threshold of its own. No row tunes, so
    the score is a fixed one.
    """
    score = score_within_budget(evidence.loaded.spec.deferral)
    table = evidence.table(evidence.last_gate.of)
    scores = Gate(score, KEEP_NOTHING).raw_scores(table, evidence.second_table)
    own, bad = evidence.units.certify, evidence.bad(spec.kind)
    thresholds, groups = {}, []
    for place, label in enumerate(evidence.loaded.spec.task.labels):
        rows = own & (table.predicted == place)
        thresholds[label], group = _group(label, scores[rows], bad[rows], spec)
        groups.append(group)
    return _proven(
        evidence,
        FittedGate(score=score, threshold=KEEP_NOTHING, class_thresholds=thresholds),
        groups,
    )


def _group(
    label: str, scores: NDArray[np.float64], bad: Mask, spec: CertificateSpec
) -> tuple[float, GroupCertificate]:
    epsilon = stated_epsilon(spec)
    rung = certify_threshold(scores, bad, epsilon=epsilon, delta=spec.delta)
    needed = 0 if rung else max(labels_needed(epsilon, spec.delta), len(scores) + 1)
    group = GroupCertificate(
        group=label,
        certified=rung is not None,
        epsilon=epsilon,
        n=len(scores),
        bad=rung.bad if rung else 0,
        p_value=rung.p_value if rung else 1.0,
        labels_needed=needed,
    )
    return halfway(scores, rung.threshold) if rung else KEEP_NOTHING, group


def two_sided(evidence: Evidence, spec: CertificateSpec) -> Proven:
    """Return a threshold to call a record usual, and one to call it rare.

    Above the first no more than a share of the rare rows may lie; above the second no more than a
    share of the rows may be called wrongly.
    """
    rare_class = spec.rare_class
    if rare_class is None:
        raise ValueError("two_sided has no rare class. This is a bug.")
    labels = evidence.loaded.spec.task.labels
    place = labels.index(rare_class.label)
    usual = labels[1 - place]
    bounds = ClassBounds(rare_class.miss, rare_class.false_alarm, spec.delta)
    confidences = evidence.table(evidence.last_gate.of).probabilities
    rare = np.array([row.label == rare_class.label for row in evidence.rows], bool)
    found = {
        usual: _normal(evidence, confidences[:, 1 - place], rare, bounds),
        rare_class.label: _rare(evidence, confidences[:, place], rare, bounds),
    }
    thresholds = {name: _threshold(rung) for name, rung in found.items()}
    gate = FittedGate(score="max_prob", threshold=KEEP_NOTHING, class_thresholds=thresholds)
    epsilons = {usual: rare_class.miss, rare_class.label: rare_class.false_alarm}
    return _proven(evidence, gate, [_of(name, epsilons[name], found[name]) for name in found])


def _normal(
    evidence: Evidence, confidences: NDArray[np.float64], rare: Mask, bounds: ClassBounds
) -> ClassRung:
    own = evidence.units.certify
    rung = certify_normal(confidences[own], rare[own], bounds)
    return replace(rung, threshold=halfway(confidences[own], rung.threshold))


def _rare(
    evidence: Evidence, confidences: NDArray[np.float64], rare: Mask, bounds: ClassBounds
) -> ClassRung:
    own = evidence.units.tune | evidence.units.certify
    return certify_rare(confidences[own], rare[own], bounds, tune=evidence.units.tune[own])


def _threshold(rung: ClassRung) -> float:
    return rung.threshold if rung.certified else KEEP_NOTHING


def _of(group: str, epsilon: float, rung: ClassRung) -> GroupCertificate:
    return GroupCertificate(
        group=group,
        certified=rung.certified,
        epsilon=epsilon,
        n=rung.n,
        bad=rung.bad,
        p_value=rung.p_value,
        labels_needed=rung.labels_needed,
    )


def _proven(evidence: Evidence, gate: FittedGate, groups: Sequence[GroupCertificate]) -> Proven:
    """Return what was certified for classes: the statement is about those that were."""
    certified = [group for group in groups if group.certified]
    units = int(evidence.units.certify.sum())
    return Proven(
        {evidence.last_gate.name: gate},
        max(group.epsilon for group in groups),
        bool(certified),
        units,
        sum(group.bad for group in certified),
        max((group.p_value for group in certified), default=1.0),
        "" if certified else too_few(units),
        tuple(groups),
    )
