"""Passages by the vector of a query: candidates from FAISS, then their exact cosines.

rows -> write: an approximate index in a file
rows, file or none -> Dense: nearest(queries (m, dim), top_k) -> positions and cosines (m, top_k)

From `EXACT_BELOW` passages on the index is an inverted file (IVF) of bytes; what it proposes is
ranked by the vectors as they are stored. Measured with a million vectors of 384 dimensions that
were made of the embeddings of real passages (mixtures of two, with noise of their covariance),
500 real questions, 2,048 lists, CPU time of one thread:

    index                      recall at 10   ms a query, median and 99th percentile
    IVF, bytes, 16 probes      0.959          1.5   2.1
    IVF, bytes, 32 probes      0.972          2.4   3.5
    IVF, bytes, 64 probes      0.985          4.0   5.8
    IVF, bytes, 128 probes     0.998          7.1   8.9
    IVF, PQ96x4, 128 probes    0.994          1.7   2.6   ranking 400 by stored vectors
                               0.960          1.3   1.9   ranking 100

Training takes 24 s of CPU time, finding the lists of all vectors 35 s, storing them 4 s. Product
quantisation is faster here, but 100 candidates for a fusion would need thousands of vectors read
from segments; and HNSW cannot remove.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np
from faiss import swigfaiss
from numpy.typing import NDArray

from headgate.errors import ArtifactError
from headgate.retrieval.corpus.rows import Numbers, Rows

EXACT_BELOW: Final = 50_000
"""From this many passages on, candidates come from an approximate index."""

_LISTS_PER_ROOT: Final = 2  # lists = 2 sqrt(n); more make training and adding slower
_TRAINED_ON: Final = 32  # vectors a list
_PROBED: Final = 64
_PROBED_SHARE: Final = 1 / 32  # of the lists, where that is more
_SPARE: Final = 8  # candidates more than asked for, so that equals at the edge are all seen
_REFINED: Final = 2  # candidates for each hit that the approximate index proposes
_BLOCK: Final = 16_384  # vectors that are float32 at a time
_OUTGROWN: Final = 2  # times as many passages as the lists were made for

Positions = NDArray[np.int64]
Queries = NDArray[np.float32]


class Dense:
    """The vectors of all passages that can be found; safe to use from several threads."""

    def __init__(self, rows: Rows, live: Numbers, index: Any = None) -> None:  # noqa: ANN401
        """Take the vectors.

        Args:
            rows: Has them by number.
            live: Shape (passages,), ascending numbers.
            index: The approximate index; when absent all vectors are read into memory.
        """
        self._rows, self._live, self._index = rows, live, index
        self._matrix = None if index is not None else rows.vectors(live).astype(np.float32)

    @classmethod
    def open(cls, rows: Rows, live: Numbers, path: Path | None) -> Dense:
        """Return the vectors with the approximate index in a file, if there is one.

        Raises:
            ArtifactError: The file is no index of these vectors.
        """
        if path is None:
            return cls(rows, live)
        index = _read(path)
        if index.d != rows.dim or index.ntotal != len(live):
            problem = "is no index of these passages"
            raise ArtifactError(str(path), problem, "Build the index again.")
        return cls(rows, live, index)

    @property
    def approximate(self) -> bool:
        """Return whether some of the nearest may be missed."""
        return self._index is not None

    def nearest(self, queries: Queries, top_k: int) -> list[tuple[Positions, NDArray[np.float64]]]:
        """Return positions and cosines of the nearest passages, nearest first, for each query.

        FAISS sums in an order that depends on the batch: the cosines of its candidates are
        computed again, so that a query finds the same alone and among others. Of equals the
        earlier passage comes first.

        Args:
            queries: Shape (m, dim), of length 1.
            top_k: At least 1; fewer are found when there are no more.
        """
        if not len(queries) or not len(self._live):
            return [(np.empty(0, np.int64), np.empty(0)) for _ in queries]
        pairs = zip(queries, self._propose(queries, top_k), strict=True)
        return [self._settled(query, found, top_k) for query, found in pairs]

    def cosines(self, query: Queries, positions: Positions) -> NDArray[np.float64]:
        """Return the cosine of a query, shape (dim,), with some passages, shape (positions,)."""
        vectors = self._rows.vectors(self._live[positions]).astype(np.float64)
        return np.asarray(np.clip((vectors * query).sum(axis=1), -1.0, 1.0), np.float64)

    def _propose(self, queries: Queries, top_k: int) -> list[Positions]:
        if self._matrix is not None:
            fetch = min(top_k + _SPARE, len(self._live))
            metric = faiss.METRIC_INNER_PRODUCT
            return list(faiss.knn(queries, self._matrix, fetch, metric=metric)[1])
        fetch = min(top_k * _REFINED + _SPARE, len(self._live))
        lists = self._index.nlist
        probed = min(lists, max(_PROBED, math.ceil(lists * _PROBED_SHARE)))
        numbers = self._index.search(
            queries, fetch, params=swigfaiss.SearchParametersIVF(nprobe=probed)
        )[1]
        # FAISS fills the slots it has nothing for with -1.
        return [np.searchsorted(self._live, found[found >= 0]) for found in numbers]

    def _settled(
        self, query: Queries, positions: Positions, top_k: int
    ) -> tuple[Positions, NDArray[np.float64]]:
        cosines = self.cosines(query, positions)
        order = np.lexsort((positions, -cosines))[:top_k]
        return positions[order], cosines[order]


def write(path: Path, rows: Rows, live: Numbers, before: tuple[Path, Path] | None = None) -> None:
    """Write an approximate index of some passages.

    Args:
        path: A file of FAISS.
        rows: Has the vectors.
        live: Shape (passages,), ascending numbers.
        before: An older index and its `live`, in a file of numpy, if there are such files; what
            is in both stays, as long as its lists are fine enough for so many passages.
    """
    index, known = _continued(live, before) if before else (None, np.empty(0, np.int64))
    if index is None:
        index = _trained(rows, live)
    fresh = np.setdiff1d(live, known, assume_unique=True)
    for numbers in _blocks(fresh):
        index.add_with_ids(rows.vectors(numbers).astype(np.float32), numbers)
    faiss.write_index(index, str(path))


def _continued(live: Numbers, before: tuple[Path, Path]) -> tuple[Any, Numbers]:
    """Return an older index without what is gone, and the numbers in it; None for a new one."""
    nothing = None, np.empty(0, np.int64)
    if not all(path.exists() for path in before):
        return nothing
    index, old = _read(before[0]), np.load(before[1], allow_pickle=False)
    made_for = (index.nlist / _LISTS_PER_ROOT) ** 2
    if not made_for / _OUTGROWN <= len(live) <= made_for * _OUTGROWN:
        return nothing
    gone = np.setdiff1d(old, live, assume_unique=True)
    if len(gone):
        index.remove_ids(swigfaiss.IDSelectorBatch(len(gone), faiss.swig_ptr(gone)))
    return index, np.intersect1d(old, live, assume_unique=True)


def _trained(rows: Rows, live: Numbers) -> Any:  # noqa: ANN401 - FAISS has no types
    """Return an empty index whose lists fit these passages."""
    lists = min(len(live), math.ceil(_LISTS_PER_ROOT * math.sqrt(len(live))))
    count = min(len(live), lists * _TRAINED_ON)
    chosen = np.sort(np.random.default_rng(0).choice(live, count, replace=False))
    index: Any = faiss.index_factory(rows.dim, f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.cp.min_points_per_centroid = 1  # fewer only makes a warning on stderr
    index.train(rows.vectors(chosen).astype(np.float32))
    return index


def _blocks(numbers: Numbers) -> Sequence[Numbers]:
    return [numbers[at : at + _BLOCK] for at in range(0, len(numbers), _BLOCK)]


def _read(path: Path) -> Any:  # noqa: ANN401 - FAISS has no types
    problem, remedy = "is no inverted file of FAISS", "Build the index again."
    try:
        index = faiss.read_index(str(path))
    except RuntimeError as error:
        raise ArtifactError(str(path), problem, remedy) from error
    if not isinstance(index, faiss.IndexIVF):
        raise ArtifactError(str(path), problem, remedy)
    return index
