"""A corpus that is searched: by vectors, by words, and by both.

DIRECTORY -> open: every hash checked -> CorpusIndex
texts (m), vectors (m, dim) -> search -> m tuples of Found, best first
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from headgate.errors import ArtifactError, InputError, NotFoundError
from headgate.retrieval.corpus import generation
from headgate.retrieval.corpus.bm25 import Bm25
from headgate.retrieval.corpus.dense import Dense
from headgate.retrieval.corpus.fusion import fuse
from headgate.retrieval.corpus.manifest import (
    BUILD,
    REBUILD,
    Manifest,
    check_files,
    read_manifest,
)
from headgate.retrieval.corpus.passage import Found, Passage
from headgate.retrieval.corpus.rows import Rows
from headgate.retrieval.corpus.segment import Segment

DEPTH: Final = 100
"""How many passages of each ranking are fused; more if more are asked for."""
WEIGHTS: Final = (1.0, 1.0)
"""Of the ranking by vectors and of that by words."""

_LENGTH_TOLERANCE: Final = 1e-3
_ATTEMPTS: Final = 3
"""A writer may replace a generation while it is opened; then the newer one is."""


@dataclass(frozen=True, slots=True)
class CorpusIndex:
    """Passages of one generation of an index; safe to use from several threads.

    What a writer does meanwhile is not seen: open the directory again for that.
    """

    directory: Path
    manifest: Manifest
    rows: Rows
    live: NDArray[np.int64]
    """Shape (passages,): the number of each; its place here is its position."""
    dense: Dense
    words: Bm25
    ids: NDArray[np.uint64]
    """Shape (2, passages): hashes of ids, ascending, and the position of each."""

    @classmethod
    def open(cls, directory: Path, *, encoder: str | None = None) -> CorpusIndex:
        """Return the index in a directory once the hashes of its files are checked.

        Args:
            directory: Where it was built.
            encoder: Fingerprint of what will embed the queries. The limit of tokens, behind its
                last colon, is not compared: it cuts long texts, and changes no vector else.

        Raises:
            ArtifactError: It is missing, unfinished, altered, or made by another encoder.
        """
        for _ in range(_ATTEMPTS):
            manifest = read_manifest(directory)
            if manifest is None:
                raise ArtifactError(str(directory), "there is no finished index here", BUILD)
            if encoder is not None:
                check_encoder(directory, manifest.encoder, encoder)
            try:
                check_files(directory, manifest)
                return cls._opened(directory, manifest)
            except FileNotFoundError as error:
                missing = error
        raise ArtifactError(str(missing.filename or directory), "is missing", REBUILD)

    @classmethod
    def _opened(cls, directory: Path, manifest: Manifest) -> CorpusIndex:
        rows = open_rows(directory, manifest)
        folder = directory / manifest.folder
        live = np.load(folder / generation.LIVE_FILE, allow_pickle=False)
        approximate = f"{manifest.folder}/{generation.DENSE_FILE}" in manifest.files
        dense = Dense.open(rows, live, folder / generation.DENSE_FILE if approximate else None)
        ids = np.load(folder / generation.IDS_FILE, mmap_mode="r", allow_pickle=False)
        return cls(directory, manifest, rows, live, dense, Bm25.open(folder, len(live)), ids)

    def check_encoder(self, fingerprint: str) -> None:
        """Refuse an encoder whose vectors do not fit those of the passages.

        Raises:
            ArtifactError: It is another than the index was built with.
        """
        check_encoder(self.directory, self.manifest.encoder, fingerprint)

    def __len__(self) -> int:
        """Return how many passages can be found."""
        return len(self.live)

    def search(
        self,
        texts: Sequence[str],
        vectors: NDArray[np.float32],
        top_k: int,
        *,
        weights: tuple[float, float] = WEIGHTS,
    ) -> list[tuple[Found, ...]]:
        """Return the best passages for each query, by vectors and words together.

        The `DEPTH` best of each ranking are fused by rank; `Found.score` is the fused score.

        Args:
            texts: The queries, length m.
            vectors: Those of the queries, shape (m, dim), float32, of length 1.
            top_k: Passages for each query, at least 1; fewer when there are no more.
            weights: Of vectors and of words.

        Raises:
            InputError: The vectors do not fit, or `top_k` is below 1.
        """
        depth = max(DEPTH, _checked_count(top_k))
        nearest = self.dense.nearest(self._checked(vectors, len(texts)), depth)
        found = []
        for text, vector, (positions, _) in zip(texts, vectors, nearest, strict=True):
            lexical, scores = self.words.search(text, depth)
            fused, gains = fuse((positions, lexical), weights)
            by_words = dict(zip(lexical.tolist(), scores.tolist(), strict=True))
            best = fused[:top_k]
            found.append(self._found(best, gains, self.dense.cosines(vector, best), by_words))
        return found

    def search_vectors(self, vectors: NDArray[np.float32], top_k: int) -> list[tuple[Found, ...]]:
        """Return the nearest passages for each query; `Found.score` is the cosine.

        Args:
            vectors: Shape (m, dim), float32, of length 1.
            top_k: Passages for each query, at least 1; fewer when there are no more.

        Raises:
            InputError: The vectors do not fit, or `top_k` is below 1.
        """
        _checked_count(top_k)
        nearest = self.dense.nearest(self._checked(vectors, len(vectors)), top_k)
        return [self._found(positions, cosines, cosines, {}) for positions, cosines in nearest]

    def search_words(self, texts: Sequence[str], top_k: int) -> list[tuple[Found, ...]]:
        """Return the passages that share most with each query; `Found.score` is BM25's.

        Raises:
            InputError: `top_k` is below 1.
        """
        found = []
        for text in texts:
            positions, scores = self.words.search(text, _checked_count(top_k))
            lexical = dict(zip(positions.tolist(), scores.tolist(), strict=True))
            found.append(self._found(positions, scores, np.zeros(len(scores)), lexical))
        return found

    def passages(self, ids: Sequence[str]) -> list[Passage]:
        """Return the passages of some ids, in their order.

        Raises:
            NotFoundError: There is none of an id.
        """
        numbers = self.live[[self._position(id_) for id_ in ids]] if ids else self.live[:0]
        found = self.rows.passages(numbers)
        for id_, passage in zip(ids, found, strict=True):
            if passage.id != id_:  # two ids of one hash: once in 10^10 for a million passages
                raise self._unknown(id_)
        return found

    def _position(self, id_: str) -> int:
        value = np.uint64(generation.id_hash(id_))
        at = int(np.searchsorted(self.ids[0], value))
        if at == len(self.live) or self.ids[0, at] != value:
            raise self._unknown(id_)
        return int(self.ids[1, at])

    def _unknown(self, id_: str) -> NotFoundError:
        problem = f"there is no passage {id_!r}"
        return NotFoundError(str(self.directory), problem, "Check the id and its case.")

    def _found(
        self,
        positions: NDArray[np.int64],
        scores: NDArray[np.floating],
        cosines: NDArray[np.float64],
        lexical: dict[int, float],
    ) -> tuple[Found, ...]:
        passages = self.rows.passages(self.live[positions])
        words = [lexical.get(position, 0.0) for position in positions.tolist()]
        columns = (passages, scores[: len(positions)].tolist(), cosines.tolist(), words)
        return tuple(Found(*each) for each in zip(*columns, strict=True))

    def _checked(self, vectors: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """Return vectors as FAISS needs them: contiguous rows of length 1."""
        shape = (count, self.manifest.dim)
        if vectors.shape != shape or vectors.dtype != np.float32:
            problem = f"has the shape {vectors.shape} and type {vectors.dtype}, not {shape} float32"
            raise InputError("vectors", problem, "Use the encoder the index was built with.")
        # NaN compares false with everything, so it fails here as well.
        fits = np.abs(np.linalg.norm(vectors, axis=1) - 1) <= _LENGTH_TOLERANCE
        if not fits.all():
            place = f"vectors[{int(np.argmin(fits))}]"
            problem = "is not a finite vector of length 1"
            raise InputError(place, problem, "Normalise what the encoder returns.")
        return np.ascontiguousarray(vectors)


def open_rows(directory: Path, manifest: Manifest) -> Rows:
    """Return the segments of an index, mapped into memory.

    Raises:
        ArtifactError: One is none.
    """
    segments = [
        Segment.open(directory / each.name, each.first, manifest.dim) for each in manifest.segments
    ]
    return Rows(segments, manifest.dim)


def check_encoder(directory: Path, made_by: str, encoder: str) -> None:
    """Refuse vectors of another encoder than those in an index.

    Raises:
        ArtifactError: The fingerprints differ in more than the limit of tokens.
    """
    if _without_limit(encoder) != _without_limit(made_by):
        problem = f"was built with the encoder {made_by!r}, not {encoder!r}"
        raise ArtifactError(str(directory), problem, "Build it again with this encoder.")


def _without_limit(fingerprint: str) -> str:
    return fingerprint.rpartition(":")[0] or fingerprint


def _checked_count(top_k: int) -> int:
    if top_k < 1:
        raise InputError("top_k", f"is {top_k}", "Ask for at least one passage.")
    return top_k
