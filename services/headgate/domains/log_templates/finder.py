"""Which of many patterns a line is a case of, with one look-up a set of constant places.

patterns (patterns, tokens)  ->  line (tokens,)  ->  position of the narrowest pattern
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from headgate.domains.log_templates.tokens import (
    Tokens,
    constant_characters,
    covers,
    is_constant,
)

Places = tuple[int, ...]
"""Where a pattern's constant tokens are."""


class Finder:
    """Finds patterns; among several that cover a line, the one with most constant tokens.

    Ties go to the places of these, then to more constant characters, then to the text: what is
    found depends on the set of patterns only.
    """

    def __init__(self, patterns: Sequence[Tokens]) -> None:
        self._patterns = patterns
        tables: dict[int, dict[Places, dict[Tokens, list[int]]]] = defaultdict(dict)
        narrow_first = sorted(range(len(patterns)), key=lambda p: _breadth(patterns[p]))
        for position in narrow_first:
            pattern = patterns[position]
            places = tuple(place for place, token in enumerate(pattern) if is_constant(token))
            table = tables[len(pattern)].setdefault(places, {})
            table.setdefault(_at(places, pattern), []).append(position)
        self._tables = {
            length: sorted(own.items(), key=lambda item: (-len(item[0]), item[0]))
            for length, own in tables.items()
        }

    def find(self, line: Tokens) -> int | None:
        """Return the position of the narrowest pattern that covers a line; None if none does."""
        for places, table in self._tables.get(len(line), ()):
            for position in table.get(_at(places, line), ()):
                if covers(self._patterns[position], line):
                    return position
        return None


def _at(places: Places, line: Tokens) -> Tokens:
    return tuple([line[place] for place in places])


def _breadth(pattern: Tokens) -> tuple[int, Tokens]:
    return -constant_characters(pattern), pattern
