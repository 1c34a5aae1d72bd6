"""The words of a column's name, however it is written.

name: `pathologyStageAJCC`, `p53Status`, `Größe (cm)`  ->  words (words,)  ->  cleaned name

Capitals, digits and anything that is neither letter nor digit part words; case says nothing else.
Letters of any script are kept.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

LONGEST_NAME = 300
"""Characters of a name that are looked at; questions of a survey have about 150."""

_REMEMBERED = 32_768
_SPOKEN = {"%": " percent ", "#": " number ", "'": "", "\N{RIGHT SINGLE QUOTATION MARK}": ""}
_SPOKEN_CHARACTERS = str.maketrans(_SPOKEN)

# Patterns are of classes: A capital, a other letter, s the letter s, 0 digit, blank anything else.
_LETTER = "[Aas]"
_BORDERS = re.compile(
    # The first letter of a measure or molecule stays with it: `pH`, `mRNA`, but `x|Position`.
    rf"(?<={_LETTER}[as])(?=A)|(?<=0[as])(?=A)|(?<=[as])(?=A[as])"
    # Initials before a word, `AJCC|Stage`, but not their plural, `IDs`.
    r"|(?<=A)(?=A[as])(?!As(?![as]))"
    # A word before its number, `address|1`, but not a short name, `p53`.
    rf"|(?<={_LETTER}{{4}})(?=0)"
    # A word behind a number, `p53|Status`, but not an ending, `1st`, `30x`.
    r"|(?<=0)(?=A[as]|A{4}|[as]{4})"
)


class _Classes(dict[int, str]):
    """The class of each character by its code point, found when it is first asked for."""

    def __missing__(self, code: int) -> str:
        found = self[code] = _class_of(chr(code))
        return found


_CLASSES = _Classes({ord("s"): "s"})


def words(name: str) -> tuple[str, ...]:
    """Return the words of a name, without case, in their order.

    Args:
        name: Any text; what is behind `LONGEST_NAME` characters is not looked at.

    Returns:
        No word is empty. None at all where a name has neither letters nor digits.
    """
    return _words(name[:LONGEST_NAME])


def clean(name: str) -> str:
    """Return the words of a name with single blanks between them."""
    return " ".join(words(name))


@lru_cache(_REMEMBERED)
def _words(name: str) -> tuple[str, ...]:
    text = unicodedata.normalize("NFKC", name).translate(_SPOKEN_CHARACTERS)
    classes = text.translate(_CLASSES)
    found = []
    for run in re.finditer(r"[^ ]+", classes):
        starts = [border.start() for border in _BORDERS.finditer(classes, *run.span())]
        edges = [run.start(), *starts, run.end()]
        found += [text[a:b].casefold() for a, b in pairwise(edges)]
    return tuple(found)


def _class_of(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Lu", "Lt"):
        return "A"
    # Marks belong to the letter before: vowels in Hindi, accents that no composed letter has.
    return {"L": "a", "M": "a", "N": "0"}.get(category[0], " ")
