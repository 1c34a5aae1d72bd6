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
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from headgate.gate.bounds import (
    binomial_p_value,
    check_share,
    labels_needed,
    net_gap_p_value,
)
from headgate.gate.isotonic import ClassMaps
from headgate.gate.stream import Rung

LossKind = Literal["agree", "regret", "netgap", "selective"]

MAX_TIERS = 6
"""All subsets of this many are tried."""
TUNE_SHARE = 0.3
"""Of labelled rows: enough to choose by, most are left to certify with."""
_LEVELS = 400
"""Length of the frozen list of thresholds."""
_PLANNED_SHARE = 0.8
"""Tuning risk, as a share of epsilon, that a plan may have: certification needs room."""
_PLANNED_RUNGS = 50
"""About so many thresholds are tried with each subset of the tiers."""
_SURE_ROWS = 3.9
"""A first rung of `selective` is expected to keep this many times what none bad would need."""


@dataclass(frozen=True, slots=True)
class TierEvidence:
    """Labelled rows with what every tier said of them."""

    scores: NDArray[np.float64]
    """Shape (n, T): each small tier's score, higher is surer."""
    correct: NDArray[np.bool_]
    """Shape (n, T): whether its answer is right; for `agree`, whether it is the reference's."""
    reference_correct: NDArray[np.bool_]
    """Shape (n,): whether the reference is right; all true for `agree`."""
    costs: NDArray[np.float64]
    """Shape (T + 1,): of asking each tier once, the reference last."""
    predicted: NDArray[np.int64]
    """Shape (n, T): index of each tier's answer; conditions the maps."""

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            ValueError: They do not fit, a score is NaN, or there are too many tiers.
        """
        rows, tiers = self.scores.shape
        shapes = (self.correct.shape, self.predicted.shape, self.reference_correct.shape)
        if shapes != ((rows, tiers), (rows, tiers), (rows,)) or self.costs.shape != (tiers + 1,):
            raise ValueError("scores, answers and costs of the tiers do not fit together")
        if np.isnan(self.scores).any():
            raise ValueError("a tier's score is NaN")
        if not 1 <= tiers <= MAX_TIERS:
            raise ValueError(f"there are {tiers} tiers, and 1 to {MAX_TIERS} can be planned")

    def __getitem__(self, rows: NDArray[np.bool_]) -> TierEvidence:
        """Return some of the rows."""
        return TierEvidence(
            self.scores[rows],
            self.correct[rows],
            self.reference_correct[rows],
            self.costs,
            self.predicted[rows],
        )


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
        return _exits(_confidences(self.maps, scores, predicted), self.tiers, self.threshold)


@dataclass(frozen=True, slots=True)
class _Rung:
    """What one threshold does with some rows."""

    n: int
    bad: int
    p_value: float
    automation: float
    mean_cost: float


@dataclass(frozen=True, slots=True)
class _Target:
    """What is to be certified."""

    kind: LossKind
    epsilon: float
    delta: float


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
    target = _Target(kind, epsilon, delta)
    certifying = evidence[~tune]
    plan = _Plan.of(evidence[tune], target, tiers, len(certifying.reference_correct))
    confidences = _confidences(plan.maps, certifying.scores, certifying.predicted)
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
    plan = _Plan((), (0,), tuple(thresholds))
    target = _Target(kind, epsilon, delta)
    kept = _walk(evidence, evidence.scores, plan, target)
    if kept is None:
        return None
    threshold, rung = kept
    return Rung(threshold, rung.n, rung.bad, rung.p_value, rung.automation)


def _walk(
    certifying: TierEvidence, confidences: NDArray[np.float64], plan: _Plan, target: _Target
) -> tuple[float, _Rung] | None:
    """Return the last threshold that passes, and what it does."""
    kept = None
    for threshold in plan.thresholds:
        rung = _rung(certifying, _exits(confidences, plan.tiers, threshold), plan.tiers, target)
        if rung.p_value > target.delta:
            break
        kept = (threshold, rung)
    return kept


def _drawn(rows: int, seed: int) -> NDArray[np.bool_]:
    tune = np.zeros(rows, bool)
    tune[np.random.default_rng(seed).permutation(rows)[: math.ceil(TUNE_SHARE * rows)]] = True
    return tune


def _policy(
    certifying: TierEvidence, plan: _Plan, kept: tuple[float, _Rung] | None, target: _Target
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


@dataclass(frozen=True, slots=True)
class _Plan:
    """Everything that tuning rows decide; certification rows only walk the thresholds."""

    maps: tuple[ClassMaps, ...]
    tiers: tuple[int, ...]
    thresholds: tuple[float, ...]
    """Descending, the conservative ones first."""

    @classmethod
    def of(
        cls,
        tuning: TierEvidence,
        target: _Target,
        tiers: tuple[int, ...] | None,
        certifying: int,
    ) -> _Plan:
        if len(tuning.reference_correct) == 0:
            raise ValueError("there are no rows to tune on")
        maps = tuple(
            ClassMaps.fit(
                tuning.scores[:, tier], tuning.correct[:, tier], tuning.predicted[:, tier]
            )
            for tier in range(tuning.scores.shape[1])
        )
        confidences = _confidences(maps, tuning.scores, tuning.predicted)
        shares = np.linspace(0, 1, _LEVELS)
        thresholds = np.unique(np.quantile(confidences, shares, method="lower"))[::-1]
        tiers = tiers or _cheapest_tiers(tuning, confidences, thresholds, target)
        surest = confidences[:, list(tiers)].max(axis=1)
        expected = (surest[:, None] >= thresholds).mean(axis=0) * certifying
        first = _first_rung(expected, target)
        return cls(maps, tiers, tuple(thresholds[first:].tolist()))


def _confidences(
    maps: Sequence[ClassMaps], scores: NDArray[np.float64], predicted: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return each tier's confidence in its answer to each row, shape (n, T)."""
    columns = [each.apply(scores[:, t], predicted[:, t]) for t, each in enumerate(maps)]
    return np.stack(columns, axis=1)


