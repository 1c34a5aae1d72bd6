"""Texts from data, made fit to be read on a page or in a file.

any text -> printable text on one line, of a stated length at most
"""

from __future__ import annotations

import unicodedata

# Control, format (such as those that turn the writing direction), half, private, unknown
# characters, and those that end a line.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
CUT = "\N{HORIZONTAL ELLIPSIS}"


def visible(text: str, longest: int = 300) -> str:
    """Return a text with what cannot be seen written as its number, and cut where it is too long.

    Args:
        text: Any text.
        longest: Characters of `text` that are shown.
    """
    shown = "".join(map(_character, text[:longest]))
    return shown + CUT if len(text) > longest else shown


def _character(char: str) -> str:
    if unicodedata.category(char) not in _UNSEEN:
        return char
    return " " if char in "\t\n" else f"\\u{ord(char):04x}"
