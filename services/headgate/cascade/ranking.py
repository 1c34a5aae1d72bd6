"""The ranking that a result bears, on one scale over all records, whoever judged them.

Progress (small model's prediction, large model's scores) -> Ranker -> ranking, evidence
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from headgate.cascade.progress import Progress
from headgate.domains.schemas.table_match import LARGE_SCORE
from headgate.types import Hit, Prediction, Result


class Ranker(Protocol):
    """Puts what both tiers say of a record's options on one scale."""

    def ranking(
        self, prediction: Prediction, scores: Mapping[str, float] | None
    ) -> tuple[tuple[str, float], ...]:
        """Return each option with the belief that it is right, best first.

        Args:
            prediction: The small model's.
            scores: The large model's, of the options it gave one; None when it was not asked.
        """


def ranked(result: Result, progress: Progress, ranker: Ranker) -> Result:
    """Return the result with its ranking; without a prediction there is none."""
    if progress.prediction is None or result.error is not None:
        return result
    scores = progress.judgement.scores if progress.judgement else None
    return replace(
        result,
        ranking=ranker.ranking(progress.prediction, scores),
        evidence=tuple(_scored(hit, scores or {}) for hit in result.evidence),
    )


def _scored(hit: Hit, scores: Mapping[str, float]) -> Hit:
    if hit.id not in scores:
        return hit
    return replace(hit, metadata={**hit.metadata, LARGE_SCORE: f"{scores[hit.id]:.4f}"})
