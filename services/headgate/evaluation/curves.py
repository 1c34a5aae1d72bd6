"""Quality and cost against the share of rows that goes to the large model.

Outcomes (n rows)  ->  Curve (n + 1 points)  ->  APGR, CPT, AIQ, area under cost and error
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.evaluation.outcomes import Outcomes
from headgate.evaluation.rates import Rate, rate

_ROUNDING = 1e-9
"""Sums of shares may be off by this much."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Quality and cost when the rows come first that an order puts first; 0 to n rows sent."""

    share: NDArray[np.float64]
    """Shape (n + 1,): of rows sent to the large model, from 0 to 1."""
    quality: NDArray[np.float64]
    """Shape (n + 1,): share of right answers."""
    cost_usd: NDArray[np.float64]
    """Shape (n + 1,): a row, on average; never falls."""


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """What a threshold means that keeps the surest rows."""

    coverage: float
    """Share of rows that the small models answer."""
    wrong: Rate
    """Share of wrong answers among them."""
    loss: Rate
    """Share of all rows that are kept and lose by it."""


def deferral_curve(outcomes: Outcomes) -> Curve:
    """Return the curve of the gate's own score: the least sure rows are sent first.

    Rows of one score are sent in random order; the curve is the mean over all such orders, a
    straight line from the block's first point to its last.
    """
    return _curve(outcomes, outcomes.scores)


def oracle_curve(outcomes: Outcomes) -> Curve:
    """Return the best curve there is: first the rows that sending mends, last those it spoils."""
    gain = outcomes.escalated_right.astype(float) - outcomes.small_right
    return _curve(outcomes, -gain)


def _curve(outcomes: Outcomes, keys: NDArray[np.float64]) -> Curve:
    """Return the curve of sending rows by ascending key."""
    gain = outcomes.escalated_right.astype(float) - outcomes.small_right
    n = len(outcomes)
    return Curve(
        np.arange(n + 1) / n,
        outcomes.small_right.mean() + _running(gain, keys) / n,
        outcomes.small_cost_usd.mean() + _running(outcomes.large_cost_usd, keys) / n,
    )


