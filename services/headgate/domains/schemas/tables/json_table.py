"""Tables from JSON: columns by name, or a list of columns.

{name: {"description": ..., "values": [...]}} | [{"name": ..., "description": ..., "values": [...]}]
->  a ColumnGatherer a column
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from headgate.domains.schemas.columns import Column
from headgate.domains.schemas.gather import ColumnGatherer
from headgate.domains.schemas.tables.limits import (
    MAX_JSON_BYTES,
    check_columns,
    check_size,
    rows_read,
)
from headgate.domains.schemas.tables.text import text_of
from headgate.domains.schemas.tables.values import ReadTable, storable
from headgate.errors import InputError

_NAME, _DESCRIPTION, _VALUES = "name", "description", "values"
_REMEDY: Final = 'Write {"NAME": {"description": "...", "values": [...]}}, or a list of the like.'


def read_json(content: bytes, name: str, place: str) -> ReadTable:
    """Return the table of a dictionary of columns.

    Values are texts, numbers, booleans and nulls; what is nested is read as its JSON.

    Raises:
        InputError: It is not such a dictionary.
    """
    check_size(place, len(content), MAX_JSON_BYTES)
    text = text_of(content, place)
    entries = _entries(_parsed(text.open().read(), place), place)
    check_columns(place, len(entries))
    most = rows_read(len(entries))
    columns = tuple(
        _column(entry, most, f"{place}: column {number}") for number, entry in enumerate(entries, 1)
    )
    truncated = any(len(entry.get(_VALUES) or ()) > most for entry in entries)
    return ReadTable(name, columns, truncated=truncated, lossy=text.lossy)


def cell_text(value: object) -> str | None:
    """Return a value as the text of a cell; None for a null."""
    match value:
        case None:
            return None
        case str():
            return storable(value)
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
    return storable(json.dumps(value, ensure_ascii=False, default=_plain))


def _plain(value: object) -> str:
    """Return what JSON has no form for, such as bytes and dates in a nested value of Arrow."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _parsed(text: str, place: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):  # the texts of these hold some of the file
        problem = "it is no JSON, nested too deeply, or an object in it has a key twice"
        raise InputError(place, problem, _REMEDY) from None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key is there twice")
    return made


def _entries(content: object, place: str) -> list[Mapping[str, Any]]:
    """Return the columns in order, each with its name."""
    match content:
        case dict() if all(
            isinstance(entry, dict) and _NAME not in entry for entry in content.values()
        ):
            return [{**entry, _NAME: name} for name, entry in content.items()]
        case list() if all(isinstance(entry, dict) for entry in content):
            return content
    raise InputError(place, "it is not made of columns", _REMEDY)


def _column(entry: Mapping[str, Any], most: int, place: str) -> Column:
    """Return one column, with so many of its values.

    Raises:
        InputError: It has no name, something else than description and values, or these are no
            text and no list.
    """
    if unknown := entry.keys() - {_NAME, _DESCRIPTION, _VALUES}:
        raise InputError(place, f"it has {len(unknown)} keys that are not read", _REMEDY)
    name, description = entry.get(_NAME), entry.get(_DESCRIPTION) or ""
    values = entry.get(_VALUES) or []
    if not isinstance(name, str):
        raise InputError(place, "its name is missing or no text", _REMEDY)
    if not isinstance(description, str):
        raise InputError(place, "its description is no text", _REMEDY)
    if not isinstance(values, list):
        raise InputError(place, "its values are no list", _REMEDY)
    gatherer = ColumnGatherer(storable(name), storable(description))
    gatherer.add(map(cell_text, islice(values, most)))
    return gatherer.column()
