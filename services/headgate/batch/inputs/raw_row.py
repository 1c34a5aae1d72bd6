"""One row as its file has it, before it is known to be a record.

RawRow: number, cells | reason, detail
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.batch.types import Reason


@dataclass(frozen=True, slots=True)
class RawRow:
    """The cells of one row; or what is wrong with it."""

    number: int
    """Within the file, from 1."""
    cells: Mapping[str, Any] | None
    """By column, absent where there is nothing; None when the row is wrong."""
    lossy: bool = False
    """True when bytes that were not UTF-8 were replaced by U+FFFD."""
    reason: Reason = Reason.ROW_INVALID
    detail: str = ""


def wrong_row(number: int, reason: Reason, detail: str) -> RawRow:
    """Return a row that cannot be used."""
    return RawRow(number, None, reason=reason, detail=detail)


def decoded(cell: bytes) -> tuple[str, bool]:
    """Return the text, and whether U+FFFD stands for some of its bytes."""
    try:
        return cell.decode(), False
    except UnicodeDecodeError:
        return cell.decode("utf-8", "replace"), True
