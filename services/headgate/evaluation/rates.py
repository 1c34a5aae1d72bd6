"""Shares of rows with exact intervals, and the gap between two tiers on the same rows.

outcomes of n rows, 0 to 1  ->  Rate: value, low, high
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.gate.bounds import risk_interval

CONFIDENCE = 0.95
"""Of every interval in a report, each by itself."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of rows, or a difference of two, with its two-sided interval."""

    value: float | None
    """None when it is a share of no rows."""
    low: float
    high: float


def rate(rows: NDArray[np.bool_] | NDArray[np.float64], of: float | None = None) -> Rate:
    """Return the share of rows that something is true of, with its exact interval.

    Args:
        rows: Shape (n,), 0 or 1; or between them, the chance of 1, and then the interval is that
            of the expected count, rounded.
        of: How many rows it is a share of; n by default.

    Source:
        Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404.
    """
    count, total = float(np.sum(rows)), float(len(rows) if of is None else of)
    low, high = risk_interval(round(count), round(total), CONFIDENCE)
    return Rate(count / total if total > 0 else None, low, high)


def gap(reference_right: NDArray[np.bool_], right: NDArray[np.bool_]) -> Rate:
    """Return by how much a reference is right more often than something else on the same rows.

    Only rows where the two differ count. The interval joins the exact ones of "only the reference
    is right" and "only the other is", each at half the miss, so it covers at least as often as it
    says, however few rows differ.

    Args:
        reference_right: Shape (n,).
        right: Shape (n,), of the same rows.

    Returns:
        Between -1 and 1; negative when the reference is the worse one.
    """
    confidence = (1 + CONFIDENCE) / 2
    worse = int(np.sum(reference_right & ~right))
    better = int(np.sum(right & ~reference_right))
    least_worse, most_worse = risk_interval(worse, len(right), confidence)
    least_better, most_better = risk_interval(better, len(right), confidence)
    value = (worse - better) / len(right)
    return Rate(value, least_worse - most_better, most_worse - least_better)
