"""The network of ARG where it runs: in this process, beside the stage that asks for advice.

(text, advice, the student's prediction) (n) -> network -> probability, usefulness (n)
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

from headgate.models.rationale import RationaleNetwork, Weighed
from headgate.stages.advise import Weighing
from headgate.types import Prediction

_LEAST = 1e-6
"""Keeps log-odds finite."""


class NetworkWeigher:
    """Weighs advice by a fitted network, in a thread."""

    def __init__(self, network: RationaleNetwork) -> None:
        """Take the network."""
        self._network = network

    async def weigh(self, items: Sequence[Weighing]) -> list[Weighed]:
        """Return what comes of each item, in order."""
        texts = [text for text, _, _ in items]
        advice = [said for _, said, _ in items]
        log_odds = [log_odds_of(prediction) for _, _, prediction in items]
        return await asyncio.to_thread(self._network.weigh, texts, advice, log_odds)


def log_odds_of(prediction: Prediction | None) -> float:
    """Return the log-odds of the second label; 0 where nobody said anything."""
    if prediction is None:
        return 0.0
    probability = min(max(prediction.probabilities[1], _LEAST), 1 - _LEAST)
    return math.log(probability / (1 - probability))
