"""Documents that are found by the vector of their text.

documents, vectors (n, dim) -> VectorStore -> search(vectors (m, dim), top_k) -> m tuples of Hit
VectorStore -> save: DIRECTORY/{manifest.json, documents.jsonl, index.faiss} -> load
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from headgate.artifact import JSON, Artifact, ArtifactWriter
from headgate.errors import ArtifactError, InputError
from headgate.retrieval.index import EXACT_BELOW, Neighbours, VectorIndex
from headgate.types import Hit

KIND: Final = "vector_store"
DOCUMENTS_FILE: Final = "documents.jsonl"
INDEX_FILE: Final = "index.faiss"

_LENGTH_TOLERANCE: Final = 1e-3  # int8 encoders normalise their output to about 1e-6
_REBUILD: Final = "Build the store again from its documents."


@dataclass(frozen=True, slots=True)
class Document:
    """One text that can be found."""

    id: str
    """Unique within its store."""
    text: str
    source: str
    """Where it came from: what `VectorStore.remove` removes together."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Such as `label` and `reason` of a past case."""


class VectorStore:
    """Documents and their vectors; searching is thread-safe, changing is not."""

    def __init__(self, index: VectorIndex, encoder: str) -> None:
        """Make a store over an empty index; use `build` or `load`."""
        self._index = index
        self._documents: dict[int, Document] = {}  # by number, in the order they were added
        self._numbers: dict[str, int] = {}  # by document id
        self.encoder = encoder

    @classmethod
    def build(
        cls,
        documents: Sequence[Document],
        vectors: NDArray[np.float32],
        *,
        encoder: str,
        exact_below: int = EXACT_BELOW,
    ) -> VectorStore:
        """Return a store of these documents.

        Args:
            documents: In order; of equally similar ones the earlier is found first.
            vectors: Shape (len(documents), dim), float32, each row of length 1. An empty store
                takes its dimensions from the shape (0, dim).
            encoder: Names what made the vectors; `load` can insist on it.
            exact_below: From this many documents on, search is approximate.

        Raises:
            InputError: The vectors do not fit, or two documents have one id.
        """
        if vectors.ndim != 2 or not vectors.shape[1]:
            problem = f"has the shape {vectors.shape}, not (documents, dim)"
            raise InputError("vectors", problem, "Send one row for each document.")
        store = cls(VectorIndex(vectors.shape[1], exact_below=exact_below), encoder)
        store.add(documents, vectors)
        return store

    def __len__(self) -> int:
        """Return how many documents there are."""
        return len(self._documents)

    @property
    def dim(self) -> int:
        """Return how many dimensions the vectors have."""
        return self._index.dim

    @property
    def approximate(self) -> bool:
        """Return whether a search may miss some of the nearest documents."""
        return self._index.kind == "ivf"

    def add(self, documents: Sequence[Document], vectors: NDArray[np.float32]) -> None:
        """Add documents, all or none.

        Args:
            documents: Their ids may not be in the store yet.
            vectors: Shape (len(documents), dim), float32, each row of length 1.

        Raises:
            InputError: The vectors do not fit, or an id is there already.
        """
        checked = _checked(vectors, self.dim)
        if len(documents) != len(checked):
            problem = f"has {len(checked)} rows for {len(documents)} documents"
            raise InputError("vectors", problem, "Send one row for each document.")
        self._check_ids(documents)
        if not documents:
            return
        first = next(reversed(self._documents), -1) + 1
        self._index.add(np.arange(first, first + len(documents)), checked)
        self._register(enumerate(documents, first))

    def remove(self, source: str) -> int:
        """Remove all documents of a source and return how many there were."""
        numbers = [n for n, document in self._documents.items() if document.source == source]
        if numbers:
            self._index.remove(np.array(numbers, dtype=np.int64))
        for number in numbers:
            del self._numbers[self._documents.pop(number).id]
        return len(numbers)

    def search(
        self,
        vectors: NDArray[np.float32],
        top_k: int,
        *,
        exclude: Sequence[Collection[str]] | None = None,
    ) -> list[tuple[Hit, ...]]:
        """Return the most similar documents of each query, most similar first.

        Of equally similar documents the one added earlier comes first. There are fewer than
        `top_k` hits when the store has no more to offer.

        Args:
            vectors: Queries of shape (m, dim), float32, each row of length 1.
            top_k: Hits for each query, at least 1.
            exclude: For each query the ids of documents it may not find, such as its own; ids
                that are not in the store do no harm. Length m.

        Returns:
            One tuple for each query, in their order.

        Raises:
            InputError: The vectors do not fit, `top_k` is below 1, or `exclude` is too short
                or too long.
        """
        queries = _checked(vectors, self.dim)
        if top_k < 1:
            raise InputError("top_k", f"is {top_k}", "Ask for at least one document.")
        skip = self._skipped(exclude, len(queries))
        return [self._hits(found) for found in self._index.nearest(queries, top_k, skip)]

    def save(self, directory: Path) -> None:
        """Write the store as a directory of its own, whole or not at all.

        Raises:
            ArtifactError: The directory holds something else than a store or artifact.
        """
        with ArtifactWriter(directory) as writer:
            self._index.write(writer.path(INDEX_FILE))
            _write_documents(writer.path(DOCUMENTS_FILE), self._documents)
            facts: dict[str, JSON] = {
                "count": len(self),
                "dim": self.dim,
                "encoder": self.encoder,
                "exact_below": self._index.exact_below,
                "index": self._index.kind,
            }
            writer.finish(KIND, facts)

    @classmethod
    def load(cls, directory: Path, *, expected_encoder: str | None = None) -> VectorStore:
        """Return the store in a directory once the hashes of its files are checked.

        Raises:
            ArtifactError: It is missing, altered or inconsistent, or another encoder than
                `expected_encoder` made its vectors.
        """
        artifact = Artifact.open(directory, kind=KIND)
        encoder = artifact.fact("encoder", str)
        if expected_encoder not in (None, encoder):
            problem = f"was built with the encoder {encoder!r}, not {expected_encoder!r}"
            raise ArtifactError(artifact.place, problem, "Fit it again with this encoder.")
        index = VectorIndex.read(
            artifact.path(INDEX_FILE),
            artifact.fact("dim", int),
            exact_below=artifact.fact("exact_below", int),
        )
        store = cls(index, encoder)
        numbered = list(_read_documents(artifact.path(DOCUMENTS_FILE)))
        store._register(numbered)
        store._check_counts(artifact, len(numbered))
        return store

    def _check_counts(self, artifact: Artifact, lines: int) -> None:
        listed, kind = artifact.fact("count", int), artifact.fact("index", str)
        counts = {lines, len(self._documents), len(self._numbers), len(self._index)}
        if counts != {listed} or kind != self._index.kind:
            raise ArtifactError(artifact.place, "index and documents do not match", _REBUILD)

    def _check_ids(self, documents: Sequence[Document]) -> None:
        seen: set[str] = set()
        for row, document in enumerate(documents):
            if document.id in self._numbers or document.id in seen:
                problem = "another document has this id"
                raise InputError(f"documents[{row}].id", problem, "Give each document its own.")
            seen.add(document.id)

    def _register(self, numbered: Iterable[tuple[int, Document]]) -> None:
        for number, document in numbered:
            self._documents[number] = document
            self._numbers[document.id] = number

    def _skipped(self, exclude: Sequence[Collection[str]] | None, queries: int) -> list[set[int]]:
        if exclude is None:
            return [set() for _ in range(queries)]
        if len(exclude) != queries:
            problem = f"has {len(exclude)} entries for {queries} queries"
            raise InputError("exclude", problem, "Send one entry for each query.")
        numbers = self._numbers
        return [{numbers[name] for name in names if name in numbers} for names in exclude]

    def _hits(self, found: Neighbours) -> tuple[Hit, ...]:
        pairs = zip(found.numbers.tolist(), found.similarities.tolist(), strict=True)
        return tuple(_hit(self._documents[number], similarity) for number, similarity in pairs)


