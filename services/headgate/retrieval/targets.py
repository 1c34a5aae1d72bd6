"""The columns of target tables as vectors, made once a table and kept for the next call.

texts (templates, n) -> distinct texts -> embed -> TargetIndex -> similarities (m, n, templates)
key -> TargetIndexes -> what is kept under it, or what a builder makes, once for all who wait

A search for the nearest of one template would not do: what is nearest follows from several
templates and from names and values, so each pair's cosine is needed. FAISS computes all inner
products at once; 200 queries over 10,000 columns of 384 dimensions take 0.1 s on one thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import faiss
import numpy as np
from numpy.typing import NDArray

from headgate.errors import InputError, UnavailableError

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Awaitable[Vectors]]
"""Returns unit vectors, one a text, in order."""

CAPACITY_BYTES: Final = 512 * 1024 * 1024
"""Kept at most; a target of 10,000 columns and two templates has 30 MB of vectors."""


@dataclass(frozen=True, slots=True)
class TargetIndex:
    """A table's columns, each as one vector a template; safe to use from several threads."""

    views: tuple[Vectors, ...]
    """One of shape (columns, dim) a template."""

    @classmethod
    async def build(cls, texts: Sequence[Sequence[str]], embed: Embed) -> TargetIndex:
        """Return the index of a table whose texts are embedded now, equal ones once.

        Args:
            texts: For each template the texts of all columns.
            embed: Called once, and not at all without texts.

        Raises:
            InputError: A vector is missing or not finite.
        """
        places: dict[str, int] = {}
        rows = [[places.setdefault(text, len(places)) for text in each] for each in texts]
        if not places:
            return cls(tuple(np.empty((0, 0), np.float32) for _ in texts))
        vectors = _checked(await embed(list(places)), len(places))
        return cls(tuple(np.ascontiguousarray(vectors[each]) for each in rows))

    @property
    def size_bytes(self) -> int:
        """Return what the vectors take."""
        return sum(view.nbytes for view in self.views)

    def similarities(self, queries: Sequence[Vectors]) -> NDArray[np.float32]:
        """Return the cosine of each query with each column, shape (m, columns, templates).

        Args:
            queries: For each template the vectors of all queries, shape (m, dim).

        Raises:
            InputError: A query is not finite, or of other dimensions than the columns.
        """
        pairs = zip(queries, self.views, strict=True)
        return np.stack([_cosines(query, view) for query, view in pairs], axis=-1)


class Sized(Protocol):
    """Something that knows how much memory it takes."""

    @property
    def size_bytes(self) -> int:
        """Return the bytes it takes."""


Entry = TypeVar("Entry", bound=Sized)


class TargetIndexes(Generic[Entry]):
    """The targets that were used last, within a bound of bytes.

    Threads and event loops may share it. What several ask for at once is built once, in the loop
    of the first; it is built to its end although the first stops waiting, for the next caller.
    """

    def __init__(self, capacity_bytes: int = CAPACITY_BYTES) -> None:
        """Keep nothing yet.

        Args:
            capacity_bytes: What is kept at most; the targets that were not used for longest go.
        """
        self._capacity_bytes = capacity_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Entry] = OrderedDict()
        self._building: dict[str, Future[Entry]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def size_bytes(self) -> int:
        """Return what all that is kept takes."""
        with self._lock:
            return sum(entry.size_bytes for entry in self._kept.values())

    async def get(self, key: str, build: Callable[[], Coroutine[Any, Any, Entry]]) -> Entry:
        """Return what is kept under a key, or else what `build` makes.

        Args:
            key: Tells all that the entry depends on: content, encoder, templates.
            build: Called at most once among all who ask for the key at the same time.

        Raises:
            Exception: What `build` raised; nothing is kept then.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            building = self._building.get(key)
            if building is None:
                building = self._building[key] = Future()
                task = asyncio.get_running_loop().create_task(self._build(key, build, building))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        # Shielded: a caller that stops waiting must not cancel what others wait for.
        return await asyncio.shield(asyncio.wrap_future(building))

    async def _build(
        self,
        key: str,
        build: Callable[[], Coroutine[Any, Any, Entry]],
        building: Future[Entry],
    ) -> None:
        try:
            entry = await build()
        except asyncio.CancelledError:
            stopped = UnavailableError("target index", "its building was stopped", "Try again.")
            self._give_up(key, building, stopped)
            raise
        except Exception as error:  # noqa: BLE001 - handed to everyone who waits
            self._give_up(key, building, error)
            return
        with self._lock:
            self._keep(key, entry)
            del self._building[key]
        building.set_result(entry)

    def _give_up(self, key: str, building: Future[Entry], error: Exception) -> None:
        with self._lock:
            del self._building[key]
        building.set_exception(error)

    def _keep(self, key: str, entry: Entry) -> None:
        """Keep an entry, and let go of the oldest ones until all fit; what never fits is not."""
        if entry.size_bytes > self._capacity_bytes:
            return
        self._kept[key] = entry
        total = sum(each.size_bytes for each in self._kept.values())
        while total > self._capacity_bytes:
            total -= self._kept.popitem(last=False)[1].size_bytes


def _cosines(queries: Vectors, view: Vectors) -> NDArray[np.float32]:
    """Return the inner products of unit vectors, shape (m, columns)."""
    if not len(queries) or not len(view):
        return np.zeros((len(queries), len(view)), np.float32)
    queries = _checked(queries, len(queries))
    if queries.shape[1] != view.shape[1]:
        problem = f"has {queries.shape[1]} dimensions, and the index {view.shape[1]}"
        raise InputError("vectors", problem, "Use the encoder the index was built with.")
    found = faiss.pairwise_distances(queries, view, metric=faiss.METRIC_INNER_PRODUCT)
    return np.asarray(np.clip(found, -1, 1), np.float32)


def _checked(vectors: Vectors, count: int) -> Vectors:
    """Return vectors as FAISS needs them, shape (count, dim)."""
    if vectors.ndim != 2 or len(vectors) != count:
        problem = f"has the shape {vectors.shape} for {count} texts"
        raise InputError("vectors", problem, "Return one vector a text.")
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if bad.size:
        raise InputError(f"vectors[{bad[0]}]", "is not finite", "Check the encoder.")
    return np.ascontiguousarray(vectors, np.float32)
