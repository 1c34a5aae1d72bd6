"""How an index is: what can be found in it, and what a stopped run has left.

DIRECTORY -> manifest, journal, lock -> IndexStatus
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from headgate.batch.corpus.journal import Journal
from headgate.batch.lock import Owner, owner_of
from headgate.errors import ArtifactError
from headgate.retrieval.corpus.manifest import BUILD, read_manifest


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """What there is to say about an index without loading it."""

    directory: str
    state: Literal["ready", "changing", "unfinished"]
    """`ready`: all that was added can be found; `changing`: a process is at work; `unfinished`: a
    run was stopped, and the next one goes on there."""
    generation: int
    """Of what is searched; 0 before the first build is finished."""
    passages: int
    """Those that can be found."""
    duplicates: int
    """Those that cannot, because another has the same content."""
    waiting: int
    """Passages with vectors that are not in this generation yet."""
    files: int
    """Those that were read to their end."""
    wrong: int
    """Lines and rows in them that were no passages."""
    encoder: str
    """The fingerprint."""
    model: str
    """`embedded`, a directory or a hub id."""
    size_bytes: int
    """Of all files of the generation."""
    owner: Owner | None
    """The process at work."""


def status(directory: Path) -> IndexStatus:
    """Return how an index is; no hash is checked.

    Raises:
        ArtifactError: There is no index, or its manifest is altered.
    """
    journal, manifest = Journal.of(directory), read_manifest(directory)
    if journal is None:
        raise ArtifactError(str(directory), "there is no index here", BUILD)
    state, owner = journal.state, owner_of(directory)
    sources = state.sources.values()
    return IndexStatus(
        str(directory),
        "changing" if owner else "unfinished" if state.changed else "ready",
        state.generation,
        manifest.passages if manifest else 0,
        manifest.duplicates if manifest else 0,
        state.next_number - (manifest.next_number if manifest else 0),
        sum(each.whole for each in sources),
        sum(each.wrong for each in sources),
        state.encoder,
        str(state.model["source"]),
        manifest.size_bytes if manifest else 0,
        owner,
    )
