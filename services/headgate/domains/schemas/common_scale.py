"""P(match) on one scale over all source columns, whichever model judged them.

Prediction (options, NO_MATCH), the large model's scores or None  ->  ((option, belief), ...)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.artifact import JSON
from headgate.domains.schemas.match_record import NO_MATCH
from headgate.types import Prediction

Beliefs = tuple[tuple[str, float], ...]

LEAST_DOUBT = 1e-6
"""A small model is never surer than this, neither that a pair is right nor that it is wrong."""


@dataclass(frozen=True, slots=True)
class CommonScale:
    """How a large model's score becomes a probability like those of the small model.

    A column that was not escalated keeps the small model's probabilities, so these have to be
    honest, that of `NO_MATCH` above all: a wrong pair with a high one stands before right pairs of
    all other columns. A pair that the large model scored has the log-odds

        steepness * (score - middle) + small_weight * log-odds of the small model

    and one it gave no score comes behind all it did, in the small model's order. The defaults need
    no labels: two models that both say one half are believed by half, scores of 0.3 and 0.7 mean
    about 1 in 6 and 5 in 6, and the small model does little but part equal scores.
    """

    steepness: float = 8.0
    """Log-odds a unit of the large model's score; above 0."""
    middle: float = 0.5
    """The score that is a coin flip where the small model is undecided; 0 to 1."""
    small_weight: float = 0.1
    """Share of the small model's log-odds that counts beside a score; 0 to 1."""

    def __post_init__(self) -> None:
        """Refuse numbers with which a higher score would not mean a surer pair.

        Raises:
            ValueError: A number is not finite, or not in its range.
        """
        inside = 0 <= self.middle <= 1 and 0 <= self.small_weight <= 1
        if not (inside and 0 < self.steepness < math.inf):
            raise ValueError(f"no scale has the numbers {asdict(self)!r}")

    def ranking(self, prediction: Prediction, scores: Mapping[str, float] | None) -> Beliefs:
        """Return each option with the belief that it is right, best first.

        Beliefs of a judged column need not sum to 1, since a column may have several counterparts;
        that of `NO_MATCH` is what the best candidate leaves. Of equal beliefs the small model's
        order decides.

        Args:
            prediction: The small model's.
            scores: The large model's, 0 to 1, of the options it gave one; empty when it held that
                none fits, None when it was not asked.

        Raises:
            ValueError: A score is not between 0 and 1, or of something that was no candidate.
        """
        own = dict(zip(prediction.options, prediction.probabilities, strict=True))
        if scores is not None:
            _check(scores, own)
            own = self._judged(own, scores)
        return tuple(sorted(own.items(), key=lambda believed: -believed[1]))

    def beliefs(
        self, large: NDArray[np.float64], small: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return P(match) of pairs that both models judged, shape (n,).

        Args:
            large: Shape (n,), the large model's scores, 0 to 1.
            small: Shape (n,), the small model's probabilities.
        """
        terms = self.steepness * (large - self.middle) + self.small_weight * _log_odds(small)
        return np.asarray(1 / (1 + np.exp(-terms)), np.float64)

    def _judged(self, small: Mapping[str, float], scores: Mapping[str, float]) -> dict[str, float]:
        """Return the beliefs of an escalated column's options."""
        both = np.array([[score, small[option]] for option, score in scores.items()]).reshape(-1, 2)
        scored = dict(zip(scores, self.beliefs(*both.T).tolist(), strict=True))
        floor = min([self._unscored, *scored.values()])
        judged = {option: scored.get(option, floor * small[option]) for option in small}
        if NO_MATCH in small:
            del judged[NO_MATCH]
            judged[NO_MATCH] = 1 - max(judged.values(), default=0.0)
        return judged

    @property
    def _unscored(self) -> float:
        """Return the belief in a pair of score 0 about which the small model is undecided."""
        return float(self.beliefs(np.zeros(1), np.full(1, 0.5))[0])

    def to_json(self) -> dict[str, JSON]:
        """Return the three numbers by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, JSON]) -> CommonScale:
        """Return the scale that `to_json` made plain values of.

        Raises:
            ValueError: It did not.
        """
        match value:
            case {
                "steepness": int() | float() as steepness,
                "middle": int() | float() as middle,
                "small_weight": int() | float() as small_weight,
            } if len(value) == len(cls.__slots__):
                return cls(float(steepness), float(middle), float(small_weight))
        raise ValueError("no scale is there")


def _check(scores: Mapping[str, float], options: Mapping[str, float]) -> None:
    if not all(0 <= score <= 1 for score in scores.values()):
        raise ValueError("a score of the large model is not between 0 and 1")
    if not scores.keys() <= options.keys() - {NO_MATCH}:
        raise ValueError("the large model scored what was no candidate. This is a bug.")


def _log_odds(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    doubted = np.clip(probabilities, LEAST_DOUBT, 1 - LEAST_DOUBT)
    return np.asarray(np.log(doubted / (1 - doubted)), np.float64)
