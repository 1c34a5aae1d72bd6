"""A column as the text that an encoder reads: named templates, one for both sides.

Column  ->  cleaned name, kind, sampled values, what a dictionary says  ->  text

Source and target are written by the same template; what a column does not have is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from headgate.domains.schemas.columns import Column
from headgate.domains.schemas.names import LONGEST_NAME, clean
from headgate.domains.schemas.profile import profile_of
from headgate.domains.schemas.samples import mixed

Template = Callable[[Column], str]

SHOWN_VALUES = 10
"""As many as in the paper."""
LONGEST_SHOWN = 40
"""Characters of a value."""
LONGEST_DESCRIPTION = 300
"""Characters of a description, of which only the first sentences are shown."""

_SENTENCES = 2
_REPETITIONS = 5
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+(?=\S)|(?<=[。！？])")  # noqa: RUF001 (these are meant)


def header(column: Column) -> str:
    """Return the cleaned name; the name as it is where that leaves nothing."""
    return clean(column.name) or column.name.strip()[:LONGEST_NAME]


def header_values(column: Column) -> str:
    """Return the name and values."""
    return _joined(": ", header(column), _values(column))


def repeat(column: Column) -> str:
    """Return the name five times, the kind and values.

    An encoder averages over words, and ten values would outweigh a name that is said once.

    Source:
        Liu et al. 2025, Magneto, arXiv:2412.08194.
    """
    names = ", ".join([header(column)] * _REPETITIONS) if header(column) else ""
    return _joined(", ", names, _kind(column), _values(column))


def verbose(column: Column) -> str:
    """Return the name, the kind and values, each after what it is.

    Source:
        Liu et al. 2025, Magneto, arXiv:2412.08194.
    """
    parts = ("Column", header(column)), ("Type", _kind(column)), ("Values", _values(column))
    return ". ".join(f"{what}: {text}" for what, text in parts if text)


def defined(column: Column) -> str:
    """Return the name and what a dictionary says of it."""
    return _joined(": ", header(column), short_description(column))


def described(column: Column) -> str:
    """Return the name, what a dictionary says of it, and values."""
    return _joined(". ", _joined(": ", header(column), short_description(column)), _values(column))


TEMPLATES: Mapping[str, Template] = MappingProxyType(
    {
        "header": header,
        "header_values": header_values,
        "repeat": repeat,
        "verbose": verbose,
        "defined": defined,
        "described": described,
    }
)
"""All templates by their names."""


def short_description(column: Column) -> str:
    """Return the first two sentences of the description, cut at a word where they are long."""
    text = " ".join(column.description[: 4 * LONGEST_DESCRIPTION].split())
    text = " ".join(_SENTENCE_END.split(text)[:_SENTENCES])
    if len(text) > LONGEST_DESCRIPTION:
        text = text[: LONGEST_DESCRIPTION + 1].rsplit(" ", 1)[0][:LONGEST_DESCRIPTION]
    return text.rstrip(" .!?;,:")


def _kind(column: Column) -> str:
    """Return the kind of values; nothing where there are none, as in most dictionaries."""
    kind = profile_of(column).kind
    return "" if kind == "empty" else kind


def _values(column: Column) -> str:
    return ", ".join(value[:LONGEST_SHOWN] for value in mixed(column, SHOWN_VALUES))


def _joined(separator: str, *parts: str) -> str:
    return separator.join(part for part in parts if part)
