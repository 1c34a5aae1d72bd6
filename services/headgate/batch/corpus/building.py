"""Files become a corpus index, whatever stops it on the way; later they are added and deleted.

InputSpec -> files, those that changed -> passages -> segments, each committed -> generation
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from headgate.artifact.manifest import MANIFEST
from headgate.batch.corpus.encoders import EncoderChoice
from headgate.batch.corpus.journal import JOURNAL, Journal, Numbers, SourceState, State
from headgate.batch.corpus.publish import publish, refuse_parts, tidy
from headgate.batch.corpus.reading import read_passages, source_of
from headgate.batch.corpus.tally import Change, Letters, Report, Tally
from headgate.batch.corpus.writer import Writer
from headgate.batch.durable import private_folder
from headgate.batch.inputs import find_inputs
from headgate.batch.lock import held
from headgate.batch.types import DeadLetter, InputFile, InputSpec, Reason
from headgate.errors import ArtifactError, InputError, NotFoundError
from headgate.models.encoder import Encoder
from headgate.retrieval.corpus.dense import EXACT_BELOW
from headgate.retrieval.corpus.index import check_encoder
from headgate.retrieval.corpus.manifest import BUILD, read_manifest
from headgate.retrieval.corpus.segment import SEGMENT_ROWS

LOCKED_AS: Final = "index"
_NONE: Final = np.empty(0, np.int64)
_OURS: Final = (MANIFEST, JOURNAL, "lock", "segments")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is done at a time, and what ends a run."""

    max_errors: int | None = None
    """More wrong lines or rows than this end the run; None for any number."""
    segment_rows: int = SEGMENT_ROWS
    """Passages that are committed together."""
    exact_below: int = EXACT_BELOW
    """From this many passages on, similar vectors are found approximately."""


Load = Callable[[EncoderChoice], Encoder]


def build(
    directory: Path,
    spec: InputSpec,
    choice: EncoderChoice,
    *,
    limits: Limits = Limits(),
    report: Report | None = None,
    load: Load = EncoderChoice.load,
) -> Change:
    """Make the index of some files in a directory, or go on with it, and return what was done.

    Stopped at any moment, it goes on where it was when it is called again. Files that are in the
    index and have not changed are passed over, so it also brings an index up to date.

    Args:
        directory: New, empty, or of an index that the same encoder made.
        spec: The files.
        choice: The encoder.
        limits: How much is done at a time.
        report: Told how far it is.
        load: Makes the encoder of a choice.

    Raises:
        InputError: A file cannot be read, or there is no passage in any of them.
        ArtifactError: The directory holds something else, or an index of another encoder.
        JobLockedError: Another process works in it.
        OSError: It cannot be written.
    """
    _refuse_others(directory)
    files = find_inputs(spec, mixed=True)
    private_folder(directory)
    with held(directory, LOCKED_AS):
        encoder = load(choice)
        journal = Journal.of(directory)
        if journal is None:
            state = State(encoder.fingerprint, choice.facts(), encoder.dim)
            journal = Journal(directory, state)
        return _Run(directory, journal, limits, report, encoder).add(files, spec)


def add(
    directory: Path,
    spec: InputSpec,
    *,
    limits: Limits = Limits(),
    report: Report | None = None,
    load: Load = EncoderChoice.load,
) -> Change:
    """Add files to an index with the encoder that made it, and return what was done.

    A file that has changed replaces its passages; one that has not is passed over.

    Raises:
        InputError: A file cannot be read, or there is no passage in any of them.
        ArtifactError: There is no index, or its files are altered.
        JobLockedError: Another process works in it.
        OSError: It cannot be written.
    """
    journal = _begun(directory)
    files = find_inputs(spec, mixed=True)
    with held(directory, LOCKED_AS):
        journal = _begun(directory)
        encoder = load(EncoderChoice.of(journal.state.model))
        return _Run(directory, journal, limits, report, encoder).add(files, spec)


def delete(
    directory: Path,
    *,
    sources: Sequence[str] = (),
    ids: Sequence[str] = (),
    limits: Limits = Limits(),
) -> Change:
    """Delete passages from an index, and return what was done.

    Args:
        directory: Of the index.
        sources: Files, or directories with all that came from below them.
        ids: Of single passages. One comes back when its file changes and is added again.
        limits: As for `build`.

    Raises:
        NotFoundError: The index has nothing of one of them; then nothing is deleted.
        ArtifactError: There is no index, or its files are altered.
        JobLockedError: Another process works in it.
        OSError: It cannot be written.
    """
    _begun(directory)
    with held(directory, LOCKED_AS):
        return _Run(directory, _begun(directory), limits).delete(sources, ids)


