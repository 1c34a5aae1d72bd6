"""What is done with one unit, wherever that is: it is read, and later its answers are written.

Unit -> spool: rows and items on the disk -> (answers are found) -> write: shard, dead letters

A worker knows paths and nothing else: no model, no journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import pyarrow as pa

from headgate.batch.inputs import read_lines, read_rows
from headgate.batch.letters import collected, collecting
from headgate.batch.outputs.dead_letters import DeadLetterWriter
from headgate.batch.outputs.encoding import ShardFormat
from headgate.batch.outputs.shards import ShardWriter
from headgate.batch.outputs.summary import UnitSummary
from headgate.batch.outputs.summary_json import SummaryJson, summary_to_json
from headgate.batch.progress import Tally
from headgate.batch.repeats import distinct_lines, distinct_rows
from headgate.batch.rows import (
    HEADER,
    line_tables,
    row_tables,
    template_tables,
    without_unanswered,
)
from headgate.batch.shapes import UnitShapes
from headgate.batch.spool import (
    LINES,
    RECORDS,
    ROWS,
    UnitSpool,
    line_batch,
    reading,
    record_batch,
    row_batch,
    template_answers,
    writing,
)
from headgate.batch.types import DeadLetters, InputSpec, LineBlock, RowBlock, Unit
from headgate.domains.news import NewsTask
from headgate.domains.questions.task import QuestionTask
from headgate.domains.schemas.match_task import TableTask
from headgate.domains.task import Task

Grain = Literal["template", "line", "row"]
"""What is answered once: all lines of a template, equal lines, or equal rows."""
PARTS = "parts"


@dataclass(frozen=True, slots=True)
class Work:
    """All that a worker has to know, small enough to be sent anywhere."""

    directory: str
    """The job's, absolute; every worker sees the same files there."""
    spec: InputSpec
    task: Task
    grain: Grain
    output_format: ShardFormat
    partition_by: str = ""
    """A column whose values become folders; none when empty."""
    most_errors: int | None = None
    """More wrong lines or rows than this end the job; None: any number is borne."""

    @property
    def keeps_header(self) -> bool:
        """Return whether no columns of a header are to be left out."""
        return bool(self.grain == "row" or self.spec.line_format or self.spec.header_pattern)


@dataclass(frozen=True, slots=True)
class Spooled:
    """What reading a unit told."""

    rows: int
    """Lines, events or rows that go on."""
    line_count: int
    """Lines of text in it, blank and wrong ones too; 0 where there are rows."""
    letters: int
    """Wrong lines or rows."""


@dataclass(frozen=True, slots=True)
class Written:
    """What writing a unit told."""

    rows: int
    letters: dict[str, int]
    """Wrong lines and rows, and those without an answer, by reason."""
    files: int
    """Of the output."""
    size_bytes: int
    """Of those files."""
    summary: SummaryJson

    def facts(self) -> dict[str, int | dict[str, int]]:
        """Return what is told but for the summary, which is by far the largest part."""
        return {
            "rows": self.rows,
            "letters": self.letters,
            "files": self.files,
            "size_bytes": self.size_bytes,
        }


