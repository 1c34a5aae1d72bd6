"""How sure a small model is of its own answer; higher is surer.

probabilities of each record -> OptionTable (n, options) -> scores (n,)
log-probabilities of a text's tokens -> features (7,);  scores of ranked candidates -> margin
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ScoreKind = Literal["max_prob", "margin", "agreement", "head"]

_SMALLEST = 1e-300
"""Stands for a probability of 0, so that its logarithm is finite."""
LOG_PROB_QUANTILES = (0.0, 0.05, 0.10, 0.25, 0.50)


@dataclass(frozen=True, slots=True)
class OptionTable:
    """Predictions side by side, padded with 0 where records have fewer options."""

    probabilities: NDArray[np.float64]
    """Shape (n, widest), at least two columns; each row sums to 1."""
    predicted: NDArray[np.int64]
    """Shape (n,), index of the most probable option; the first one on a tie."""

    @classmethod
    def of(cls, rows: Sequence[Sequence[float]]) -> OptionTable:
        """Return the table of rows that may differ in length."""
        width = max(2, max((len(row) for row in rows), default=0))
        if any(len(row) != width for row in rows):
            rows = [(*row, *([0.0] * (width - len(row)))) for row in rows]
        table = np.array(rows, np.float64).reshape(len(rows), width)
        return cls(table, table.argmax(axis=1))

    def max_prob(self) -> NDArray[np.float64]:
        """Return the probability of each answer, shape (n,)."""
        return np.asarray(self.probabilities.max(axis=1))

    def margin(self) -> NDArray[np.float64]:
        """Return the lead of each answer's logit over the runner-up's, shape (n,), at least 0.

        Taken from logarithms: of probabilities that round to 1 the difference is lost, of logits
        it is not.
        """
        top = np.maximum(np.partition(self.probabilities, -2, axis=1)[:, -2:], _SMALLEST)
        logs = np.log(top)
        return np.asarray(logs[:, 1] - logs[:, 0])

    def entropy(self) -> NDArray[np.float64]:
        """Return how spread each row is, in nats, shape (n,)."""
        positive = np.maximum(self.probabilities, _SMALLEST)
        return np.asarray(-(self.probabilities * np.log(positive)).sum(axis=1))

    def of_answers(self, answers: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the probability of another model's answers, shape (n,)."""
        return np.asarray(self.probabilities[np.arange(len(answers)), answers])


def agreement(first: OptionTable, second: OptionTable) -> NDArray[np.float64]:
    """Return how sure two models together are of the first one's answer, shape (n,).

    The mean of both probabilities of that answer. A second model helps when it is of another
    family; a weaker one of the same family adds nothing.
    """
    return (first.max_prob() + second.of_answers(first.predicted)) / 2


def log_prob_features(log_probs: Sequence[float]) -> NDArray[np.float64]:
    """Return what the token log-probabilities of a generated text say of it, shape (7,).

    The quantiles of `LOG_PROB_QUANTILES`, the mean, and the length; sum or mean alone favour
    short texts.

    Raises:
        ValueError: There are none, or one is not finite or above 0.

    Source:
        Gupta et al. 2024 (arXiv:2404.10136).
    """
    values = np.asarray(log_probs, np.float64)
    if not len(values) or not np.isfinite(values).all() or (values > 0).any():
        raise ValueError("a text's log-probabilities are numbers of at most 0, at least one")
    return np.concatenate(
        [np.quantile(values, LOG_PROB_QUANTILES), [values.mean(), float(len(values))]]
    )


def rank_margin(scores: Sequence[float], cut: int = 1) -> float:
    """Return the gap between the candidates at and after a cut of a ranking, at least 0.

    Args:
        scores: Of the candidates in any order; with no more of them than `cut` nothing is left
            out, and the gap is infinite.
        cut: How many candidates are kept, at least 1.

    Raises:
        ValueError: There are no candidates, or a score is NaN.
    """
    ordered = -np.sort(-np.asarray(scores, np.float64))
    if not len(ordered) or np.isnan(ordered).any():
        raise ValueError("a ranking has candidates with scores that are numbers")
    return float(ordered[cut - 1] - ordered[cut]) if cut < len(ordered) else float("inf")
