"""What a build has done since the last manifest, so that the next run goes on there.

events -> journal.jsonl, each on the disk before the next -> replayed onto the manifest -> State
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from headgate.artifact import JSON
from headgate.artifact.manifest import MANIFEST, ListedFile
from headgate.errors import ArtifactError
from headgate.retrieval.corpus.generation import DEAD_FILE
from headgate.retrieval.corpus.manifest import REBUILD, ListedSegment, Manifest, read_manifest

JOURNAL: Final = "journal.jsonl"
SOURCES: Final = "sources.json"

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SourceState:
    """How far one file has been read."""

    fingerprint: str
    """As `InputFile.fingerprint`: differs when the file was written to."""
    read: int = 0
    """Passages that are committed or refused: where the next run goes on."""
    wrong: int = 0
    """Lines and rows that were no passages."""
    whole: bool = False
    """Whether that is all there is in it."""


@dataclass(slots=True)
class State:
    """What an index consists of, with what no manifest lists yet."""

    encoder: str
    model: Mapping[str, JSON]
    dim: int
    generation: int = 0
    """Of the manifest; 0 before the first."""
    next_number: int = 0
    segments: list[ListedSegment] = field(default_factory=list)
    files: dict[str, ListedFile] = field(default_factory=dict)
    dead: Numbers = field(default_factory=lambda: np.empty(0, np.int64))
    """Ascending numbers of passages that were deleted or replaced."""
    sources: dict[str, SourceState] = field(default_factory=dict)
    changed: bool = False
    """Whether there is more than the manifest says."""


class Journal:
    """Events are taken into the state once they are on the disk."""

    def __init__(self, directory: Path, state: State, end: int = 0) -> None:
        """Begin a journal, or go on with the one in the directory.

        Args:
            directory: Of the index.
            state: After all events in the journal.
            end: Bytes of the file that count; what is behind them is cut off.
        """
        self.state = state
        self._path, self._end = directory / JOURNAL, end

    @classmethod
    def of(cls, directory: Path) -> Journal | None:
        """Return the journal of a directory; None where no index was begun.

        Raises:
            ArtifactError: The manifest is altered, or what the journal goes on from is not there.
        """
        manifest = read_manifest(directory)
        state = None if manifest is None else _state_of(directory, manifest)
        events, end = _events(directory / JOURNAL)
        if not events:
            return None if state is None else cls(directory, state)
        first = events[0]
        if first["base"] == (state.generation if state else 0):
            state = state or State(first["encoder"], first["model"], first["dim"])
            for event in events[1:]:
                _take(state, event)
            return cls(directory, state, end)
        if state is None:
            raise ArtifactError(str(directory / MANIFEST), "is missing", REBUILD)
        # A run that was killed had written the manifest, and not yet removed the journal.
        return cls(directory, state)

    def commit(
        self,
        sources: Mapping[str, SourceState],
        segment: ListedSegment | None = None,
        files: Mapping[str, ListedFile] | None = None,
    ) -> None:
        """Take a segment whose files are in their places, and how far that brings its sources."""
        event: dict[str, JSON] = {
            "sources": {name: asdict(each) for name, each in sources.items()},
            "segment": asdict(segment) if segment else None,
            "files": {name: asdict(each) for name, each in (files or {}).items()},
        }
        self._write(event)

    def forget(self, dead: Numbers, sources: Iterable[str] = ()) -> None:
        """Take passages as dead, and sources as never read."""
        self._write({"dead": _ranges(dead), "forgotten": list(sources)})

    def _write(self, event: Mapping[str, JSON]) -> None:
        if not self._end:
            state = self.state
            first: dict[str, JSON] = {"base": state.generation, "encoder": state.encoder}
            self._append({**first, "model": state.model, "dim": state.dim})
        self._append(event)
        _take(self.state, event)

    def _append(self, event: Mapping[str, JSON]) -> None:
        line = json.dumps(event).encode() + b"\n"
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(handle, "r+b") as file:
            # Half an event, as a kill or a full disk leaves it, would hide those behind it.
            file.truncate(self._end)
            file.seek(self._end)
            file.write(line)
            file.flush()
            os.fsync(handle)
        self._end += len(line)


def _events(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the whole events of a journal, and how many bytes they take."""
    events, end = [], 0
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                try:
                    events.append(json.loads(line))
                except ValueError:
                    break
                end += len(line)
    return events, end


def _take(state: State, event: Mapping[str, Any]) -> None:
    """Bring the state to what it is after an event."""
    state.changed = True
    for name in event.get("forgotten", ()):
        state.sources.pop(name, None)
    ranges = [np.arange(first, end) for first, end in event.get("dead", ())]
    if ranges:
        state.dead = np.union1d(state.dead, np.concatenate(ranges))
    for name, each in event.get("sources", {}).items():
        state.sources[name] = SourceState(**each)
    if event.get("segment"):
        segment = ListedSegment(**event["segment"])
        state.segments.append(segment)
        state.next_number = segment.first + segment.count
        files = event["files"].items()
        state.files.update({name: ListedFile(**each) for name, each in files})


def _state_of(directory: Path, manifest: Manifest) -> State:
    """Return what the manifest says, and the files of its generation that only builds read."""
    folder = directory / manifest.folder
    try:
        sources = json.loads((folder / SOURCES).read_bytes())
        known = {name: SourceState(**each) for name, each in sources.items()}
        dead = np.load(folder / DEAD_FILE, allow_pickle=False)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        problem = f"cannot be read ({type(error).__name__})"
        raise ArtifactError(str(folder), problem, REBUILD) from error
    segments = list(manifest.segments)
    files = {name: each for name, each in manifest.files.items() if name.startswith("segments/")}
    state = State(manifest.encoder, manifest.model, manifest.dim, manifest.generation)
    state.next_number = manifest.next_number
    state.segments, state.files, state.dead, state.sources = segments, files, dead, known
    return state


def _ranges(numbers: Numbers) -> list[list[int]]:
    """Return ascending numbers as ranges [first, end)."""
    if not len(numbers):
        return []
    cuts = np.flatnonzero(np.diff(numbers) != 1) + 1
    return [[int(run[0]), int(run[-1]) + 1] for run in np.split(numbers, cuts)]
