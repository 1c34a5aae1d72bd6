"""Several rankings of the same things made into one.

rankings (each of numbers, best first) -> fuse -> numbers, scores, best first
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

RANK_OFFSET: Final = 60
"""How little the first places count more than those below; the value of the paper."""


def fuse(
    rankings: Sequence[NDArray[np.int64]], weights: Sequence[float]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return all numbers of some rankings by the sum of weight / (60 + rank), ranks from 1.

    Only ranks count: cosines and BM25 scores have no common scale. Of equals the smaller number
    comes first.

    Args:
        rankings: Numbers, best first, each at most once.
        weights: One a ranking, above 0.

    Source:
        Cormack, Clarke and Büttcher 2009, reciprocal rank fusion.
    """
    numbers, place = np.unique(np.concatenate(rankings), return_inverse=True)
    pairs = zip(rankings, weights, strict=True)
    gains = [weight / (RANK_OFFSET + 1 + np.arange(len(each))) for each, weight in pairs]
    scores = np.zeros(len(numbers))
    np.add.at(scores, place, np.concatenate(gains))
    order = np.lexsort((numbers, -scores))
    return numbers[order], scores[order]
