"""Sets whose truth is known because it was written down: hard shapes that real ones rarely have.

chances of being right, by score  ->  populations of 20,000 records

There are two answers to each record, so two models that are both wrong agree.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from guarantee_sets.population import Bools, Floats, Places, Population

RECORDS = 20_000
LARGE_ACCURACY = 0.92
PLATEAUS = 20
DISTINCT = 400
RARE_SHARE = 0.03


def linear() -> Population:
    """Return scores uniform on (0, 1), the small model right with chance 0.55 + 0.44 * score."""
    rng = np.random.default_rng(1)
    scores = rng.uniform(size=RECORDS)
    return _two_models("simulated_linear", rng, scores, scores)


def plateaus() -> Population:
    """Return the same with scores rounded to 20 levels: a thousand records are tied."""
    rng = np.random.default_rng(2)
    exact = rng.uniform(size=RECORDS)
    return _two_models("simulated_plateaus", rng, np.ceil(exact * PLATEAUS) / PLATEAUS, exact)


def flat() -> Population:
    """Return one score for all records, and a little more loss than may be certified.

    The small model is right with chance 0.948 and the large one always, so keeping everything
    loses 0.052. Whoever certifies 0.05 here is wrong.
    """
    rng = np.random.default_rng(3)
    small = np.zeros(RECORDS, bool)
    small[: round(0.948 * RECORDS)] = True
    rng.shuffle(small)
    ones = np.ones(RECORDS)
    return _population("simulated_flat", rng, ones[:, None], small[:, None], np.ones(RECORDS, bool))


def duplicates() -> Population:
    """Return 400 records of the first kind, most of them once or twice, some hundreds of times."""
    rng = np.random.default_rng(4)
    scores = rng.uniform(size=DISTINCT)
    few = _two_models("simulated_duplicates", rng, scores, scores)
    weights = rng.pareto(1.0, DISTINCT) + 1
    return few.take(np.sort(rng.choice(DISTINCT, RECORDS, p=weights / weights.sum())))


def tiers() -> Population:
    """Return three small tiers, each better than the one before, that find the same records hard.

    Each tier is right with the logistic chance of its skill minus the record's difficulty, and its
    score is that chance seen through noise.
    """
    rng = np.random.default_rng(5)
    difficulty = rng.normal(size=RECORDS)
    margins = np.array([0.3, 1.2, 2.2]) - 1.7 * difficulty[:, None]
    correct = rng.uniform(size=margins.shape) < _logistic(margins)
    scores = _logistic(margins + rng.normal(scale=0.7, size=margins.shape))
    large = rng.uniform(size=RECORDS) < _logistic(3.6 - 1.3 * difficulty)
    return _population("simulated_tiers", rng, scores, correct, large)


def rare() -> tuple[Floats, Bools]:
    """Return the confidence that a record is rare, and whether it is; 3 % are."""
    rng = np.random.default_rng(6)
    is_rare = rng.uniform(size=RECORDS) < RARE_SHARE
    signal = rng.normal(loc=np.where(is_rare, 2.0, -2.0), scale=1.3, size=RECORDS)
    return _logistic(2.4 * signal - 1.0), is_rare


SETS: tuple[Callable[[], Population], ...] = (linear, plateaus, flat, duplicates, tiers)


def _two_models(
    name: str, rng: np.random.Generator, scores: Floats, sureness: Floats
) -> Population:
    """Return a set with one small tier that is as good as its sureness, in [0, 1], says."""
    small = rng.uniform(size=len(scores)) < 0.55 + 0.44 * sureness
    large = rng.uniform(size=len(scores)) < LARGE_ACCURACY
    return _population(name, rng, scores[:, None], small[:, None], large)


def _population(
    name: str, rng: np.random.Generator, scores: Floats, correct: Bools, large: Bools
) -> Population:
    gold = rng.integers(2, size=len(large))
    return Population(
        name,
        scores=scores,
        predicted=np.where(correct, gold[:, None], 1 - gold[:, None]),
        correct=correct,
        agrees=correct == large[:, None],
        large_correct=large,
        groups=_own_groups(len(large)),
    )


def _own_groups(records: int) -> Places:
    return np.arange(records)


def _logistic(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values)))
