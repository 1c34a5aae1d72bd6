"""What a caller is told of a news item: the verdict with the views and past items behind it.

Record, Result, (first label, second label)  ->  NewsAdvice
"""

from __future__ import annotations

from collections.abc import Sequence

from headgate.news import NewsAdvice
from headgate.types import Record, Result


def news_advice(record: Record, result: Result, labels: Sequence[str]) -> NewsAdvice:
    """Return what is advised about an item, or its error.

    Args:
        record: The item.
        result: Its answer is one of the labels, its confidence the probability of that answer by
            the model that gave it.
        labels: First the harmless one, then the one that is looked for.

    Raises:
        ValueError: The answer is none of them, or they are not two. This is a bug.
    """
    return NewsAdvice(
        id=record.id,
        verdict=result.answer,
        probability=_probability(result, labels),
        confidence=result.confidence,
        tier=result.tier,
        views=result.advice,
        similar=result.evidence,
        path=result.path,
        rationale=result.rationale,
        usage=result.usage,
        certificate_id=result.certificate_id,
        guarantee=result.guarantee,
        degraded=result.degraded,
        cached=result.cached,
        lossy_input=record.lossy or result.lossy_input,
        error=result.error,
    )


def _probability(result: Result, labels: Sequence[str]) -> float:
    """Return the probability of the second label; of two, one has what the other lacks."""
    if result.error is not None:
        return 0.0
    harmless, looked_for = labels
    if result.answer == looked_for:
        return result.confidence
    if result.answer == harmless:
        return 1 - result.confidence
    raise ValueError("the answer is none of the labels. This is a bug.")
