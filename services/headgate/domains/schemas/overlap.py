"""Which values two columns share, weighted by how few columns of the target have them.

values of targets (n,)  ->  ValueIndex, sparse  ->  overlaps with sources (m, n)

`Yes` is in a hundred columns and says nothing of which; `Stage IV` is in three.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
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

_BYTES_A_VALUE = 120
"""Of a string, its place in a dictionary and its weight, beside its characters."""
_BYTES_A_CELL = 8
"""Of a value in a column: four for the one, four for the other."""
_PUNCTUATION = re.compile(r"[\x00-/:-@\[-`{-\x7f]+")


class ValueIndex:
    """Which column of a target has which value; safe to use from several threads."""

    def __init__(self, targets: Sequence[Column]) -> None:
        """Read the values of the target's columns."""
        rows = [_compared_values(column) for column in targets]
        self._places: dict[str, int] = {}
        for value in chain.from_iterable(rows):
            self._places.setdefault(value, len(self._places))
        self._has = _matrix([[self._places[value] for value in row] for row in rows], self._width)
        holders = self._has.getnnz(axis=0)
        self._weights = np.log1p(len(rows) / np.maximum(holders, 1)).astype(np.float32)
        self.size_bytes = sum(map(len, self._places)) + _BYTES_A_VALUE * self._width
        self.size_bytes += _BYTES_A_CELL * self._has.nnz
        """About what it takes."""

    @property
    def _width(self) -> int:
        return len(self._places)

    def overlaps(self, sources: Sequence[Column]) -> NDArray[np.float32]:
        """Return the share of a source column's different values that a target column has.

        Case, blanks and punctuation do not matter. A value weighs the more the fewer targets have
        it; one that no target has weighs as much as the rarest. Numbers are left out: which of
        them two columns share says what range they have, and every count and score has some in
        common.

        Returns:
            Shape (sources, targets), between 0 and 1; 0 for a column without values other than
            numbers.
        """
        rows = [_compared_values(column) for column in sources]
        known = [[self._places[v] for v in row if v in self._places] for row in rows]
        unknown = np.array([len(row) for row in rows]) - np.array([len(row) for row in known])
        weighted = _matrix(known, self._width).multiply(self._weights).tocsr()
        rarest = np.log1p(self._has.shape[0])
        total = np.asarray(weighted.sum(axis=1)).ravel() + unknown * rarest
        shared = (weighted @ self._has.T).toarray()
        return np.asarray(np.clip(shared / np.maximum(total, 1e-9)[:, None], 0, 1), np.float32)


def _compared_values(column: Column) -> list[str]:
    """Return the values without case and punctuation; numbers are left out."""
    few = len(column.values) <= MOST_COMPARED
    values = column.values if few else consistent(column, MOST_COMPARED)
    folded = {_PUNCTUATION.sub(" ", v).strip().casefold() for v in values if number_in(v) is None}
    return sorted(folded - {""})


def _matrix(rows: Sequence[Sequence[int]], width: int) -> csr_matrix:
    """Return which column has which value, shape (columns, values), of ones."""
    from scipy.sparse import csr_matrix

    places = np.fromiter(chain.from_iterable(rows), np.int64)
    ends = np.cumsum([0, *map(len, rows)])
    return csr_matrix((np.ones(len(places), np.float32), places, ends), (len(rows), width))
