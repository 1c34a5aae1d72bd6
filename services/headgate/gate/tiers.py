"""Which small tiers answer, and from what confidence on: k tiers, any loss, one certificate.

scores, predicted, correct (n, T), reference_correct (n,), costs (T + 1,)
  -> tuning rows: maps, tiers, a frozen list of thresholds  -> certification rows: the last one
     that passes, walking from conservative to liberal  -> TierPolicy

A record leaves at the first chosen tier whose confidence reaches the threshold, else at the
reference. Source: Learn then Test, Angelopoulos et al. 2021 (arXiv:2110.01052), fixed sequence:
each rung is tested at the full delta, so many tiers need no more labels than two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.gate.bounds import check_share, labels_needed
from headgate.gate.isotonic import ClassMaps
from headgate.gate.stream import Rung
from headgate.gate.tier_plan import Plan
from headgate.gate.tier_rows import (
    LossKind,
    Target,
    TierEvidence,
    TierRung,
    confidences_of,
    exits_of,
    rung_of,
)

TUNE_SHARE = 0.3
"""Of labelled rows: enough to choose by, most are left to certify with."""


@dataclass(frozen=True, slots=True)
class TierPolicy:
    """What was chosen and what it is certified for."""

    certified: bool
    tiers: tuple[int, ...]
    """The small tiers that may answer, in order; none when nothing is certified."""
    threshold: float
    """The smallest confidence at which a chosen tier answers; infinite when none may."""
    maps: tuple[ClassMaps, ...]
    """One a small tier, chosen or not."""
    n: int
    """Certification rows; for `selective`, those of them that are kept."""
    bad: int
    p_value: float
    automation: float
    """Share of the certification rows that small tiers answer."""
    mean_cost: float
    reference_cost: float
    labels_needed: int
    """0 when it is certified."""

    def exits(self, scores: NDArray[np.float64], predicted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the tier that answers each row, T for the reference; arguments (n, T)."""
        return exits_of(confidences_of(self.maps, scores, predicted), self.tiers, self.threshold)


def fit_thresholds(
    evidence: TierEvidence,
    *,
    kind: LossKind,
    epsilon: float,
    delta: float,
    tune: NDArray[np.bool_] | None = None,
    tiers: tuple[int, ...] | None = None,
    seed: int = 0,
) -> TierPolicy:
    """Return tiers and a threshold with the loss of `kind` at most epsilon, surely.

    Args:
        evidence: Labelled rows, drawn like those to come.
        kind: Which loss is bounded.
        epsilon: The bound, between 0 and 1.
        delta: Chance, over the draw of the rows, that the bound is passed.
        tune: Shape (n,): which rows tune; the others certify. Drawn by `seed` when absent.
        tiers: Tiers that were chosen before; planned on the tuning rows when absent.
        seed: Of that draw, of `TUNE_SHARE` of the rows.

    Raises:
        ValueError: epsilon or delta is not between 0 and 1, or there are no rows to tune on.
    """
    check_share("epsilon", epsilon)
    check_share("delta", delta)
    if tune is None:
        tune = _drawn(len(evidence.reference_correct), seed)
    target = Target(kind, epsilon, delta)
    certifying = evidence[~tune]
    plan = Plan.of(evidence[tune], target, tiers, len(certifying.reference_correct))
    confidences = confidences_of(plan.maps, certifying.scores, certifying.predicted)
    kept = _walk(certifying, confidences, plan, target)
    return _policy(certifying, plan, kept, target)


def certify_list(
    evidence: TierEvidence,
    thresholds: Sequence[float],
    *,
    kind: LossKind,
    epsilon: float,
    delta: float,
) -> Rung | None:
    """Return the last threshold of a frozen list that passes; None when the first one fails.

    For one tier whose score is the confidence itself, as when it is certified again.

    Args:
        evidence: Certification rows with one tier.
        thresholds: Descending, chosen without these rows.
        kind: Which loss is bounded.
        epsilon: The bound, between 0 and 1.
        delta: Chance that it is passed.

    Raises:
        ValueError: epsilon or delta is not between 0 and 1.
    """
    check_share("epsilon", epsilon)
    check_share("delta", delta)
    plan = Plan((), (0,), tuple(thresholds))
    target = Target(kind, epsilon, delta)
    kept = _walk(evidence, evidence.scores, plan, target)
    if kept is None:
        return None
    threshold, rung = kept
    return Rung(threshold, rung.n, rung.bad, rung.p_value, rung.automation)


def _walk(
    certifying: TierEvidence, confidences: NDArray[np.float64], plan: Plan, target: Target
) -> tuple[float, TierRung] | None:
    """Return the last threshold that passes, and what it does."""
    kept = None
    for threshold in plan.thresholds:
        rung = rung_of(certifying, exits_of(confidences, plan.tiers, threshold), plan.tiers, target)
        if rung.p_value > target.delta:
            break
        kept = (threshold, rung)
    return kept


def _drawn(rows: int, seed: int) -> NDArray[np.bool_]:
    tune = np.zeros(rows, bool)
    tune[np.random.default_rng(seed).permutation(rows)[: math.ceil(TUNE_SHARE * rows)]] = True
    return tune


def _policy(
    certifying: TierEvidence, plan: Plan, kept: tuple[float, TierRung] | None, target: Target
) -> TierPolicy:
    reference_cost = float(certifying.costs[-1])
    rows = len(certifying.reference_correct)
    if kept is None:
        needed = labels_needed(target.epsilon, target.delta)
        return TierPolicy(
            False,
            (),
            math.inf,
            plan.maps,
            rows,
            0,
            1.0,
            0.0,
            reference_cost,
            reference_cost,
            needed,
        )
    threshold, rung = kept
    return TierPolicy(
        True,
        plan.tiers,
        threshold,
        plan.maps,
        rung.n,
        rung.bad,
        rung.p_value,
        rung.automation,
        rung.mean_cost,
        reference_cost,
        0,
    )
