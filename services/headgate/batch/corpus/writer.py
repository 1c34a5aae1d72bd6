"""Passages become segments, each whole on the disk before the journal says so.

passages -> pending -> vectors, new or known -> segment, journal
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from headgate.batch.corpus.journal import Journal, Numbers, SourceState
from headgate.batch.durable import private_folder, sync
from headgate.errors import ModelError
from headgate.models.encoder import Encoder, Vectors
from headgate.retrieval.corpus import segment
from headgate.retrieval.corpus.generation import id_hash
from headgate.retrieval.corpus.manifest import ListedSegment, listed
from headgate.retrieval.corpus.passage import Passage
from headgate.retrieval.corpus.rows import Rows
from headgate.retrieval.corpus.segment import SEGMENT_ROWS, Segment, key_of

SEGMENTS: Final = "segments"
ENCODED_AT_ONCE: Final = 256

Told = Callable[[int], None]
"""Told how many more passages have their vectors."""


class Writer:
    """Changes the index of a directory whose lock is held; keeps a hash of every passage.

    An index of a million passages takes about 300 MB here.
    """

    def __init__(
        self,
        directory: Path,
        journal: Journal,
        encoder: Encoder | None = None,
        *,
        segment_rows: int = SEGMENT_ROWS,
    ) -> None:
        """Take what is committed.

        Args:
            directory: Of the index.
            journal: Of that directory.
            encoder: Needed to add passages.
            segment_rows: Passages that are committed together.
        """
        self._directory, self._journal, self._encoder = directory, journal, encoder
        self._segment_rows = segment_rows
        self.segments = [self._opened(each) for each in journal.state.segments]
        """All that is committed."""
        self._numbers: dict[bytes, int] = {}
        """Of a passage with the content, maybe a dead one: its vector is as good."""
        self._contents: dict[int, bytes] = {}
        """By hash of the id of each passage that is not dead."""
        for each in self.segments:
            self._know(each)
        self._pending: list[Passage] = []
        self._progress: dict[str, SourceState] = {}
        self.embedded = 0
        """Passages the encoder was asked about."""

    @property
    def rows(self) -> Rows:
        """Return all committed passages, dead ones too."""
        return Rows(self.segments, self._journal.state.dim)

    def add(self, passage: Passage) -> bool:
        """Take a passage, and return False when another passage has its id.

        What is taken is committed by a later `commit`, which this calls when there is enough.
        """
        key = key_of(passage)
        if self._contents.setdefault(id_hash(passage.id), key) != key:
            return False
        self._pending.append(passage)
        return True

    @property
    def full(self) -> bool:
        """Return whether it is time to commit."""
        return len(self._pending) >= self._segment_rows

    def reached(self, source: str, state: SourceState) -> None:
        """Note how far a source is with the passages that were taken so far."""
        self._progress[source] = state

    def commit(self, told: Told = lambda more: None) -> None:
        """Put what was taken on the disk, so that no later run reads or embeds it again."""
        if self._pending:
            self._commit_segment(told)
        elif self._progress:
            self._journal.commit(self._progress)
        self._pending, self._progress = [], {}

    def forget(self, numbers: Numbers, sources: Iterable[str] = ()) -> None:
        """Take passages as dead, and sources as never read."""
        self._journal.forget(numbers, sources)
        for passage in self.rows.passages(numbers):
            self._contents.pop(id_hash(passage.id), None)

    def _commit_segment(self, told: Told) -> None:
        first = self._journal.state.next_number
        name = f"{SEGMENTS}/{first:012d}"
        private_folder(self._directory / SEGMENTS)
        vectors = self._vectors(told)
        made = ListedSegment(name, first, len(self._pending))
        segment.write(self._directory / name, self._pending, vectors)
        paths = [self._directory / f"{name}{ending}" for ending in segment.ENDINGS]
        for path in (*paths, self._directory / SEGMENTS):
            sync(path)
        files = {f"{SEGMENTS}/{path.name}": listed(path) for path in paths}
        self._journal.commit(self._progress, made, files)
        self.segments.append(self._opened(made))
        self._know(self.segments[-1])

    def _vectors(self, told: Told) -> Vectors:
        """Return the vectors of what is pending; those of known content are not made again."""
        keys = [key_of(each) for each in self._pending]
        pairs = zip(keys, self._pending, strict=True)
        fresh = {key: each.content for key, each in pairs if key not in self._numbers}
        made = self._encoded(list(fresh.values()), told)
        place = {key: at for at, key in enumerate(fresh)}
        is_fresh = np.array([key in fresh for key in keys])
        known = np.array([self._numbers[key] for key in keys if key not in fresh], np.int64)
        vectors = np.empty((len(keys), self._journal.state.dim), np.float32)
        vectors[is_fresh] = made[[place[key] for key in keys if key in fresh]]
        vectors[~is_fresh] = self.rows.vectors(known)
        told(len(keys) - len(fresh))
        return vectors

    def _encoded(self, texts: Sequence[str], told: Told) -> Vectors:
        if self._encoder is None:
            raise ValueError("Adding needs an encoder. This is a bug.")
        vectors = np.empty((len(texts), self._journal.state.dim), np.float32)
        for at in range(0, len(texts), ENCODED_AT_ONCE):
            chosen = texts[at : at + ENCODED_AT_ONCE]
            vectors[at : at + len(chosen)] = self._encoder.encode(chosen)
            told(len(chosen))
        if not np.isfinite(vectors).all():
            problem = "it returns vectors that are not finite"
            raise ModelError("encoder", problem, "Use another precision or another encoder.")
        self.embedded += len(texts)
        return vectors

    def _know(self, each: Segment) -> None:
        raw, width = each.keys.tobytes(), 16
        keys = [raw[at : at + width] for at in range(0, len(raw), width)]
        self._numbers.update(zip(keys, range(each.first, each.first + len(each)), strict=True))
        numbers = each.first + np.arange(len(each))
        alive = ~np.isin(numbers, self._journal.state.dead)
        for id_, key, lives in zip(each.ids(), keys, alive.tolist(), strict=True):
            if lives:
                self._contents.setdefault(id_hash(id_), key)

    def _opened(self, each: ListedSegment) -> Segment:
        return Segment.open(self._directory / each.name, each.first, self._journal.state.dim)
