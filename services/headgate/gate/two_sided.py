"""Gates for a rare class: one threshold to call a record normal, another to call it rare.

confidences of both classes (n, 2), gold (n,)  ->  a threshold a predicted class, each certified

Overall accuracy says nothing where one record in a thousand is rare: always saying "normal" is
right 999 times. So the losses are those of the classes: rare records that are called normal, as a
share of all rare ones, and calls of "rare" that are wrong, as a share of these calls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.gate.bounds import (
    binomial_p_value,
    check_share,
    labels_needed,
    most_bad_allowed,
)

_LEVELS = 100
_SURE_ROWS = 3.9
"""As for `selective` in `tiers`: the first rung is expected to hold that many times the least."""


@dataclass(frozen=True, slots=True)
class ClassBounds:
    """Largest losses, each between 0 and 1, each at the same delta."""

    miss: float
    """Share of the rare records that may be called normal."""
    false_alarm: float
    """Share of the calls of "rare" that may be wrong."""
    delta: float

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: One is not between 0 and 1.
        """
        for name in ("miss", "false_alarm", "delta"):
            check_share(name, getattr(self, name))


@dataclass(frozen=True, slots=True)
class ClassRung:
    """One threshold on the confidence of a predicted class."""

    threshold: float
    """The smallest confidence that is kept; infinite when nothing may be."""
    n: int
    """Rows the statement was tested on: the rare ones, or the kept calls of "rare"."""
    bad: int
    p_value: float
    labels_needed: int
    """Rows of the kind of `n` that are needed at least; 0 when it is certified."""

    @property
    def certified(self) -> bool:
        """Return whether anything may be kept."""
        return math.isfinite(self.threshold)


def certify_normal(
    normal_confidence: NDArray[np.float64], rare: NDArray[np.bool_], bounds: ClassBounds
) -> ClassRung:
    """Return from what confidence on a record may be called normal.

    Rare rows alone matter: without a miss, 29 of them prove a recall of 0.9 at delta 0.05, 59 one
    of 0.95, 299 one of 0.99. Above the threshold are k* of them, as many as still certify.

    Args:
        normal_confidence: Shape (n,), probability of the normal class on certification rows.
        rare: Shape (n,), whether the row is rare.
        bounds: What may be lost.

    Raises:
        ValueError: A confidence is NaN.
    """
    _refuse_nan(normal_confidence)
    own = -np.sort(-normal_confidence[rare])
    allowed = most_bad_allowed(len(own), bounds.miss, bounds.delta)
    if allowed < 0:
        return ClassRung(math.inf, len(own), 0, 1.0, labels_needed(bounds.miss, bounds.delta))
    # Strictly above the rare row number k* + 1, which is always there: that all rows are bad
    # proves nothing. Rare rows tied with it stay below.
    threshold = float(np.nextafter(own[allowed], np.inf))
    found = int((own >= threshold).sum())
    return ClassRung(
        threshold, len(own), found, float(binomial_p_value(found, len(own), bounds.miss)), 0
    )


def certify_rare(
    rare_confidence: NDArray[np.float64],
    rare: NDArray[np.bool_],
    bounds: ClassBounds,
    *,
    tune: NDArray[np.bool_],
) -> ClassRung:
    """Return from what confidence on a record may be called rare.

    Args:
        rare_confidence: Shape (n,), probability of the rare class.
        rare: Shape (n,), whether the row is rare.
        bounds: What may be lost.
        tune: Shape (n,): rows that freeze the list of thresholds; the others certify.

    Raises:
        ValueError: A confidence is NaN.
    """
    _refuse_nan(rare_confidence)
    scores, right = rare_confidence[~tune], rare[~tune]
    kept: ClassRung | None = None
    for threshold in _frozen_list(rare_confidence[tune], len(scores), bounds):
        called = scores >= threshold
        n, bad = int(called.sum()), int((called & ~right).sum())
        p_value = float(binomial_p_value(bad, n, bounds.false_alarm)) if n else 1.0
        if p_value > bounds.delta:
            break
        kept = ClassRung(threshold, n, bad, p_value, 0)
    needed = labels_needed(bounds.false_alarm, bounds.delta)
    return kept or ClassRung(math.inf, 0, 0, 1.0, needed)


def _frozen_list(tuning: NDArray[np.float64], certifying: int, bounds: ClassBounds) -> list[float]:
    """Return descending thresholds of at least a half, the first with enough rows to pass."""
    called = tuning[tuning >= 0.5]
    if not len(called):
        return []
    levels = np.unique(np.quantile(called, np.linspace(0, 1, _LEVELS), method="lower"))[::-1]
    fewest = _SURE_ROWS * math.log(bounds.delta) / math.log1p(-bounds.false_alarm)
    expected = (tuning[:, None] >= levels).mean(axis=0) * certifying
    first = min(int((expected < fewest).sum()), len(levels) - 1)
    return [float(level) for level in levels[first:]]


def _refuse_nan(confidences: NDArray[np.float64]) -> None:
    if np.isnan(confidences).any():
        raise ValueError("a confidence is NaN")
