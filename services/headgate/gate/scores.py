"""How sure a small model is of its own answer.

probabilities of each record  ->  scores (n,), higher is surer
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ScoreKind = Literal["max_prob", "margin"]


def score_answers(probabilities: Sequence[Sequence[float]], kind: ScoreKind) -> NDArray[np.float64]:
    """Return one score a record.

    Args:
        probabilities: A row a record, each summing to 1; rows may differ in length.
        kind: `max_prob`, the probability of the answer, or `margin`, its lead over the runner-up.

    Returns:
        Shape (len(probabilities),), between 0 and 1.
    """
    if not probabilities:
        return np.empty(0)
    widest = max(len(row) for row in probabilities)
    table = np.full((len(probabilities), max(widest, 2)), 0.0)
    for index, row in enumerate(probabilities):
        table[index, : len(row)] = row
    top = np.partition(table, -2, axis=1)
    return top[:, -1] if kind == "max_prob" else top[:, -1] - top[:, -2]
