"""Tables as lines of JSON or CSV, each column at once: what repeats is written once and copied.

table (n rows)  ->  bytes of n lines

In CSV, what a spreadsheet would run as a formula is made a text, and characters that a terminal
would obey are left out; JSON escapes everything but ASCII.

Source:
    OWASP, CSV Injection.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Callable
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from headgate.batch.outputs.columns import as_dictionary

Value: TypeAlias = "str | float | bool | int"
Buffer: TypeAlias = "bytes | memoryview"

_FORMULA = frozenset("=+-@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}"
                     "\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}")  # fmt: skip
_MARK = "'"
"""Makes a spreadsheet take a cell as text."""
# Control, format (such as those that turn the writing direction), half characters, line ends.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def json_lines(table: pa.Table) -> Buffer:
    """Return one JSON object a row, each on its line; NaN and what is missing are null."""
    names = [json.dumps(name) for name in table.column_names]
    parts: list[pa.Array | str] = []
    for place, (name, column) in enumerate(zip(names, table.columns, strict=True)):
        parts += [f"{', ' if place else '{'}{name}: ", _json_texts(column)]
    return _joined([*parts, "}\n"])


def csv_header(table: pa.Table) -> bytes:
    """Return the names of the columns as a line."""
    return (",".join(map(csv_text, table.column_names)) + "\n").encode()


def csv_lines(table: pa.Table) -> Buffer:
    """Return one line a row; NaN and what is missing are empty."""
    parts: list[pa.Array | str] = []
    for place, column in enumerate(table.columns):
        parts += [*([","] if place else []), _csv_texts(column)]
    return _joined([*parts, "\n"])


def csv_text(text: str) -> str:
    """Return a text as a cell that neither a spreadsheet nor a terminal obeys."""
    seen = "".join(char for char in text if unicodedata.category(char) not in _UNSEEN)
    if seen.lstrip()[:1] in _FORMULA:
        seen = _MARK + seen
    if "," in seen or '"' in seen:
        return '"' + seen.replace('"', '""') + '"'
    return seen


def without_mark(text: str) -> str:
    """Return the text of a cell that was made harmless, as it was."""
    return text[1:] if text[:1] == _MARK and text[1:].lstrip()[:1] in _FORMULA else text


def _json_texts(column: pa.ChunkedArray) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        return _glued('"', _moments(column), '"').fill_null("null")
    return _texts(column, _json_value, "null")


def _json_value(value: Value) -> str:
    # JSON has no NaN.
    return "null" if isinstance(value, float) and not math.isfinite(value) else json.dumps(value)


def _csv_texts(column: pa.ChunkedArray) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        return _moments(column).fill_null("")
    return _texts(column, _csv_value, "")


def _csv_value(value: Value) -> str:
    match value:
        case str():
            return csv_text(value)
        case float() if math.isnan(value):
            return ""
    return json.dumps(value)


def _texts(column: pa.ChunkedArray, write: Callable[[Value], str], missing: str) -> pa.Array:
    """Return the text of each row; each different value is written once."""
    if pa.types.is_integer(column.type):
        return column.cast(pa.large_string()).combine_chunks().fill_null(missing)
    distinct = as_dictionary(column)
    written = pa.array(map(write, distinct.dictionary.to_pylist()), pa.large_string())
    return written.take(distinct.indices).fill_null(missing)


def _moments(column: pa.ChunkedArray) -> pa.Array:
    """Return times as ISO 8601 in UTC, or without a zone where none is known."""
    zone = "Z" if column.type.tz else ""
    plain = column.cast(pa.timestamp(column.type.unit)).combine_chunks().cast(pa.large_string())
    # Arrow puts a space between date and time.
    return _glued(pc.binary_replace_slice(plain, 10, 11, "T"), zone)


def _joined(parts: list[pa.Array | str]) -> Buffer:
    """Return the texts of all rows behind one another, without a copy."""
    whole = _glued(*parts)
    if not len(whole):
        return b""
    _, ends, content = whole.buffers()
    last = memoryview(ends).cast("q")[whole.offset + len(whole)]
    return memoryview(content)[:last]


def _glued(*parts: pa.Array | str) -> pa.Array:
    """Return the texts of each row behind one another; plain texts are the same in all rows."""
    texts = [pa.scalar(p, pa.large_string()) if isinstance(p, str) else p for p in parts]
    return pc.binary_join_element_wise(*texts, pa.scalar("", pa.large_string()))
