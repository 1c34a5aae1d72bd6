"""Rows of CSV with a line of column names.

Source -> lines -> cells (rows) -> RawRow (rows), numbered without the header and blank lines
"""

from __future__ import annotations

import csv
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Final

from headgate.batch.inputs.buffers import unit_buffers
from headgate.batch.inputs.lines import Entries, entries_of_lines
from headgate.batch.inputs.raw_row import RawRow, decoded, wrong_row
from headgate.batch.inputs.storage import Source
from headgate.batch.inputs.streams import BrokenStreamError, open_source
from headgate.batch.types import InputFile, InputSpec, Reason, Unit
from headgate.errors import InputError

BUFFER_BYTES: Final = 2 * 1024 * 1024


def csv_columns(file: InputFile, spec: InputSpec) -> list[str]:
    """Return the names in the first line.

    Raises:
        InputError: The file cannot be read, or its first line holds no names or one twice.
    """
    with open_source(file, spec) as source:
        return _Table(source, Unit(0, file, 0, None), spec).columns()


def csv_rows(source: Source, unit: Unit, spec: InputSpec) -> Generator[RawRow, None, None]:
    r"""Yield the rows of a file; empty cells are left out, and blank lines passed over.

    A quoted cell may hold lines; its line ends become `\n`. Where a compressed file breaks off,
    the last row says so.

    Raises:
        InputError: The file cannot be read, or its first line holds no names or one twice.
    """
    table = _Table(source, unit, spec)
    columns = table.columns()
    number = 1
    try:
        for row in table.rows(columns):
            yield row
            number = row.number + 1
    except BrokenStreamError as broken:
        yield wrong_row(number, broken.reason, broken.detail)


class _Table:
    """A reader of cells that knows which lines it took for a row."""

    def __init__(self, source: Source, unit: Unit, spec: InputSpec) -> None:
        self._place, self._max_bytes = unit.file.place, spec.max_line_bytes
        self._lossy = self._too_long = False
        """Whether a line of the row was not UTF-8, or was longer than allowed and so cut off."""
        # The limit is the whole process's; it is only ever raised, so nobody else minds.
        csv.field_size_limit(max(csv.field_size_limit(), spec.max_line_bytes))
        buffers = unit_buffers(source, unit, spec, BUFFER_BYTES)
        self._cells = csv.reader(self._lines(entries_of_lines(buffers, None)), strict=True)

    def columns(self) -> list[str]:
        try:
            names = next((cells for cells in self._cells if cells), [])
        except (csv.Error, BrokenStreamError):
            names = []
        if not names or self._too_long or len(set(names)) < len(names):
            problem = "its first line does not name each column once"
            raise InputError(self._place, problem, "Begin the file with a line of names.")
        return names

    def rows(self, columns: Sequence[str]) -> Iterator[RawRow]:
        number = 0
        while True:
            self._lossy = self._too_long = False
            try:
                cells = next(self._cells, None)
            except csv.Error:
                number += 1
                yield wrong_row(number, *self._why_not_csv())
                continue
            if cells is None:
                return
            if cells:
                number += 1
                yield self._row(number, cells, columns)

    def _row(self, number: int, cells: Sequence[str], columns: Sequence[str]) -> RawRow:
        if self._too_long:
            return wrong_row(number, *self._why_not_csv())
        if len(cells) != len(columns):
            detail = f"it has {len(cells)} cells, and there are {len(columns)} columns"
            return wrong_row(number, Reason.ROW_INVALID, detail)
        named = {name: cell for name, cell in zip(columns, cells, strict=True) if cell.strip()}
        return RawRow(number, named, self._lossy)

    def _why_not_csv(self) -> tuple[Reason, str]:
        if self._too_long:
            return Reason.ROW_TOO_LONG, f"a line of it is longer than {self._max_bytes} bytes"
        return Reason.ROW_INVALID, "a cell is not quoted well, or its quotes do not end"

    def _lines(self, blocks: Iterable[Entries]) -> Iterator[str]:
        for entries in blocks:
            for line in entries.content().to_pylist():
                self._too_long = self._too_long or len(line) > self._max_bytes
                text, lossy = decoded(line)
                self._lossy = self._lossy or lossy
                yield f"{text}\n"
