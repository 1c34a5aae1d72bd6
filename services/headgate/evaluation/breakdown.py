"""The cascade's figures for each class, each slice and each range of the score.

Outcomes (n rows)  ->  ClassRow a gold label, SliceRow a value of a slice, ScoreBin a tenth of rows
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.evaluation.outcomes import Outcomes
from headgate.evaluation.rates import Rate, rate

MOST_ROWS = 50
"""In one table; the classes or values with the most rows stay."""
SCORE_BINS = 10


@dataclass(frozen=True, slots=True)
class ClassRow:
    """How the rows of one gold label fare."""

    label: str
    rows: int
    answered: int
    """Rows, of any label, that the cascade gives this answer."""
    recall: Rate
    """Share of the label's rows that the cascade answers rightly; its accuracy on them."""
    precision: Rate
    """Share of these answers of the cascade that are right."""
    small_accuracy: float
    """Of the small models alone, on the label's rows."""
    large_accuracy: float
    large_share: float
    regret: Rate
    """Share of the label's rows that are kept and wrong, where the large model is right."""


@dataclass(frozen=True, slots=True)
class SliceRow:
    """How the rows with one value of a slice fare."""

    value: str
    rows: int
    accuracy: Rate
    """Of the cascade."""
    small_accuracy: float
    large_accuracy: float
    large_share: float
    disagree: Rate
    """Share of the slice's rows that are kept and that the large model answers otherwise."""
    regret: Rate


@dataclass(frozen=True, slots=True)
class SliceTable:
    """One slice, its values with the most rows first."""

    name: str
    values: tuple[SliceRow, ...]
    left_out: int
    """Values that are not listed, those with the fewest rows."""


@dataclass(frozen=True, slots=True)
class ScoreBin:
    """Rows of neighbouring scores, about a tenth of all."""

    rows: int
    least: float
    most: float
    mean: float
    """Of the scores."""
    right: Rate
    """Share of rows that the small models answer rightly."""
    agree: Rate
    """Share of rows that the large model answers as they do."""


def per_class(outcomes: Outcomes) -> tuple[tuple[ClassRow, ...], int]:
    """Return the labels with the most rows, and how many labels are left out."""
    answered = Counter(outcomes.cascade)
    shown, left_out = _most_frequent(outcomes.gold)
    return tuple(_class_row(outcomes, label, answered[label]) for label in shown), left_out


def per_slice(outcomes: Outcomes) -> tuple[SliceTable, ...]:
    """Return one table for each slice, in the order they were given."""
    tables = []
    for name, values in outcomes.slices.items():
        shown, left_out = _most_frequent(values)
        rows = tuple(_slice_row(outcomes, values, value) for value in shown)
        tables.append(SliceTable(name, rows, left_out))
    return tuple(tables)


def score_bins(outcomes: Outcomes) -> tuple[ScoreBin, ...]:
    """Return how often the small models are right for each range of the score, ascending.

    The ranges hold about as many rows each; rows of one score stay together, so there may be
    fewer. Rows of infinite score are left out.
    """
    finite = np.flatnonzero(np.isfinite(outcomes.scores))
    order = finite[np.argsort(outcomes.scores[finite], kind="stable")]
    if not len(order):
        return ()
    scores = outcomes.scores[order]
    first = np.searchsorted(scores, scores)  # of the rows with the same score
    ranges = first * SCORE_BINS // len(order)
    return tuple(_score_bin(outcomes, order[ranges == place]) for place in np.unique(ranges))


def _most_frequent(values: Sequence[str]) -> tuple[list[str], int]:
    """Return the values with the most rows, equals by name, and how many are left out."""
    counts = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
    return [value for value, _ in counts[:MOST_ROWS]], max(0, len(counts) - MOST_ROWS)


def _class_row(outcomes: Outcomes, label: str, answered: int) -> ClassRow:
    inside = _where(outcomes.gold, label)
    right = outcomes.cascade_right[inside]
    return ClassRow(
        label=label,
        rows=int(inside.sum()),
        answered=answered,
        recall=rate(right),
        precision=rate(right, of=answered),
        small_accuracy=float(outcomes.small_right[inside].mean()),
        large_accuracy=float(outcomes.large_right[inside].mean()),
        large_share=float(1 - outcomes.kept[inside].mean()),
        regret=rate((outcomes.kept & outcomes.regret)[inside]),
    )


def _slice_row(outcomes: Outcomes, values: Sequence[str], value: str) -> SliceRow:
    inside = _where(values, value)
    return SliceRow(
        value=value,
        rows=int(inside.sum()),
        accuracy=rate(outcomes.cascade_right[inside]),
        small_accuracy=float(outcomes.small_right[inside].mean()),
        large_accuracy=float(outcomes.large_right[inside].mean()),
        large_share=float(1 - outcomes.kept[inside].mean()),
        disagree=rate((outcomes.kept & outcomes.disagree)[inside]),
        regret=rate((outcomes.kept & outcomes.regret)[inside]),
    )


def _score_bin(outcomes: Outcomes, rows: NDArray[np.intp]) -> ScoreBin:
    scores = outcomes.scores[rows]
    return ScoreBin(
        rows=len(rows),
        least=float(scores.min()),
        most=float(scores.max()),
        mean=float(scores.mean()),
        right=rate(outcomes.small_right[rows]),
        agree=rate(~outcomes.disagree[rows]),
    )


def _where(values: Sequence[str], wanted: str) -> NDArray[np.bool_]:
    return np.array([value == wanted for value in values])
