"""What the network of ARG reads of an item of news, item by item and in padded batches.

text, advice of each perspective, the student's log-odds  ->  ItemFeatures
ItemFeatures (n)  ->  Inputs: (n, words, dim), (n, perspectives, words, dim), masks
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.errors import ModelError
from headgate.models.token_encoder import TokenEncoder
from headgate.types import Advice

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

LEAST_PROBABILITY = 0.01
"""Of a verdict: what is surer counts as this sure, since large models are surer than right."""
MOST_LOG_ODDS = 6.0
"""Of the student: what is surer counts as this sure."""


@dataclass(frozen=True, slots=True, eq=False)
class ItemFeatures:
    """One item of news with what is said of it."""

    news: Array
    """Shape (words, dim); no words for a blank text."""
    rationales: tuple[Array, ...]
    """One a perspective, each (words, dim); no words where there is no rationale."""
    verdicts: Array
    """Shape (perspectives,): log-odds of the second label; 0 for a missing perspective."""
    present: Mask
    """Shape (perspectives,)."""
    student: float
    """The student's log-odds of the second label; 0 when it said nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """Items, padded to the longest among them."""

    news: Array
    """Shape (n, words, dim)."""
    news_mask: Mask
    """Shape (n, words); false where a text has ended."""
    rationales: Array
    """Shape (n, perspectives, words, dim)."""
    rationale_mask: Mask
    """Shape (n, perspectives, words)."""
    verdicts: Array
    """Shape (n, perspectives)."""
    present: Mask
    """Shape (n, perspectives)."""
    student: Array
    """Shape (n,)."""


def read_items(
    texts: Sequence[str],
    advice: Sequence[Sequence[Advice | None]],
    log_odds: Sequence[float],
    *,
    perspectives: Sequence[str],
    encoder: TokenEncoder,
) -> list[ItemFeatures]:
    """Return the features of each item, in order.

    Args:
        texts: As small models read them.
        advice: Of each text, in any order of the perspectives; None or too few where some failed.
        log_odds: The student's, of the second label; NaN where it said nothing.
        perspectives: By name, in the order of the features.
        encoder: Of texts and rationales.

    Raises:
        ModelError: Advice is of an unknown perspective, or twice of the same.
    """
    placed = [_placed(each, perspectives) for each in advice]
    said = [each.rationale if each else "" for row in placed for each in row]
    known = _Known.of([*texts, *said], encoder)
    return [
        ItemFeatures(
            known.vectors(text),
            tuple(known.vectors(each.rationale if each else "") for each in row),
            np.array([_log_odds(each) for each in row], np.float32),
            np.array([each is not None for each in row], np.bool_),
            0.0 if np.isnan(odds) else float(np.clip(odds, -MOST_LOG_ODDS, MOST_LOG_ODDS)),
        )
        for text, row, odds in zip(texts, placed, log_odds, strict=True)
    ]


def collate(items: Sequence[ItemFeatures]) -> Inputs:
    """Return at least one item, padded; the same item in another batch has the same values."""
    views = len(items[0].rationales)
    news, news_mask = _padded([item.news for item in items])
    flat, flat_mask = _padded([each for item in items for each in item.rationales])
    return Inputs(
        news,
        news_mask,
        flat.reshape(len(items), views, *flat.shape[1:]),
        flat_mask.reshape(len(items), views, flat.shape[1]),
        np.stack([item.verdicts for item in items]),
        np.stack([item.present for item in items]),
        np.array([item.student for item in items], np.float32),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """Features of distinct texts."""

    by_text: dict[str, Array]
    dim: int

    @classmethod
    def of(cls, texts: Sequence[str], encoder: TokenEncoder) -> _Known:
        # An encoder marks the ends of an empty text, too; nothing is nothing here.
        distinct = sorted({text for text in texts if text.strip()}, key=len)
        found = encoder.tokens(distinct) if distinct else []
        vectors = {text: each.vectors for text, each in zip(distinct, found, strict=True)}
        return cls(vectors, encoder.dim)

    def vectors(self, text: str) -> Array:
        found = self.by_text.get(text)
        return np.zeros((0, self.dim), np.float32) if found is None else found


def _placed(
    advice: Sequence[Advice | None], perspectives: Sequence[str]
) -> tuple[Advice | None, ...]:
    """Return the advice in the order of the perspectives."""
    said = [each for each in advice if each is not None]
    by_name = {each.perspective: each for each in said}
    unknown = by_name.keys() - set(perspectives)
    if unknown or len(by_name) < len(said):
        problem = (
            f"unknown perspective {min(unknown)!r}" if unknown else "a perspective comes twice"
        )
        raise ModelError("advice", problem, f"Fitted are: {', '.join(perspectives)}.")
    return tuple(by_name.get(name) for name in perspectives)


def _log_odds(advice: Advice | None) -> float:
    if advice is None:
        return 0.0
    probability = min(max(advice.probability, LEAST_PROBABILITY), 1 - LEAST_PROBABILITY)
    return float(np.log(probability / (1 - probability)))


def _padded(parts: Sequence[Array]) -> tuple[Array, Mask]:
    """Return shape (parts, longest, dim) and (parts, longest); there is a column at least."""
    longest = max(1, *(len(part) for part in parts))
    values = np.zeros((len(parts), longest, parts[0].shape[1]), np.float32)
    mask = np.zeros((len(parts), longest), np.bool_)
    for row, part in enumerate(parts):
        values[row, : len(part)] = part
        mask[row, : len(part)] = True
    return values, mask
