"""Numbered vectors and the nearest of them, on FAISS.

numbers (n,), vectors (n, dim) -> VectorIndex -> nearest(queries (m, dim)) -> m x Neighbours

FAISS proposes candidates; each one's cosine is then computed again in float64. FAISS sums in an
order that depends on the batch, and keeps any of several equals: without the second look the
same query could find other documents alone than in a batch, or online than offline.

The index is exact below `EXACT_BELOW` vectors and an inverted file (IVF) from there on. HNSW was
no choice: it cannot remove. Measured with 100,000 clustered vectors of 64 dimensions, one thread
(`recall` is the share of the true 10 nearest that are found; `spread` is the noise around 1,000
cluster centres; 1,264 lists; IVF trains in 2 to 3 s, HNSW builds in 10 to 14 s):

    index               ms a query,  ms a query,  recall at      recall at     recall at
                        alone        in a batch   spread 0.5     spread 1.0    spread 2.0
    exact               0.8 to 1.6   0.7 to 1.0   1              1             1
    IVF, 1/80 of lists  0.09         0.03         1.0000         0.9959        0.31
    IVF, 1/20 of lists  0.19         0.12         1.0000         0.9988        0.56
    IVF, 1/10 of lists  0.31         0.23         1.0000         1.0000        0.72

These are the times of FAISS; the second look adds about 0.1 ms a query. At spread 2.0 the
vectors are close to unstructured, the worst case for any approximate index.
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import faiss
import numpy as np
from faiss import swigfaiss
from numpy.typing import NDArray

from headgate.errors import ArtifactError

EXACT_BELOW: Final = 100_000
"""From this many vectors on, the index is approximate."""

_LISTS_PER_ROOT: Final = 4  # lists = 4 sqrt(n), the low end of what FAISS advises
_PROBED_SHARE: Final = 1 / 10  # see the table above
_SPARE: Final = 8  # candidates more than asked for, so that most ties need no second search
_GROWTH: Final = 8  # how many times more candidates a second search asks for
_ROUNDING: Final = 1e-5  # more than a float32 sum over 1,024 dimensions is ever off


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The vectors nearest to one query, nearest first; of equals, the smaller number first."""

    numbers: NDArray[np.int64]
    similarities: NDArray[np.float64]
    """Cosines, between -1 and 1."""


