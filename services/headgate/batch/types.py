"""The values of a batch: what is read, how it is cut, what a unit holds, what was wrong.

InputSpec -> InputFile (files) -> Unit (units) -> LineBlock (lines) | RowBlock (rows), DeadLetter
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol

from headgate.types import Record

if TYPE_CHECKING:
    import pyarrow as pa

FileFormat = Literal["text", "jsonl", "csv", "parquet"]
Compression = Literal["gz", "zst"]


class Reason(StrEnum):
    """Why a line or row is in the dead letters instead of the output."""

    LINE_TOO_LONG = "LINE_TOO_LONG"
    """The line is longer than `InputSpec.max_line_bytes`."""
    EVENT_TOO_LONG = "EVENT_TOO_LONG"
    """The lines of one event are together longer than that."""
    HEADER_MISMATCH = "HEADER_MISMATCH"
    """The line does not begin as the line format or header pattern says."""
    NOT_JSON = "NOT_JSON"
    """The line is no JSON object."""
    NO_MESSAGE = "NO_MESSAGE"
    """The JSON object has no text under any of the keys of a message."""
    ROW_INVALID = "ROW_INVALID"
    """The row lacks a field, or has one of the wrong kind."""
    ROW_TOO_LONG = "ROW_TOO_LONG"
    """A cell of the row is longer than `InputSpec.max_line_bytes`."""
    TRUNCATED = "TRUNCATED"
    """The compressed file ends early; the lines before are in the output."""
    DAMAGED = "DAMAGED"
    """The file's own check says that this place is broken; what is behind it is not read."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What the user says of the input."""

    patterns: tuple[str, ...]
    """Files, directories, globs or URLs of fsspec; each must match something."""
    format: str = "auto"
    """`auto`, by the name of each file, or a `FileFormat` for all of them."""
    line_format: str | None = None
    """The name of a line format, such as `syslog`, for files of text."""
    header_pattern: str | None = None
    """A regular expression (RE2) for a whole line, with a group `content`."""
    event_start: str | None = None
    """A regular expression (RE2); a line in which it is not found belongs to the one above."""
    max_line_bytes: int = 1024 * 1024
    """Longest line, or event of several lines; longer ones go to the dead letters."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file, as it was when it was found."""

    place: str
    """Its path or URL as a message or a column may show it: printable, and without keys."""
    path: str
    """What opens it: an absolute path, or the path within the file system of its pattern.

    A path whose bytes are not UTF-8 has surrogates in it, which JSON can hold and SQLite cannot.
    """
    pattern: int
    """Position of the pattern that found it."""
    size_bytes: int
    format: FileFormat
    compression: Compression | None
    fingerprint: str
    """16 hex digits of size, time or tag of change, and the first bytes."""
    modified_s: float
    """Unix time of its last change; 0 when the store does not tell."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of one file that is read, answered and committed as a whole."""

    number: int
    """From 0, in the order of the files and of the places in them."""
    file: InputFile
    start: int
    """A unit of plain text has the lines that start in bytes [start, end); of Parquet, the row
    groups [start, end)."""
    end: int | None
    """None for a file that is read as one stream: compressed, or CSV."""
    first_row: int = 1
    """Number of its first row within the file; always 1 for lines of text, which count anew."""


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Some consecutive lines, or events of several lines, of one unit; without the wrong ones."""

    numbers: pa.Int64Array
    """Shape (lines,): from 1 at the unit's first line. The `line_count` of the file's earlier
    units is to be added for the number within the file."""
    offsets: pa.Int64Array
    """Shape (lines,): where the line starts, in bytes of the (decompressed) file."""
    content: pa.LargeBinaryArray
    """Shape (lines,): what is analysed, without header and line end; the bytes as they were."""
    line_count: int
    """Lines of the file that the block took, with blank, wrong and continued ones."""
    timestamps: pa.TimestampArray | None = None
    """Shape (lines,): microseconds, UTC; null where it is not understood. None: no header."""
    levels: pa.LargeStringArray | None = None
    """Shape (lines,); None when the header has none."""
    components: pa.LargeStringArray | None = None
    """Shape (lines,); None when the header has none."""
    lossy: pa.BooleanArray | None = None
    """Shape (lines,): true where the line has bytes that are not UTF-8. None: none has."""


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Some consecutive rows of one unit, without the wrong ones."""

    numbers: Sequence[int]
    """Of each row within its file, from 1: the line of JSON Lines; else the row, headers aside."""
    records: Sequence[Record]
    """One a number. Their ids may repeat: file and number are what a row is known by."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What was wrong with a line or a row; never what it says."""

    unit: int
    place: str
    """The file."""
    number: int
    """As in `LineBlock.numbers` or `RowBlock.numbers`."""
    reason: str
    """A `Reason`, or the reason of the error that answering it ended with."""
    detail: str
    """One clause for a person."""
    offset: int | None = None
    """Of a line of text, as in `LineBlock.offsets`."""


class DeadLetters(Protocol):
    """Where dead letters go."""

    def add(self, letter: DeadLetter) -> None:
        """Take one; raises what ends the unit when there are too many."""
