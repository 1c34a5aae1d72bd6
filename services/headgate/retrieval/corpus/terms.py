"""Words of a text as BM25 counts them, in any script and without a stemmer.

text -> case folded, accents dropped -> words; pairs of characters where a script has no spaces
"""

from __future__ import annotations

import hashlib
import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Final

MAX_TERM_CHARS: Final = 64
"""Longer words are cut here: nobody asks for them, and a blob would fill the vocabulary."""

_ASCII_WORD: Final = re.compile(r"[a-z0-9]+")
_ACCENTS: Final = re.compile(r"[\u0300-\u036f]")
_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
"""Kana and Han, which are written without spaces."""


def terms_of(text: str) -> list[str]:
    """Return the words of a text in order, repeated ones too.

    Case and accents of Latin, Greek and Cyrillic are dropped (`Daigorō` is `daigoro`), and
    variants of one character are one (NFKC). Runs of Han and kana become overlapping pairs of
    characters, which needs no dictionary.

    Source:
        Unicode Standard Annex 15; pairs as in Lucene's CJKAnalyzer.
    """
    text = text.casefold()
    if text.isascii():
        return [word[:MAX_TERM_CHARS] for word in _ASCII_WORD.findall(text)]
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    words = _word().findall(unicodedata.normalize("NFC", bare).casefold())
    return [term[:MAX_TERM_CHARS] for word in words for term in _parts(word)]


def hash_of(term: str) -> int:
    """Return 64 bits that stand for a term, on every machine the same.

    Of ten million terms the chance that any two share one is 3 in a million.
    """
    digest = hashlib.blake2b(term.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _parts(word: str) -> Iterator[str]:
    """Yield a word; of what has no spaces within, pairs of characters and the words around it."""
    behind = 0
    for run in _UNSPACED.finditer(word):
        if behind < run.start():
            yield word[behind : run.start()]
        characters, behind = run.group(), run.end()
        if len(characters) == 1:
            yield characters
        for at in range(len(characters) - 1):
            yield characters[at : at + 2]
    if behind < len(word):
        yield word[behind:]


@cache
def _word() -> re.Pattern[str]:
    """Return the pattern of a word: letters and digits with the marks that belong to them."""
    # Vowel signs of Indic scripts are marks, and for `re` no part of a word.
    every = (chr(code) for code in range(0x300, min(0x12000, sys.maxunicode)))
    marks = "".join(char for char in every if unicodedata.category(char) in ("Mn", "Mc"))
    return re.compile(rf"[^\W_](?:[^\W_]|[{re.escape(marks)}])*")
