"""Words with their punctuation, and what is common to two of them.

shape (bytes)  ->  Tokens (tokens,)  ->  cover: what both of two tokens are cases of  ->  text
"""

from __future__ import annotations

import re
from functools import lru_cache

from headgate.domains.log_templates.masks import BREAKS
from headgate.domains.log_templates.words import VALUE as VALUE_BYTES

Tokens = tuple[str, ...]

VALUE = VALUE_BYTES.decode()
"""A token that is nothing but a value; inside others it stands between punctuation."""
WILDCARD = "<*>"
"""What a value is in the text of a template."""
MOST_TOKENS = 256
"""Tokens of a template; those behind count as one value."""

_REMEMBERED = 16_384
"""Tokens whose pieces are kept."""
_DIGITS = frozenset("0123456789")
_EDGE = rf"[^{BREAKS}.]"
_VALUES = re.compile(rf"(?<!{_EDGE}){VALUE}(?!{_EDGE})")
_PUNCTUATION = re.compile(
    # A full stop is punctuation unless it is inside of a word.
    rf"((?:[{BREAKS}]|\.(?!{_EDGE})|(?<!{_EDGE})\.|\.(?={VALUE}))+)"
)


def tokens_of(shape: bytes) -> Tokens:
    r"""Return the tokens of a shape; bytes that are not UTF-8 are escaped as in `\xff`."""
    tokens = shape.decode("utf-8", "backslashreplace").split(" ")
    if len(tokens) > MOST_TOKENS:
        tokens[MOST_TOKENS - 1 :] = [VALUE]
    return tuple(tokens)


def text_of(tokens: Tokens) -> str:
    """Return the text of a template."""
    return _VALUES.sub(WILDCARD, " ".join(tokens))


def tokens_of_text(text: str) -> Tokens:
    """Return the tokens whose text this is."""
    return tuple(text.replace(WILDCARD, VALUE).split(" "))


def cover(one: str, other: str) -> str:
    """Return the narrowest token that both are cases of.

    Where both have the same punctuation, words that differ become values: `user=ann` and
    `user=bob` give `user=0`. Else only the punctuation around them is kept: `(a,b),` and `(c),`
    give `(0),`. Covering a token that is covered already changes nothing.
    """
    if one == other:
        return one
    pieces, others = _pieces(one), _pieces(other)
    if _skeleton(pieces) == _skeleton(others):
        return "".join(a if a == b else VALUE for a, b in zip(pieces, others, strict=True))
    lead = common_start(_lead(pieces), _lead(others))
    tail = common_start(_tail(pieces)[::-1], _tail(others)[::-1])[::-1]
    return lead + VALUE + tail


def cover_all(members: list[Tokens]) -> Tokens:
    """Return what all are cases of; they have equally many tokens."""
    covering = list(members[0])
    for member in members[1:]:
        for place, token in enumerate(member):
            if token != covering[place]:
                covering[place] = cover(covering[place], token)
    return tuple(covering)


def covers(pattern: Tokens, line: Tokens) -> bool:
    """Return whether a line is a case of a pattern with as many tokens."""
    return all(
        token in (own, VALUE) or (VALUE in token and cover(token, own) == token)
        for token, own in zip(pattern, line, strict=True)
    )


def common_start(one: str, other: str) -> str:
    """Return the characters that both texts start with."""
    for place, (character, own) in enumerate(zip(one, other, strict=False)):
        if character != own:
            return one[:place]
    return min(one, other, key=len)


def is_constant(token: str) -> bool:
    """Return whether a token has no value in it."""
    return VALUE not in token or not _VALUES.search(token)


def constant_characters(pattern: Tokens) -> int:
    """Return how many characters of a pattern are not values."""
    return len(_VALUES.sub("", " ".join(pattern)))


def has_digit(token: str) -> bool:
    """Return whether a token has a value in it, or a name such as `ssh2`."""
    return not _DIGITS.isdisjoint(token)


@lru_cache(_REMEMBERED)
def _pieces(token: str) -> tuple[str, ...]:
    """Return words and punctuation in turns; the first and the last word may be empty."""
    return tuple(_PUNCTUATION.split(token))


def _skeleton(pieces: tuple[str, ...]) -> tuple[str | bool, ...]:
    """Return the punctuation, and which words there are, whatever they are."""
    return (*pieces[1::2], bool(pieces[0]), bool(pieces[-1]))


def _lead(pieces: tuple[str, ...]) -> str:
    """Return the punctuation before the first word."""
    return pieces[1] if len(pieces) > 1 and not pieces[0] else ""


def _tail(pieces: tuple[str, ...]) -> str:
    """Return the punctuation behind the last word."""
    only_punctuation = len(pieces) == 3 and not pieces[0]
    return pieces[-2] if len(pieces) > 1 and not pieces[-1] and not only_punctuation else ""
