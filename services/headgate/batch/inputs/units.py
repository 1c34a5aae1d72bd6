"""How files are cut into units that can be read alone.

InputFile (files) -> Unit (units); plain text by bytes, Parquet by row groups, the rest whole
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from headgate.batch.inputs.parquet_rows import row_groups_of
from headgate.batch.inputs.streams import open_source
from headgate.batch.types import InputFile, InputSpec, Unit

UNIT_BYTES: Final = 64 * 1024 * 1024
_PIECE_BYTES: Final = 1024 * 1024

_Cut = tuple[int, int | None, int]
"""Start, end, number of the first row."""


def plan_units(
    files: Sequence[InputFile], spec: InputSpec, target_bytes: int = UNIT_BYTES
) -> list[Unit]:
    """Return the units of all files, numbered from 0 in the order of the files.

    A cut of plain text may fall into a line: the unit before has the whole of it. So nothing
    needs to be read to cut it. JSON Lines are read once, to number the rows of each unit.

    Args:
        files: As `find_inputs` returns them; those without bytes get no unit.
        spec: What they were found with.
        target_bytes: About how large a unit is where the file can be cut.

    Raises:
        InputError: A file cannot be read, or is no Parquet where it should be.
    """
    cuts = [(file, cut) for file in files for cut in _cuts(file, spec, target_bytes)]
    return [Unit(number, file, *cut) for number, (file, cut) in enumerate(cuts)]


def _cuts(file: InputFile, spec: InputSpec, target_bytes: int) -> Iterator[_Cut]:
    if not file.size_bytes:
        return
    if file.format == "parquet":
        yield from _cuts_by_row_groups(file, spec, target_bytes)
    elif file.compression or file.format == "csv":
        yield 0, None, 1
    elif file.format == "jsonl":
        yield from _numbered(file, spec, _cuts_by_bytes(file.size_bytes, target_bytes))
    else:
        yield from ((start, end, 1) for start, end in _cuts_by_bytes(file.size_bytes, target_bytes))


def _cuts_by_bytes(size_bytes: int, target_bytes: int) -> list[tuple[int, int]]:
    """Return ranges of almost equal length that cover the file."""
    parts = max(1, round(size_bytes / target_bytes))
    places = [size_bytes * part // parts for part in range(parts + 1)]
    return [(start, end) for start, end in pairwise(places) if start < end]


def _numbered(
    file: InputFile, spec: InputSpec, ranges: Sequence[tuple[int, int]]
) -> Iterator[_Cut]:
    """Yield the ranges with the number of the first line that starts in each."""
    if len(ranges) == 1:
        yield *ranges[0], 1
        return
    ends_before, last = 0, b""
    with open_source(file, spec) as source:
        for start, end in ranges:
            # The first line to start here is the next, unless one ended right before.
            yield start, end, ends_before + (1 if not start or last == b"\n" else 2)
            left = end - start
            while left and (piece := source.read(min(left, _PIECE_BYTES))):
                ends_before += piece.count(b"\n")
                left, last = left - len(piece), piece[-1:]


def _cuts_by_row_groups(file: InputFile, spec: InputSpec, target_bytes: int) -> Iterator[_Cut]:
    start, first_row, rows, size_bytes = 0, 1, 0, 0
    groups = row_groups_of(file, spec)
    for number, (group_rows, group_bytes) in enumerate(groups):
        if size_bytes and size_bytes + group_bytes > target_bytes:
            yield start, number, first_row
            start, first_row, rows, size_bytes = number, first_row + rows, 0, 0
        rows, size_bytes = rows + group_rows, size_bytes + group_bytes
    if groups:
        yield start, len(groups), first_row