class Worker:
    """Reads and writes units; may be used by many threads at once."""

    def __init__(self, work: Work, tally: Tally | None = None) -> None:
        """Get ready; nothing is opened yet.

        Args:
            work: What to do.
            tally: Told of every block; None where nobody looks.
        """
        self._work, self._tally = work, tally or Tally()
        self._directory = Path(work.directory)

    def spool(self, unit: Unit) -> Spooled:
        """Read a unit and keep what is needed of it.

        Raises:
            InputError: It cannot be read, or too much of it is wrong.
            OSError: The spool cannot be written.
            StoppedError: The run is to stop.
        """
        spool = UnitSpool.of(self._directory, unit.number)
        with collecting(spool.letters, self._work.most_errors) as letters:
            match self._work.grain:
                case "template":
                    counted = self._spool_shapes(self._lines(unit, letters), spool)
                case "line":
                    counted = self._spool_lines(self._lines(unit, letters), spool)
                case "row":
                    counted = self._spool_rows(self._rows(unit, letters), spool)
        return Spooled(*counted, letters.count)

    def write(self, unit: Unit, lines_before: int) -> Written:
        """Write the answers of a unit's rows, and commit them.

        Doing it again gives the same files.

        Args:
            unit: Which one; its records have answers.
            lines_before: Lines of its file in earlier units.

        Raises:
            OSError: The disk is full or fails.
            StoppedError: The run is to stop.
        """
        summary = _Summary(unit)
        with DeadLetterWriter(self._directory).unit(unit.number, "answer") as letters:
            spool = UnitSpool.of(self._directory, unit.number)
            for letter in collected(spool.letters, unit, lines_before):
                letters.add(letter)
            answered = self._answered(unit, spool, lines_before)
            rows = (without_unanswered(table, unit, letters) for table in answered)
            shard = self._shards.write(unit.number, summary.of(rows))
        told = (shard.rows, dict(letters.by_reason), len(shard.files), shard.size_bytes)
        return Written(*told, summary_to_json(summary.whole))

    def _lines(self, unit: Unit, letters: DeadLetters) -> Iterator[LineBlock]:
        for block in read_lines(unit, self._work.spec, letters):
            self._tally.add(len(block.content))
            yield block

    def _rows(self, unit: Unit, letters: DeadLetters) -> Iterator[RowBlock]:
        for block in read_rows(unit, self._work.spec, self._work.task, letters):
            self._tally.add(len(block.records))
            yield block

    def _spool_shapes(self, blocks: Iterable[LineBlock], spool: UnitSpool) -> tuple[int, int]:
        shapes, rows, line_count = UnitShapes(), 0, 0
        with writing(spool.rows, LINES) as write:
            for block in blocks:
                write(line_batch(block, shapes.take(block)))
                rows, line_count = rows + len(block.content), line_count + block.line_count
        shapes.save(spool)
        return rows, line_count

    def _spool_lines(self, blocks: Iterable[LineBlock], spool: UnitSpool) -> tuple[int, int]:
        (field,), rows, line_count = self._work.task.fields, 0, 0
        with writing(spool.rows, LINES) as write, writing(spool.items, RECORDS) as write_items:
            for block in blocks:
                own = distinct_lines(block, field)
                write(line_batch(block, own.codes))
                write_items(record_batch(own.keys, own.records))
                rows, line_count = rows + len(block.content), line_count + block.line_count
        return rows, line_count

    def _spool_rows(self, blocks: Iterable[RowBlock], spool: UnitSpool) -> tuple[int, int]:
        rows = 0
        with writing(spool.rows, ROWS) as write, writing(spool.items, RECORDS) as write_items:
            for block in blocks:
                own = distinct_rows(block)
                write(row_batch(block, own.codes))
                write_items(record_batch(own.keys, own.records))
                rows += len(block.records)
        return rows, 0

    def _answered(self, unit: Unit, spool: UnitSpool, lines_before: int) -> Iterator[pa.Table]:
        """Yield the unit's rows with their answers, unanswered ones too; at least one table."""
        match self._work.grain:
            case "template":
                tables = template_tables(unit, spool, self._templates, lines_before)
            case "line":
                tables = line_tables(unit, spool, lines_before)
            case "row":
                tables = row_tables(unit, spool, parts=self._has_parts)
        for table in tables:
            self._tally.check()
            yield table if self._work.keeps_header else table.drop_columns(list(HEADER))

    @property
    def _has_parts(self) -> bool:
        """Return whether more is told of a record than its answer."""
        return isinstance(self._work.task, TableTask | QuestionTask | NewsTask)

    @cached_property
    def _templates(self) -> pa.Table:
        return pa.Table.from_batches(reading(template_answers(self._directory)))

    @cached_property
    def _shards(self) -> ShardWriter:
        folder, by = self._directory / PARTS, self._work.partition_by
        return ShardWriter(folder, self._work.output_format, partition_by=by)


class _Summary:
    """What is counted of a unit's rows while they pass."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self.whole = UnitSummary()

    def of(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for table in tables:
            own = UnitSummary.from_table(table, unit=self._unit.number, first_row=self.whole.rows)
            self.whole = self.whole.merge(own)
            yield table
