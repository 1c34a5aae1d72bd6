"""What is reported of a matcher on one table, and the mean over tables.

Matched (rankings, pairs, seconds), Truth  ->  Figures

recall_at_20 is the share of true pairs (source, target) whose target is among the source's first
20. Of the several true targets of a source one suffices for one_to_one_f1.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from headgate.evaluation.matching import (
    Truth,
    mean_reciprocal_rank,
    one_to_one_f1,
    recall_at,
    recall_at_truth,
)

Figures = dict[str, float | None]

KEYS = (
    "mrr",
    "recall_at_gt",
    "recall_at_20",
    "one_to_one_f1",
    "llm_share",
    "llm_calls",
    "seconds",
)


@dataclass(frozen=True, slots=True)
class Matched:
    """What a matcher says of one table."""

    rankings: Mapping[str, Sequence[tuple[str, float]]]
    """Targets with their scores by source, the best first."""
    pairs: Mapping[str, str]
    """One to one, source to target."""
    seconds: float
    llm_share: float = 0.0
    """Share of the columns that the large model was asked about."""
    llm_calls: int = 0


def figures(matched: Matched, truth: Truth) -> Figures:
    """Return the figures of one table."""
    values = (
        mean_reciprocal_rank(matched.rankings, truth),
        recall_at_truth(matched.rankings, truth),
        recall_at(20, matched.rankings, truth),
        one_to_one_f1(matched.pairs, truth),
        matched.llm_share,
        matched.llm_calls,
        matched.seconds,
    )
    pairs = zip(KEYS, values, strict=True)
    return {key: None if value is None else round(value, 4) for key, value in pairs}


def mean(tables: Iterable[Figures | None]) -> Figures | None:
    """Return the mean of each figure; None when a table is missing, for it would be of others."""
    found = list(tables)
    known = [each for each in found if each is not None]
    if not known or len(known) < len(found):
        return None
    return {key: _mean([each[key] for each in known]) for key in KEYS}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.fmean(known), 4) if known else None