class _Run:
    """One change of an index whose lock is held."""

    def __init__(
        self,
        directory: Path,
        journal: Journal,
        limits: Limits,
        report: Report | None = None,
        encoder: Encoder | None = None,
    ) -> None:
        self._directory, self._journal, self._limits = directory, journal, limits
        if encoder is not None:
            check_encoder(directory, journal.state.encoder, encoder.fingerprint)
        self._writer = Writer(directory, journal, encoder, segment_rows=limits.segment_rows)
        self._of_source = _by_source(self._writer, journal.state)
        self._tally = Tally(report, limits.max_errors)

    def add(self, files: Sequence[InputFile], spec: InputSpec) -> Change:
        self._tally.of_files = len(files)
        # Before hours of embedding for what could not be published then.
        refuse_parts(self._journal.state, but={source_of(file) for file in files})
        for file in files:
            self._add_file(file, spec)
        self._writer.commit(self._tally.embedded)
        if not self._alive:
            problem = "there is no passage in it"
            raise InputError(files[0].place, problem, "Check what the files hold.")
        return self._published()

    def delete(self, sources: Sequence[str], ids: Sequence[str]) -> Change:
        gone = [each for name in sources for each in self._sources_below(name)]
        numbers = [self._of_source.get(source, _NONE) for source in gone]
        numbers.append(self._of_ids(ids))
        self._forget(np.unique(np.concatenate(numbers)), gone)
        return self._published()

    def _add_file(self, file: InputFile, spec: InputSpec) -> None:
        source = source_of(file)
        known = self._journal.state.sources.get(source, SourceState(file.fingerprint))
        if known.fingerprint != file.fingerprint:
            self._forget(self._of_source.get(source, _NONE), [source])
            known = SourceState(file.fingerprint)
        if known.whole:
            self._tally.files_unchanged += 1
            return
        self._read(file, spec, known.read)
        self._tally.files_read += 1

    def _read(self, file: InputFile, spec: InputSpec, read: int) -> None:
        """Take the passages of a file behind the first ones, which are committed."""
        source, letters = source_of(file), Letters(self._tally)
        for passage in islice(read_passages(file, spec, letters), read, None):
            read += 1
            if self._writer.add(passage):
                self._tally.added += 1
            else:
                letters.add(_with_taken_id(file, read))
            if self._writer.full:
                self._writer.reached(source, SourceState(file.fingerprint, read, letters.count))
                self._writer.commit(self._tally.embedded)
        ended = SourceState(file.fingerprint, read, letters.count, whole=True)
        self._writer.reached(source, ended)

    def _published(self) -> Change:
        state = self._journal.state
        manifest = read_manifest(self._directory)
        if state.changed or manifest is None:
            self._tally.indexing()
            limit = self._limits.exact_below
            manifest = publish(self._directory, state, self._writer.segments, limit)
        else:
            tidy(self._directory, manifest)
        return self._tally.change(self._directory, manifest, self._writer.embedded)

    def _forget(self, numbers: Numbers, sources: Sequence[str]) -> None:
        self._writer.forget(numbers, sources)
        self._tally.removed += len(numbers)

    @property
    def _alive(self) -> int:
        state = self._journal.state
        return sum(each.count for each in state.segments) - len(state.dead)

    def _sources_below(self, name: str) -> list[str]:
        """Return the sources of the index that a file or directory stands for."""
        path = name if "://" in name else os.path.abspath(os.path.expanduser(name))
        below = path.rstrip("/") + "/"
        known = self._journal.state.sources
        found = [each for each in known if each == path or each.startswith(below)]
        if not found:
            problem = f"nothing came from {name!r}"
            raise NotFoundError(str(self._directory), problem, "See: headgate index status DIR.")
        return found

    def _of_ids(self, ids: Sequence[str]) -> Numbers:
        wanted, found, numbers = set(ids), set[str](), []
        for each in self._writer.segments if ids else ():
            names = each.ids()
            places = [place for place, name in enumerate(names) if name in wanted]
            alive = np.setdiff1d(each.first + np.array(places, np.int64), self._journal.state.dead)
            found.update(names[number - each.first] for number in alive.tolist())
            numbers.append(alive)
        for missing in sorted(wanted - found):
            problem = f"there is no passage {missing!r}"
            raise NotFoundError(str(self._directory), problem, "Check the id and its case.")
        return np.concatenate([_NONE, *numbers])


def _begun(directory: Path) -> Journal:
    journal = Journal.of(directory)
    if journal is None:
        raise ArtifactError(str(directory), "there is no index here", BUILD)
    return journal


def _refuse_others(directory: Path) -> None:
    """Refuse to build where something else lies, be it an index or not."""
    if not directory.exists():
        return
    place, remedy = str(directory), "Choose a new or empty directory."
    if not directory.is_dir():
        raise ArtifactError(place, "is there already and is not a directory", remedy)
    for path in sorted(directory.iterdir()):
        if path.name not in _OURS and not path.name.startswith((".", "generation-")):
            raise ArtifactError(place, f"holds {path.name!r}, which is of no index", remedy)


def _by_source(writer: Writer, state: State) -> dict[str, Numbers]:
    """Return the numbers of all passages that are not dead, by source."""
    found: dict[str, list[Numbers]] = {}
    for each in writer.segments:
        numbers = np.setdiff1d(each.first + np.arange(len(each)), state.dead)
        sources = each.sources()[numbers - each.first]
        for source in set(sources):
            found.setdefault(source, []).append(numbers[sources == source])
    return {source: np.concatenate(parts) for source, parts in found.items()}


def _with_taken_id(file: InputFile, number: int) -> DeadLetter:
    detail = "another passage has its id and another text"
    return DeadLetter(0, file.place, number, Reason.ROW_INVALID, detail)
