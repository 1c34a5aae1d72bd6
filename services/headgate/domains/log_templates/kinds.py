"""Which lines of a group say different things, and which only have other values.

group (lines, tokens)  ->  kinds: lists of lines

A group has, at places where its lines differ, either values or words that tell kinds of events
apart, such as `started` and `paused`. Few different words without digits are taken for the latter:
a place with many is a value's. This needs all lines at once, which a tree that sees one line after
another does not have.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from headgate.domains.log_templates.masks import BREAKS
from headgate.domains.log_templates.tokens import Tokens, common_start, has_digit

MOST_WORDS = 3
"""Different words at a place that tell kinds apart."""
MOST_STATES = 8
"""The same for words all in capitals, which name states: `NEW`, `RUNNING`."""
MOST_KINDS = 64
"""In a group; where there would be more, the places have values after all."""

_STATE = re.compile(rf"[{BREAKS}.]*[A-Z][A-Z_]+[{BREAKS}.]*")
_ANNOUNCES_VALUE = re.compile(rf"[\"'=`][^{BREAKS}]*$")
_NAMED = frozenset(
    ("account", "domain", "group", "host", "hostname", "login", "name", "user", "username")
)
"""Nouns behind which the name of a person or a machine comes."""


def kinds_of(group: list[Tokens]) -> list[list[Tokens]]:
    """Return the lines of each kind, in the order of their first differing words.

    Args:
        group: At least one line, all with equally many tokens.
    """
    kinds = _split(group)
    return kinds if len(kinds) <= MOST_KINDS else [group]


def _split(lines: list[Tokens]) -> list[list[Tokens]]:
    """Split lines at the place with the fewest words until only values differ."""
    if len(lines) == 1:
        return [lines]
    columns = [set(column) for column in zip(*lines, strict=True)]
    telling = [(len(columns[p]), p) for p in range(len(columns)) if _tells_apart(columns, p)]
    if not telling:
        return [lines]
    parts: dict[str, list[Tokens]] = defaultdict(list)
    for line in lines:
        parts[line[min(telling)[1]]].append(line)
    return [kind for word in sorted(parts) for kind in _split(parts[word])]


def _tells_apart(columns: Sequence[set[str]], place: int) -> bool:
    """Return whether the words at a place tell kinds of events apart."""
    words = columns[place]
    if not 1 < len(words) <= MOST_STATES or any(map(has_digit, words)):
        return False
    if _ANNOUNCES_VALUE.search(common_start(min(words), max(words))):
        return False
    if place and _names(columns[place - 1]):
        return False
    return len(words) <= MOST_WORDS or all(map(_STATE.fullmatch, words))


def _names(before: set[str]) -> bool:
    """Return whether the word before is a noun that a name follows."""
    return len(before) == 1 and next(iter(before)).strip(":=\"'[(").lower() in _NAMED
