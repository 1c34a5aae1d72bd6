"""Text from files, servers and models, made harmless for a terminal.

any text -> printable text on one line
"""

from __future__ import annotations

import re
import unicodedata

_SPACES = re.compile(r"\s+")
# Control, format (such as those that turn the writing direction) and half characters.
_UNSEEN = frozenset({"Cc", "Cf", "Cs"})


def one_line(text: str) -> str:
    """Return `text` on one line, without characters that a terminal would obey.

    Line ends and tabs become spaces. What stays of an escape sequence is its visible rest.
    """
    spaced = _SPACES.sub(" ", text)
    return "".join(char for char in spaced if unicodedata.category(char) not in _UNSEEN)
