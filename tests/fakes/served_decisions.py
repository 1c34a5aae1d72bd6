"""Decisions of a cascade of made-up levels, as its log has them after a while in service.

places of bad ones, what is known of them -> Decision of the uniform sample, less and less sure
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fakes.watched_cascade import decision
from headgate.cascade.decision_log import Decision
from headgate.cascade.fitted import FittedGate
from headgate.fitting.recertify import Recertified


def sampled(number: int, score: float = 0.9, **changes: Any) -> Decision:
    """Return a decision of the uniform sample on which both models agree."""
    known = {"small_answer": "info", "reference": "info", "score": score, "coin": 0.1}
    return decision(number, **(known | changes))


def falling(count: int, bad: Container[int] = (), **wrong: Any) -> list[Decision]:
    """Return so many sampled decisions, less and less sure.

    Args:
        count: How many.
        bad: Places of those that are changed.
        wrong: The changes; the large model says something else when there are none.
    """
    scores = np.linspace(0.99, 0.6, count).tolist()
    changes = wrong or {"reference": "error"}
    return [sampled(p, score, **(changes if p in bad else {})) for p, score in enumerate(scores)]


def known(count: int, bad: Container[int] = (), **wrong: Any) -> list[Decision]:
    """Return the same with right answers; where nothing else is said, those at `bad` are wrong."""
    right = [replace(each, gold="info") for each in falling(count)]
    changes = wrong or {"gold": "error"}
    return [replace(each, **changes) if p in bad else each for p, each in enumerate(right)]


def gate_of(found: Recertified) -> FittedGate:
    """Return the only gate."""
    return found.fitted.gates["cheap_keep"]


def kept(found: Recertified, decisions: Sequence[Decision]) -> int:
    """Return how many of the decisions the new threshold keeps."""
    return sum(each.score >= gate_of(found).threshold for each in decisions)