def _hit(document: Document, similarity: float) -> Hit:
    return Hit(document.id, similarity, document.text, document.metadata)


def _checked(vectors: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """Return vectors, shape (n, dim), as FAISS needs them: contiguous rows of length 1."""
    if vectors.ndim != 2 or vectors.shape[1] != dim:
        problem = f"has the shape {vectors.shape}, not (n, {dim})"
        raise InputError("vectors", problem, "Use the encoder the store was built with.")
    if vectors.dtype != np.float32:
        raise InputError("vectors", f"has the type {vectors.dtype}", "Send float32.")
    # NaN compares false with everything, so it fails here as well.
    lengths = np.linalg.norm(vectors, axis=1)
    bad = np.flatnonzero(~(np.abs(lengths - 1) <= _LENGTH_TOLERANCE))
    if bad.size:
        problem = "is not a finite vector of length 1"
        raise InputError(f"vectors[{bad[0]}]", problem, "Normalise what the encoder returns.")
    return np.ascontiguousarray(vectors)


def _write_documents(path: Path, documents: Mapping[int, Document]) -> None:
    with path.open("w", encoding="ascii", newline="\n") as file:
        for number, document in documents.items():
            line = {
                "number": number,
                "id": document.id,
                "text": document.text,
                "source": document.source,
                "metadata": dict(document.metadata),
            }
            file.write(f"{json.dumps(line)}\n")


def _read_documents(path: Path) -> Iterator[tuple[int, Document]]:
    with path.open(encoding="ascii", newline="\n") as file:
        for row, line in enumerate(file, start=1):
            try:
                fields = json.loads(line)
                yield fields.pop("number"), Document(**fields)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise ArtifactError(f"{path}:{row}", "is not a document", _REBUILD) from error
