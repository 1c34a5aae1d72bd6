"""How alike names of columns are: in their words, their spelling, and as initials.

names (sources,), (targets,)  ->  words, by rarity  ->  similarities (sources, targets)

A word that many targets have, such as `date`, says little. Words are compared once each, whatever
the number of names that have them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process
from rapidfuzz.distance import Indel, LCSseq, Prefix

from headgate.domains.schemas.names import clean, words

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Similarities = NDArray[np.float32]
Names = Sequence[tuple[str, ...]]

NEARLY = 0.95
"""The most that names with different words are alike."""

_INITIALS = 0.9
_SHORTENED = 0.9
_WITHOUT_VOWELS = 0.6
_SAME_STEM = 0.7
"""Similarities of words below this are chance."""
_FEWEST_INITIALS = 3
_SHORTEST_STEM = 3
_SPELLING_WEIGHT = 0.2
_VOWELS = frozenset("aeiou")
_SMALL_WORDS = frozenset(
    words(
        "a an and any are as at be by for from has have if in is it no not of on or per that the"
        " this to was were with"
    )
)
"""Words that say little, and are never short for another."""
_SMALL_WEIGHT = 0.1


def name_similarities(sources: Sequence[str], targets: Sequence[str]) -> Similarities:
    """Return how alike each two names are.

    Mostly the similarity of their words; that of their spelling parts ties and finds words that
    are written as one. Initials are nearly equal to the words they stand for.

    Returns:
        Shape (sources, targets), between 0 and 1. It is 1 exactly where two names have the same
        words; names without any are like no other.
    """
    own, theirs = [words(name) for name in sources], [words(name) for name in targets]
    spelling = np.float32(_SPELLING_WEIGHT) * spelling_similarities(own, theirs)
    alike = np.float32(1 - _SPELLING_WEIGHT) * word_similarities(own, theirs) + spelling
    alike = np.minimum(np.maximum(alike, initial_similarities(own, theirs)), np.float32(NEARLY))
    alike[_equal([clean(name) for name in sources], [clean(name) for name in targets])] = 1
    return alike


def word_similarities(sources: Names, targets: Names) -> Similarities:
    """Return the mean share of a name's words that the other has, seen from both sides.

    Words count by how rare they are among the targets, and also as far as they are alike: an
    abbreviation, or another form of the word.

    Returns:
        Shape (sources, targets), between 0 and 1.
    """
    own, theirs = _Vocabulary.of(sources), _Vocabulary.of(targets)
    if not own.words or not theirs.words:
        return np.zeros((len(sources), len(targets)), np.float32)
    alike = _alike(own.words, theirs.words)
    rarity = _rarity(own.words, targets), _rarity(theirs.words, targets)
    said = own.shares(rarity[0]) @ theirs.best(alike)
    asked = (theirs.shares(rarity[1]) @ own.best(alike.T)).T
    return np.asarray(np.clip((said + asked) / 2, 0, 1), np.float32)


def spelling_similarities(sources: Names, targets: Names) -> Similarities:
    """Return the share of letters that two names have in common, in one order.

    Blanks do not count, so that `follow up` is `followup`. Words may be in another order.

    Returns:
        Shape (sources, targets), between 0 and 1; 0 with a name without words.
    """
    as_written = _ratios(["".join(name) for name in sources], ["".join(name) for name in targets])
    in_order = ["".join(sorted(name)) for name in sources], ["".join(sorted(n)) for n in targets]
    return np.maximum(as_written, _ratios(*in_order))


def initial_similarities(sources: Names, targets: Names) -> Similarities:
    """Return where one name, of a single word, is the initials of the other: `dob`.

    Returns:
        Shape (sources, targets), 0 or 0.9.
    """
    alike = np.zeros((len(sources), len(targets)), np.float32)
    for rows, columns in _initial_pairs(sources, targets):
        alike[np.ix_(rows, columns)] = _INITIALS
    for columns, rows in _initial_pairs(targets, sources):
        alike[np.ix_(rows, columns)] = _INITIALS
    return alike


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """The different words of some names, and which name has which."""

    words: list[str]
    names: NDArray[np.intp]
    """For each word of each name, the name; shape (words of names,)."""
    places: NDArray[np.intp]
    """And which of the different words it is; shape (words of names,)."""
    turns: NDArray[np.intp]
    """And how many words of the name are before it; shape (words of names,)."""
    size: int
    """Names, with those that have no words."""

    @staticmethod
    def of(names: Names) -> _Vocabulary:
        known: dict[str, int] = {}
        places = [known.setdefault(word, len(known)) for name in names for word in name]
        turns = [turn for name in names for turn in range(len(name))]
        owners = np.repeat(np.arange(len(names)), [len(name) for name in names])
        return _Vocabulary(
            list(known), owners, np.array(places, np.intp), np.array(turns, np.intp), len(names)
        )

    def best(self, alike: Similarities) -> Similarities:
        """Return the most alike of each name's words, shape (others, names)."""
        alike = np.ascontiguousarray(alike.T)
        found = np.zeros((self.size, alike.shape[1]), np.float32)
        # First all first words, then all second ones: a name is in each turn at most once.
        for turn in range(self.turns.max(initial=-1) + 1):
            names, places = self.names[self.turns == turn], self.places[self.turns == turn]
            found[names] = np.maximum(found[names], alike[places])
        return found.T

    def shares(self, weights: NDArray[np.float32]) -> csr_matrix:
        """Return each word's share of a name's weight, shape (names, words); rows sum to 1."""
        from scipy.sparse import csr_matrix

        weight = weights[self.places]
        total = np.bincount(self.names, weight, minlength=self.size)[self.names]
        shape = (self.size, len(self.words))
        return csr_matrix((weight / total, (self.names, self.places)), shape, np.float32)


