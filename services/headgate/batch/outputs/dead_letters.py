"""What was wrong with which line or row, so that input and output add up; never what it says.

letters of a unit -> `dead_letters/unit-00017.read.jsonl` -> gathered: `dead_letters.jsonl`
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TextIO, TypeAlias

from headgate.batch.durable import private_folder, replacing, sync
from headgate.batch.types import DeadLetter

Step: TypeAlias = Literal["read", "answer"]
"""When a letter was written: while its unit was read, or while its records were answered."""

DEAD_LETTERS = "dead_letters.jsonl"
MOST_DETAIL = 300
"""Characters."""
_FOLDER, _GONE = "dead_letters", ".dead_letters.gathered"


class UnitLetters:
    """The letters of one step of one unit, while they are written."""

    def __init__(self, stream: TextIO) -> None:
        """Write to a stream."""
        self._stream = stream
        self.by_reason: Counter[str] = Counter()
        """How many there are."""

    def add(self, letter: DeadLetter) -> None:
        """Take one."""
        self.by_reason[letter.reason] += 1
        row = {
            "unit": letter.unit,
            "file": letter.place,
            "number": letter.number,
            "offset": letter.offset,
            "reason": str(letter.reason),
            "detail": letter.detail[:MOST_DETAIL],
        }
        self._stream.write(json.dumps(row) + "\n")


class DeadLetterWriter:
    """Writes the letters of each unit whole or not at all; units may be written at once."""

    def __init__(self, directory: Path) -> None:
        """Keep letters in the directory of a job."""
        self._directory, self._folder = directory, directory / _FOLDER

    @contextmanager
    def unit(self, number: int, step: Step = "read") -> Iterator[UnitLetters]:
        """Yield what takes the letters of one step of a unit; at the end they are on the disk.

        They replace those of an earlier try. After an exception nothing has changed. To be left
        before the unit's rows are committed: what is done twice is then written twice to the
        same place.

        Raises:
            OSError: The disk is full or fails.
        """
        private_folder(self._folder)
        path = self._folder / f"unit-{number:05d}.{step}.jsonl"
        with replacing(path) as partial, partial.open("w", encoding="ascii") as stream:
            letters = UnitLetters(stream)
            yield letters
        if not letters.by_reason:
            path.unlink()

    def gather(self) -> None:
        """Put the letters of all units into one file, in the order of the units.

        To be called when all units are done; calling it again changes nothing.

        Raises:
            OSError: The disk is full or fails.
        """
        gone = self._directory / _GONE
        if self._folder.is_dir() or not (self._directory / DEAD_LETTERS).exists():
            with replacing(self._directory / DEAD_LETTERS) as partial:
                _join(self._files(), partial)
        shutil.rmtree(gone, ignore_errors=True)
        if self._folder.is_dir():
            # Renamed before it is emptied: half of the letters are never taken for all of them.
            self._folder.rename(gone)
            sync(self._directory)
            shutil.rmtree(gone, ignore_errors=True)

    def _files(self) -> list[Path]:
        """Return the files of all units; for one unit, what reading found comes first."""
        found = self._folder.glob("unit-*.jsonl")
        return sorted(found, key=lambda path: (_number(path), ".answer." in path.name))


def _number(path: Path) -> int:
    return int(path.name.removeprefix("unit-").partition(".")[0])


def _join(files: list[Path], target: Path) -> None:
    with target.open("wb") as whole:
        for path in files:
            with path.open("rb") as part:
                shutil.copyfileobj(part, whole)
