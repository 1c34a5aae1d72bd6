"""How much a count of bad answers among labelled ones proves, exactly.

bad, n, epsilon, delta  ->  p-values, upper bounds, intervals, labels needed

No normal approximation anywhere: its standard deviation is 0 when no label is bad, which is the
case that matters most. Source: Clopper and Pearson 1934.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta, binom

NUISANCE_SHARE = 0.05
"""Part of delta that `net_gap_p_value` spends on bounding how often the tiers differ."""


def binomial_p_value(bad: ArrayLike, n: ArrayLike, epsilon: float) -> NDArray[np.float64]:
    """Return P(Binomial(n, epsilon) <= bad): small when the risk is surely below epsilon."""
    check_share("epsilon", epsilon)
    return np.asarray(binom.cdf(bad, n, epsilon))


def risk_upper_bound(bad: int, n: int, delta: float) -> float:
    """Return the risk that is passed with probability at most delta; 1 without labels."""
    check_share("delta", delta)
    return 1.0 if bad >= n else float(beta.ppf(1 - delta, bad + 1, n - bad))


def risk_interval(bad: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact two-sided interval of a risk; (0, 1) without labels."""
    check_share("confidence", confidence)
    if n == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = 0.0 if bad == 0 else float(beta.ppf(tail, bad, n - bad + 1))
    return low, risk_upper_bound(bad, n, tail)


def most_bad_allowed(n: int, epsilon: float, delta: float) -> int:
    """Return how many bad labels of n still certify epsilon; -1 when not even none does."""
    check_share("epsilon", epsilon)
    check_share("delta", delta)
    guess = int(binom.ppf(delta, n, epsilon))  # the smallest count whose chance reaches delta
    while guess >= 0 and binom.cdf(guess, n, epsilon) > delta:
        guess -= 1
    return guess


def labels_needed(epsilon: float, delta: float, bad: int = 0) -> int:
    """Return the fewest labels of which `bad` may be bad and epsilon is certified.

    Without a bad one that is ceil(ln delta / ln(1 - epsilon)): 149 for epsilon 0.02, delta 0.05.
    """
    check_share("epsilon", epsilon)
    check_share("delta", delta)
    low, high = bad, math.ceil(math.log(delta) / math.log1p(-epsilon)) + bad
    while binom.cdf(bad, high, epsilon) > delta:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = binom.cdf(bad, middle, epsilon) <= delta
        low, high = (low, middle) if enough else (middle, high)
    return high


def net_gap_p_value(worse: int, same: int, better: int, epsilon: float, delta: float) -> float:
    """Return a p-value of "the cascade is worse than the reference by epsilon or more".

    Given that the two differ in d units, the worse ones are binomial with share
    (1 + gap/q) / 2, where q is the chance that they differ. q is unknown; an exact upper bound of
    it, wrong with probability g = `NUISANCE_SHARE` * delta, takes its place, and g is added. A
    larger q only makes the share smaller and the p-value larger, so the sum is a valid p-value
    (Berger and Boos 1994, doi:10.1080/01621459.1994.10476836). It needs about half the margin of a
    betting bound.

    Args:
        worse: Units on which the reference alone is right.
        same: Units on which both are right, or both wrong.
        better: Units on which the cascade alone is right.
        epsilon: Largest gap allowed, between 0 and 1.
        delta: The level it will be compared with; it sets g.
    """
    check_share("epsilon", epsilon)
    differing = worse + better
    spent = NUISANCE_SHARE * delta
    differ = risk_upper_bound(differing, differing + same, spent)
    if differ < epsilon:  # a gap of epsilon needs as many differences
        return spent
    worse_share = (1 + epsilon / differ) / 2
    return min(1.0, float(binom.cdf(worse, differing, worse_share)) + spent)


def check_share(name: str, value: float) -> None:
    """Refuse what is not strictly between 0 and 1.

    Raises:
        ValueError: It is not, or is NaN.
    """
    if not 0 < value < 1:
        raise ValueError(f"{name} is {value!r}, and must be between 0 and 1, both excluded")
