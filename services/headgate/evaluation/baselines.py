"""Threshold rules that others use, to measure the certificate against.

labelled scores (n,), bad (n,), epsilon  ->  the smallest score to keep

None of them promises what a certificate does: each looks at the very rows it chose its threshold
on, and takes their average for the truth, or nearly so.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from headgate.gate.bounds import check_share


def empirical_threshold(
    scores: NDArray[np.float64], bad: NDArray[np.bool_], epsilon: float
) -> float:
    """Return the smallest threshold whose share of kept and bad rows is at most epsilon.

    On rows to come the share is above epsilon in about half of all draws. FrugalGPT
    (arXiv:2305.05176) and RouteLLM (arXiv:2406.18665) choose theirs by such averages.

    Args:
        scores: Shape (n,), higher is surer.
        bad: Shape (n,): whether keeping the row would be a loss.
        epsilon: Largest share of all rows, between 0 and 1.

    Returns:
        The smallest score to keep; infinite when no threshold will do. Rows of one score are kept
        together.

    Raises:
        ValueError: Shapes differ, a score is NaN, or epsilon is not between 0 and 1.
    """
    check_share("epsilon", epsilon)
    ordered, counts = _walk(scores, bad)
    return _last(ordered, counts <= epsilon * len(scores))


def crc_threshold(scores: NDArray[np.float64], bad: NDArray[np.bool_], epsilon: float) -> float:
    """Return the smallest threshold whose share is at most epsilon with one more bad row.

    It bounds the average over draws of the rows; in a single draw the risk is above epsilon in
    nearly half of all cases. Arguments, result and errors as `empirical_threshold`.

    Source:
        Conformal risk control, Angelopoulos et al. 2024 (arXiv:2208.02814).
    """
    check_share("epsilon", epsilon)
    ordered, counts = _walk(scores, bad)
    return _last(ordered, (counts + 1) / (len(scores) + 1) <= epsilon)


def clt_threshold(
    scores: NDArray[np.float64], bad: NDArray[np.bool_], epsilon: float, delta: float = 0.05
) -> float:
    """Return the smallest threshold whose normal upper bound is at most epsilon.

    The bound is mean + z * sd / sqrt(n) with the rows' own standard deviation. That is 0 where no
    kept row is bad, so few rows without a loss "prove" any epsilon. Arguments, result and errors
    as `empirical_threshold`.

    Args:
        scores: Shape (n,), higher is surer.
        bad: Shape (n,): whether keeping the row would be a loss.
        epsilon: Largest share of all rows, between 0 and 1.
        delta: Chance that the bound is meant to be wrong with, between 0 and 1.

    Source:
        The rule of SUPG (arXiv:2004.00827) and LOTUS (arXiv:2407.11418), without their sampling.
    """
    check_share("epsilon", epsilon)
    check_share("delta", delta)
    ordered, counts = _walk(scores, bad)
    rows = max(len(scores), 1)
    means = counts / rows
    errors = np.sqrt(means * (1 - means) / rows)
    return _last(ordered, means + NormalDist().inv_cdf(1 - delta) * errors <= epsilon)


def _walk(
    scores: NDArray[np.float64], bad: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the scores, descending, and how many rows up to each are bad."""
    if scores.shape != bad.shape or np.isnan(scores).any():
        raise ValueError("each row needs a score that is a number and one label")
    order = np.argsort(-scores, kind="stable")
    return scores[order], np.cumsum(bad[order])


def _last(ordered: NDArray[np.float64], passing: NDArray[np.bool_]) -> float:
    """Return the last score that passes and ends a run of equal scores."""
    ends = np.ones(len(ordered), bool)
    ends[:-1] = ordered[:-1] != ordered[1:]
    found = np.flatnonzero(ends & passing)
    return float(ordered[found[-1]]) if len(found) else math.inf
