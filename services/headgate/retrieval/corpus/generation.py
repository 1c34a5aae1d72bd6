"""What is made of all segments together, whenever what can be found has changed.

segments, dead numbers -> write: live.npy, ids.npy, dead.npy, bm25_*.npy, dense.faiss
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from headgate.retrieval.corpus import bm25, dense
from headgate.retrieval.corpus.counts import TermCounts
from headgate.retrieval.corpus.rows import Numbers, Rows
from headgate.retrieval.corpus.segment import Segment

LIVE_FILE: Final = "live.npy"
IDS_FILE: Final = "ids.npy"
DEAD_FILE: Final = "dead.npy"
DENSE_FILE: Final = "dense.faiss"


@dataclass(frozen=True, slots=True)
class Census:
    """Which passages of some segments can be found."""

    live: Numbers
    """Shape (passages,), ascending."""
    ids: NDArray[np.uint64]
    """Shape (passages,): `id_hash` of each."""
    duplicates: int
    """Passages that are not dead, and have the content or id of an earlier one."""

    @classmethod
    def of(cls, segments: Sequence[Segment], dead: Numbers) -> Census:
        """Take it; of passages with one content or one id the earliest is found."""
        numbers = _joined([each.first + np.arange(len(each)) for each in segments], np.int64)
        keys = _joined([each.keys for each in segments], np.uint64).reshape(-1, 2)
        ids = _joined([_id_hashes(each) for each in segments], np.uint64)
        alive = ~np.isin(numbers, dead)
        numbers, keys, ids = numbers[alive], keys[alive], ids[alive]
        first = _first_of_each(keys[:, 0], keys[:, 1])
        first[first] = _first_of_each(ids[first])
        return cls(numbers[first], ids[first], int(len(first) - first.sum()))


def id_hash(id_: str) -> int:
    """Return 64 bits that stand for an id."""
    digest = hashlib.blake2b(id_.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def write(
    directory: Path,
    rows: Rows,
    dead: Numbers,
    *,
    previous: Path | None = None,
    exact_below: int = dense.EXACT_BELOW,
) -> Census:
    """Write the files of a generation and return what can be found.

    Args:
        directory: Exists, and is empty.
        rows: All segments.
        dead: Numbers of passages that were deleted or replaced, ascending.
        previous: Folder of the generation before; a FAISS index there is changed rather than
            built anew, where that is good enough.
        exact_below: From this many passages on, similar vectors are found approximately.
    """
    census = Census.of(rows.segments, dead)
    order = np.argsort(census.ids, kind="stable")
    np.save(directory / LIVE_FILE, census.live)
    np.save(directory / IDS_FILE, np.stack([census.ids[order], order.astype(np.uint64)]))
    np.save(directory / DEAD_FILE, dead)
    bm25.write(directory, [partial(_terms, each, census.live) for each in rows.segments])
    if len(census.live) >= exact_below:
        before = None if previous is None else (previous / DENSE_FILE, previous / LIVE_FILE)
        dense.write(directory / DENSE_FILE, rows, census.live, before)
    return census


def _terms(segment: Segment, live: Numbers) -> TermCounts:
    wanted = np.isin(segment.first + np.arange(len(segment)), live)
    return segment.terms().where(wanted)


def _id_hashes(segment: Segment) -> NDArray[np.uint64]:
    return np.fromiter(map(id_hash, segment.ids()), np.uint64, len(segment))


def _first_of_each(*columns: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return which rows are the first with their values, shape (n,)."""
    order = np.lexsort(columns)
    changed = np.zeros(max(len(order) - 1, 0), bool)
    for column in columns:
        changed |= np.diff(column[order]) != 0
    first = np.zeros(len(order), bool)
    first[order] = np.concatenate((np.ones(min(len(order), 1), bool), changed))
    return first


def _joined(arrays: Sequence[NDArray[Any]], dtype: type) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype)
