"""How well target columns fit a source column, from a few similarities of each pair.

features (m, n, f), each about 0 to 1; look-alikes (m,)
    ->  log-odds (m, n) against "none fits"  ->  beliefs
labelled columns  ->  fit  ->  Matcher

A pair counts for as much as it stands out from the source column's next best ones. Some columns,
such as those of Yes and No, are a little like a hundred others: without this they would stand
before the right pairs of all columns that are like one other alone. And the more columns of its
own table a column looks like, the less likely it has a counterpart: a hundred measurements of one
kind, named for what was measured, are what a table was made for and no dictionary lists.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from headgate.artifact import JSON

Features = NDArray[np.float32]
LogOdds = NDArray[np.float64]

COMPETITORS: Final = 10
"""The best pairs of a source column whose mean is its level; 10 is the k of CSLS, Conneau et al.
2018 (arXiv:1710.04087), section 2.3, whose other half, the level of a target column, is left out:
it would make a column's answer depend on which others are asked with it."""
LEAST_LEVEL: Final = 0.22
"""A mean feature below this counts as this much. A tenth best pair in a table of 736 columns has
0.22 in the median; in a table of five, the tenth best does not exist, and all are far below it."""
DEFAULT_WEIGHT: Final = 7.0
"""Log-odds a unit of each feature. Equal, for want of labels that would say otherwise; six tables
of a public benchmark, each left out in turn, put it between 7.1 and 8.0 for a target of 736
columns and at 6.9 for targets of 30 to 100. It moves beliefs and not the order of pairs."""
DEFAULT_BIAS: Final = -4.3
"""Log-odds of a pair at its column's level; found with the weight, between -4.9 and -4.0."""
DEFAULT_LOOKALIKE_WEIGHT: Final = 0.7
"""Log-odds that each pair of a column loses by unit of ln(1 + look-alikes); leaving each of the six
tables out, it was between 0.6 and 0.8."""

_RIDGE: Final = 0.1
"""Pull towards the default; leaving tables out, 0.01 to 1 were equally good."""
_SHORTLISTED: Final = 100
"""Pairs of a column that a fit looks at; the others have no belief worth counting."""
_DECIMALS: Final = 6
"""Of log-odds; further ones depend on which columns are computed together."""


@dataclass(frozen=True, slots=True)
class LabelledColumns:
    """Source columns of one table whose counterparts in the target are known."""

    features: Features
    """Shape (m, n, f)."""
    right: NDArray[np.bool_]
    """Shape (m, n); a row without any says that none fits."""
    lookalikes: NDArray[np.int64]
    """Shape (m,), how many columns of its own table each looks like."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """A weighted sum of features over the level of the column's best ones."""

    weights: tuple[float, ...]
    """Log-odds a unit of each feature, at least 0: more alike is never less likely."""
    bias: float
    """Log-odds of a pair that does not stand out."""
    lookalike_weight: float
    """Log-odds lost by unit of ln(1 + look-alikes), at least 0."""

    def __post_init__(self) -> None:
        """Refuse weights under which a less similar pair would be the likelier one.

        Raises:
            ValueError: There is none, or a number is not finite or a weight below 0.
        """
        factors = (*self.weights, self.lookalike_weight)
        finite = all(map(math.isfinite, (*factors, self.bias)))
        if not any(self.weights) or min(factors) < 0 or not finite:
            raise ValueError("a matcher needs finite weights, none below 0 and one above")

    @classmethod
    def default(cls, features: int) -> Matcher:
        """Return the matcher that needs no labels: every feature counts the same.

        Args:
            features: How many there are. Their sum has the range that four have, for which the
                defaults were found.
        """
        weight = DEFAULT_WEIGHT * 4 / features
        return cls((weight,) * features, DEFAULT_BIAS, DEFAULT_LOOKALIKE_WEIGHT)

    def log_odds(self, features: Features, lookalikes: NDArray[np.int64]) -> LogOdds:
        """Return the log-odds of each pair against "none fits", shape (m, n), on one scale.

        Args:
            features: Shape (m, n, f).
            lookalikes: Shape (m,), how many columns of its own table each source column looks like.

        Raises:
            ValueError: There are more or fewer features than weights.
        """
        if features.ndim != 3 or features.shape[2] != len(self.weights):
            raise ValueError(f"features of the shape {features.shape}, not (m, n, {len(self)})")
        fused = features.astype(np.float64) @ np.array(self.weights)
        none_fits = self.lookalike_weight * np.log1p(lookalikes)[:, np.newaxis]
        found = fused - self._levels(fused) + self.bias - none_fits
        return np.asarray(np.round(found, _DECIMALS))

    def __len__(self) -> int:
        """Return how many features it reads."""
        return len(self.weights)

    def _levels(self, fused: LogOdds) -> LogOdds:
        """Return the mean of each row's best pairs, shape (m, 1)."""
        least = LEAST_LEVEL * sum(self.weights)
        counted = min(COMPETITORS, fused.shape[1])
        best = -np.partition(-fused, counted - 1, axis=1)[:, :counted] if counted else fused
        over = np.maximum(best - least, 0).sum(axis=1, keepdims=True)
        return np.asarray(least + over / COMPETITORS)

    def to_json(self) -> dict[str, JSON]:
        """Return the numbers by name."""
        return {
            "weights": list(self.weights),
            "bias": self.bias,
            "lookalike_weight": self.lookalike_weight,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, JSON]) -> Matcher:
        """Return the matcher that `to_json` made plain values of.

        Raises:
            ValueError: It did not.
        """
        match value:
            case {
                "weights": [*weights],
                "bias": int() | float() as bias,
                "lookalike_weight": int() | float() as lookalike_weight,
            } if len(value) == len(cls.__slots__):
                numbers = [each for each in weights if isinstance(each, int | float)]
                if len(numbers) == len(weights):
                    return cls(tuple(map(float, numbers)), float(bias), float(lookalike_weight))
        raise ValueError("no matcher is there")


