"""What two columns have in common that can be seen without a model: their names and values.

target Table  ->  TargetColumns  ->  source Columns (m,)  ->  features (m, n, 2)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from headgate.domains.schemas.columns import Column, Table
from headgate.domains.schemas.lexical import name_similarities
from headgate.domains.schemas.overlap import ValueIndex
from headgate.domains.schemas.table_match import NAME_SIMILARITY, VALUE_OVERLAP

COMPARED = (NAME_SIMILARITY, VALUE_OVERLAP)
"""The features, in order."""


class TargetColumns:
    """A target's columns, read once to be compared with many; safe to use from several threads."""

    def __init__(self, target: Table) -> None:
        """Read the columns; takes about a second for 10,000 of them with 60 values each."""
        self._names = [column.name for column in target.columns]
        self._values = ValueIndex(target.columns)
        self.size_bytes = self._values.size_bytes
        """About what it takes beside the table."""

    def compare(self, sources: Sequence[Column]) -> NDArray[np.float32]:
        """Return the features of each pair, shape (sources, targets, 2), between 0 and 1."""
        names = name_similarities([column.name for column in sources], self._names)
        return np.stack([names, self._values.overlaps(sources)], axis=-1)
