"""The plan of a cascade's tiers: everything that tuning rows decide before a row certifies.

tuning rows -> maps, the cheapest tiers, a frozen list of thresholds that starts where it is surest
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from headgate.gate.bounds import binomial_p_value, net_gap_p_value
from headgate.gate.isotonic import ClassMaps
from headgate.gate.tier_rows import (
    Target,
    TierEvidence,
    confidences_of,
    exits_of,
    mean_cost,
    outcome_of,
    risk_of,
)

_LEVELS = 400
"""Length of the frozen list of thresholds."""
_PLANNED_SHARE = 0.8
"""Tuning risk, as a share of epsilon, that a plan may have: certification needs room."""
_PLANNED_RUNGS = 50
"""About as many thresholds of the list are tried for each subset of tiers."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that tuning rows decide; certification rows only walk the thresholds."""

    maps: tuple[ClassMaps, ...]
    tiers: tuple[int, ...]
    thresholds: tuple[float, ...]
    """Descending, the conservative ones first."""

    @classmethod
    def of(
        cls,
        tuning: TierEvidence,
        target: Target,
        tiers: tuple[int, ...] | None,
        certifying: int,
    ) -> Plan:
        """Return the plan.

        Args:
            tuning: Rows that do not certify.
            target: What is to be certified.
            tiers: Tiers that were chosen before; planned here when None.
            certifying: How many rows will certify.

        Raises:
            ValueError: There are no tuning rows.
        """
        if len(tuning.reference_correct) == 0:
            raise ValueError("there are no rows to tune on")
        maps = tuple(
            ClassMaps.fit(
                tuning.scores[:, tier], tuning.correct[:, tier], tuning.predicted[:, tier]
            )
            for tier in range(tuning.scores.shape[1])
        )
        confidences = confidences_of(maps, tuning.scores, tuning.predicted)
        shares = np.linspace(0, 1, _LEVELS)
        thresholds = np.unique(np.quantile(confidences, shares, method="lower"))[::-1]
        tiers = tiers or _cheapest_tiers(tuning, confidences, thresholds, target)
        first = _surest(
            tuning, confidences, cls(maps, tiers, tuple(thresholds)), target, certifying
        )
        return cls(maps, tiers, tuple(thresholds[first:].tolist()))


def _cheapest_tiers(
    tuning: TierEvidence,
    confidences: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    target: Target,
) -> tuple[int, ...]:
    """Return the subset that costs least on tuning rows at a risk that leaves room to certify.

    A weak tier before a good one costs more than it saves; all of them when none fits.
    """
    count = confidences.shape[1]
    tried = thresholds[:: max(1, len(thresholds) // _PLANNED_RUNGS)]
    best, cheapest = tuple(range(count)), math.inf
    for size in range(1, count + 1):
        for tiers in combinations(range(count), size):
            for threshold in tried:
                exits = exits_of(confidences, tiers, threshold)
                cost = mean_cost(tuning, exits, tiers)
                fits = risk_of(tuning, exits, target.kind) <= _PLANNED_SHARE * target.epsilon
                if fits and cost < cheapest:
                    best, cheapest = tiers, cost
    return best


def _surest(
    tuning: TierEvidence,
    confidences: NDArray[np.float64],
    plan: Plan,
    target: Target,
    certifying: int,
) -> int:
    """Return the place in the list from which on certification is surest to pass.

    The walk ends at the first rung that fails, so a first rung with few rows, or one among doubtful
    rows, wastes the labels. Most conservative first where several are as sure.
    """
    expected = [
        _expected_p_value(tuning, exits_of(confidences, plan.tiers, each), target, certifying)
        for each in plan.thresholds
    ]
    return int(np.argmin(expected))


def _expected_p_value(
    tuning: TierEvidence, exits: NDArray[np.int64], target: Target, certifying: int
) -> float:
    """Return the p-value that certification rows would give if they were like the tuning rows.

    Losses are shrunk as in `fit_isotonic`: of few rows without one, none says that there is none.
    """
    kept, right = outcome_of(tuning, exits)
    if not kept.any():
        return 1.0
    rows = len(right)
    if target.kind == "selective":
        loss = (int((~right[kept]).sum()) + 0.5) / (int(kept.sum()) + 1)
        n = round(kept.mean() * certifying)
        return float(binomial_p_value(round(loss * n), n, target.epsilon)) if n else 1.0
    reference = tuning.reference_correct
    worse, better = int((reference & ~right).sum()), int((right & ~reference).sum())
    scale = certifying / rows
    if target.kind == "netgap":
        changed = (
            round(worse * scale),
            round((rows - worse - better) * scale),
            round(better * scale),
        )
        return net_gap_p_value(*changed, target.epsilon, target.delta)
    return float(binomial_p_value(round(worse * scale), certifying, target.epsilon))
