"""Rows with the task's fields, from JSON Lines, CSV and Parquet.

Unit, task -> RawRow (rows): cells, or what is wrong -> RowBlock: Record (good rows), DeadLetter
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from headgate.batch.inputs.csv_rows import csv_columns, csv_rows
from headgate.batch.inputs.json_rows import json_rows
from headgate.batch.inputs.parquet_rows import parquet_columns, parquet_rows
from headgate.batch.inputs.raw_row import RawRow
from headgate.batch.inputs.storage import Source
from headgate.batch.inputs.streams import open_source
from headgate.batch.types import (
    DeadLetter,
    DeadLetters,
    InputFile,
    InputSpec,
    Reason,
    RowBlock,
    Unit,
)
from headgate.cascade.mistakes import did_you_mean, listed
from headgate.domains.rows import CANDIDATES, record_of
from headgate.domains.task import Task
from headgate.errors import InputError
from headgate.types import Record

BLOCK_ROWS: Final = 4096
BLOCK_CHARS: Final = 16 * 1024 * 1024
"""Of all texts of a block; with more it ends early, since a record may be two whole tables."""


def read_rows(
    unit: Unit, spec: InputSpec, task: Task, dead: DeadLetters, *, block_rows: int = BLOCK_ROWS
) -> Iterator[RowBlock]:
    """Yield the rows of a unit in order.

    Columns other than the task's fields, `id` and `candidates` are not looked at. A row without
    an id has its number as its id. In CSV, and in a text column of Parquet, candidates are JSON.
    Files of tables that a row names are read here, from below the folder of its file.

    Args:
        unit: Of a file of JSON Lines, CSV or Parquet.
        spec: What it was found with.
        task: Says which fields a row must have.
        dead: Takes rows that are wrong, as the blocks are made.
        block_rows: How many rows, with the wrong ones, become one block.

    Raises:
        InputError: The file cannot be read, or has become shorter.
    """
    with (
        open_source(unit.file, spec) as source,
        closing(_raw_rows(source, unit, spec, task)) as rows,
    ):
        reader = _Reader(unit, _beside(unit, spec), task, dead)
        while (block := reader.block(rows, block_rows)) is not None:
            yield block


def check_task(files: Sequence[InputFile], spec: InputSpec, task: Task) -> None:
    """Refuse files that cannot hold the task's fields, before anything is answered.

    Raises:
        InputError: Lines of text where a record is more than one text; or a table (CSV, Parquet)
            without a column that the task reads.
    """
    for file in files:
        if not file.size_bytes:
            continue
        match file.format:
            case "text":
                _check_lines(file, task)
            case "csv":
                _check_columns(file, csv_columns(file, spec), task)
            case "parquet":
                _check_columns(file, parquet_columns(file, spec), task)


def _check_lines(file: InputFile, task: Task) -> None:
    if len(task.fields) > 1 or task.operation == "rank_causes":
        raise InputError(
            file.place,
            f"it is lines of text, and {task.operation} reads more than one",
            "Give it JSON Lines, CSV or Parquet with a column for each.",
        )


def _check_columns(file: InputFile, columns: Sequence[str], task: Task) -> None:
    needed = [*task.fields, *([CANDIDATES] if task.operation == "rank_causes" else [])]
    for name in needed:
        if name not in columns:
            otherwise = f"{task.operation} reads {listed(needed)}."
            remedy = did_you_mean(name, columns, otherwise)
            raise InputError(file.place, f"there is no column {name!r}", remedy)


def _raw_rows(
    source: Source, unit: Unit, spec: InputSpec, task: Task
) -> Generator[RawRow, None, None]:
    match unit.file.format:
        case "jsonl":
            return json_rows(source, unit, spec)
        case "csv":
            return csv_rows(source, unit, spec)
    return parquet_rows(source, unit, (*task.fields, "id", CANDIDATES))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes records of the rows of one unit."""

    unit: Unit
    beside: str
    """The file, as what a row names is found beside it."""
    task: Task
    dead: DeadLetters

    def block(self, rows: Iterator[RawRow], most: int) -> RowBlock | None:
        """Return the next rows; None when there is none left."""
        numbers: list[int] = []
        records: list[Record] = []
        chars = 0
        row: RawRow | None = None
        for row in islice(rows, most):
            made = self._record(row)
            if isinstance(made, DeadLetter):
                self.dead.add(made)
                continue
            numbers.append(row.number)
            records.append(made)
            chars += sum(map(len, made.fields.values()))
            if chars >= BLOCK_CHARS:
                break
        return None if row is None else RowBlock(numbers, records)

    def _record(self, row: RawRow) -> Record | DeadLetter:
        place = (self.unit.number, self.unit.file.place, row.number)
        if row.cells is None:
            return DeadLetter(*place, row.reason, row.detail)
        cells = _with_candidates(row.cells)
        try:
            record = record_of(cells, self.task, f"{self.beside}:{row.number}")
        except InputError as error:
            return DeadLetter(*place, Reason.ROW_INVALID, error.problem)
        return replace(record, lossy=True) if row.lossy else record


def _beside(unit: Unit, spec: InputSpec) -> str:
    """Return a file's path on this machine; its URL, beside which nothing is found, elsewhere."""
    elsewhere = "://" in spec.patterns[unit.file.pattern]
    return unit.file.place if elsewhere else unit.file.path


def _with_candidates(cells: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the cells with candidates that are written as JSON in one of them as a list."""
    written = cells.get(CANDIDATES)
    if not isinstance(written, str):
        return cells
    try:
        return {**cells, CANDIDATES: json.loads(written)}
    except (ValueError, RecursionError):
        return cells
