"""Certificates of single classes: by the predicted label, or for a rare one.

Evidence, what the file asks for -> a threshold and a certificate a class
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.cascade.certificate import GroupCertificate
from headgate.cascade.deferral import CertificateSpec, RareClassSpec
from headgate.fitting.evidence import Evidence
from headgate.fitting.gates import score_within_budget
from headgate.gate.bounds import labels_needed
from headgate.gate.scores import ScoreKind
from headgate.gate.stream import certify_threshold
from headgate.gate.threshold import KEEP_NOTHING, Gate
from headgate.gate.two_sided import ClassBounds, ClassRung, certify_normal, certify_rare


@dataclass(frozen=True, slots=True)
class Classes:
    """What was certified for each class."""

    score: ScoreKind
    thresholds: Mapping[str, float]
    """By the predicted label; one that keeps nothing where nothing was certified."""
    groups: tuple[GroupCertificate, ...]


def by_class(evidence: Evidence, spec: CertificateSpec) -> Classes:
    """Return a certificate for each predicted label: of its records, at most epsilon are a loss."""
    score = score_within_budget(evidence.loaded.spec.deferral)
    table = evidence.table(evidence.last_gate.of)
    scores = Gate(score, KEEP_NOTHING).raw_scores(table, evidence.second_table)
    own, bad = evidence.units.certify, evidence.bad(spec.kind)
    epsilon = spec.epsilon or 0.0
    thresholds, groups = {}, []
    for place, label in enumerate(evidence.loaded.spec.task.labels):
        rows = own & (table.predicted == place)
        rung = certify_threshold(scores[rows], bad[rows], epsilon=epsilon, delta=spec.delta)
        thresholds[label] = rung.threshold if rung else KEEP_NOTHING
        needed = 0 if rung else max(labels_needed(epsilon, spec.delta), int(rows.sum()) + 1)
        groups.append(
            GroupCertificate(
                group=label,
                certified=rung is not None,
                epsilon=epsilon,
                n=int(rows.sum()),
                bad=rung.bad if rung else 0,
                p_value=rung.p_value if rung else 1.0,
                labels_needed=needed,
            )
        )
    return Classes(score, thresholds, tuple(groups))


def two_sided(evidence: Evidence, spec: CertificateSpec) -> Classes:
    """Return a threshold to call a record usual, and one to call it rare."""
    rare_class = spec.rare_class
    if rare_class is None:
        raise ValueError("two_sided has no rare class. This is a bug.")
    labels = evidence.loaded.spec.task.labels
    place = labels.index(rare_class.label)
    usual = labels[1 - place]
    rare = np.array([row.label == rare_class.label for row in evidence.rows], bool)
    bounds = ClassBounds(rare_class.miss, rare_class.false_alarm, spec.delta)
    confidences = evidence.table(evidence.last_gate.of).probabilities
    normal = _normal(evidence, confidences[:, 1 - place], rare, bounds)
    called = _rare(evidence, confidences[:, place], rare, bounds)
    return Classes(
        "max_prob",
        {usual: _threshold(normal), rare_class.label: _threshold(called)},
        _groups(rare_class, usual, normal, called),
    )


def _normal(
    evidence: Evidence,
    confidences: NDArray[np.float64],
    rare: NDArray[np.bool_],
    bounds: ClassBounds,
) -> ClassRung:
    own = evidence.units.certify
    return certify_normal(confidences[own], rare[own], bounds)


def _rare(
    evidence: Evidence,
    confidences: NDArray[np.float64],
    rare: NDArray[np.bool_],
    bounds: ClassBounds,
) -> ClassRung:
    own = evidence.units.tune | evidence.units.certify
    return certify_rare(confidences[own], rare[own], bounds, tune=evidence.units.tune[own])


def _threshold(rung: ClassRung) -> float:
    return rung.threshold if rung.certified else KEEP_NOTHING


def _groups(
    rare_class: RareClassSpec, usual: str, normal: ClassRung, called: ClassRung
) -> tuple[GroupCertificate, ...]:
    pairs = (
        (usual, rare_class.miss, normal),
        (rare_class.label, rare_class.false_alarm, called),
    )
    return tuple(
        GroupCertificate(
            group=name,
            certified=rung.certified,
            epsilon=epsilon,
            n=rung.n,
            bad=rung.bad,
            p_value=rung.p_value,
            labels_needed=rung.labels_needed,
        )
        for name, epsilon, rung in pairs
    )
