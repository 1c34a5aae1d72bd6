"""Tables from CSV with a line of names.

bytes -> Text -> delimiter -> rows of cells, up to a limit -> one ColumnGatherer a column
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final

from headgate.domains.schemas.gather import ColumnGatherer
from headgate.domains.schemas.tables.limits import MAX_CELL_CHARACTERS, check_columns, rows_read
from headgate.domains.schemas.tables.text import Text, text_of
from headgate.domains.schemas.tables.values import ReadTable
from headgate.errors import InputError

DELIMITERS: Final = (",", ";", "\t", "|")
"""The earlier one on a tie."""

_SNIFFED_ROWS: Final = 50


def read_csv(content: bytes, name: str, place: str) -> ReadTable:
    """Return the table of a file of CSV.

    Blank lines are passed over. A row with too few cells has nulls at its end, one with too many
    loses those; both are counted. Quotes inside of cells that do not begin with one are text.

    Raises:
        InputError: It is no text, has no names, or most of its rows do not fit the names.
    """
    text = text_of(content, place)
    rows = _rows(text, place)
    names = next(rows, [])
    check_columns(place, len(names))
    gatherers = [ColumnGatherer(own) for own in names]
    read = list(islice(rows, rows_read(len(names))))
    for at, gatherer in enumerate(gatherers):
        gatherer.add(row[at] if at < len(row) else None for row in read)
    ragged = sum(len(row) != len(names) for row in read)
    if 2 * ragged > len(read):
        problem = f"{ragged} of its {len(read)} rows do not have as many cells as there are names"
        raise InputError(place, problem, "Begin with a line of names, and quote its cells.")
    columns = tuple(gatherer.column() for gatherer in gatherers)
    truncated = next(rows, None) is not None
    return ReadTable(name, columns, ragged, truncated, text.lossy)


def delimiter_of(head: str) -> str:
    """Return what separates the cells: what most rows agree on, and then what makes most cells."""
    return max(DELIMITERS, key=lambda delimiter: _agreement(head, delimiter))


def _agreement(head: str, delimiter: str) -> tuple[bool, float, int]:
    try:
        rows = list(islice(csv.reader(head.splitlines(), delimiter=delimiter), _SNIFFED_ROWS))
    except csv.Error:
        return False, 0.0, 0
    widths = [len(row) for row in rows if row]
    # The last row may be cut off where the head ends.
    width, count = Counter(widths[:-1] or widths or [0]).most_common(1)[0]
    return width > 1, count / max(len(widths) - 1, 1), width


def _rows(text: Text, place: str) -> Iterator[list[str]]:
    """Yield the rows that are not blank, the names first.

    Raises:
        InputError: A cell is too long.
    """
    # The limit is the whole process's; it is only ever raised, so nobody else minds.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_CHARACTERS))
    with text.open() as lines:
        reader = csv.reader(lines, delimiter=delimiter_of(text.head()))
        try:
            for row in filter(None, reader):
                # Somebody else may have raised it further.
                if max(map(len, row)) > MAX_CELL_CHARACTERS:
                    raise csv.Error
                yield row
        except csv.Error:
            problem = f"a cell is not quoted well or too long, before line {reader.line_num + 1}"
            remedy = f"End its quotes; {MAX_CELL_CHARACTERS} characters are the most."
            raise InputError(place, problem, remedy) from None