def _exits(
    confidences: NDArray[np.float64], tiers: tuple[int, ...], threshold: float
) -> NDArray[np.int64]:
    """Return each row's tier; NaN never leaves before the reference."""
    exits = np.full(len(confidences), confidences.shape[1])
    for tier in reversed(tiers):
        exits[confidences[:, tier] >= threshold] = tier
    return exits


def _cheapest_tiers(
    tuning: TierEvidence,
    confidences: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    target: _Target,
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
                exits = _exits(confidences, tiers, threshold)
                cost = _mean_cost(tuning, exits, tiers)
                fits = _risk(tuning, exits, target.kind) <= _PLANNED_SHARE * target.epsilon
                if fits and cost < cheapest:
                    best, cheapest = tiers, cost
    return best


def _first_rung(expected: NDArray[np.float64], target: _Target) -> int:
    """Return the first threshold worth testing: it keeps something, or enough for `selective`.

    Args:
        expected: Certification rows that each threshold is expected to keep, ascending.
        target: What is to be certified.
    """
    if target.kind != "selective":
        return min(int((expected <= 0).sum()), len(expected) - 1)
    # Tested on the kept rows alone: too few of them would end the walk at its first step.
    fewest = _SURE_ROWS * math.log(target.delta) / math.log1p(-target.epsilon)
    return min(int((expected < fewest).sum()), len(expected) - 1)


def _outcome(
    evidence: TierEvidence, exits: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows small tiers answer, and whether the answer that is given is right."""
    kept = exits < evidence.scores.shape[1]
    right = evidence.reference_correct.copy()
    rows = np.flatnonzero(kept)
    right[rows] = evidence.correct[rows, exits[rows]]
    return kept, right


def _risk(evidence: TierEvidence, exits: NDArray[np.int64], kind: LossKind) -> float:
    """Return the loss of `kind` over the rows."""
    kept, right = _outcome(evidence, exits)
    reference = evidence.reference_correct
    match kind:
        case "selective":
            return float((~right[kept]).mean()) if kept.any() else 0.0
        case "netgap":
            return float(reference.mean() - right.mean())
    return float((reference & ~right).mean())


def _rung(
    evidence: TierEvidence, exits: NDArray[np.int64], tiers: tuple[int, ...], target: _Target
) -> _Rung:
    kept, right = _outcome(evidence, exits)
    reference = evidence.reference_correct
    worse = int((reference & ~right).sum())
    n, bad = len(right), worse
    match target.kind:
        case "selective":
            n, bad = int(kept.sum()), int((~right[kept]).sum())
            p_value = float(binomial_p_value(bad, n, target.epsilon)) if n else 1.0
        case "netgap":
            better = int((right & ~reference).sum())
            same = n - worse - better
            p_value = net_gap_p_value(worse, same, better, target.epsilon, target.delta)
        case _:
            p_value = float(binomial_p_value(bad, n, target.epsilon)) if n else 1.0
    automation = float(kept.mean()) if len(kept) else 0.0
    return _Rung(n, bad, p_value, automation, _mean_cost(evidence, exits, tiers))


def _mean_cost(evidence: TierEvidence, exits: NDArray[np.int64], tiers: tuple[int, ...]) -> float:
    """Return what a row costs: each chosen tier up to its exit, and the reference at the end."""
    reached = np.array([float((exits >= tier).mean()) if len(exits) else 0.0 for tier in tiers])
    sent_on = float((exits == evidence.scores.shape[1]).mean()) if len(exits) else 1.0
    return float(reached @ evidence.costs[list(tiers)] + sent_on * evidence.costs[-1])
