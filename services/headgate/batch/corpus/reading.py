"""The passages in files of text, JSON Lines, CSV and Parquet.

InputFile -> lines -> split into Piece | RawRow -> Passage (passages), always the same for a file
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from itertools import chain
from pathlib import PurePosixPath
from typing import Any, Final

from headgate.batch.inputs.csv_rows import csv_columns, csv_rows
from headgate.batch.inputs.json_rows import json_rows
from headgate.batch.inputs.lines import as_text
from headgate.batch.inputs.parquet_rows import parquet_columns, parquet_rows
from headgate.batch.inputs.raw_row import RawRow
from headgate.batch.inputs.storage import Source, printable
from headgate.batch.inputs.streams import open_source
from headgate.batch.inputs.text import read_lines
from headgate.batch.inputs.units import plan_units
from headgate.batch.types import DeadLetter, DeadLetters, InputFile, InputSpec, Reason, Unit
from headgate.cascade.mistakes import did_you_mean
from headgate.errors import InputError
from headgate.retrieval.corpus.passage import Passage
from headgate.retrieval.corpus.split import split_lines, split_text

COLUMNS: Final = ("id", "title", "text")
MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""Longest line or row; a longer text belongs into a file of its own."""

_ENDINGS: Final = (".gz", ".zst", ".txt", ".md", ".rst", ".text", ".log")


def source_of(file: InputFile) -> str:
    """Return what the passages of a file are known by: its URL, or its absolute path.

    So an index knows a file again, whatever the directory in which a command is given.
    """
    return file.place if "://" in file.place else printable(file.path)


def read_passages(file: InputFile, spec: InputSpec, dead: DeadLetters) -> Iterator[Passage]:
    """Yield the passages of a file, holding few of them.

    Text is cut at the ends of sentences; a heading is the title, or else the name of the file. A
    row is a passage, or several when it is very long; one without an id is known by its place.

    Args:
        file: As `find_inputs` found it.
        spec: What it was found with.
        dead: Takes lines and rows that cannot be read or are no passage.

    Raises:
        InputError: The file cannot be read, or has no column `text`.
    """
    if not file.size_bytes:
        return
    if file.format == "text":
        yield from _of_text(file, spec, dead)
        return
    _check_columns(file, spec)
    with open_source(file, spec) as source:
        for unit in plan_units([file], spec):
            with closing(_rows(source, unit, spec)) as rows:
                yield from chain.from_iterable(_of_row(row, unit, dead) for row in rows)


def _of_text(file: InputFile, spec: InputSpec, dead: DeadLetters) -> Iterator[Passage]:
    source = source_of(file)
    pieces = split_lines(_lines(file, spec, dead), _name_of(file))
    for number, piece in enumerate(pieces, start=1):
        yield Passage(f"{source}#{number}", piece.title, piece.text, source)


def _lines(file: InputFile, spec: InputSpec, dead: DeadLetters) -> Iterator[str]:
    """Yield the lines of a file, with U+FFFD for what is not UTF-8."""
    for unit in plan_units([file], spec):
        for block in read_lines(unit, spec, dead):
            yield from as_text(block.content).to_pylist()


def _name_of(file: InputFile) -> str:
    """Return the name of a file without the endings that say what it is."""
    name = PurePosixPath(file.place.rpartition("::")[0] or file.place).name
    while name.lower().endswith(_ENDINGS) and not name.startswith("."):
        name = os.path.splitext(name)[0]
    return name


def _check_columns(file: InputFile, spec: InputSpec) -> None:
    match file.format:
        case "csv":
            columns = csv_columns(file, spec)
        case "parquet":
            columns = parquet_columns(file, spec)
        case _:
            return
    if "text" not in columns:
        remedy = did_you_mean("text", columns, "Passages have 'text', and maybe 'title' and 'id'.")
        raise InputError(file.place, "there is no column 'text'", remedy)


def _rows(source: Source, unit: Unit, spec: InputSpec) -> Generator[RawRow, None, None]:
    match unit.file.format:
        case "jsonl":
            return json_rows(source, unit, spec)
        case "csv":
            return csv_rows(source, unit, spec)
    return parquet_rows(source, unit, COLUMNS)


def _of_row(row: RawRow, unit: Unit, dead: DeadLetters) -> Iterator[Passage]:
    place, reason, detail = unit.file.place, row.reason, row.detail
    if row.cells is not None:
        reason, detail = Reason.ROW_INVALID, _wrong(row.cells)
    if detail or row.cells is None:
        dead.add(DeadLetter(unit.number, place, row.number, reason, detail))
        return
    source = source_of(unit.file)
    id_ = _text(row.cells.get("id")) or f"{source}#{row.number}"
    title = _text(row.cells.get("title"))
    texts = split_text(_text(row.cells["text"]))
    for number, text in enumerate(texts, start=1):
        yield Passage(id_ if len(texts) == 1 else f"{id_}#{number}", title, text, source)


def _wrong(cells: Mapping[str, Any]) -> str:
    """Return what keeps a row from being a passage; empty when nothing does."""
    for name in ("id", "title"):
        value = cells.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
            return f"{name!r} is no text"
    text = cells.get("text")
    if not isinstance(text, str):
        return "'text' is missing or no text"
    return "" if text.strip() else "'text' is empty"


def _text(value: str | int | None) -> str:
    """Return a cell as text that every encoding can hold, without blanks around it."""
    # JSON can carry half a surrogate pair; UTF-8 and Arrow cannot.
    text = "" if value is None else str(value)
    return text.encode("utf-8", "replace").decode().strip()
