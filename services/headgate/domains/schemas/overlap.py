"""Which values two columns share, weighted by how few columns of the target have them.

values of (sources,), of (targets,)  ->  columns x values, sparse  ->  overlaps (sources, targets)

`Yes` is in a hundred columns and says nothing of which; `Stage IV` is in three.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headgate.domains.schemas.columns import Column
from headgate.domains.schemas.numbers import number_in
from headgate.domains.schemas.samples import consistent

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MOST_COMPARED = 512
"""Values of a column that are compared: those of the smallest hashes, the same in each column.

Overlaps of columns with more values are estimates, too low where the target has more than the
source.
"""

_PUNCTUATION = re.compile(r"[\x00-/:-@\[-`{-\x7f]+")


def value_overlaps(sources: Sequence[Column], targets: Sequence[Column]) -> NDArray[np.float32]:
    """Return the share of a source column's different values that a target column has.

    Case, blanks and punctuation do not matter. A value weighs the more the fewer targets have it;
    one that no target has weighs as much as the rarest. Numbers are left out: which of them two
    columns share says what range they have, and every count and score has some in common.

    Returns:
        Shape (sources, targets), between 0 and 1; 0 for a column without values other than numbers.
    """
    known: dict[str, int] = {}
    own, theirs = _rows(sources, known), _rows(targets, known)
    if not known or not sources or not targets:
        return np.zeros((len(sources), len(targets)), np.float32)
    had, has = _matrix(own, len(known)), _matrix(theirs, len(known))
    holders = np.asarray(has.sum(axis=0)).ravel()
    weight = np.log1p(len(targets) / np.maximum(holders, 1)).astype(np.float32)
    weighted = had.multiply(weight).tocsr()
    total = np.asarray(weighted.sum(axis=1)).ravel()
    shared = (weighted @ has.T).toarray()
    return np.asarray(np.clip(shared / np.maximum(total, 1e-9)[:, None], 0, 1), np.float32)


def _rows(columns: Sequence[Column], known: dict[str, int]) -> list[list[int]]:
    """Return the numbers of each column's values; new values get the next ones."""
    return [[known.setdefault(value, len(known)) for value in _compared(c)] for c in columns]


def _compared(column: Column) -> list[str]:
    """Return the values without case and punctuation; numbers are left out."""
    few = len(column.values) <= MOST_COMPARED
    values = column.values if few else consistent(column, MOST_COMPARED)
    folded = {_PUNCTUATION.sub(" ", v).strip().casefold() for v in values if number_in(v) is None}
    return sorted(folded - {""})


def _matrix(rows: list[list[int]], width: int) -> csr_matrix:
    """Return which column has which value, shape (columns, values), of ones."""
    from scipy.sparse import csr_matrix

    ends = np.cumsum([0, *map(len, rows)])
    places = np.array([place for row in rows for place in row], np.int64)
    return csr_matrix((np.ones(len(places), np.float32), places, ends), (len(rows), width))
