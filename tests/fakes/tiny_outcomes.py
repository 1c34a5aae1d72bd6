"""Outcomes of a few rows that are worked out by hand, and of many that are drawn.

scores, gold, small, large of n rows  ->  Outcomes
"""

from dataclasses import replace

import numpy as np

from headgate.evaluation.outcomes import Outcomes

LABELS = ("error", "info", "warning")


def outcomes(scores, gold, small, large, **changes):
    """Rows whose answers are one letter each; all are kept, at 1 dollar small and 2 large."""
    n = len(scores)
    fields = {
        "ids": tuple(f"row-{place}" for place in range(n)),
        "scores": np.array(scores, dtype=float),
        "kept": np.ones(n, dtype=bool),
        "gold": tuple(gold),
        "small": tuple(small),
        "large": tuple(large),
        "small_cost_usd": np.full(n, 1.0),
        "large_cost_usd": np.full(n, 2.0),
    }
    return Outcomes(**(fields | changes))


def four(**changes):
    """One row that both know, two that only the large model knows, one only the small one.

    score  gold  small  large
    0.9    a     a      a
    0.7    a     b      a
    0.5    b     b      a
    0.3    b     a      b
    """
    return replace(outcomes([0.9, 0.7, 0.5, 0.3], "aabb", "abba", "aaab"), **changes)


def drawn(n, seed=7, *, large_right=0.95):
    """Rows of a small model whose score means something; the large one fails on the first."""
    rng = np.random.default_rng(seed)
    scores = rng.beta(4, 1.2, n)
    gold = rng.integers(len(LABELS), size=n)
    large = list(_answers(rng, gold, np.full(n, large_right)))
    large[0] = ""
    return outcomes(
        scores,
        [LABELS[place] for place in gold],
        _answers(rng, gold, 0.5 + 0.5 * scores),
        large,
        kept=scores >= 0.6,
        small_cost_usd=np.full(n, 1e-6),
        large_cost_usd=rng.gamma(3, 1e-4, n),
        slices={"system": tuple(rng.choice(["router", "switch"], n).tolist())},
    )


def _answers(rng, gold, right):
    wrong = (gold + rng.integers(1, len(LABELS), len(gold))) % len(LABELS)
    return [LABELS[place] for place in np.where(rng.uniform(size=len(gold)) < right, gold, wrong)]
