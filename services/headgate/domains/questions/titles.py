"""Which passages a text names by their titles: the links between passages, where nobody drew any.

{passage: title}  ->  Titles;  text  ->  the passages that it names, in its order
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

LONGEST_TITLE = 12
"""Words of a title that can be found in a text."""
FEWEST_LETTERS = 4
"""Letters of a title of one word; shorter ones (`It`, `Up`) are words before they are titles."""
MOST_NAMED = 50
"""Passages that one text can name; a list of cities names more and says nothing of them."""
MOST_ALIKE = 10
"""Passages of one title that are all taken; a title of more is a kind of thing, not a thing."""

_COMMON_WORDS = (
    "what which when where whose whom does were have this that these those they there here then "
    "than after before from with into over under about between both each some many most more"
)
_COMMON = frozenset(_COMMON_WORDS.split())
"""Words that begin sentences; a question that begins with `Which` does not name a magazine."""
_WORD = re.compile(r"\w+")
_APPOSITION = re.compile(r"\s*\([^()]*\)\s*$")


class Titles:
    """Finds titles in texts; safe to use from several threads.

    A title is found where its words stand one behind the other, without regard to case and
    punctuation, the longest of those that begin there, and where the first one has no small
    letter: `the Green Mile` names a film and `a green mile` does not. What a title has in
    brackets at its end, as in `Mercury (planet)`, need not be said.
    """

    def __init__(self, titles: Mapping[str, str]) -> None:
        """Learn the titles of passages, by id; several may have the same one."""
        self._passages: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for passage, title in titles.items():
            words = tuple(_WORD.findall(_APPOSITION.sub("", title).lower()))
            if _telling(words):
                self._passages[words].append(passage)
        self._longest = max(map(len, self._passages), default=0)

    def named_in(self, text: str) -> tuple[str, ...]:
        """Return the passages whose titles the text holds, in its order, each once."""
        spoken = _WORD.findall(text)
        words = [word.lower() for word in spoken]
        named: dict[str, None] = {}
        at = 0
        while at < len(words) and len(named) < MOST_NAMED:
            size = 0 if spoken[at][0].islower() else self._title_at(words, at)
            named.update(dict.fromkeys(self._passages.get(tuple(words[at : at + size]), ())))
            at += max(size, 1)
        return tuple(named)[:MOST_NAMED]

    def _title_at(self, words: Sequence[str], at: int) -> int:
        """Return the words of the longest title that begins there; 0 for none."""
        for size in range(min(self._longest, len(words) - at), 0, -1):
            if 0 < len(self._passages.get(tuple(words[at : at + size]), ())) <= MOST_ALIKE:
                return size
        return 0


def _telling(words: Sequence[str]) -> bool:
    """Return whether a title can be told from other words."""
    if len(words) == 1:
        return len(words[0]) >= FEWEST_LETTERS and words[0] not in _COMMON
    return 1 < len(words) <= LONGEST_TITLE
