"""What a run has done so far, for whoever watches it, and what it did in the end.

passages, files, wrong rows -> Tally -> BuildProgress while it runs, Change at the end
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from headgate.batch.letters import check_errors
from headgate.batch.types import DeadLetter
from headgate.retrieval.corpus.manifest import Manifest


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """What a person is shown."""

    step: Literal["embedding", "indexing"]
    files: int
    """Those that are read."""
    of_files: int
    passages: int
    """Those that got their vector since this run began."""
    passages_per_s: float


Report = Callable[[BuildProgress], None]


@dataclass(frozen=True, slots=True)
class Change:
    """What a run did, and what the index is now."""

    directory: str
    generation: int
    """From 1; grows with every change."""
    passages: int
    """Those that can be found now."""
    duplicates: int
    """Those that cannot, because another has the same content."""
    size_bytes: int
    """Of all files of the index."""
    files_read: int
    files_unchanged: int
    """Those that were in the index already."""
    added: int
    """Passages that were read in this run, duplicates too."""
    embedded: int
    """Of these, those whose content was new."""
    removed: int
    """Passages that were deleted, or whose file has changed."""
    wrong: int
    """Lines and rows that were no passages."""
    first_wrong: str
    """Place and problem of the first of them; empty when there is none."""
    seconds: float


class Tally:
    """Counts of one run."""

    def __init__(self, report: Report | None, max_errors: int | None) -> None:
        """Begin.

        Args:
            report: Told of every batch of vectors.
            max_errors: More wrong lines or rows end the run.
        """
        self._report, self._max_errors = report, max_errors
        self._started_s = time.monotonic()
        self.of_files = self.files_read = self.files_unchanged = 0
        self.added = self.ready = self.removed = self.wrong = 0
        self.first_wrong = ""

    def embedded(self, more: int) -> None:
        """Count passages that got their vector."""
        self.ready += more
        self._tell("embedding")

    def indexing(self) -> None:
        """Say that all is embedded, and the index is being made."""
        self._tell("indexing")

    def refused(self, letter: DeadLetter) -> None:
        """Count a line or row that is no passage.

        Raises:
            InputError: There are too many.
        """
        self.wrong += 1
        self.first_wrong = self.first_wrong or f"{letter.place}:{letter.number}: {letter.detail}"
        check_errors(self.wrong, self._max_errors)

    def change(self, directory: Path, manifest: Manifest, embedded: int) -> Change:
        """Return what the run did.

        Args:
            directory: Of the index.
            manifest: After the run.
            embedded: Passages the encoder was asked about.
        """
        return Change(
            str(directory),
            manifest.generation,
            manifest.passages,
            manifest.duplicates,
            manifest.size_bytes,
            self.files_read,
            self.files_unchanged,
            self.added,
            embedded,
            self.removed,
            self.wrong,
            self.first_wrong,
            self._seconds,
        )

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._started_s

    def _tell(self, step: Literal["embedding", "indexing"]) -> None:
        if self._report is not None:
            files = self.files_read + self.files_unchanged
            rate = self.ready / max(self._seconds, 1e-9)
            self._report(BuildProgress(step, files, self.of_files, self.ready, rate))


class Letters:
    """The wrong lines and rows of one file."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self.count = 0

    def add(self, letter: DeadLetter) -> None:
        """Take one.

        Raises:
            InputError: There are too many.
        """
        self.count += 1
        self._tally.refused(letter)