class VectorIndex:
    """Vectors of length 1 by number; searching is thread-safe, changing is not.

    It becomes approximate when it grows to `exact_below` vectors, and stays so when it shrinks.
    """

    def __init__(self, dim: int, *, exact_below: int = EXACT_BELOW) -> None:
        """Make an empty, exact index."""
        self.dim = dim
        self.exact_below = exact_below
        self._faiss: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dim))

    def __len__(self) -> int:
        """Return how many vectors there are."""
        return int(self._faiss.ntotal)

    @property
    def kind(self) -> Literal["exact", "ivf"]:
        """Return whether searches are exact or approximate."""
        return "ivf" if isinstance(self._faiss, faiss.IndexIVF) else "exact"

    def add(self, numbers: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add vectors, shape (n, dim), under numbers, shape (n,), that are not in use."""
        if self.kind == "exact" and len(self) + len(numbers) >= self.exact_below:
            known = faiss.vector_to_array(self._faiss.id_map)
            vectors = np.concatenate([self._faiss.reconstruct_batch(known), vectors])
            numbers = np.concatenate([known, numbers])
            self._faiss = _trained(vectors)
        self._faiss.add_with_ids(vectors, numbers)

    def remove(self, numbers: NDArray[np.int64]) -> None:
        """Remove the vectors of these numbers."""
        # IVF finds its vectors through a hash table and takes no other kind of selector.
        approximate = self.kind == "ivf"
        select = faiss.IDSelectorArray if approximate else faiss.IDSelectorBatch
        self._faiss.remove_ids(select(numbers))

    def nearest(
        self, queries: NDArray[np.float32], top_k: int, skip: Sequence[Set[int]]
    ) -> list[Neighbours]:
        """Return the nearest vectors of each query, fewer than `top_k` if there are no more.

        Args:
            queries: Shape (m, dim), of length 1.
            top_k: How many to find, at least 1.
            skip: For each query the numbers that may not be found; length m.
        """
        if not len(queries) or not len(self):
            return [Neighbours(np.empty(0, np.int64), np.empty(0)) for _ in queries]
        fetch = min(top_k + max(map(len, skip)) + _SPARE, len(self))
        proposals = self._propose(queries, fetch, everywhere=False)
        rows = zip(queries, proposals, skip, strict=True)
        return [self._settle(query, found, top_k, skipped) for query, found, skipped in rows]

    def write(self, path: Path) -> None:
        """Write the index as one FAISS file."""
        faiss.write_index(self._faiss, str(path))

    @classmethod
    def read(cls, path: Path, dim: int, *, exact_below: int = EXACT_BELOW) -> VectorIndex:
        """Return the index in a file. FAISS sees no damage: check the file's hash before.

        Raises:
            ArtifactError: It is no index of ours with this many dimensions.
        """
        remedy = "Build the store again."
        index = cls(dim, exact_below=exact_below)
        try:
            index._faiss = faiss.read_index(str(path))
        except RuntimeError as error:
            raise ArtifactError(str(path), "FAISS cannot read it", remedy) from error
        if not isinstance(index._faiss, faiss.IndexIDMap2 | faiss.IndexIVFFlat):
            raise ArtifactError(str(path), "is an index of another kind", remedy)
        if index._faiss.d != dim:
            problem = f"has {index._faiss.d} dimensions, not {dim}"
            raise ArtifactError(str(path), problem, remedy)
        return index

    def _propose(
        self, queries: NDArray[np.float32], fetch: int, *, everywhere: bool
    ) -> list[_Candidates]:
        probes = swigfaiss.SearchParametersIVF(nprobe=self._faiss.nlist) if everywhere else None
        similarities, numbers = self._faiss.search(queries, fetch, params=probes)
        return [_Candidates(*row) for row in zip(numbers, similarities, strict=True)]

    def _settle(
        self, query: NDArray[np.float32], found: _Candidates, top_k: int, skip: Set[int]
    ) -> Neighbours:
        """Return the final neighbours, searching wider while others may have been left out."""
        everywhere = False
        while True:
            ranked = self._ranked(query, found.numbers[found.numbers >= 0], skip)
            enough = len(ranked.numbers) >= top_k
            if len(found.numbers) >= len(self) and not found.ran_out:
                break
            if enough and (found.ran_out or found.reach_below(ranked.similarities[top_k - 1])):
                break
            # Removal can leave the probed lists with too little: then probe all of them.
            everywhere = everywhere or found.ran_out
            fetch = min(len(found.numbers) * _GROWTH, len(self))
            found = self._propose(query[np.newaxis], fetch, everywhere=everywhere)[0]
        return Neighbours(ranked.numbers[:top_k], ranked.similarities[:top_k])

    def _ranked(
        self, query: NDArray[np.float32], numbers: NDArray[np.int64], skip: Set[int]
    ) -> Neighbours:
        if skip:
            numbers = numbers[~np.isin(numbers, list(skip))]
        vectors = self._faiss.reconstruct_batch(numbers).astype(np.float64)
        similarities = np.clip((vectors * query).sum(axis=1), -1.0, 1.0)
        order = np.lexsort((numbers, -similarities))
        return Neighbours(numbers[order], similarities[order])


@dataclass(frozen=True, slots=True)
class _Candidates:
    """What FAISS proposes for one query, with its own rounding and order of equals."""

    numbers: NDArray[np.int64]
    rough: NDArray[np.float32]

    @property
    def ran_out(self) -> bool:
        """Return whether the lists that were probed hold no more."""
        # FAISS fills the slots it has nothing for with -1.
        return bool(self.numbers[-1] < 0)

    def reach_below(self, similarity: float) -> bool:
        """Return whether all that was not proposed is surely less similar than this."""
        return bool(similarity - self.rough[-1] > _ROUNDING)


def _trained(vectors: NDArray[np.float32]) -> Any:  # noqa: ANN401 - FAISS has no types
    """Return an empty inverted file whose lists fit these vectors, shape (n, dim)."""
    count, dim = vectors.shape
    lists = min(count, math.ceil(_LISTS_PER_ROOT * math.sqrt(count)))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.min_points_per_centroid = 1  # fewer only makes a warning on stderr
    index.train(vectors)
    # Finding a vector by its number, to remove or compare it, needs this table.
    index.set_direct_map_type(swigfaiss.DirectMap.Hashtable)
    index.nprobe = math.ceil(lists * _PROBED_SHARE)
    return index
