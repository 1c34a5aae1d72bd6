"""Rows of JSON Lines.

Source -> lines -> RawRow (rows), numbered by line
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from headgate.batch.inputs.buffers import unit_buffers
from headgate.batch.inputs.json_lines import json_object
from headgate.batch.inputs.lines import entries_of_lines
from headgate.batch.inputs.raw_row import RawRow, decoded, wrong_row
from headgate.batch.inputs.storage import Source
from headgate.batch.inputs.streams import BrokenStreamError
from headgate.batch.types import InputSpec, Reason, Unit

BUFFER_BYTES: Final = 2 * 1024 * 1024


def json_rows(source: Source, unit: Unit, spec: InputSpec) -> Generator[RawRow, None, None]:
    """Yield the objects of a unit's lines; blank lines are passed over.

    Where a compressed file breaks off, the last row says so.

    Raises:
        InputError: The file cannot be read, or has become shorter.
    """
    number = unit.first_row
    try:
        buffers = unit_buffers(source, unit, spec, BUFFER_BYTES)
        for entries in entries_of_lines(buffers, unit.end):
            for line in entries.content().to_pylist():
                if line.strip():
                    yield _row(number, line, spec)
                number += 1
    except BrokenStreamError as broken:
        yield wrong_row(number, broken.reason, broken.detail)


def _row(number: int, line: bytes, spec: InputSpec) -> RawRow:
    if len(line) > spec.max_line_bytes:
        detail = f"it is longer than {spec.max_line_bytes} bytes"
        return wrong_row(number, Reason.LINE_TOO_LONG, detail)
    text, lossy = decoded(line)
    cells = json_object(text)
    if cells is None:
        return wrong_row(number, Reason.NOT_JSON, "the line is no JSON object")
    return RawRow(number, cells, lossy)
