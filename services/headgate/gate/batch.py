"""The certificate of one batch: exact for these very records, without any assumption about them.

scores (N,) -> uniform sample, labelled -> longest prefix with few sampled bad ones -> kept (N,)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from headgate.gate.bounds import check_share, labels_needed

SMALLEST_SAMPLE = 150
LARGEST_SAMPLE = 800
SAMPLE_SHARE = 0.15
SAMPLE_PER_EPSILON = 30.0
_TIE_SEED = 0
"""Ties are broken before the sample is drawn, by what has nothing to do with the records."""


@dataclass(frozen=True, slots=True)
class BatchCertificate:
    """Which records of a batch keep the small model's answer."""

    keep: NDArray[np.bool_]
    """Shape (N,). A sampled record is never kept: it carries the reference's answer."""
    prefix: int
    """How many of the surest records are kept, those sampled among them included."""
    allowed: int
    """Most sampled bad records that a certified prefix may hold; -1: none can be certified."""
    bad: int
    """Sampled bad records in the prefix."""
    labels: int
    """Records whose label was asked for."""

    @property
    def certified(self) -> bool:
        """Return whether more is kept than may be wrong by itself."""
        return self.allowed >= 0 and self.prefix > 0


def sample_size(items: int, epsilon: float, delta: float) -> int:
    """Return how many records to label: three in twenty, at least 150 and at most 30 / epsilon.

    Labels in the part that is sent on anyway are free; those in the kept part are not, so a larger
    sample is not always a saving: the less so, the more may be kept. It is never less than what
    can certify anything at all, and at most 800. Chosen on simulated batches.

    Raises:
        ValueError: epsilon or delta is not between 0 and 1.
    """
    fewest = labels_needed(epsilon, delta)
    wished = min(round(SAMPLE_SHARE * items), round(SAMPLE_PER_EPSILON / epsilon), LARGEST_SAMPLE)
    return min(items, max(SMALLEST_SAMPLE, wished, fewest))


def draw_sample(items: int, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the places of a uniform sample without replacement, ascending."""
    return np.sort(rng.choice(items, size, replace=False))


def certify_batch(
    scores: NDArray[np.float64],
    sample: NDArray[np.int64],
    sample_bad: NDArray[np.bool_],
    *,
    epsilon: float,
    delta: float,
) -> BatchCertificate:
    """Return what to keep, so that at most epsilon * N kept records are bad with chance 1 - delta.

    Walk down from the surest record and stop just before sampled bad record number c + 1, where c
    is the largest count with P(Hypergeometric(N, B + c, n) <= c) <= delta and B is the fewest bad
    records that break the promise. Why it holds: if B unsampled bad records are kept, then of the
    first B + c bad ones in score order, a set that was fixed before the sample, at most c were
    sampled; and that has probability at most delta. Sampled bad records are not counted as
    kept, which other batch rules do. A prefix of fewer than B unsampled records passes by itself.

    Scores and small model must have been chosen without the sample. Nothing is assumed of the
    records: they may be sorted, repeated or drifting. Ties are broken by a fixed shuffle: by
    position they would be at the mercy of how the batch is sorted.

    Args:
        scores: Shape (N,), higher is surer; NaN counts as least sure and is never kept.
        sample: Shape (n,), places of a uniform sample without replacement.
        sample_bad: Shape (n,): whether the small model's answer there is bad.
        epsilon: Largest share of the batch that may be kept and bad.
        delta: Chance of being wrong.

    Raises:
        ValueError: A place is repeated or outside the batch, shapes differ, or epsilon or delta is
            not between 0 and 1.
    """
    check_share("epsilon", epsilon)
    check_share("delta", delta)
    _check_sample(len(scores), sample, sample_bad)
    breaking = math.floor(epsilon * len(scores) + 1e-9) + 1
    allowed = _most_sampled_bad(len(scores), len(sample), breaking, delta)
    sampled = np.zeros(len(scores), bool)
    sampled[sample] = True
    bad = np.zeros(len(scores), bool)
    bad[sample] = sample_bad
    order = _surest_first(scores)
    prefix = max(_before(bad[order], allowed + 1), _before(~sampled[order], breaking))
    keep = np.zeros(len(scores), bool)
    keep[order[:prefix]] = True
    found = int(bad[order[:prefix]].sum())
    return BatchCertificate(keep & ~sampled, prefix, allowed, found, len(sample))


def _surest_first(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the places from the surest to the least sure, without those that are NaN."""
    shuffled = np.random.default_rng(_TIE_SEED).permutation(len(scores))
    order = shuffled[np.argsort(-scores[shuffled], kind="stable")]
    return order[: len(scores) - int(np.isnan(scores).sum())]


def _most_sampled_bad(items: int, labels: int, breaking: int, delta: float) -> int:
    """Return c of `certify_batch`; -1 when a sample without a bad record proves nothing.

    The chance grows with c: one record more can only add to the unsampled ones.
    """
    low, high = -1, max(items - breaking, -1)
    while low < high:
        middle = (low + high + 1) // 2
        proves = hypergeom.cdf(middle, items, breaking + middle, labels) <= delta
        low, high = (middle, high) if proves else (low, middle - 1)
    return low


def _before(marks: NDArray[np.bool_], number: int) -> int:
    """Return how many places come before the mark of that number, counted from 1."""
    if number < 1:
        return 0
    places = np.flatnonzero(marks)
    return int(places[number - 1]) if len(places) >= number else len(marks)


def _check_sample(items: int, sample: NDArray[np.int64], sample_bad: NDArray[np.bool_]) -> None:
    if sample.shape != sample_bad.shape:
        raise ValueError("each sampled record needs one label")
    if len(np.unique(sample)) < len(sample) or ((sample < 0) | (sample >= items)).any():
        raise ValueError("a sampled place is repeated or outside the batch")
