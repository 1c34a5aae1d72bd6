"""How a value is built, in words that n-grams can hold: `2021-03-04` is `d4 hyphen d2 hyphen d2`.

value (text)  ->  a word a run of digits or letters, a word a sign; then its size

N-grams lose signs and see two dates as different digits. What remains the same is said here.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_SHAPED = 80
"""Characters of a value that are looked at."""
MOST_PIECES = 12
"""Runs and signs of a value that are told; sentences are told by their size."""

_MOST_DIGITS = 9
_MOST_LETTERS = 4
"""Longer runs are alike: codes of letters are short."""
_MOST_WORDS = 9
_PIECE = re.compile(r"\d+|[^\W\d_]+|\S")


def shape_words(value: str) -> str:
    """Return the runs and signs of a value in order, its size, and how many words it has.

    Returns:
        Words of lower-case letters and digits, with blanks between them. `d3` is a run of 3
        digits; `upper2`, `title4`, `lower4` are runs of letters by their case; a sign has the
        first word of its Unicode name. `size4` is a length of 15 to 30 characters: the sizes
        are powers of two.
    """
    pieces = _PIECE.findall(value[:LONGEST_SHAPED])[:MOST_PIECES]
    size = f"size{(len(value) + 1).bit_length() - 1}"
    words = f"words{min(len(value.split()), _MOST_WORDS)}"
    return " ".join([*map(_word, pieces), size, words])


def _word(piece: str) -> str:
    if piece.isdecimal():
        return f"d{min(len(piece), _MOST_DIGITS)}"
    if not piece.isalpha():
        return unicodedata.name(piece[0], "sign").split()[0].split("-")[0].lower()
    case = "upper" if piece.isupper() else "title" if piece[0].isupper() else "lower"
    return f"{case}{min(len(piece), _MOST_LETTERS)}"
