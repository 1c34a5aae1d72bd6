"""All passages of several segments by number.

numbers (n,) -> Rows -> vectors (n, dim) | passages (n)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from headgate.retrieval.corpus.passage import Passage
from headgate.retrieval.corpus.segment import Segment, Vectors

Numbers = NDArray[np.int64]


class Rows:
    """Segments in the order of their numbers; safe to use from several threads."""

    def __init__(self, segments: Sequence[Segment], dim: int) -> None:
        """Take the segments; numbers that none of them has may not be asked for."""
        self.segments = tuple(segments)
        self.dim = dim
        self._firsts = np.array([each.first for each in segments], np.int64)

    def vectors(self, numbers: Numbers) -> Vectors:
        """Return the vectors of some passages, shape (len(numbers), dim)."""
        found = np.empty((len(numbers), self.dim), np.float16)
        for segment, places in self._by_segment(numbers):
            found[places] = segment.vectors[numbers[places] - segment.first]
        return found

    def passages(self, numbers: Numbers) -> list[Passage]:
        """Return some passages, in the order of the numbers."""
        found: dict[int, Passage] = {}
        for segment, places in self._by_segment(numbers):
            rows = (numbers[places] - segment.first).tolist()
            found.update(zip(places.tolist(), segment.passages(rows), strict=True))
        return [found[place] for place in range(len(numbers))]

    def _by_segment(self, numbers: Numbers) -> Iterator[tuple[Segment, NDArray[np.int64]]]:
        """Yield each segment that has some of the numbers, and where among them."""
        owners = np.searchsorted(self._firsts, numbers, side="right") - 1
        order = np.argsort(owners, kind="stable")
        edges = np.flatnonzero(np.diff(owners[order], prepend=-1))
        for places in np.split(order, edges[1:]) if len(order) else ():
            yield self.segments[owners[places[0]]], places
