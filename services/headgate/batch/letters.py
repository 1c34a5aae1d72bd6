"""What could not be read of a unit, kept until the unit is written.

DeadLetter -> UnitLetters: one line of JSON each, in the spool -> DeadLetter again
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from headgate.batch.durable import replacing
from headgate.batch.types import DeadLetter, Unit
from headgate.errors import InputError


class UnitLetters:
    """The dead letters of one unit, as they come."""

    def __init__(self, file: TextIO, most: int | None) -> None:
        """Take an open file, and how many letters end the unit."""
        self._file, self._most = file, most
        self.count = 0

    def add(self, letter: DeadLetter) -> None:
        """Take one.

        Raises:
            InputError: There are too many.
        """
        self.count += 1
        check_errors(self.count, self._most)
        row = (letter.number, letter.reason, letter.detail, letter.offset)
        self._file.write(json.dumps(row) + "\n")


@contextlib.contextmanager
def collecting(path: Path, most: int | None) -> Iterator[UnitLetters]:
    """Yield what takes the letters of a unit; their file is there at the end of the block.

    Raises:
        OSError: It cannot be written.
    """
    with replacing(path) as partial, partial.open("w", encoding="ascii") as file:
        yield UnitLetters(file, most)


def collected(path: Path, unit: Unit, lines_before: int) -> Iterator[DeadLetter]:
    """Yield the letters of a unit again, numbered within their file.

    Args:
        path: Where they were collected.
        unit: Whose they are.
        lines_before: Lines of the file in its earlier units, which numbers do not count.
    """
    with path.open(encoding="ascii") as file:
        for line in file:
            number, reason, detail, offset = json.loads(line)
            letter = DeadLetter(unit.number, unit.file.place, number, reason, detail, offset)
            yield replace(letter, number=number + lines_before)


def check_errors(found: int, most: int | None) -> None:
    """Refuse to go on with more wrong lines or rows than were allowed.

    Raises:
        InputError: There are more.
    """
    if most is not None and found > most:
        raise InputError(
            "input",
            f"more than {most} lines or rows are wrong",
            "Name the format of the input, or allow more: the dead letters then say which.",
        )
