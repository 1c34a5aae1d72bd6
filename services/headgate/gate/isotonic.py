"""Monotone maps from a raw score to a confidence, one for each predicted class.

tuning scores (n,), right (n,)  ->  IsotonicMap;  with predicted classes  ->  ClassMaps

A map only puts tiers and classes on one axis: the guarantee comes of labels it never saw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.artifact import JSON

MIN_CLASS_ROWS = 30
"""A class with fewer tuning rows shares the map of all classes."""


@dataclass(frozen=True, slots=True)
class IsotonicMap:
    """A non-decreasing piecewise linear function, constant beyond its knots."""

    scores: tuple[float, ...]
    """Knots, strictly ascending; at least one."""
    confidences: tuple[float, ...]
    """One a knot, non-decreasing, strictly between 0 and 1."""

    def apply(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the confidence of each score; NaN stays NaN."""
        # A map of one knot would take NaN for it.
        return np.where(np.isnan(scores), np.nan, np.interp(scores, self.scores, self.confidences))


def fit_isotonic(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> IsotonicMap:
    """Return the map that best orders right before wrong answers.

    Pools adjacent violators, shrinks each block of w rows to (w * mean + 0.5) / (w + 1) so that
    nothing is ever sure, joins block centres by straight lines so that there are few plateaus, and
    takes a running maximum, since shrinking alone can break the order.

    Args:
        scores: Shape (n,), n > 0, finite.
        right: Shape (n,).

    Raises:
        ValueError: There are no rows, or a score is not finite.

    Source:
        Ayer et al. 1955 for the pooling.
    """
    if len(scores) == 0 or not np.isfinite(scores).all():
        raise ValueError("an isotonic map needs rows with finite scores")
    levels, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    hits = np.bincount(places, weights=right).astype(np.float64)
    blocks = _pooled(hits, counts)
    ends = np.cumsum([block[2] for block in blocks])
    starts = ends - [block[2] for block in blocks]
    means = np.add.reduceat(levels * counts, starts) / np.add.reduceat(counts, starts)
    # Rounding must not move a centre out of its block: knots ascend strictly.
    centres = np.clip(means, levels[starts], levels[ends - 1])
    values = np.maximum.accumulate([(hit + 0.5) / (count + 1) for hit, count, _ in blocks])
    return IsotonicMap(tuple(centres.tolist()), tuple(values.tolist()))


def _pooled(hits: NDArray[np.float64], counts: NDArray[np.int64]) -> list[tuple[float, float, int]]:
    """Return blocks of (hits, rows, levels) whose means do not decrease."""
    blocks: list[tuple[float, float, int]] = []
    for hit, count in zip(hits.tolist(), counts.tolist(), strict=True):
        block = (hit, float(count), 1)
        while blocks and blocks[-1][0] * block[1] >= block[0] * blocks[-1][1]:
            last = blocks.pop()
            block = (last[0] + block[0], last[1] + block[1], last[2] + block[2])
        blocks.append(block)
    return blocks


@dataclass(frozen=True, slots=True)
class ClassMaps:
    """A map for each predicted class that had enough rows, and one for the others."""

    pooled: IsotonicMap
    by_class: Mapping[int, IsotonicMap]
    """By the index of the predicted option."""

    @classmethod
    def fit(
        cls,
        scores: NDArray[np.float64],
        right: NDArray[np.bool_],
        predicted: NDArray[np.int64],
    ) -> ClassMaps:
        """Return the maps of tuning rows, all arguments of shape (n,).

        The predicted class is known at run time, so conditioning on it is allowed.
        """
        own = {}
        for each in np.unique(predicted).tolist():
            rows = predicted == each
            if rows.sum() >= MIN_CLASS_ROWS:
                own[each] = fit_isotonic(scores[rows], right[rows])
        return cls(fit_isotonic(scores, right), own)

    def apply(
        self, scores: NDArray[np.float64], predicted: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return each row's confidence, shape (n,)."""
        confidences = self.pooled.apply(scores)
        for each, own in self.by_class.items():
            rows = predicted == each
            confidences[rows] = own.apply(scores[rows])
        return confidences

    def to_json(self) -> dict[str, JSON]:
        """Return the knots as plain values."""
        own = {str(each): _knots(found) for each, found in sorted(self.by_class.items())}
        return {"pooled": _knots(self.pooled), "by_class": own}

    @classmethod
    def from_json(cls, value: Mapping[str, JSON]) -> ClassMaps:
        """Return the maps that `to_json` made plain values of.

        Raises:
            ValueError: It did not.
        """
        match value:
            case {"pooled": list() as pooled, "by_class": dict(own)}:
                maps = {int(each): _from_knots(knots) for each, knots in own.items()}
                return cls(_from_knots(pooled), maps)
        raise ValueError("no maps are there")


def _knots(found: IsotonicMap) -> list[list[float]]:
    return [list(found.scores), list(found.confidences)]


def _from_knots(knots: Sequence[Sequence[float]]) -> IsotonicMap:
    try:
        scores, confidences = (tuple(float(each) for each in part) for part in knots)
    except TypeError as error:
        raise ValueError("the knots of a map are not lists of numbers") from error
    if not scores or len(scores) != len(confidences) or not np.all(np.diff(scores) > 0):
        raise ValueError("the knots of a map are not ascending pairs")
    return IsotonicMap(scores, confidences)
