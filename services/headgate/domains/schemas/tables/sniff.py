"""What the first bytes of a table say of its format.

head (up to 64 KiB)  ->  TableFormat | InputError
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from headgate.errors import InputError

HEAD_BYTES: Final = 64 * 1024

UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_ARROW: Final = (b"ARROW1", b"\xff\xff\xff\xff")
"""How a file begins, and how a stream does."""
# A table may begin with a name in brackets, as some databases write them; JSON goes on otherwise.
_JSON: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{\s*[\"}]|\[\s*[{\]])")
_OTHERS: Final = {
    b"PAR1": "Parquet",
    b"PK\x03\x04": "a spreadsheet or an archive",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    b"\x1f\x8b": "compressed",
    b"\x28\xb5\x2f\xfd": "compressed",
    b"%PDF": "PDF",
}


class TableFormat(StrEnum):
    """How a table is written."""

    CSV = "csv"
    """Rows of cells behind a row of names."""
    ARROW = "arrow"
    """Arrow IPC, as a stream or a file."""
    JSON = "json"
    """Columns with names, descriptions and values."""


def sniff_format(content: bytes, place: str) -> TableFormat:
    """Return the format of a table, by its first bytes.

    Raises:
        InputError: It is a format that is not read.
    """
    for magic, what in _OTHERS.items():
        if content.startswith(magic):
            raise InputError(place, f"it is {what}", "Give CSV, Arrow IPC or JSON.")
    if content.startswith(_ARROW):
        return TableFormat.ARROW
    return TableFormat.JSON if _JSON.match(content[:HEAD_BYTES]) else TableFormat.CSV
