"""Other ways to write a column: noise made here, and wordings that a large model gave.

Column, seeded generator  ->  the column as another table might have it
JSON Lines {column, names, values}, Table  ->  Wordings by column id

A retriever that is trained on a column's varied copies learns which column they came from, and
needs no table whose answers are known.

Source:
    Liu et al. 2025, Magneto, arXiv:2412.08194, section 4.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from headgate.domains.schemas.columns import Column, Table
from headgate.domains.schemas.names import words
from headgate.errors import InputError

FEWEST_SHOWN, MOST_SHOWN = 1, 10
"""Values that a varied column keeps."""
MAX_BYTES = 64 * 1024 * 1024
"""Of a file of wordings, unpacked."""

_KEEP_NAME = 0.25
"""Chance that a column with other names keeps its own."""
_NOISY = 0.4
"""Chance that a name is written with noise."""
_PARTS = {"both": 0.6, "name": 0.35, "values": 0.05}
"""What is left of a column, and how often: many tables have codes that say nothing as values,
and few have names that say nothing."""
_SHORTEST_CUT = 5
"""Letters of a word that may lose some."""
_LONGEST_WORDING = 300
"""Characters of a name or value; a longer one is cut."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How other tables may write one column."""

    names: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wordings:
    """What a large model wrote of a table's columns."""

    by_column: Mapping[str, Wording] = field(default_factory=dict)
    """By column id; columns of which nothing was written are absent."""
    unknown: tuple[str, ...] = ()
    """Names in the file that no column of the table has."""


NO_WORDINGS = Wordings()


def vary(column: Column, wording: Wording, generator: np.random.Generator) -> Column:
    """Return the column as another table might have it.

    Its name may be another wording, noisy or blank; its values are a random few of its own and of
    the wording's; a description is left out, for tables have none.

    Args:
        column: What is varied.
        wording: What may stand in place of its name and values; may be empty.
        generator: Equal states give equal columns.
    """
    part = str(generator.choice(list(_PARTS), p=list(_PARTS.values())))
    values = () if part == "name" else _some(column, wording, generator)
    name = "" if part == "values" and values else _other_name(column.name, wording, generator)
    return replace(column, name=name, values=values, counts=(1,) * len(values), description="")


def noisy(name: str, generator: np.random.Generator) -> str:
    """Return the name as a hurried author may write it: shortened, reordered or in another style.

    Returns:
        A name with at least one letter or digit where the given one has any.
    """
    parts = words(name)
    if not parts:
        return name
    change = _CHANGES[int(generator.integers(len(_CHANGES)))]
    style = _STYLES[int(generator.integers(len(_STYLES)))]
    return style(change(parts, generator))


def read_wordings(content: bytes, table: Table, place: str) -> Wordings:
    """Return the wordings in JSON Lines, gzipped or not.

    A row is `{"column": id, "names": [...], "values": [...]}`. A column's name serves as well as
    its id, with blanks around it or none; rows of one column are put together.

    Args:
        content: The bytes of the file.
        table: Whose columns the rows are about.
        place: What an error names, such as the file.

    Raises:
        InputError: It is too large, no gzip, no UTF-8, or a row is not as described.
    """
    ids = {column.name.strip(): own for own, column in zip(table.ids, table.columns, strict=True)}
    ids |= {own: own for own in table.ids}
    found: dict[str, Wording] = {}
    unknown: dict[str, None] = {}
    for number, line in enumerate(_text(content, place).split("\n"), start=1):
        if not line.strip():
            continue
        column, wording = _row(line, f"{place}:{number}")
        own = ids.get(column, ids.get(column.strip()))
        if own is None:
            unknown[column] = None
            continue
        before = found.get(own, Wording())
        found[own] = Wording(before.names + wording.names, before.values + wording.values)
    return Wordings(found, tuple(unknown))


def _some(column: Column, wording: Wording, generator: np.random.Generator) -> tuple[str, ...]:
    """Return a random few of the values, in random order; from one side only, or from both."""
    pools = [column.values, wording.values, column.values + wording.values]
    pool = pools[int(generator.integers(3))] or pools[2]
    size = min(int(generator.integers(FEWEST_SHOWN, MOST_SHOWN + 1)), len(pool))
    places = generator.choice(len(pool), size, replace=False) if pool else ()
    return tuple(pool[place] for place in places)


