"""Who answers each row under the cascade's own gate and under the rules it is compared with.

Outcomes (n rows)  ->  sent (n,) for each policy  ->  Policy: accuracy, share, cost, risk
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.evaluation.baselines import clt_threshold, crc_threshold, empirical_threshold
from headgate.evaluation.curves import cost_per_success
from headgate.evaluation.outcomes import Loss, Outcomes
from headgate.evaluation.rates import Rate, rate
from headgate.gate.stream import certify_threshold

POLICIES = (
    "small_only",
    "large_only",
    "random",
    "cascade",
    "exact",
    "empirical",
    "clt",
    "crc",
    "parity",
    "oracle",
)
"""In the order they are shown."""
FOLDS = 5
SEED = 0
"""Of the split into folds, so that one evaluation says the same twice."""

Fit = Callable[[NDArray[np.intp]], float]
"""Row numbers to the smallest score that is kept."""


@dataclass(frozen=True, slots=True)
class Target:
    """What thresholds are chosen for."""

    loss: Loss
    epsilon: float
    """Largest share of all rows that may be kept with a loss, between 0 and 1."""
    delta: float
    """Chance that `exact` may take of passing it, between 0 and 1."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What one way of choosing the model comes to on the evaluated rows."""

    name: str
    """One of `POLICIES`."""
    accuracy: Rate
    large_share: Rate
    """Share of rows that the large model is asked about."""
    disagree: Rate
    """Share of all rows that are kept and that the large model answers otherwise."""
    regret: Rate
    """Share of all rows that are kept and wrong, and that the large model answers rightly."""
    wrong_when_kept: Rate
    """Share of wrong answers among the rows that are kept."""
    cost_usd: float | None
    """Of all rows together; this and the next three are None when no price is known."""
    cost_usd_per_1000: float | None
    cost_usd_per_success: float | None
    saved: float | None
    """Part of the large model's cost alone that is not spent; negative when more is."""


def policies(outcomes: Outcomes, target: Target, *, priced: bool) -> tuple[Policy, ...]:
    """Return the cascade as deployed among its baselines, in the order of `POLICIES`.

    `exact`, `empirical`, `clt` and `crc` choose a threshold for the target, and `parity` the
    smallest threshold at which the cascade is as often right as the large model. Each chooses on
    four fifths of the rows and is counted on the last, five times over (`cross_fitted`): a
    threshold looks too good on the rows it was chosen on.
    """
    n = len(outcomes)
    sent: dict[str, NDArray[np.float64]] = {
        "small_only": np.zeros(n),
        "random": np.full(n, 1 - outcomes.kept.mean()),
        "cascade": (~outcomes.kept).astype(float),
        **_fitted(outcomes, target),
        "oracle": (outcomes.escalated_right & ~outcomes.small_right).astype(float),
    }
    rows = {name: _policy(name, outcomes, shares, priced=priced) for name, shares in sent.items()}
    rows["large_only"] = _large_only(outcomes, priced=priced)
    return tuple(rows[name] for name in POLICIES)


def _fitted(outcomes: Outcomes, target: Target) -> dict[str, NDArray[np.float64]]:
    """Return who is sent, 0 or 1, by the rules that choose a threshold from labelled rows."""
    scores, bad = outcomes.scores, outcomes.loss(target.loss)
    epsilon, delta = target.epsilon, target.delta

    def exact(rows: NDArray[np.intp]) -> float:
        rung = certify_threshold(scores[rows], bad[rows], epsilon=epsilon, delta=delta)
        return np.inf if rung is None else rung.threshold

    fits: dict[str, Fit] = {
        "exact": exact,
        "empirical": lambda rows: empirical_threshold(scores[rows], bad[rows], epsilon),
        "clt": lambda rows: clt_threshold(scores[rows], bad[rows], epsilon, delta),
        "crc": lambda rows: crc_threshold(scores[rows], bad[rows], epsilon),
        "parity": lambda rows: parity_threshold(outcomes, rows),
    }
    return {name: (~cross_fitted(outcomes, fit)).astype(np.float64) for name, fit in fits.items()}


