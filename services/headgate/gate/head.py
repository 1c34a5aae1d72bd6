"""A learnt score: a logistic regression on what a prediction says of itself, used if it pays.

OptionTable, second model's OptionTable -> features (n, f) -> Head -> score (n,)
tuning rows -> 5 folds -> does the head beat the plain score by more than a standard error?
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from headgate.artifact import JSON
from headgate.gate.scores import OptionTable

FOLDS = 5
MIN_ROWS = 100
"""Fewer tuning rows say nothing about which score is better."""
_PENALTY = 1.0
_LARGEST_MARGIN = 30.0
"""Beyond it a prediction is as sure as it gets; keeps features in one scale."""


def features(first: OptionTable, second: OptionTable | None = None) -> NDArray[np.float64]:
    """Return what a head reads, shape (n, 3) or (n, 5) with a second model."""
    columns = [first.max_prob(), np.minimum(first.margin(), _LARGEST_MARGIN), first.entropy()]
    if second is not None:
        columns += [second.of_answers(first.predicted), second.predicted == first.predicted]
    return np.stack(columns, axis=1).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Head:
    """A logistic regression over standardised features."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    """Standard deviation of each feature; infinite where all rows were alike."""
    weights: tuple[float, ...]
    bias: float

    @classmethod
    def fit(cls, rows: NDArray[np.float64], right: NDArray[np.bool_]) -> Head:
        """Fit on tuning rows, shape (n, f) and (n,), with a ridge penalty on the weights.

        Raises:
            ValueError: A feature is not finite, or there are no rows.
        """
        if not len(rows) or not np.isfinite(rows).all():
            raise ValueError("a head needs rows with finite features")
        mean, deviation = rows.mean(axis=0), rows.std(axis=0)
        scale = np.where(deviation > 1e-9, deviation, np.inf)
        scaled, signs = (rows - mean) / scale, np.where(right, 1.0, -1.0)

        def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            weights, bias = parameters[:-1], parameters[-1]
            margins = signs * (scaled @ weights + bias)
            value = np.logaddexp(0, -margins).sum() + _PENALTY / 2 * weights @ weights
            pull = -signs * expit(-margins)
            return float(value), np.append(scaled.T @ pull + _PENALTY * weights, pull.sum())

        found = minimize(loss, np.zeros(rows.shape[1] + 1), jac=True, method="L-BFGS-B").x
        weights = tuple(found[:-1].tolist())
        return cls(tuple(mean.tolist()), tuple(scale.tolist()), weights, float(found[-1]))

    def apply(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability that each answer is right, shape (n,), from features (n, f)."""
        scaled = (rows - np.array(self.mean)) / np.array(self.scale)
        return np.asarray(expit(scaled @ np.array(self.weights) + self.bias))

    def to_json(self) -> dict[str, JSON]:
        """Return it as plain values; an infinite scale, which JSON cannot say, as null."""
        scale = [None if np.isinf(each) else each for each in self.scale]
        return {
            "mean": list(self.mean),
            "scale": scale,
            "weights": list(self.weights),
            "bias": self.bias,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, JSON]) -> Head:
        """Return the head that `to_json` made plain values of.

        Raises:
            ValueError: It did not.
        """
        match value:
            case {"mean": list(mean), "scale": list(scale), "weights": list(weights), "bias": bias}:
                scales = tuple(np.inf if each is None else float(each) for each in scale)
                if isinstance(bias, float) and len(mean) == len(scale) == len(weights):
                    return cls(tuple(mean), scales, tuple(weights), bias)
        raise ValueError("no head is there")


def head_pays(
    rows: NDArray[np.float64],
    plain: NDArray[np.float64],
    *,
    right: NDArray[np.bool_],
    reference_right: NDArray[np.bool_],
    seed: int,
) -> bool:
    """Return whether a head defers better than the plain score, by more than a standard error.

    Five folds: a head that was fitted on four orders the fifth. Compared is the area under the
    performance gap recovered, fold by fold.

    Args:
        rows: Shape (n, f), features of tuning rows.
        plain: Shape (n,), the plain score.
        right: Shape (n,), whether the small answer is right; for `agree`, the reference's.
        reference_right: Shape (n,), whether the reference is.
        seed: Of the folds.
    """
    if len(rows) < MIN_ROWS or right.all() or not right.any():
        return False
    folds = np.random.default_rng(seed).permutation(len(rows)) % FOLDS
    gains = []
    for fold in range(FOLDS):
        held = folds == fold
        learnt = Head.fit(rows[~held], right[~held]).apply(rows[held])
        own, reference = right[held], reference_right[held]
        gains.append(recovered(learnt, own, reference) - recovered(plain[held], own, reference))
    return bool(np.mean(gains) > np.std(gains, ddof=1) / np.sqrt(FOLDS))


def recovered(
    scores: NDArray[np.float64], right: NDArray[np.bool_], reference_right: NDArray[np.bool_]
) -> float:
    """Return the mean gain in right answers when the least sure rows are sent on, over all shares.

    Not divided by the whole gap, which may be 0 in a fold: differences of two scores keep their
    sign. Rows of one score are sent on in the order they come.
    """
    gains = reference_right.astype(float) - right
    order = np.argsort(scores, kind="stable")
    return float(np.concatenate([[0.0], np.cumsum(gains[order])]).mean() / max(len(gains), 1))
