"""How well the columns of two tables were matched, on plain values.

rankings {source: [(target, score), ...]}, truth {source: {target, ...}}  ->  shares, 0 to 1
pairs {source: target}, abstained (source, ...), truth  ->  shares, 0 to 1

A source may have several true targets, or none: then it has an empty set, or is not in the truth.
All figures are of one pair of tables; the mean over several is the caller's.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Rankings: TypeAlias = Mapping[str, Sequence[tuple[str, float]]]
"""Targets with their scores by source, the best first."""

Truth: TypeAlias = Mapping[str, frozenset[str]]
"""The true targets by source."""


@dataclass(frozen=True, slots=True)
class AbstentionRates:
    """How well it was told which sources have no counterpart."""

    precision: float | None
    """Share of sources left unmatched that have none; None when none was left."""
    recall: float | None
    """Share of sources without a counterpart that were left unmatched; None when all have one."""


def mean_reciprocal_rank(rankings: Rankings, truth: Truth) -> float | None:
    """Return the mean, over sources that have a counterpart, of 1 / rank of the first right target.

    The order of the ranking counts, whatever its scores. A source that is not ranked, or whose
    ranking holds no right target, counts 0. None when no source has a counterpart.
    """
    matched = _matched(truth)
    if not matched:
        return None
    ranks = [_first_hit(rankings.get(source, ()), own) for source, own in matched.items()]
    return sum(1 / rank for rank in ranks if rank) / len(matched)


def _first_hit(ranking: Sequence[tuple[str, float]], own: frozenset[str]) -> int:
    """Return the rank of the first right target, from 1 on; 0 when there is none."""
    hits = (rank for rank, (target, _) in enumerate(ranking, start=1) if target in own)
    return next(hits, 0)


def recall_at_truth(rankings: Rankings, truth: Truth) -> float | None:
    """Return the share of the true pairs among as many pairs as are true, the best of the table.

    Scores of different sources are compared, so this also tells whether they are comparable. Among
    pairs of one score the wrong ones come first: a tie never counts for us, and the order of the
    input never counts at all. None when no pair is true.

    Raises:
        ValueError: A score is NaN, or a source has a target twice.

    Source:
        Recall@GT of Valentine, Koutras et al. 2021 (arXiv:2010.07386).
    """
    total = _pairs_in(truth)
    if not total:
        return None
    pairs: list[tuple[float, bool]] = []
    for source, ranking in rankings.items():
        _check(ranking)
        own = truth.get(source, frozenset())
        pairs.extend((-score, target in own) for target, score in ranking)
    return sum(right for _, right in sorted(pairs)[:total]) / total


def _check(ranking: Sequence[tuple[str, float]]) -> None:
    if any(math.isnan(score) for _, score in ranking):
        raise ValueError("the score of a pair is NaN")
    if len({target for target, _ in ranking}) < len(ranking):
        raise ValueError("a target is ranked twice for one source")


def recall_at(k: int, rankings: Rankings, truth: Truth) -> float | None:
    """Return the share of the true pairs whose target is among the source's first k.

    It bounds what a reranker of k candidates can find. None when no pair is true.

    Raises:
        ValueError: k is not positive.
    """
    if k < 1:
        raise ValueError(f"k is {k}, and must be at least 1")
    total = _pairs_in(truth)
    if not total:
        return None
    found = 0
    for source, own in truth.items():
        first = {target for target, _ in rankings.get(source, ())[:k]}
        found += len(own & first)
    return found / total


def one_to_one_f1(pairs: Mapping[str, str], truth: Truth) -> float | None:
    """Return the F1 of a one-to-one set of pairs against the sources that have a counterpart.

    A source counts as found when it is paired with any of its true targets, since a one-to-one set
    holds one of them at most; so precision is found / pairs, recall is found / sources that have a
    counterpart. A pair proposed for a source without one is a false positive. None when there is
    neither a pair nor a counterpart.
    """
    matched = _matched(truth)
    if not pairs and not matched:
        return None
    found = sum(target in truth.get(source, ()) for source, target in pairs.items())
    return 2 * found / (len(pairs) + len(matched))


def abstention_rates(
    pairs: Mapping[str, str], abstained: Collection[str], truth: Truth
) -> AbstentionRates:
    """Return how well it was told which sources have no counterpart.

    Args:
        pairs: Sources that were matched.
        abstained: Sources that were left unmatched; with those of `pairs`, all of the table.
        truth: Sources that have a counterpart, at least.
    """
    matched = _matched(truth)
    right = sum(source not in matched for source in abstained)
    without = right + sum(source not in matched for source in pairs)
    return AbstentionRates(_share(right, len(abstained)), _share(right, without))


def _matched(truth: Truth) -> dict[str, frozenset[str]]:
    return {source: own for source, own in truth.items() if own}


def _pairs_in(truth: Truth) -> int:
    return sum(len(own) for own in truth.values())


def _share(count: int, total: int) -> float | None:
    return count / total if total else None