def cross_fitted(outcomes: Outcomes, fit: Fit) -> NDArray[np.bool_]:
    """Return, shape (n,), which rows are kept by thresholds that were chosen on other rows.

    The rows fall into `FOLDS` parts at random, those of one group into the same part; the rows of
    each part are judged by the threshold that `fit` finds on the others. Without others nothing
    is kept.
    """
    fold = folds(outcomes)
    kept = np.zeros(len(outcomes), dtype=np.bool_)
    for part in range(FOLDS):
        others = np.flatnonzero(fold != part)
        if len(others):
            inside = fold == part
            kept[inside] = outcomes.scores[inside] >= fit(others)
    return kept


def folds(outcomes: Outcomes) -> NDArray[np.intp]:
    """Return, shape (n,), the part of each row, 0 to `FOLDS` - 1; one part for a whole group."""
    names = np.array(outcomes.groups or range(len(outcomes)))
    _, group = np.unique(names, return_inverse=True)
    parts = np.arange(group.max() + 1) % FOLDS
    return np.random.default_rng(SEED).permutation(parts)[group].astype(np.intp)


def parity_threshold(outcomes: Outcomes, rows: NDArray[np.intp]) -> float:
    """Return the smallest threshold that is as often right on some rows as the large model alone.

    It is the cheapest one. Sending every row is always good enough, so the answer may be infinite.
    """
    scores = outcomes.scores[rows]
    order = np.argsort(-scores, kind="stable")
    behind = outcomes.large_right[rows].sum() - outcomes.escalated_right[rows].sum()
    lost = outcomes.escalated_right[rows].astype(int) - outcomes.small_right[rows]
    deficit = behind + np.cumsum(lost[order])
    ends = np.append(scores[order][:-1] != scores[order][1:], True)
    good = np.flatnonzero(ends & (deficit <= 0))
    return float(scores[order][good[-1]]) if len(good) else np.inf


def _policy(name: str, outcomes: Outcomes, sent: NDArray[np.float64], *, priced: bool) -> Policy:
    """Return the figures of sending each row with a chance of 0 to 1."""
    kept = 1 - sent
    right = sent * outcomes.escalated_right + kept * outcomes.small_right
    spent = outcomes.small_cost_usd + sent * outcomes.large_cost_usd
    return Policy(
        name=name,
        accuracy=rate(right),
        large_share=rate(sent),
        disagree=rate(kept * outcomes.disagree),
        regret=rate(kept * outcomes.regret),
        wrong_when_kept=rate(kept * ~outcomes.small_right, of=float(kept.sum())),
        **_costs(outcomes, float(spent.sum()), float(right.sum()), priced=priced),
    )


def _large_only(outcomes: Outcomes, *, priced: bool) -> Policy:
    """Return the figures of the large model alone: no small model runs, and none steps in."""
    none = np.zeros(len(outcomes))
    spent, successes = float(outcomes.large_cost_usd.sum()), float(outcomes.large_right.sum())
    return Policy(
        name="large_only",
        accuracy=rate(outcomes.large_right),
        large_share=rate(none + 1),
        disagree=rate(none),
        regret=rate(none),
        wrong_when_kept=rate(none, of=0),
        **_costs(outcomes, spent, successes, priced=priced),
    )


def _costs(
    outcomes: Outcomes, spent_usd: float, successes: float, *, priced: bool
) -> dict[str, float | None]:
    if not priced:
        return dict.fromkeys(("cost_usd", "cost_usd_per_1000", "cost_usd_per_success", "saved"))
    alone_usd = float(outcomes.large_cost_usd.sum())
    return {
        "cost_usd": spent_usd,
        "cost_usd_per_1000": spent_usd * 1000 / len(outcomes),
        "cost_usd_per_success": cost_per_success(spent_usd, successes),
        "saved": 1 - spent_usd / alone_usd if alone_usd > 0 else None,
    }