def _running(values: NDArray[np.float64], keys: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 0 and the running sums by ascending key; equal keys share their sum evenly."""
    _, block, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    means = np.bincount(block, values) / sizes
    return np.concatenate([[0.0], np.cumsum(np.repeat(means, sizes))])


def apgr(curve: Curve) -> float | None:
    """Return the area under the gap recovered, (y(q) - y(0)) / (y(1) - y(0)), over the share q.

    Sending rows at random gives 0.5; an order that knows where the large model is wrong may pass
    1. None when the large model is no better, so that there is no gap to recover.

    Source:
        RouteLLM, Ong et al. 2024 (arXiv:2406.18665); trapezoid on n + 1 points.
    """
    if not _has_gap(curve):
        return None
    recovered = (curve.quality - curve.quality[0]) / (curve.quality[-1] - curve.quality[0])
    return float(np.trapezoid(recovered, curve.share))


def cpt(curve: Curve, recovered: float) -> float | None:
    """Return the smallest share of calls that recovers a part of the gap.

    Args:
        curve: Of an order of rows.
        recovered: Part of the gap, 0 to 1; 1 is parity with sending every row.

    Returns:
        Between 0 and 1; None when there is no gap.

    Source:
        RouteLLM, Ong et al. 2024 (arXiv:2406.18665).
    """
    if not _has_gap(curve):
        return None
    return share_reaching(
        curve, curve.quality[0] + recovered * (curve.quality[-1] - curve.quality[0])
    )


def share_reaching(curve: Curve, quality: float) -> float | None:
    """Return the smallest share of calls with at least this quality; None when none has."""
    reaching = np.flatnonzero(curve.quality >= quality - _ROUNDING)
    return float(curve.share[reaching[0]]) if len(reaching) else None


def _has_gap(curve: Curve) -> bool:
    return bool(curve.quality[-1] > curve.quality[0] + _ROUNDING)


def aiq(curve: Curve) -> float | None:
    """Return the mean quality over the range of costs, along the best mixtures of policies.

    Points between two policies are reached by choosing one at random, so the area is that under
    the convex hull; paying more for less is not needed, so it never falls. None when everything
    costs the same.

    Source:
        RouterBench, Hu et al. 2024 (arXiv:2403.12031).
    """
    spread = curve.cost_usd[-1] - curve.cost_usd[0]
    if spread <= 0:
        return None
    costs, qualities = np.array(_hull(curve)).T
    return float(np.trapezoid(qualities, costs) / spread)


def _hull(curve: Curve) -> list[tuple[float, float]]:
    """Return the corners of the non-decreasing upper hull, from the least to the highest cost."""
    reached = np.maximum.accumulate(curve.quality)
    hull: list[tuple[float, float]] = []
    for point in zip(curve.cost_usd.tolist(), reached.tolist(), strict=True):
        while len(hull) > 1 and _above(hull[-2], hull[-1], point) <= 0:
            hull.pop()
        hull.append(point)
    return hull


def _above(
    start: tuple[float, float], middle: tuple[float, float], end: tuple[float, float]
) -> float:
    """Return a positive number when `middle` lies above the line from `start` to `end`."""
    return (end[0] - start[0]) * (middle[1] - start[1]) - (end[1] - start[1]) * (
        middle[0] - start[0]
    )


def area_under_cost_error(curve: Curve, most_usd: float) -> float | None:
    """Return the mean share of errors over the costs from the small model's to the large one's.

    Lower is better. It is the area divided by its width, so that it does not hang on the price.

    Args:
        curve: Of an order of rows.
        most_usd: What the large model alone costs a row.

    Returns:
        Between 0 and 1; None when the large model costs no more than the small one.

    Source:
        Zellinger and Thomson 2025 (arXiv:2501.09345).
    """
    least_usd = float(curve.cost_usd[0])
    if most_usd <= least_usd:
        return None
    inside = curve.cost_usd < most_usd
    costs = np.append(curve.cost_usd[inside], most_usd)
    last = np.interp(most_usd, curve.cost_usd, curve.quality)
    errors = 1 - np.append(curve.quality[inside], last)
    return float(np.trapezoid(errors, costs) / (most_usd - least_usd))


def delta_ibc(
    small: tuple[float, float], large: tuple[float, float], policy: tuple[float, float]
) -> float | None:
    """Return how much more quality a policy buys for its money than the large model does.

    Args:
        small: Cost in US dollars and quality of the small models alone.
        large: The same of the large model alone.
        policy: The same of the policy.

    Returns:
        0 when a dollar buys as much, 1 when it buys twice as much; None when the policy or the
        large model costs no more than the small models, or the large model is no better.

    Source:
        AutoMix, Aggarwal et al. 2024 (arXiv:2310.12963), incremental benefit per cost.
    """
    if min(policy[0], large[0]) <= small[0] or large[1] <= small[1]:
        return None
    benefit = (policy[1] - small[1]) / (policy[0] - small[0])
    return benefit / ((large[1] - small[1]) / (large[0] - small[0])) - 1


def risk_coverage(
    outcomes: Outcomes, loss: NDArray[np.bool_], most_points: int
) -> tuple[RiskPoint, ...]:
    """Return the risk of keeping the surest rows, for the thresholds that exist.

    Rows of one score are kept together, so there are as many thresholds as scores.

    Args:
        outcomes: The rows.
        loss: Shape (n,): whether keeping the row would be a loss.
        most_points: Thresholds are left out evenly when there are more.

    Returns:
        From the least coverage to 1.
    """
    order = np.argsort(-outcomes.scores, kind="stable")
    ordered, wrong, lost = outcomes.scores[order], ~outcomes.small_right[order], loss[order]
    ends = np.flatnonzero(np.append(ordered[:-1] != ordered[1:], True)) + 1
    n = len(outcomes)
    return tuple(
        RiskPoint(int(end) / n, rate(wrong[:end]), rate(lost[:end], of=n))
        for end in ends[evenly(len(ends), most_points)]
    )


def evenly(count: int, most: int) -> NDArray[np.intp]:
    """Return at most `most` positions below `count`, ascending, the first and the last included."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.intp))


def cost_per_success(cost_usd: float, successes: float) -> float | None:
    """Return what one right answer costs in US dollars; None when nothing was right."""
    return cost_usd / successes if successes > 0 else None
