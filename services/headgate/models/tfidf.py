"""Weights n-gram counts by how rare they are.

texts (n)  ->  two sparse matrices (n, buckets), each row of length 1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from headgate.models.ngrams import Channels, count_ngrams


@dataclass(frozen=True, slots=True)
class TfIdf:
    """Inverse document frequencies of character and of word n-grams."""

    char_idf: NDArray[np.float32]
    """Shape (buckets,)."""
    word_idf: NDArray[np.float32]
    """Shape (buckets,)."""

    @classmethod
    def fit(cls, texts: Sequence[str], buckets: int) -> TfIdf:
        """Learn the frequencies from distinct texts.

        Args:
            texts: The corpus; repeated texts count once.
            buckets: Size of the hashed vocabulary; a power of two.
        """
        distinct = sorted(set(texts))
        char, word = count_ngrams(distinct, buckets)
        return cls(_idf(char), _idf(word))

    @property
    def buckets(self) -> int:
        """Return the size of the hashed vocabulary."""
        return len(self.char_idf)

    def transform(self, texts: Sequence[str]) -> Channels:
        """Return the weighted rows of characters and of words, shape (len(texts), buckets)."""
        char, word = count_ngrams(texts, self.buckets)
        return _weigh(char, self.char_idf), _weigh(word, self.word_idf)

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Return what `from_tensors` needs, by name."""
        return {"char_idf": self.char_idf, "word_idf": self.word_idf}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[np.float32]]) -> TfIdf:
        """Return the weights that `tensors` gave."""
        return cls(tensors["char_idf"], tensors["word_idf"])


def _idf(counts: sp.csr_matrix) -> NDArray[np.float32]:
    """Return ln((1 + texts) / (1 + texts with the n-gram)) + 1, so unseen ones weigh most."""
    texts, buckets = counts.shape
    with_ngram = np.bincount(counts.indices, minlength=buckets)
    return np.asarray(np.log((1 + texts) / (1 + with_ngram)) + 1, np.float32)


def _weigh(counts: sp.csr_matrix, idf: NDArray[np.float32]) -> sp.csr_matrix:
    """Return (1 + ln count) * idf, each row scaled to length 1; empty rows stay 0."""
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    values = (1 + np.log(counts.data)) * idf[counts.indices]
    lengths = np.sqrt(np.bincount(rows, weights=values**2, minlength=counts.shape[0]))
    scaled = (values / lengths[rows]).astype(np.float32)
    return sp.csr_matrix((scaled, counts.indices, counts.indptr), shape=counts.shape)
