"""Features of two texts that may belong together.

firsts (n), seconds (n), their vectors (n, dim)  ->  features (n, 2*dim + 1 + 6)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from headgate.models.encoder import Vectors
from headgate.models.tfidf import TfIdf

LEXICAL_FEATURES = 6
"""Cosine and containment in both directions, for characters and for words."""


def lexical_features(
    firsts: Sequence[str], seconds: Sequence[str], tfidf: TfIdf
) -> NDArray[np.float32]:
    """Say how much two texts share, letter by letter and word by word.

    Containment is the weight of one text's n-grams that the other has too, over all its weight:
    a short description inside a long line is fully contained although the cosine is low.

    Returns:
        Shape (len(firsts), 6), each between 0 and 1.
    """
    columns = []
    for first, second in zip(tfidf.transform(firsts), tfidf.transform(seconds), strict=True):
        # Rounding lifts the cosine of equal texts above 1.
        columns += [np.minimum(_row_sums(first.multiply(second)), 1)]
        columns += [_containment(first, second), _containment(second, first)]
    return np.stack(columns, axis=1).astype(np.float32)


def vector_features(firsts: Vectors, seconds: Vectors) -> NDArray[np.float32]:
    """Compare two vectors coordinate by coordinate.

    Returns:
        Shape (n, 2*dim + 1): product, absolute difference, cosine.

    Source:
        Conneau et al. 2017 (arXiv:1705.02364), with the product's sum as a feature of its own.
    """
    product = firsts * seconds
    cosine = product.sum(axis=1, keepdims=True)
    return np.hstack([product, np.abs(firsts - seconds), cosine])


def _containment(part: sp.csr_matrix, whole: sp.csr_matrix) -> NDArray[np.float64]:
    """Return the share of each row's weight that the other matrix's row has too."""
    shared = _row_sums(part.multiply(whole > 0))
    total: NDArray[np.float64] = np.maximum(_row_sums(part), np.finfo(np.float32).tiny)
    return shared / total


def _row_sums(matrix: sp.spmatrix) -> NDArray[np.float64]:
    return np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()
