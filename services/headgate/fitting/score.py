"""Chooses a gate's score by tuning rows alone, and keeps its thresholds clear of single scores.

Evidence, what the file asks for -> Gate without a threshold
scores (n,), threshold -> threshold between two scores
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headgate.cascade.deferral import CertificateSpec
from headgate.cascade.fitted import FittedHead
from headgate.fitting.evidence import Evidence
from headgate.gate.head import Head, features, head_pays
from headgate.gate.threshold import KEEP_NOTHING, Gate

SLACK = 1e-6
"""More than a score differs by, as a share of it, between batches."""


def choose_score(evidence: Evidence, spec: CertificateSpec, seed: int) -> Gate:
    """Return a gate without a threshold, with the score that the file names or that pays.

    `auto` takes a head only when it beats the highest probability on tuning rows beyond chance.

    Args:
        evidence: Development rows; the certification rows among them are not looked at.
        spec: What a head learns to foresee: it knows which answers are right by this loss.
        seed: Of the folds on which a head is tried.
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
    if not pays:
        return Gate("max_prob", KEEP_NOTHING)
    return Gate("head", KEEP_NOTHING, head=Head.fit(rows, right))


def fitted_head(gate: Gate) -> FittedHead | None:
    """Return the gate's head as the artifact holds it."""
    return None if gate.head is None else FittedHead.model_validate(gate.head.to_json())


def halfway(scores: NDArray[np.float64], threshold: float) -> float:
    """Return a threshold that keeps the same rows and is no row's score.

    The last digits of a score depend on the batch in which its record comes. A threshold at a
    row's own score would keep that row, and all that equal it, in one batch and not in the next.
    What is certified at the score is certified down to the next row as well, since the same rows
    are kept, so the middle is as good.

    Args:
        scores: Shape (n,), of the certification rows; at least 0.
        threshold: The smallest score that is kept.
    """
    kept = scores >= threshold
    if kept.all() or not kept.any():
        return threshold * (1 - SLACK if kept.any() else 1 + SLACK)
    low, high = float(scores[~kept].max()), float(scores[kept].min())
    middle = (low + high) / 2
    return middle if middle > low else high
