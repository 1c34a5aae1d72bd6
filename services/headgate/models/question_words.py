"""A question's words: where they stand, what the encoder sees of them, and what they are.

texts (n), token features  ->  Words: edges 4 x (words, dim), rules (words, words, RULES)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.models.token_encoder import TokenEncoder, TokenFeatures

Array = NDArray[np.float32]
Span = tuple[int, int]
"""First and last word, both inside; of characters, the first one and the one behind the last."""

FEWEST_WORDS = 5
"""A shorter question has no room for another one."""
MOST_WORDS = 80
"""A longer text is no question but a story with one."""

_WORD = re.compile(r"\w+(?:['\u2019]\w+)?|[^\w\s]")
_CLASSES = tuple(
    frozenset(words.split())
    for words in (
        "what which who whom whose when where how why",
        "that who whom whose which where",
        "a an the",
        "of in on at by for from to with as about between",
        "is are was were be been do does did has have had can will",
        "or and than",
        "both same common either",
        "first earlier later older younger more most larger longer closer",
    )
)
"""English words that part or join what a question is made of; other languages go without."""
_QUOTES = frozenset('"\u201c\u201d\u00ab\u00bb')

MARKS = len(_CLASSES) + 2
"""Features of a word that need no encoder: its classes, a capital letter, a sign."""
RULES = 4 * MARKS + 9
"""Features of a span that need no encoder: the marks at its edges, what it holds, its size."""


@dataclass(frozen=True, slots=True)
class Words:
    """A question ready to be pointed into."""

    texts: tuple[str, ...]
    places: tuple[Span, ...]
    """First character of each word and the one behind its last."""
    edges: tuple[Array, Array, Array, Array]
    """Features of the word that starts a span, ends it, stands before it, stands behind it; each
    of shape (words, dim)."""
    mean: Array
    """Shape (dim,), over the words."""

    def marks(self) -> Array:
        """Return what each word is, shape (words, MARKS), of zeros and ones."""
        low = [word.lower() for word in self.texts]
        columns = [[word in words for word in low] for words in _CLASSES]
        columns += [[word[0].isupper() for word in self.texts]]
        columns += [[not word[0].isalnum() for word in self.texts]]
        return np.array(columns, np.float32).T

    def rules(self) -> Array:
        """Return what a span looks like, shape (words, words, RULES), each 0 to 1."""
        size, marks = len(self.texts), self.marks()
        start, end = _grid(size)
        nothing = np.zeros((1, MARKS), np.float32)
        padded = np.concatenate([nothing, marks, nothing])
        asking, named = marks[:, 0] > 0, marks[:, -2] > 0
        asks, names = _count(asking, start, end), _count(named, start, end)
        length = (end - start + 1) / size
        columns = [length, length**2, start == 0, end == size - 1, end - start < 2]
        columns += [asks > 0, asks < asking.sum(), names > 0, names < named.sum()]
        edges = (padded[start + 1], padded[end + 1], padded[start], padded[end + 2])
        return np.concatenate([*edges, np.stack(columns, axis=2)], axis=2).astype(np.float32)

    def summary(self) -> Array:
        """Return what the question holds beside its mean word, shape (MARKS + 1,), each 0 to 1."""
        return np.append(self.marks().max(axis=0), np.float32(len(self.texts) / MOST_WORDS))

    def allowed(self) -> NDArray[np.bool_]:
        """Return which spans can be cut out, shape (words, words).

        A span has a letter, leaves a word, and holds quotations whole.
        """
        start, end = _grid(len(self.texts))
        quotes = np.array([word in _QUOTES for word in self.texts])
        letters = np.array([word[0].isalnum() for word in self.texts])
        inside = _count(letters, start, end)
        whole = (inside > 0) & (inside < letters.sum()) & (_count(quotes, start, end) % 2 == 0)
        return np.asarray(whole & (start <= end), np.bool_)


def word_places(text: str) -> list[Span]:
    """Return where each word and each sign of a text stands: first character, behind the last."""
    return [found.span() for found in _WORD.finditer(text)]


def read_all(texts: Sequence[str], encoder: TokenEncoder) -> list[Words | None]:
    """Return each text's words; None for a text too short or too long to be split."""
    sized = [text for text in texts if FEWEST_WORDS <= _size(text) <= MOST_WORDS]
    seen = dict(zip(sized, encoder.tokens(sized), strict=True)) if sized else {}
    # A tokenizer drops replacement characters and the like: there may be nothing but both ends.
    found = {text: each for text, each in seen.items() if len(each.offsets) > 2}
    return [read_words(text, found[text]) if text in found else None for text in texts]


def read_words(text: str, features: TokenFeatures) -> Words:
    """Return a text's words with the features of their first and last tokens.

    Words that the encoder cut off have the features of its last token.
    """
    places = word_places(text)
    offsets, last = features.offsets, len(features.offsets) - 2
    ends = np.array([end for _, end in places])
    starts = np.array([start for start, _ in places])
    first = np.clip(np.searchsorted(offsets[1:-1, 1], starts, side="right") + 1, 1, last)
    final = np.clip(np.searchsorted(offsets[1:-1, 0], ends, side="left"), first, last)
    vectors = features.vectors
    edges = (vectors[first], vectors[final], vectors[first - 1], vectors[final + 1])
    texts = tuple(text[start:end] for start, end in places)
    return Words(texts, tuple(places), edges, np.asarray(vectors[1:-1].mean(axis=0), np.float32))


def _size(text: str) -> int:
    return len(word_places(text))


def _grid(size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and the last word of each span, both of shape (words, words)."""
    start, end = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    return start, end


def _count(
    marks: NDArray[np.bool_], start: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return how many marked words each span has, shape (words, words)."""
    sums = np.append(0, np.cumsum(marks))
    return np.asarray(sums[end + 1] - sums[start], np.int64)
