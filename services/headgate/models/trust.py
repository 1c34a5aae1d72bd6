"""How likely a short answer is right, from a few signs that a reading gives of itself.

Signs  ->  features (f,)  ->  Trust  ->  probability, 0 to 1
labelled readings: Signs (n), right (n)  ->  fit_trust  ->  Trust
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from headgate.artifact import JSON

FEWEST_READINGS: Final = 20
"""Fewer labelled readings teach less than the model's own log-probability tells."""
UNKNOWN: Final = 0.5
"""Probability of an answer of which nothing is known."""

_LEAST_LOG_PROB: Final = -5.0
"""Below it an answer is as unsure as it gets; keeps one odd token from deciding alone."""
_MOST_WORDS: Final = 50
_MOST_LOG_ODDS: Final = 10.0
_LEAST_SCALE: Final = 1e-6
"""A feature that varies less is all alike and gets no weight worth the name."""
_RIDGE: Final = 1.0
_NEVER_AGAINST: Final = (True, False, True, True, False, True)
"""Features that may only raise the probability, in the order of `_features`."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for an answer; None is what there is no telling of."""

    log_prob: float | None = None
    """Mean log-probability of the answer's tokens, at most 0."""
    words: int = 1
    """Of the answer."""
    covered: float | None = None
    """Share of the answer's words that the passages shown have, 0 to 1."""
    agrees: float | None = None
    """Token F1 with the answer of an earlier reading, 0 to 1."""
    earlier: float | None = None
    """Probability of that earlier answer, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Trust:
    """A logistic regression over signs; without weights, the model's own probability.

    Source:
        Of the probability without labels: Cao et al. 2023, arXiv:2311.13982, who compare answers
        to a question by the mean log-probability of their tokens. It is far too sure: of recorded
        answers that it gave 0.9 or more, half were right.
    """

    means: tuple[float, ...] = ()
    """Of each feature where it was known: what stands for one that is not."""
    weights: tuple[float, ...] = ()
    """Log-odds a unit of each feature; none below 0 where the sign can only speak for an answer."""
    bias: float = 0.0

    def __post_init__(self) -> None:
        """Refuse numbers under which a surer answer would be the less trusted one.

        Raises:
            ValueError: They are not one a feature or none at all, or not finite, or below 0 where
                they may not be.
        """
        sizes = {len(self.means), len(self.weights)}
        finite = all(map(math.isfinite, (*self.means, *self.weights, self.bias)))
        against = any(
            w < 0 for w, never in zip(self.weights, _NEVER_AGAINST, strict=False) if never
        )
        if sizes not in ({0}, {len(_NEVER_AGAINST)}) or not finite or against:
            raise ValueError("a trust needs one finite weight a sign, none against a surer answer")

    @classmethod
    def default(cls) -> Trust:
        """Return the trust that needs no labels: exp of the mean log-probability."""
        return cls()

    def probability(self, signs: Signs) -> float:
        """Return how likely an answer with these signs is right, 0 to 1.

        Without weights and without a log-probability it is `UNKNOWN`.
        """
        known = _features(signs)
        if not self.weights:
            return UNKNOWN if known[0] is None else math.exp(known[0])
        values = [m if v is None else v for v, m in zip(known, self.means, strict=True)]
        log_odds = self.bias + sum(w * v for w, v in zip(self.weights, values, strict=True))
        return 1 / (1 + math.exp(-max(-_MOST_LOG_ODDS, min(log_odds, _MOST_LOG_ODDS))))

    def to_json(self) -> dict[str, JSON]:
        """Return the numbers by name."""
        return {"means": list(self.means), "weights": list(self.weights), "bias": self.bias}

    @classmethod
    def from_json(cls, value: Mapping[str, JSON]) -> Trust:
        """Return the trust that `to_json` made plain values of.

        Raises:
            ValueError: It did not.
        """
        match value:
            case {"means": [*means], "weights": [*weights], "bias": int() | float() as bias} if len(
                value
            ) == len(cls.__slots__):
                numbers = [each for each in (*means, *weights) if isinstance(each, int | float)]
                if len(numbers) == len(means) + len(weights):
                    found = tuple(map(float, numbers))
                    return cls(found[: len(means)], found[len(means) :], float(bias))
        raise ValueError("no trust is there")


def fit_trust(signs: Sequence[Signs], right: Sequence[bool], *, ridge: float = _RIDGE) -> Trust:
    """Return the trust under which it is most probable that the right answers are right.

    A sign that is missing counts as the mean of the known ones. Weights are kept at 0 or above
    where a sign can only speak for an answer, whatever a few labels say.

    Args:
        signs: Of readings with an answer, length n.
        right: Whether each is right, length n.
        ridge: Pull of each weight, by standard deviation of its feature, towards 0.

    Returns:
        The default for fewer than `FEWEST_READINGS`, or when all or none are right.

    Raises:
        ValueError: There are not as many labels as readings.
    """
    if len(signs) != len(right):
        raise ValueError(f"{len(signs)} readings with {len(right)} labels")
    if len(signs) < FEWEST_READINGS or all(right) or not any(right):
        return Trust.default()
    rows = np.array([_features(each) for each in signs], np.float64)  # None becomes NaN
    known = ~np.isnan(rows)
    means = np.where(known, rows, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, rows - means, 0)
    scale = np.maximum(centred.std(axis=0), _LEAST_SCALE)
    weights, bias = _regress(centred / scale, np.where(right, 1.0, -1.0), ridge)
    slopes = weights / scale
    return Trust(tuple(means.tolist()), tuple(slopes.tolist()), bias - float(slopes @ means))


def _regress(
    rows: NDArray[np.float64], wanted: NDArray[np.float64], ridge: float
) -> tuple[NDArray[np.float64], float]:
    """Return weights (f,) and bias of rows (n, f), those of one direction kept in it."""
    from scipy.optimize import minimize
    from scipy.special import expit

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, bias = parameters[:-1], parameters[-1]
        margins = wanted * (rows @ weights + bias)
        value = np.logaddexp(0, -margins).sum() + ridge / 2 * weights @ weights
        pull = -wanted * expit(-margins)
        return float(value), np.append(rows.T @ pull + ridge * weights, pull.sum())

    bounds = [(0.0 if never else None, None) for never in _NEVER_AGAINST] + [(None, None)]
    start = np.zeros(rows.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found[:-1], float(found[-1])


def _features(signs: Signs) -> tuple[float | None, ...]:
    """Return what the regression reads, None where it is not known; see `_NEVER_AGAINST`."""
    log_prob = signs.log_prob
    if log_prob is not None:
        log_prob = None if math.isnan(log_prob) else min(0.0, max(log_prob, _LEAST_LOG_PROB))
    words = math.log1p(min(signs.words, _MOST_WORDS))
    both = None
    if signs.agrees is not None and signs.earlier is not None:
        both = signs.agrees * signs.earlier
    return log_prob, words, signs.covered, signs.agrees, signs.earlier, both
