"""Reads files the way a batch does: found, cut into units, each unit read on its own."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from headgate.batch.inputs import find_inputs, plan_units, read_lines, read_rows
from headgate.batch.inputs.text import BLOCK_BYTES
from headgate.batch.inputs.units import UNIT_BYTES
from headgate.batch.types import DeadLetter, InputSpec, LineBlock, RowBlock, Unit


@dataclass
class Letters:
    """Dead letters that are kept in a list."""

    all: list[DeadLetter] = field(default_factory=list)

    def add(self, letter):
        self.all.append(letter)

    @property
    def reasons(self):
        return [letter.reason for letter in self.all]

    @property
    def numbers(self):
        return [letter.number for letter in self.all]


@dataclass
class Read:
    """What all units of the files gave, one after the other."""

    units: list[Unit]
    blocks: list[LineBlock | RowBlock]
    dead: Letters
    numbers: list[int]
    """Within the file."""
    values: list
    """Lines as bytes, or records."""
    line_count: int = 0

    def column(self, name):
        return [value for block in self.blocks for value in getattr(block, name).to_pylist()]


def read_files(patterns, *, target_bytes=UNIT_BYTES, block_bytes=BLOCK_BYTES, **options):
    """Read lines of text."""
    spec = InputSpec(tuple(map(str, patterns)), **options)
    units = plan_units(find_inputs(spec), spec, target_bytes)
    read = Read(units, [], Letters(), [], [])
    lines_before = Counter()
    for unit in units:
        base = lines_before[unit.file.path]
        for block in read_lines(unit, spec, read.dead, block_bytes=block_bytes):
            read.blocks.append(block)
            read.numbers += [base + number for number in block.numbers.to_pylist()]
            read.values += block.content.to_pylist()
            lines_before[unit.file.path] += block.line_count
    read.line_count = lines_before.total()
    return read


def read_text(content, *, name="app.log", **options):
    """Read the lines of one file with this content."""
    with TemporaryDirectory() as directory:
        path = Path(directory, name)
        path.write_bytes(content)
        return read_files([path], **options)


def read_table(path, task, *, target_bytes=UNIT_BYTES, block_rows=4096, **options):
    """Read the rows of one file."""
    spec = InputSpec((str(path),), **options)
    units = plan_units(find_inputs(spec), spec, target_bytes)
    read = Read(units, [], Letters(), [], [])
    for unit in units:
        for block in read_rows(unit, spec, task, read.dead, block_rows=block_rows):
            read.blocks.append(block)
            read.numbers += block.numbers
            read.values += block.records
    return read