def _other_name(name: str, wording: Wording, generator: np.random.Generator) -> str:
    if wording.names and generator.random() >= _KEEP_NAME:
        name = wording.names[int(generator.integers(len(wording.names)))]
    return noisy(name, generator) if generator.random() < _NOISY else name


def _drop_vowels(parts: Sequence[str], generator: np.random.Generator) -> list[str]:
    """Return the words, one of them without vowels after its first letter: `dgnss`."""
    return _change_one(parts, generator, lambda word: word[0] + word[1:].translate(_NO_VOWELS))


def _cut(parts: Sequence[str], generator: np.random.Generator) -> list[str]:
    """Return the words, one of them cut after three to four letters: `diag`."""
    kept = int(generator.integers(3, 5))
    return _change_one(parts, generator, lambda word: word[:kept])


def _mistype(parts: Sequence[str], generator: np.random.Generator) -> list[str]:
    """Return the words, two neighbouring letters of one of them swapped."""

    def swapped(word: str) -> str:
        place = int(generator.integers(1, len(word) - 1))
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]

    return _change_one(parts, generator, swapped)


def _change_one(
    parts: Sequence[str], generator: np.random.Generator, change: Callable[[str], str]
) -> list[str]:
    """Return the words with one of the long ones changed; unchanged when all are short."""
    long = [place for place, word in enumerate(parts) if len(word) >= _SHORTEST_CUT]
    changed = list(parts)
    if long:
        place = long[int(generator.integers(len(long)))]
        changed[place] = change(changed[place])
    return changed


def _reorder(parts: Sequence[str], generator: np.random.Generator) -> list[str]:
    """Return the words, the last ones first: `diagnosis age at`."""
    place = int(generator.integers(len(parts)))
    return [*parts[place:], *parts[:place]]


def _drop_word(parts: Sequence[str], generator: np.random.Generator) -> list[str]:
    """Return the words but one, when there are three or more."""
    if len(parts) < 3:
        return list(parts)
    place = int(generator.integers(len(parts)))
    return [*parts[:place], *parts[place + 1 :]]


def _initials(parts: Sequence[str], generator: np.random.Generator) -> list[str]:
    """Return the words, of which two neighbours or more became their initials, when there are 3."""
    if len(parts) < 3:
        return list(parts)
    start = int(generator.integers(len(parts) - 1))
    end = int(generator.integers(start + 2, len(parts) + 1))
    if end - start == len(parts):  # initials alone say too little
        end -= 1
    return [*parts[:start], "".join(word[0] for word in parts[start:end]), *parts[end:]]


def _text(content: bytes, place: str) -> str:
    try:
        plain = _unpacked(content) if content.startswith(b"\x1f\x8b") else content
        text = plain.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(
            place,
            f"cannot be read ({type(error).__name__})",
            "Give JSON Lines in UTF-8, gzipped or not.",
        ) from error
    if len(plain) > MAX_BYTES:
        raise InputError(place, f"holds more than {MAX_BYTES} bytes", "Give fewer wordings.")
    return text


def _unpacked(content: bytes) -> bytes:
    """Return the first bytes of a gzip file, one more than are taken."""
    import io

    with gzip.open(io.BytesIO(content)) as file:
        return file.read(MAX_BYTES + 1)


def _row(line: str, place: str) -> tuple[str, Wording]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _wrong(place, "is not JSON") from error
    match row:
        case {"column": str(column), "names": list(names), "values": list(values)}:
            if all(isinstance(each, str) for each in (*names, *values)):
                return column, Wording(_distinct(names), _distinct(values))
    raise _wrong(place, "lacks a column, names or values")


def _distinct(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the texts without blanks around them, empty ones and repetitions."""
    return tuple(dict.fromkeys(text.strip()[:_LONGEST_WORDING] for text in texts if text.strip()))


def _wrong(place: str, problem: str) -> InputError:
    example = '{"column": "age", "names": ["years"], "values": ["34"]}'
    return InputError(place, problem, f"Write one object a line, such as {example}.")


_NO_VOWELS = str.maketrans("", "", "aeiou")
_CHANGES = (_drop_vowels, _cut, _mistype, _reorder, _drop_word, _initials)
_STYLES: tuple[Callable[[Sequence[str]], str], ...] = (
    "_".join,
    " ".join,
    ".".join,
    lambda parts: "".join(part.capitalize() for part in parts),
    lambda parts: "_".join(parts).upper(),
)
