"""A generation is written beside the one that is read, and the manifest, last, names it.

State, segments -> generation-N/ -> manifest.json -> what no manifest lists is removed
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence, Set
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np

from headgate.artifact.manifest import MANIFEST
from headgate.batch.corpus.journal import JOURNAL, SOURCES, Numbers, State
from headgate.batch.durable import private_folder, replacing, sync
from headgate.errors import InputError
from headgate.retrieval.corpus import dense, generation
from headgate.retrieval.corpus.generation import Census
from headgate.retrieval.corpus.manifest import Manifest, generation_folder, listed
from headgate.retrieval.corpus.rows import Rows
from headgate.retrieval.corpus.segment import Segment

SEGMENTS: Final = "segments"
_PARTIAL: Final = ".generation.partial"


def publish(
    directory: Path, state: State, segments: Sequence[Segment], exact_below: int = dense.EXACT_BELOW
) -> Manifest:
    """Make a new generation of all that is committed, and return its manifest.

    Readers see the old generation until the manifest names the new one. Killed at any moment,
    either is whole; what is left over is removed by the next run.

    Args:
        directory: Of the index; its lock is held.
        state: What is committed.
        segments: Of the state, in its order.
        exact_below: As in `generation.write`.

    Raises:
        InputError: A source was read in part only.
        OSError: It cannot be written.
    """
    refuse_parts(state)
    kept = [each for each in segments if not np.isin(_numbers(each), state.dead).all()]
    census = _write_generation(directory, state, kept, exact_below)
    manifest = _manifest(directory, state, kept, census)
    with replacing(directory / MANIFEST) as partial:
        partial.write_bytes(manifest.encoded())
    tidy(directory, manifest)
    return manifest


def refuse_parts(state: State, but: Set[str] = frozenset()) -> None:
    """Refuse a state with a source that was read in part, unless it is about to be read on.

    Raises:
        InputError: There is one.
    """
    for source, each in state.sources.items():
        if not each.whole and source not in but:
            problem = "a run was stopped while it read this"
            raise InputError(source, problem, "Add it again, or delete it from the index.")


def tidy(directory: Path, manifest: Manifest) -> None:
    """Remove what a finished run needs no more: its journal, and files that are not listed."""
    (directory / JOURNAL).unlink(missing_ok=True)
    shutil.rmtree(directory / _PARTIAL, ignore_errors=True)
    for path in directory.glob("generation-*"):
        if path.name != manifest.folder:
            shutil.rmtree(path, ignore_errors=True)
    for path in (directory / SEGMENTS).glob("*"):
        if f"{SEGMENTS}/{path.name}" not in manifest.files:
            path.unlink(missing_ok=True)


def _write_generation(
    directory: Path, state: State, segments: Sequence[Segment], exact_below: int
) -> Census:
    partial = directory / _PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    private_folder(partial)
    before = directory / generation_folder(state.generation) if state.generation else None
    numbers = [_numbers(each) for each in segments]
    dead = np.intersect1d(state.dead, np.concatenate([state.dead[:0], *numbers]))
    census = generation.write(
        partial, Rows(segments, state.dim), dead, previous=before, exact_below=exact_below
    )
    sources = {name: asdict(each) for name, each in state.sources.items()}
    (partial / SOURCES).write_text(json.dumps(sources, indent=1), encoding="ascii")
    for path in (*partial.iterdir(), partial):
        sync(path)
    target = directory / generation_folder(state.generation + 1)
    shutil.rmtree(target, ignore_errors=True)  # of a run that was killed before its manifest
    partial.rename(target)
    sync(directory)
    return census


def _manifest(
    directory: Path, state: State, segments: Sequence[Segment], census: Census
) -> Manifest:
    folder = generation_folder(state.generation + 1)
    firsts = {each.first for each in segments}
    kept = tuple(each for each in state.segments if each.first in firsts)
    names = {each.name for each in kept}
    files = {name: each for name, each in state.files.items() if name.split(".")[0] in names}
    made = {f"{folder}/{path.name}": listed(path) for path in (directory / folder).iterdir()}
    return Manifest(
        state.generation + 1,
        state.encoder,
        state.model,
        state.dim,
        len(census.live),
        census.duplicates,
        state.next_number,
        kept,
        {**files, **dict(sorted(made.items()))},
    )


def _numbers(segment: Segment) -> Numbers:
    return segment.first + np.arange(len(segment))
