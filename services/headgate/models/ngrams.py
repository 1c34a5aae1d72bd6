"""Hashed n-grams of many texts at once, in numpy.

texts (n)  ->  two sparse matrices (n, buckets): character n-grams, word n-grams

Every n-gram is a segment of one long byte buffer. With prefix sums H[i] = sum of b[j] * p**j,
a segment's hash is (H[end] - H[start]) * p**-start, so all n-grams of all texts are hashed by a
few array operations (Karp and Rabin 1987, arithmetic modulo 2**64).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Channels = tuple[sp.csr_matrix, sp.csr_matrix]

CHAR_LENGTHS = (3, 4, 5)
"""Lengths of the character n-grams, in bytes, word boundaries included."""
MAX_CHARS = 4_000
"""A text is cut here: n-grams of a longer one say nothing new and cost linear time."""

_PRIME = np.uint64(0x9E3779B97F4A7C15)
_PRIME_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 2**64))
_SPACE = 32
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class _Segments:
    """Half-open byte ranges of the buffer, each owned by one text."""

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


def count_ngrams(texts: Sequence[str], buckets: int) -> Channels:
    """Count the hashed character and word n-grams of each text.

    Case, punctuation and camelCase are normalised away first. Character n-grams do not cross
    words but see their edges; word n-grams are single words and pairs of neighbours.

    Args:
        texts: Any strings; the empty one gives empty rows.
        buckets: Columns of each matrix; a power of two.

    Returns:
        Character counts and word counts, each CSR of shape (len(texts), buckets), float32.
    """
    words = [_WORD.findall(_CAMEL.sub(" ", text[:MAX_CHARS]).lower()) for text in texts]
    encoded = [f" {' '.join(each)} ".encode() if each else b" " for each in words]
    buffer = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    sizes = np.fromiter((len(each) for each in encoded), dtype=np.int64, count=len(encoded))
    owner = np.repeat(np.arange(len(encoded)), sizes)
    prefix, inverse_powers = _prefix_hashes(buffer)

    def to_matrix(parts: Sequence[_Segments]) -> sp.csr_matrix:
        hashes = [_hash(part, prefix, inverse_powers) for part in parts]
        rows = np.concatenate([part.rows for part in parts])
        return _count(rows, np.concatenate(hashes), (len(encoded), buckets))

    starts, ends = _word_bounds(buffer)
    return to_matrix(_char_segments(buffer, owner)), to_matrix(_word_segments(starts, ends, owner))


def _prefix_hashes(buffer: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return H with a leading 0, and the powers of the prime's inverse."""
    size = len(buffer)
    powers = np.cumprod(np.full(size, _PRIME, dtype=np.uint64)) * _PRIME_INVERSE
    inverse = np.full(size + 1, _PRIME_INVERSE, dtype=np.uint64)
    inverse[0] = 1
    prefix = np.zeros(size + 1, dtype=np.uint64)
    prefix[1:] = np.cumsum((buffer.astype(np.uint64) + np.uint64(1)) * powers, dtype=np.uint64)
    return prefix, np.cumprod(inverse, dtype=np.uint64)


def _hash(
    part: _Segments, prefix: NDArray[np.uint64], inverse_powers: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """Return a well-mixed 64-bit hash of each segment."""
    raw = (prefix[part.ends] - prefix[part.starts]) * inverse_powers[part.starts]
    raw ^= raw >> np.uint64(33)
    raw *= np.uint64(0xFF51AFD7ED558CCD)
    return raw ^ (raw >> np.uint64(33))


def _char_segments(buffer: NDArray[np.uint8], owner: NDArray[np.int64]) -> list[_Segments]:
    """Return the segments of each length that have no space inside, edges allowed."""
    spaces = np.concatenate(([0], np.cumsum(buffer == _SPACE)))
    parts = []
    for length in CHAR_LENGTHS:
        starts = np.arange(max(len(buffer) - length + 1, 0), dtype=np.int64)
        ends = starts + length
        inner_spaces = spaces[np.maximum(ends - 1, starts + 1)] - spaces[starts + 1]
        starts = starts[inner_spaces == 0]
        parts.append(_Segments(owner[starts], starts, starts + length))
    return parts


def _word_bounds(buffer: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each word starts and ends."""
    inside = np.concatenate(([False], buffer != _SPACE, [False]))
    change = np.diff(inside.astype(np.int8))
    return np.flatnonzero(change == 1), np.flatnonzero(change == -1)


def _word_segments(
    starts: NDArray[np.int64], ends: NDArray[np.int64], owner: NDArray[np.int64]
) -> list[_Segments]:
    """Return single words, and pairs of neighbours within a text."""
    single = _Segments(owner[starts], starts, ends)
    same_text = single.rows[:-1] == single.rows[1:]
    pairs = _Segments(single.rows[:-1][same_text], starts[:-1][same_text], ends[1:][same_text])
    return [single, pairs]


def _count(
    rows: NDArray[np.int64], hashes: NDArray[np.uint64], shape: tuple[int, int]
) -> sp.csr_matrix:
    """Return a CSR matrix of how often each bucket occurs in each row."""
    columns = (hashes & np.uint64(shape[1] - 1)).astype(np.int64)
    matrix = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    return matrix
