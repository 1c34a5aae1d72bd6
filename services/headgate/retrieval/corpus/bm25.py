"""Passages by the words they share with a query.

TermCounts (segments) -> write: offsets (terms + 1,), positions, impacts (postings,) -> Bm25
Bm25 -> search(text, top_k) -> positions, scores (up to top_k,)

The weight of a term in a passage does not depend on the query, so it is computed once, when the
index is written: a search only adds up (impacts, as in Anh and Moffat 2006). Rare terms go
first. Once what the frequent ones could still add is less than what separates the best `top_k`
from the others, only passages that can still get there are looked up in their long lists
(MaxScore, Turtle and Flood 1995). The result is exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from headgate.retrieval.corpus.counts import TermCounts
from headgate.retrieval.corpus.terms import hash_of, terms_of

K1: Final = 1.2
"""How fast a repeated word stops counting."""
B: Final = 0.75
"""How much a long passage is held against it, between 0 and 1."""

FILES: Final = tuple(f"bm25_{name}.npy" for name in ("hashes", "offsets", "positions", "impacts"))

_PRUNED_FROM: Final = 4096
"""Postings of a term from which on pruning costs less than it saves."""
_LOOKED_UP: Final = 16
"""How many postings are added up in the time in which one is looked up."""
_ROUNDING: Final = 1e-4
"""More than a float32 sum of some hundred terms is ever off."""

Parts = Sequence[Callable[[], TermCounts]]
"""Segments in the order of their passages; each is loaded when it is its turn, twice."""


@dataclass(frozen=True, slots=True)
class Bm25:
    """An inverted file with ready weights; safe to use from several threads.

    Source:
        Robertson and Zaragoza 2009, section 3; the rarity of a term is ln(1 + (N - n + 0.5) /
        (n + 0.5)), which unlike theirs is not negative for a term of most passages.
    """

    hashes: NDArray[np.uint64]
    """Shape (terms,), ascending."""
    offsets: NDArray[np.int64]
    """Shape (terms + 1,)."""
    positions: NDArray[np.int32]
    """Shape (postings,): which passage, ascending within a term."""
    impacts: NDArray[np.float32]
    """Shape (postings,): what the term adds to the passage's score."""
    count: int
    """How many passages there are."""

    @classmethod
    def open(cls, directory: Path, count: int) -> Bm25:
        """Return the inverted file in a directory, mapped into memory."""
        names = (directory / name for name in FILES)
        arrays = [np.load(name, mmap_mode="r", allow_pickle=False) for name in names]
        return cls(arrays[0], arrays[1], arrays[2], arrays[3], count)

    def search(self, text: str, top_k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the best passages and their scores, best first; of equals the earlier first.

        Args:
            text: The query; a word said twice counts twice.
            top_k: How many at most, at least 1; passages without any of the words are not found.
        """
        lists = sorted(self._lists(text), key=len)
        scores = np.zeros(self.count, np.float32)
        left = sum(each.most for each in lists)
        enough, done = 0.0, 0
        for each in lists:
            if len(each) >= _PRUNED_FROM:
                enough = _raised(enough, scores, top_k)
                if left < enough and _few(scores > enough - left, len(each)):
                    break
            np.add.at(scores, each.positions, each.impacts)
            left, done = left - each.most, done + 1
        rest = lists[done:]
        candidates = np.flatnonzero(scores > (enough - left if rest else enough))
        totals = scores[candidates]
        for each in rest:
            totals = totals + each.of(candidates)
        return _ranked(candidates, totals, top_k)

    def _lists(self, text: str) -> list[_List]:
        wanted = Counter(map(hash_of, terms_of(text)))
        hashes = np.fromiter(wanted, np.uint64, len(wanted))
        at = np.searchsorted(self.hashes, hashes)
        found = []
        for place, value, times in zip(at.tolist(), wanted, wanted.values(), strict=True):
            if place < len(self.hashes) and int(self.hashes[place]) == value:
                part = slice(*self.offsets[place : place + 2])
                impacts = self.impacts[part]
                if times > 1:
                    impacts = impacts * np.float32(times)
                found.append(_List(self.positions[part], impacts, float(impacts.max())))
        return found


@dataclass(frozen=True, slots=True)
class _List:
    """The postings of one term of a query."""

    positions: NDArray[np.int32]
    impacts: NDArray[np.float32]
    most: float

    def __len__(self) -> int:
        return len(self.positions)

    def of(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return what it adds to these passages."""
        at = np.minimum(np.searchsorted(self.positions, positions), len(self) - 1)
        return np.where(self.positions[at] == positions, self.impacts[at], np.float32(0))


@dataclass(frozen=True, slots=True)
class _Totals:
    """What the weight of a term depends on beside its own passage."""

    hashes: NDArray[np.uint64]
    frequencies: NDArray[np.int64]
    """Shape (terms,): passages that have the term."""
    lengths: NDArray[np.int64]
    """Shape (passages,)."""

    @classmethod
    def of(cls, parts: Parts) -> _Totals:
        loaded = [_occurring(load()) for load in parts]
        hashes = np.unique(np.concatenate([np.empty(0, np.uint64), *(h for h, _, _ in loaded)]))
        frequencies = np.zeros(len(hashes), np.int64)
        for own, sizes, _ in loaded:
            frequencies[np.searchsorted(hashes, own)] += sizes
        lengths = np.concatenate([np.empty(0, np.int64), *(each for _, _, each in loaded)])
        return cls(hashes, frequencies, lengths)

    def rarity(self) -> NDArray[np.float64]:
        """Return how much each term says, shape (terms,), above 0."""
        count, frequencies = len(self.lengths), self.frequencies
        return np.asarray(np.log1p((count - frequencies + 0.5) / (frequencies + 0.5)), np.float64)

    def damping(self, k1: float, b: float) -> NDArray[np.float64]:
        """Return what a term's count is damped by in each passage, shape (passages,)."""
        mean = max(float(self.lengths.mean()), 1.0) if len(self.lengths) else 1.0
        return np.asarray(k1 * (1 - b + b * self.lengths / mean), np.float64)


def write(directory: Path, parts: Parts, *, k1: float = K1, b: float = B) -> None:
    """Write the inverted file of all segments, holding one of them at a time.

    Args:
        directory: Where `FILES` are written.
        parts: The segments, without passages that are not to be found.
        k1: At least 0.
        b: Between 0 and 1.
    """
    totals = _Totals.of(parts)
    rarity, damping = totals.rarity(), totals.damping(k1, b)
    offsets = np.concatenate(([0], np.cumsum(totals.frequencies)))
    names = [directory / name for name in FILES]
    np.save(names[0], totals.hashes)
    np.save(names[1], offsets)
    positions = open_memmap(names[2], "w+", np.int32, (int(offsets[-1]),))
    impacts = open_memmap(names[3], "w+", np.float32, (int(offsets[-1]),))
    free, first = offsets[:-1].copy(), 0
    for part in (load() for load in parts):
        hashes, sizes, lengths = _occurring(part)
        terms = np.searchsorted(totals.hashes, hashes)
        # Postings of one term stay together; each term's go behind those it already has.
        moved = np.repeat(free[terms] - (np.cumsum(sizes) - sizes), sizes)
        target, passages = np.arange(len(part.rows)) + moved, part.rows + first
        positions[target] = passages
        frequent = part.counts * (k1 + 1) / (part.counts + damping[passages])
        impacts[target] = np.repeat(rarity[terms], sizes) * frequent
        free[terms] += sizes
        first += len(lengths)
    positions.flush()
    impacts.flush()


def _occurring(
    part: TermCounts,
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int32]]:
    """Return the terms that occur, in how many passages each, and the passages' lengths."""
    sizes = np.diff(part.offsets)
    return part.hashes[sizes > 0], sizes[sizes > 0], part.lengths


def _few(possible: NDArray[np.bool_], postings: int) -> bool:
    """Return whether looking up what is possible takes less time than adding all postings."""
    return int(np.count_nonzero(possible)) * _LOOKED_UP <= postings


def _raised(enough: float, scores: NDArray[np.float32], top_k: int) -> float:
    """Return a score that `top_k` passages are above, not below the one that was known before.

    Scores only grow, so what was enough for so many passages stays so. It leaves few to look at.
    """
    found = scores[scores > enough]
    if len(found) < top_k:
        return enough
    return float(np.partition(found, -top_k)[-top_k]) * (1 - _ROUNDING)


def _ranked(
    positions: NDArray[np.int64], scores: NDArray[np.float32], top_k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    if len(positions) > top_k:
        fits = scores >= np.partition(scores, -top_k)[-top_k]
        positions, scores = positions[fits], scores[fits]
    order = np.lexsort((positions, -scores))[:top_k]
    return positions[order], scores[order]
