"""What is noted of a record that a gate judged, for audits, monitors and feedback.

Progress, Origin -> Observation
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from headgate.cascade.progress import Progress
from headgate.types import Origin, Record


@dataclass(frozen=True, slots=True)
class Observation:
    """One record whose result is final."""

    record: Record
    origin: Origin
    score: float
    """Confidence at the first gate, which all records reach."""
    small_answer: str
    """Of the small model whose answer was kept, or of the last one asked; canonical."""
    reference: str | None
    """The large model's answer; None when it was not asked or gave none; canonical."""
    confidence: float
    """The small model's probability of its answer, between 0 and 1."""
    kept: bool
    """Whether a gate kept the small model's answer."""


def observed(progress: Progress, origin: Origin, canonical: Callable[[str], str]) -> Observation:
    """Return what is noted of a record that at least one gate judged.

    Args:
        progress: Where it ended.
        origin: Who asked.
        canonical: Makes answers that say the same equal.
    """
    # What the budget or a failure spoilt is not what the large model would have said.
    judged = None if progress.degraded else progress.judgement
    return Observation(
        record=progress.record,
        origin=origin,
        score=_number(next(iter(progress.verdicts.values())).score),
        small_answer=canonical(progress.prediction.answer) if progress.prediction else "",
        reference=canonical(judged.answer) if judged else None,
        confidence=_number(progress.prediction.confidence) if progress.prediction else 0.0,
        kept=progress.kept,
    )


def _number(sureness: float) -> float:
    """Return 0 for what is no number: nothing is less sure, and a monitor ranks numbers only."""
    return 0.0 if math.isnan(sureness) else sureness
