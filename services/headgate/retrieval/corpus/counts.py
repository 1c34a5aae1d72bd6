"""Which terms the passages of one segment have, by term.

texts (n) -> TermCounts: hashes (terms,), offsets (terms + 1,), rows and counts (postings,)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headgate.retrieval.corpus.terms import hash_of, terms_of


@dataclass(frozen=True, slots=True)
class TermCounts:
    """An inverted file of some texts, before anything is known about the others."""

    hashes: NDArray[np.uint64]
    """Shape (terms,), ascending: what `hash_of` gives."""
    offsets: NDArray[np.int64]
    """Shape (terms + 1,): the postings of term t are [offsets[t], offsets[t + 1])."""
    rows: NDArray[np.int32]
    """Shape (postings,): which text, ascending within a term."""
    counts: NDArray[np.int32]
    """Shape (postings,): how often the term is in the text, at least once."""
    lengths: NDArray[np.int32]
    """Shape (n,): terms of each text, repeated ones too."""

    @classmethod
    def of(cls, texts: Sequence[str]) -> TermCounts:
        """Count the terms of some texts."""
        known: dict[str, int] = {}
        found = [[known.setdefault(term, len(known)) for term in terms_of(t)] for t in texts]
        lengths = np.fromiter(map(len, found), np.int32, len(found))
        terms = np.fromiter((term for each in found for term in each), np.int64, lengths.sum())
        hashes = np.fromiter(map(hash_of, known), np.uint64, len(known))
        # Two terms of one hash are one term from here on.
        hashes, places = np.unique(hashes, return_inverse=True)
        rows = np.repeat(np.arange(len(found)), lengths)
        keys, counts = np.unique(places[terms] * max(len(found), 1) + rows, return_counts=True)
        owner, row = np.divmod(keys, max(len(found), 1))
        offsets = np.searchsorted(owner, np.arange(len(hashes) + 1))
        return cls(hashes, offsets, row.astype(np.int32), counts.astype(np.int32), lengths)

    def where(self, wanted: NDArray[np.bool_]) -> TermCounts:
        """Return the counts of some of the texts, numbered anew; shape of `wanted`: (n,)."""
        if wanted.all():
            return self
        kept = wanted[self.rows]
        before = np.concatenate(([0], np.cumsum(kept)))
        numbers = np.cumsum(wanted, dtype=np.int32) - 1
        return TermCounts(
            self.hashes,
            before[self.offsets],
            numbers[self.rows[kept]].astype(np.int32),
            self.counts[kept],
            self.lengths[wanted],
        )

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return what `from_tensors` needs, by name."""
        return {
            "hashes": self.hashes,
            "offsets": self.offsets,
            "rows": self.rows,
            "counts": self.counts,
            "lengths": self.lengths,
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> TermCounts:
        """Return the counts that `tensors` gave."""
        return cls(**tensors)
