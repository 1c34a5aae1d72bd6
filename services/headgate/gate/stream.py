"""The certificate of a stream with two tiers and one score that was fixed beforehand.

certification scores (n,), bad (n,)  ->  the smallest threshold whose risk is surely below epsilon
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.gate.bounds import binomial_p_value, check_share, most_bad_allowed


@dataclass(frozen=True, slots=True)
class Rung:
    """One threshold with what the certification rows say of it."""

    threshold: float
    """The smallest score that is kept."""
    n: int
    """Certification rows."""
    bad: int
    """Bad rows among those kept."""
    p_value: float
    automation: float
    """Share of the rows that is kept."""


def certify_threshold(
    scores: NDArray[np.float64], bad: NDArray[np.bool_], *, epsilon: float, delta: float
) -> Rung | None:
    """Return the most liberal threshold with P(kept and bad) <= epsilon, surely, if there is one.

    With probability at least 1 - delta over the rows, the statement is true of records drawn like
    them. It uses all rows and pays nothing for choosing among thresholds: walking down from the
    surest row, it stops just before bad row number k* + 1, where k* bad ones of n still certify.
    Rows of one score enter together or not at all. The order of the rows makes no difference.

    Args:
        scores: Shape (n,), of a score that was chosen without these rows; higher is surer.
        bad: Shape (n,): whether keeping the row would be a loss.
        epsilon: Largest share of all records, kept or not, that may be a loss.
        delta: Chance of being wrong.

    Raises:
        ValueError: A score is NaN, the shapes differ, or epsilon or delta is not between 0 and 1.

    Source:
        Risk-controlling prediction sets, Bates et al. 2021 (arXiv:2101.02703), for a 0-1 loss.
    """
    allowed = most_bad_allowed(len(scores), epsilon, delta)
    walk = _Walk.down(scores, bad)
    last = walk.last_within(walk.bad <= allowed)
    if last is None:
        return None
    p_value = float(binomial_p_value(walk.bad[last], len(scores), epsilon))
    return walk.rung(last, p_value)


def expectation_threshold(
    scores: NDArray[np.float64], bad: NDArray[np.bool_], *, epsilon: float
) -> Rung | None:
    """Return the threshold whose risk is below epsilon on average over draws of the rows.

    It is no certificate: in a single draw the risk is above epsilon in nearly half of all cases.
    For fewer than 60 rows, where nothing can be certified. Arguments as `certify_threshold`.

    Source:
        Conformal risk control, Angelopoulos et al. 2024 (arXiv:2208.02814).
    """
    check_share("epsilon", epsilon)
    walk = _Walk.down(scores, bad)
    last = walk.last_within((walk.bad + 1) / (len(scores) + 1) <= epsilon)
    return None if last is None else walk.rung(last, 1.0)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Rows from the surest to the least sure."""

    scores: NDArray[np.float64]
    bad: NDArray[np.int64]
    """Bad rows so far."""

    @classmethod
    def down(cls, scores: NDArray[np.float64], bad: NDArray[np.bool_]) -> _Walk:
        if scores.shape != bad.shape:
            raise ValueError("each certification row needs one score and one label")
        if np.isnan(scores).any():
            raise ValueError("a certification score is NaN")
        order = np.argsort(-scores, kind="stable")
        return cls(scores[order], np.cumsum(bad[order]))

    def last_within(self, passing: NDArray[np.bool_]) -> int | None:
        """Return the last place that passes and ends a run of equal scores."""
        ends = np.ones(len(self.scores), bool)
        ends[:-1] = self.scores[:-1] != self.scores[1:]
        found = np.flatnonzero(ends & passing)
        return int(found[-1]) if len(found) else None

    def rung(self, last: int, p_value: float) -> Rung:
        rows = len(self.scores)
        bad, kept = int(self.bad[last]), last + 1
        return Rung(float(self.scores[last]), rows, bad, p_value, kept / rows)