def _alike(own: list[str], theirs: list[str]) -> Similarities:
    """Return how alike words are, shape (own, theirs), between 0 and 1."""
    start = process.cdist(own, theirs, scorer=Prefix.similarity, dtype=np.int32)
    ratio = process.cdist(own, theirs, scorer=Indel.normalized_similarity, dtype=np.float32)
    shorter = np.minimum.outer(_lengths(own), _lengths(theirs))
    alike = np.where((start > 0) & (ratio >= _SAME_STEM), ratio, np.float32(0))
    alike[(start == shorter) & (shorter >= _SHORTEST_STEM)] = _SHORTENED
    common = process.cdist(own, theirs, scorer=LCSseq.similarity, dtype=np.int32)
    in_order = (common == shorter) & (shorter > 1) & (start > 0)
    for row, column in np.argwhere(in_order & (alike == 0)):
        if _is_without_vowels(own[row], theirs[column]):
            alike[row, column] = _WITHOUT_VOWELS
    # A number, or a code such as `p53`, is another one if a single digit is.
    alike[_have_digit(own)] = 0
    alike[:, _have_digit(theirs)] = 0
    alike[_equal(own, theirs)] = 1
    return alike


def _is_without_vowels(one: str, other: str) -> bool:
    """Return whether the shorter word, whose letters the other has in order, is one like `qty`."""
    short = min(one, other, key=len)
    return short not in _SMALL_WORDS and _VOWELS.isdisjoint(short[1:])


def _have_digit(found: list[str]) -> NDArray[np.bool_]:
    return np.array([any(map(str.isdigit, word)) for word in found], np.bool_)


def _lengths(found: list[str]) -> NDArray[np.int32]:
    return np.array([len(word) for word in found], np.int32)


def _rarity(found: list[str], targets: Names) -> NDArray[np.float32]:
    """Return the weight of words by the share of targets that have them, above 0."""
    holders = Counter(word for name in targets for word in set(name))
    holding = np.array([holders[word] for word in found], np.float32)
    weight = np.log1p(len(targets) / (1 + holding))
    weight[[word in _SMALL_WORDS for word in found]] *= _SMALL_WEIGHT
    return weight.astype(np.float32)


def _ratios(sources: list[str], targets: list[str]) -> Similarities:
    ratios = process.cdist(sources, targets, scorer=fuzz.ratio, dtype=np.float32)
    # Two empty texts are alike to the last letter, but there is nothing that they say.
    ratios[_lengths(sources) == 0] = 0
    return np.asarray(ratios / np.float32(100), np.float32)


def _initial_pairs(short: Names, long: Names) -> Iterator[tuple[list[int], list[int]]]:
    """Yield names of one word, and names of which it is the initials."""
    spelled = _places(["".join(name) if len(name) == 1 else "" for name in short])
    for initials, longs in _places([_initials(name) for name in long]).items():
        if initials in spelled and len(initials) >= _FEWEST_INITIALS:
            yield spelled[initials], longs


def _initials(name: tuple[str, ...]) -> str:
    return "".join(word[0] for word in name) if len(name) > 1 else ""


def _equal(own: list[str], theirs: list[str]) -> NDArray[np.bool_]:
    """Return which texts are equal and not empty; shape (own, theirs)."""
    equal = np.zeros((len(own), len(theirs)), np.bool_)
    held = _places(theirs)
    for text, rows in _places(own).items():
        if text in held:
            equal[np.ix_(rows, held[text])] = True
    return equal


def _places(texts: list[str]) -> dict[str, list[int]]:
    """Return where each text stands; those that are empty are left out."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, text in enumerate(texts):
        if text:
            places[text].append(place)
    return places
