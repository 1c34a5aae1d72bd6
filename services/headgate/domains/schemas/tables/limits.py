"""How much of a table is read, and what is too large to be one.

bytes, columns, rows  ->  InputError or nothing
"""

from __future__ import annotations

from typing import Final

from headgate.errors import InputError

MAX_TABLE_BYTES: Final = 64 * 1024 * 1024
"""Of one file. A model reads a sample; whoever has more has some of its rows."""
MAX_JSON_BYTES: Final = 16 * 1024 * 1024
"""Of one file of JSON, which is in memory as a whole and takes some twenty times its size there."""
MAX_COLUMNS: Final = 10_000
"""More than the widest tables of warehouses; each becomes a text that a model embeds."""
MAX_ROWS: Final = 100_000
"""Rows that are read of a narrow table. What a column keeps of its values has settled before."""
MAX_CELLS: Final = 1_000_000
"""Cells that are read; of a wide table, fewer rows. Each takes some microseconds, so that this is a
few seconds of one core: an attacker's table costs no more."""
MAX_CELL_CHARACTERS: Final = 1024 * 1024
"""Of one cell of CSV. Where quotes do not end, the rest of the file would be one."""
MAX_DECODED_BYTES: Final = 4 * MAX_TABLE_BYTES
"""Of all buffers of Arrow when they are decompressed, and of all its texts: a small file may ask
for far more than there is."""
MAX_BATCHES: Final = 10_000
"""Of Arrow; each is looked at with its dictionaries, however few rows it has."""


def rows_read(columns: int) -> int:
    """Return how many rows are read of a table with so many columns: 100 to 100,000."""
    return min(MAX_ROWS, MAX_CELLS // columns)


def check_size(place: str, size_bytes: int, most_bytes: int = MAX_TABLE_BYTES) -> None:
    """Refuse a file that is empty or too large.

    Raises:
        InputError: It is.
    """
    if not size_bytes:
        raise InputError(place, "it is empty", "Give a table with at least a line of names.")
    if size_bytes > most_bytes:
        remedy = f"Give at most {most_bytes} bytes, such as some of its rows."
        raise InputError(place, f"it has {size_bytes} bytes", remedy)


def check_columns(place: str, count: int) -> None:
    """Refuse a table without columns and one with too many.

    Raises:
        InputError: It has.
    """
    if not count:
        raise InputError(place, "it has no columns", "Give at least one.")
    if count > MAX_COLUMNS:
        remedy = f"Give at most {MAX_COLUMNS}, or split the table."
        raise InputError(place, f"it has {count} columns", remedy)
