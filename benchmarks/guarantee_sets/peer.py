"""BARGAIN's released algorithm on the same batches: the peer of the batch certificate.

scores (N,), bad (N,)  ->  kept (N,), labels asked for

Source: Zeighami et al. 2025 (arXiv:2509.02896), package `bargain`.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from guarantee_sets.population import Bools, Floats, Places

RUNGS = 50
"""Thresholds it considers; its default of 20 avoids fewer calls."""


def available() -> bool:
    """Return whether the package is installed."""
    return find_spec("BARGAIN") is not None


def bargain(
    scores: Floats, bad: Bools, *, epsilon: float, delta: float, seed: int
) -> tuple[Bools, int]:
    """Return which answers of the proxy BARGAIN keeps, and how many labels it drew.

    Args:
        scores: Shape (N,), the proxy's.
        bad: Shape (N,): whether the oracle would say something else.
        epsilon: Largest share of the batch that may be kept and bad.
        delta: Chance of being wrong.
        seed: Of its sample.
    """
    algorithm, proxy_type, oracle_type = _classes()
    oracle = oracle_type(bad)
    process = algorithm(
        proxy_type(scores),
        oracle,
        target=1 - epsilon,
        delta=delta,
        M=RUNGS,
        verbose=False,
        seed=seed,
    )
    _, used_oracle = process.process(list(range(len(scores))), return_oracle_usage=True)
    return ~np.array(used_oracle), len(oracle.asked)


@cache
def _classes() -> tuple[Any, Any, Any]:
    """Return the algorithm with a proxy and an oracle that look their answers up.

    Theirs would start a thread a record. The proxy says 0 to everything, and the oracle 1 where
    that is bad.
    """
    from BARGAIN import BARGAIN_A, Oracle, Proxy

    class KnownProxy(Proxy):
        def __init__(self, scores: Floats) -> None:
            super().__init__(verbose=False)
            self.scores = scores

        def get_preds_and_scores(
            self, indxs: ArrayLike, data_records: ArrayLike
        ) -> tuple[Places, Floats]:
            places = np.asarray(indxs, np.int64)
            return np.zeros(len(places), np.int64), self.scores[places]

    class KnownOracle(Oracle):
        def __init__(self, bad: Bools) -> None:
            super().__init__(verbose=False)
            self.bad = bad
            self.asked: set[int] = set()

        def get_pred(self, data_records: ArrayLike, indxs: ArrayLike) -> Places:
            return self.bad[np.asarray(indxs, np.int64)].astype(np.int64)

        def is_answer_correct(
            self, data_indxs: ArrayLike, data_records: ArrayLike, proxy_output: ArrayLike
        ) -> Bools:
            places = np.asarray(data_indxs, np.int64)
            self.asked.update(places.tolist())
            return ~self.bad[places]

    return BARGAIN_A, KnownProxy, KnownOracle
