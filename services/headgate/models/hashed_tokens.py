"""Features of tokens where there is no encoder: what a word is made of, by chance directions.

texts (n)  ->  words, pairs of Chinese or Japanese signs  ->  hashed pieces  ->  (tokens, dim)

Nothing is learned, so it reads every language: tokens that share pieces have similar vectors.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from headgate.models.token_encoder import MOST_TOKENS, TokenFeatures
from headgate.models.tokenizer import encodable

DIM = 64
"""Length of a token's vector; chosen on Chinese posts, where more tell no more."""

_PIECE = 3
_SIGNS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_SIGN = re.compile(f"[{_SIGNS}]")
_WORD = re.compile(rf"[{_SIGNS}]{{1,2}}|[^\W_{_SIGNS}]+")
_REMEMBERED = 50_000


class HashedTokens:
    """A `TokenEncoder` without weights. Safe to call from several threads."""

    def __init__(self, dim: int = DIM) -> None:
        """Set the length of a token's vector."""
        self._dim = dim

    @property
    def fingerprint(self) -> str:
        """Return how pieces become vectors."""
        return f"hashed:{self._dim}:{_PIECE}"

    @property
    def dim(self) -> int:
        """Return the length of a token's vector."""
        return self._dim

    def tokens(self, texts: Sequence[str]) -> list[TokenFeatures]:
        """Return the features of each text, in order; none for a text without a word."""
        return [self._features(text) for text in encodable(texts)]

    def _features(self, text: str) -> TokenFeatures:
        found = [match for match, _ in zip(_WORD.finditer(text), range(MOST_TOKENS), strict=False)]
        vectors = [_word_vector(match[0].lower()[:MOST_TOKENS], self._dim) for match in found]
        offsets = np.array([match.span() for match in found], np.int64).reshape(-1, 2)
        return TokenFeatures(np.array(vectors, np.float32).reshape(-1, self._dim), offsets)


@lru_cache(maxsize=_REMEMBERED)
def _word_vector(word: str, dim: int) -> NDArray[np.float32]:
    """Return the sum of the pieces' directions, scaled to length 1."""
    pieces = {word, *(word if _SIGN.match(word) else _parts(f" {word} "))}
    total = sum((_direction(piece, dim) for piece in sorted(pieces)), np.zeros(dim, np.float32))
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-6), np.float32)


def _parts(marked: str) -> list[str]:
    return [marked[start : start + _PIECE] for start in range(max(len(marked) - _PIECE, 0) + 1)]


def _direction(piece: str, dim: int) -> NDArray[np.float32]:
    """Return +1 or -1 in each place, the same on every machine."""
    digest = hashlib.shake_128(piece.encode()).digest(-(-dim // 8))
    bits = np.unpackbits(np.frombuffer(digest, np.uint8))[:dim]
    return 2 * bits.astype(np.float32) - 1
