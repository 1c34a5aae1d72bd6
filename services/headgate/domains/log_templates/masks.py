r"""The values that a look at single words does not show: paths, addresses, times, sizes, lists.

text with `0` for value words (bytes)  ->  shape (bytes): single blanks, `0` for each value

This runs on different texts only, once each. Every pattern takes time linear in its text: what it
repeats and what comes behind have no byte in common, or the repetition gives nothing back.
"""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST_SHAPE = 4096
"""Bytes; what comes behind them counts as one value."""
LONGEST_WORD = 127
"""Bytes; a longer word is a value: nobody wrote it into a program."""

BREAKS = r"\x00-#%-),/:-@\[-\^`{-\x7f"
"""Inside a class of a regular expression: the bytes that end a word, dots aside."""

_BEFORE = rf"(?<![^{BREAKS}.])"
_AFTER = rf"(?![^{BREAKS}.])"
_NAME_END = r"(?![\w-]|\.\w)"
"""The end of a dotted name; a full stop may follow."""
_IN_PATH = r"\s,;:=()\[\]{}\"'<>|"
_PATH_START = r"(?:(?<=[\s=:,(\[\"'<])|^)"
_DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_HOST_ENDINGS = "com|net|org|edu|gov|mil|int|info|biz|local|localdomain|internal|lan"


class Mask(NamedTuple):
    """One kind of value."""

    values: str
    needs: str
    """Without this in a text there are none; much faster to see."""
    pattern: str
    kept: str = "0"
    """What takes their place."""


MASKS = (
    Mask("marks of another tool", "<*>", r"<\*>"),
    Mask(
        "addresses behind their scheme",
        "://",
        r"(?<![\w+.-])([A-Za-z][A-Za-z0-9+.-]{1,31}://)[^\s\"'<>,;)\]}]+",
        r"\g<1>0",
    ),
    Mask("mail addresses", "@", r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+"),
    Mask("paths from the root", "/", _PATH_START + rf"/(?!/)[^{_IN_PATH}]*[^{_IN_PATH}.]"),
    Mask("paths from a drive", ":\\", _PATH_START + rf"[A-Za-z]:\\[^{_IN_PATH}]*"),
    Mask(
        "paths of three or more parts",
        "/",
        r"(?<![^\s=:,(\[\"'<])[\w.-]++(?:/[\w.*-]++){2,}/?+" + _AFTER,
    ),
    Mask(
        "hexadecimal groups; hours, minutes and seconds",
        ":",
        r"(?<![\w:])(?=[A-Fa-f:]*0)(?:(?:0|[A-Fa-f]{1,4})?:){2,}(?:0|[A-Fa-f]{1,4})" + _AFTER,
    ),
    Mask("numbers with commas", "0,0", _BEFORE + r"0(?:,0)+" + _AFTER),
    Mask(
        "dates with the month's name",
        " 0",
        _BEFORE + rf"(?:(?:{_DAYS}),? )?(?:{_MONTHS}) 0(?: 0){{1,2}}"
        rf"(?: [A-Z]{{3,4}})?(?: 0)?{_AFTER}",
    ),
    Mask(
        "hosts and files before their port or line",
        ":0",
        rf"(?<![\w.-])[A-Za-z_][\w-]*+(?:\.[\w-]++)++(?=:0{_AFTER})",
    ),
    Mask(
        "hosts by their ending",
        ".",
        rf"(?<![\w.-])(?:[\w-]++\.)+(?:{_HOST_ENDINGS}){_NAME_END}",
    ),
    Mask("sizes with their unit", "B", _BEFORE + r"0 (?:[KMGTP]i?)?B" + _AFTER),
    Mask(
        "truth values and nothing",
        "",
        rf"(?<![\w.-])(?:true|false|null|True|False|TRUE|FALSE|NULL){_NAME_END}",
    ),
    Mask("hexadecimal numbers without digits", "", _BEFORE + "(?:[a-f]{8,}|[A-F]{8,})" + _AFTER),
    Mask("lists with commas", "0, 0", _BEFORE + r"0(?:, ?0){2,}" + _AFTER),
    Mask("rows of five values and more", "0 0 0 0 0", r"(?<!\S)0(?: 0){4,}(?!\S)"),
    Mask("words longer than people write", "", rf"[^{BREAKS}]{{{LONGEST_WORD + 1},}}+"),
)
"""What is masked, in this order."""

_COMPILED = [
    (mask.needs.encode(), re.compile(mask.pattern.encode()), mask.kept.encode()) for mask in MASKS
]


def shape_of(text: bytes) -> bytes:
    """Return the shape of a text whose value words are masked.

    Args:
        text: Any bytes, with `0` for each word that is a value.

    Returns:
        At most `LONGEST_SHAPE` bytes, and a value for what was cut off.
    """
    cut = text[:LONGEST_SHAPE]
    shape = b" ".join(cut.split())
    for needed, pattern, kept in _COMPILED:
        if needed in shape:
            shape = pattern.sub(kept, shape)
    return shape if len(cut) == len(text) else shape + b" 0"
