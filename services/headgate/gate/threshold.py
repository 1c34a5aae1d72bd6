"""The one number a gate compares with, and how it is set on development rows.

scores (n,) of development rows, a stated share  ->  threshold
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from headgate.gate.scores import ScoreKind, score_answers
from headgate.types import GateVerdict, Prediction

KEEP_ALL = -1.0
"""Below every score."""
KEEP_NOTHING = 2.0
"""Above every score."""
SHARE_DELTA = 0.05
"""Chance, over the draw of the development rows, that the stated share is passed."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Keeps what scores at least the threshold."""

    score: ScoreKind
    threshold: float
    """On the score's scale; or one of the two above."""

    def judge(self, predictions: Sequence[Prediction]) -> list[GateVerdict]:
        """Return one verdict a prediction, in order."""
        scores = score_answers([each.probabilities for each in predictions], self.score)
        return [
            GateVerdict(bool(score >= self.threshold), float(score), self.threshold)
            for score in scores
        ]


def threshold_for_share(scores: NDArray[np.float64], share: float) -> float:
    """Return the threshold that escalates at most a share of future records.

    The plain quantile passes the stated share in about half of all draws. This one is an upper
    confidence bound: the share of records below it is above `share` with probability at most
    `SHARE_DELTA`, for records drawn like the development rows.

    Args:
        scores: Shape (n,), of development rows that no model was trained on.
        share: Largest share to escalate, between 0 and 1.

    Returns:
        Records that score less are escalated; `KEEP_ALL` when nothing may be, or when there are
        too few rows to tell: 58 prove nothing about a share of 5 %, 59 do.

    Source:
        Distribution-free tolerance limit: the k-th smallest of n scores has a share below it
        that is beta(k, n - k + 1) distributed (Wilks 1941).
    """
    if share >= 1:
        return KEEP_NOTHING
    ordered = np.sort(scores)
    # P(share below the k-th smallest > share) = P(Binomial(n, share) < k), growing with k.
    chances = binom.cdf(np.arange(len(ordered)), len(ordered), share)
    allowed = int(np.searchsorted(chances, SHARE_DELTA, side="right"))
    return float(ordered[allowed - 1]) if allowed > 0 else KEEP_ALL


def threshold_not_worse(
    scores: NDArray[np.float64], correct: NDArray[np.bool_], next_correct: NDArray[np.bool_]
) -> float:
    """Return the threshold above which a tier makes no more errors than the next one would.

    For a cheap tier before a small model: the largest kept set, on development rows, whose errors
    do not outnumber the next tier's errors on the same rows.

    Args:
        scores: Shape (n,), the cheap tier's.
        correct: Shape (n,), whether the cheap tier is right.
        next_correct: Shape (n,), whether the next tier is right.

    Returns:
        The smallest such threshold; `KEEP_NOTHING` when no set will do.
    """
    order = np.argsort(-scores, kind="stable")
    excess = np.cumsum(next_correct[order].astype(int) - correct[order].astype(int))
    ends = np.append(scores[order][:-1] != scores[order][1:], True)  # ties enter together
    good = np.flatnonzero((excess <= 0) & ends)
    return float(scores[order][good[-1]]) if len(good) else KEEP_NOTHING