def beliefs(log_odds: LogOdds) -> NDArray[np.float64]:
    """Return the probability of each candidate and, last, that none fits.

    P(j) = exp(s_j) / (1 + sum of exp(s_k)), so the logarithm of P(j) over that of none is s_j
    again.

    Args:
        log_odds: Shape (k,), the candidates of one source column; may be empty.

    Returns:
        Shape (k + 1,), summing to 1.
    """
    terms = np.append(log_odds, 0.0)
    exponents = np.exp(terms - terms.max())
    return np.asarray(exponents / exponents.sum())


def fit_matcher(labelled: Sequence[LabelledColumns], *, ridge: float = _RIDGE) -> Matcher:
    """Return the matcher under which the known answers are most probable.

    A conditional logit with the option that none fits; of several right targets any one will do.
    Weights are kept at 0 or above, and drawn to the default, which is what no labels give.

    Args:
        labelled: Tables with the same features.
        ridge: Pull of each weight towards the default.

    Raises:
        ValueError: There are no labelled columns, or tables differ in their features.

    Source:
        McFadden 1974, Conditional logit analysis of qualitative choice behavior.
    """
    from scipy.optimize import minimize

    sizes = {each.features.shape[2] for each in labelled if len(each.features)}
    if len(sizes) != 1:
        raise ValueError("a matcher is fitted on columns with the same features")
    start = Matcher.default(sizes.pop())
    tables = [_shortlisted(each, start) for each in labelled if each.features.size]
    first = np.array([*start.weights, start.bias, start.lookalike_weight])

    def surprise(numbers: NDArray[np.float64]) -> float:
        matcher = _matcher(numbers)
        away = np.delete(numbers - first, len(start))  # the bias is free
        loss = sum(
            _surprise(each, matcher.log_odds(each.features, each.lookalikes)) for each in tables
        )
        return float(loss + ridge / 2 * (away @ away))

    bounds = [(1e-3, None)] * len(start) + [(None, None), (0.0, None)]
    # Log-odds are rounded, so steps of the usual 1e-8 would see a flat surface.
    found = minimize(surprise, first, method="L-BFGS-B", bounds=bounds, options={"eps": 1e-3})
    return _matcher(found.x)


def _matcher(numbers: NDArray[np.float64]) -> Matcher:
    *weights, bias, lookalike_weight = (float(number) for number in numbers)
    return Matcher(tuple(weights), bias, lookalike_weight)


def _shortlisted(labelled: LabelledColumns, start: Matcher) -> LabelledColumns:
    """Return the best pairs of each column; right ones among the rest are out of reach."""
    log_odds = start.log_odds(labelled.features, labelled.lookalikes)
    order = np.argsort(-log_odds, axis=1, kind="stable")[:, :_SHORTLISTED]
    none_fits = ~labelled.right.any(axis=1)
    right = np.take_along_axis(labelled.right, order, axis=1)
    reached = none_fits | right.any(axis=1)
    features = np.take_along_axis(labelled.features, order[:, :, np.newaxis], axis=1)
    return LabelledColumns(features[reached], right[reached], labelled.lookalikes[reached])


def _surprise(labelled: LabelledColumns, log_odds: LogOdds) -> float:
    """Return minus the log-probability of the known answers, in nats."""
    terms = np.hstack([log_odds, np.zeros((len(log_odds), 1))])
    none_fits = ~labelled.right.any(axis=1, keepdims=True)
    hits = np.where(np.hstack([labelled.right, none_fits]), terms, -np.inf)
    return float((np.logaddexp.reduce(terms, axis=1) - np.logaddexp.reduce(hits, axis=1)).sum())
