"""The gate: which of the small model's answers are returned.

predictions (n) -> raw scores (n,) -> maps -> confidences (n,) -> thresholds -> verdicts (n)
scores (n,) of development rows, a stated share  ->  threshold
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from headgate.gate.head import Head, features
from headgate.gate.isotonic import ClassMaps
from headgate.gate.scores import OptionTable, ScoreKind, agreement
from headgate.types import GateVerdict, Prediction

KEEP_ALL = -1.0
"""Below every score."""
KEEP_NOTHING = 1000.0
"""Above every score; logit margins end at 691."""
SHARE_DELTA = 0.05
"""Chance, over the draw of the development rows, that the stated share is passed."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Keeps what is as sure as its threshold."""

    score: ScoreKind
    threshold: float
    """The smallest confidence that is kept; or one of the two above."""
    class_thresholds: Mapping[str, float] = field(default_factory=dict)
    """By the answer, where it has a threshold of its own."""
    maps: ClassMaps | None = None
    """From the raw score to the confidence; None leaves it as it is."""
    head: Head | None = None
    """For the score `head`."""

    def judge(
        self, predictions: Sequence[Prediction], second: Sequence[Prediction] | None = None
    ) -> list[GateVerdict]:
        """Return one verdict a prediction, in order.

        Args:
            predictions: The small model's.
            second: Those of a second model on the same records, for scores that read them.
        """
        table = OptionTable.of([each.probabilities for each in predictions])
        other = None if second is None else OptionTable.of([p.probabilities for p in second])
        raw = self.raw_scores(table, other)
        confidences = raw if self.maps is None else self.maps.apply(raw, table.predicted)
        if self.class_thresholds:
            limits = [self._threshold_of(p, i) for p, i in self._answers(predictions, table)]
        else:
            limits = [self.threshold] * len(predictions)
        # A comparison with NaN is false: what has no score is never kept.
        kept = (confidences >= np.array(limits)).tolist()
        return list(map(GateVerdict, kept, confidences.tolist(), limits, raw.tolist()))

    def raw_scores(self, table: OptionTable, second: OptionTable | None) -> NDArray[np.float64]:
        """Return the score of each row before the map, shape (n,)."""
        match self.score:
            case "max_prob":
                return table.max_prob()
            case "margin":
                return table.margin()
            case "agreement" if second is not None:
                return agreement(table, second)
            case "head" if self.head is not None:
                return self.head.apply(features(table, second))
        raise ValueError(f"a gate of score {self.score} lacks what it reads. This is a bug.")

    def _answers(
        self, predictions: Sequence[Prediction], table: OptionTable
    ) -> list[tuple[Prediction, int]]:
        return list(zip(predictions, table.predicted.tolist(), strict=True))

    def _threshold_of(self, prediction: Prediction, answer: int) -> float:
        return self.class_thresholds.get(prediction.options[answer], self.threshold)


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

    For a cheap tier before a small model: the largest kept set, on development rows, in which it
    makes fewer errors than the next tier by at least one standard error of their difference. The
    largest of many sets that just break even would be one that was lucky on these rows.

    Args:
        scores: Shape (n,), the cheap tier's.
        correct: Shape (n,), whether the cheap tier is right.
        next_correct: Shape (n,), whether the next tier is right.

    Returns:
        The smallest such threshold; `KEEP_NOTHING` when no set will do.
    """
    order = np.argsort(-scores, kind="stable")
    differences = next_correct[order].astype(int) - correct[order].astype(int)
    excess = np.cumsum(differences)
    # Were both equally good, each row on which they differ would be a toss of a fair coin.
    error = np.sqrt(np.cumsum(np.abs(differences)))
    ends = np.append(scores[order][:-1] != scores[order][1:], True)  # ties enter together
    good = np.flatnonzero((excess + error <= 0) & ends)
    return float(scores[order][good[-1]]) if len(good) else KEEP_NOTHING
