"""Labelled rows with what each tier said of them, and what a threshold would do with them.

scores, predicted, correct (n, T) -> confidences (n, T) -> exits (n,) -> TierRung: p-value, cost
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from headgate.gate.bounds import binomial_p_value, net_gap_p_value
from headgate.gate.isotonic import ClassMaps

LossKind = Literal["agree", "regret", "netgap", "selective"]

MAX_TIERS = 6
"""All subsets of this many are tried."""


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
class TierRung:
    """What one threshold does with some rows."""

    n: int
    bad: int
    p_value: float
    automation: float
    mean_cost: float


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be certified."""

    kind: LossKind
    epsilon: float
    delta: float


def confidences_of(
    maps: Sequence[ClassMaps], scores: NDArray[np.float64], predicted: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return each tier's confidence in its answer to each row, shape (n, T)."""
    columns = [each.apply(scores[:, t], predicted[:, t]) for t, each in enumerate(maps)]
    return np.stack(columns, axis=1)


def exits_of(
    confidences: NDArray[np.float64], tiers: tuple[int, ...], threshold: float
) -> NDArray[np.int64]:
    """Return each row's tier; NaN never leaves before the reference."""
    exits = np.full(len(confidences), confidences.shape[1])
    for tier in reversed(tiers):
        exits[confidences[:, tier] >= threshold] = tier
    return exits


def outcome_of(
    evidence: TierEvidence, exits: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows small tiers answer, and whether the answer that is given is right."""
    kept = exits < evidence.scores.shape[1]
    right = evidence.reference_correct.copy()
    rows = np.flatnonzero(kept)
    right[rows] = evidence.correct[rows, exits[rows]]
    return kept, right


def risk_of(evidence: TierEvidence, exits: NDArray[np.int64], kind: LossKind) -> float:
    """Return the loss of `kind` over the rows."""
    kept, right = outcome_of(evidence, exits)
    reference = evidence.reference_correct
    match kind:
        case "selective":
            return float((~right[kept]).mean()) if kept.any() else 0.0
        case "netgap":
            return float(reference.mean() - right.mean())
    return float((reference & ~right).mean())


def rung_of(
    evidence: TierEvidence, exits: NDArray[np.int64], tiers: tuple[int, ...], target: Target
) -> TierRung:
    """Return what a threshold that gives these exits does with the rows, and its p-value."""
    kept, right = outcome_of(evidence, exits)
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
    return TierRung(n, bad, p_value, automation, mean_cost(evidence, exits, tiers))


def mean_cost(evidence: TierEvidence, exits: NDArray[np.int64], tiers: tuple[int, ...]) -> float:
    """Return what a row costs: each chosen tier up to its exit, and the reference at the end."""
    reached = np.array([float((exits >= tier).mean()) if len(exits) else 0.0 for tier in tiers])
    sent_on = float((exits == evidence.scores.shape[1]).mean()) if len(exits) else 1.0
    return float(reached @ evidence.costs[list(tiers)] + sent_on * evidence.costs[-1])
