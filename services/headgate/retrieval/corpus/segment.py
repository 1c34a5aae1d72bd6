"""Passages that were committed together: their texts, vectors and terms, never changed again.

passages (n), vectors (n, dim) -> write: NAME.arrow, NAME.safetensors -> Segment, mapped into memory
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from headgate.errors import ArtifactError
from headgate.retrieval.corpus.counts import TermCounts
from headgate.retrieval.corpus.passage import Passage

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS: Final = (".arrow", ".safetensors")
SEGMENT_ROWS: Final = 2048
"""At most; what a build that is killed does again."""

_TEXTS: Final = ("id", "title", "text", "source")
_KEY_BYTES: Final = 16

Vectors = NDArray[np.float16]


def key_of(passage: Passage) -> bytes:
    """Return 16 bytes that are equal for passages of one content; blanks do not count."""
    parts = (" ".join(part.split()) for part in (passage.title, passage.text))
    content = "\0".join(parts).encode("utf-8", "replace")
    return hashlib.blake2b(content, digest_size=_KEY_BYTES).digest()


@dataclass(frozen=True, slots=True)
class Segment:
    """Some passages with numbers that follow each other."""

    path: Path
    """Without ending."""
    first: int
    """Number of its first passage; numbers are never used again."""
    vectors: Vectors
    """Shape (n, dim), of length 1 before they were rounded."""
    keys: NDArray[np.uint64]
    """Shape (n, 2): `key_of` each passage."""
    texts: pa.RecordBatch
    """Columns `id`, `title`, `text`, `source`."""

    def __len__(self) -> int:
        """Return how many passages there are."""
        return len(self.vectors)

    @classmethod
    def open(cls, path: Path, first: int, dim: int) -> Segment:
        """Return the segment at a path, mapped into memory.

        Raises:
            ArtifactError: It is no segment of vectors with this many dimensions.
        """
        import pyarrow as pa

        file = _file(path, ENDINGS[0])
        try:
            batch = pa.ipc.open_file(pa.memory_map(str(file))).get_batch(0)
            vectors = _raw(batch.column("vector"), 2 * dim).view(np.float16)
            keys = _raw(batch.column("key"), _KEY_BYTES).view(np.uint64)
            return cls(path, first, vectors, keys, batch.select(_TEXTS))
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            problem = f"is no segment of vectors of {dim} dimensions ({type(error).__name__})"
            raise ArtifactError(str(file), problem, "Build the index again.") from error

    def passages(self, rows: Sequence[int]) -> list[Passage]:
        """Return the passages of these rows, in their order."""
        return [Passage(**row) for row in self.texts.take(rows).to_pylist()]

    def sources(self) -> NDArray[np.object_]:
        """Return the source of each passage, shape (n,)."""
        return np.array(self.texts.column("source").to_pylist(), dtype=object)

    def ids(self) -> list[str]:
        """Return the id of each passage, length n."""
        ids: list[str] = self.texts.column("id").to_pylist()
        return ids

    def terms(self) -> TermCounts:
        """Return which terms its passages have."""
        from safetensors.numpy import load_file

        return TermCounts.from_tensors(load_file(_file(self.path, ENDINGS[1])))


def write(path: Path, passages: Sequence[Passage], vectors: NDArray[np.floating]) -> None:
    """Write a segment's two files.

    Args:
        path: Without ending.
        passages: At least one.
        vectors: Shape (len(passages), dim), of length 1; half precision is kept of them.

    Raises:
        OSError: They cannot be written.
    """
    from safetensors.numpy import save_file

    batch = _batch(passages, np.ascontiguousarray(vectors, np.float16))
    _write_arrow(_file(path, ENDINGS[0]), batch)
    counts = TermCounts.of([passage.content for passage in passages])
    save_file(counts.tensors(), _file(path, ENDINGS[1]))


def _file(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _batch(passages: Sequence[Passage], vectors: Vectors) -> pa.RecordBatch:
    import pyarrow as pa

    columns = {
        name: pa.array([getattr(each, name) for each in passages], pa.string()) for name in _TEXTS
    }
    keys = np.frombuffer(b"".join(map(key_of, passages)), np.uint8)
    columns["key"] = _binary(keys.reshape(len(passages), _KEY_BYTES))
    columns["vector"] = _binary(vectors.view(np.uint8))
    return pa.RecordBatch.from_pydict(columns)


def _write_arrow(file: Path, batch: pa.RecordBatch) -> None:
    import pyarrow as pa

    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)


def _binary(values: NDArray[np.uint8]) -> pa.Array:
    """Return rows of bytes, shape (n, width), as one column."""
    import pyarrow as pa

    buffers = [None, pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(pa.binary(values.shape[1]), len(values), buffers)


def _raw(column: pa.Array, width: int) -> NDArray[np.uint8]:
    """Return the bytes of a column, shape (n, width), without copying them."""
    if column.type.byte_width != width or column.null_count or column.offset:
        raise ValueError(f"{column.type} is not {width} bytes wide")
    return np.frombuffer(column.buffers()[1], np.uint8)[: len(column) * width].reshape(-1, width)
