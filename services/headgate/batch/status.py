"""How far the job of a directory is, whether somebody works on it or not.

directory -> job.json, lock, journal -> JobStatus
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from headgate.batch import identity as identities
from headgate.batch.database import FILE
from headgate.batch.finish import FINISHED, RUNS
from headgate.batch.identity import Identity
from headgate.batch.journal import Journal, Step
from headgate.batch.lock import Owner, owner_of
from headgate.types import Usage

State = Literal["running", "stopped", "finished"]


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What can be said of a job from outside."""

    identity: Identity
    state: State
    owner: Owner | None
    """Who works on it; None when nobody is known to."""
    runs: int = 0
    """How often it was begun or resumed."""
    units: int = 0
    """Parts that the input was cut into; 0 before that."""
    read: int = 0
    answered: int = 0
    written: int = 0
    """Units that have come so far."""
    rows_read: int = 0
    """Lines or rows in the units that were read."""
    rows_written: int = 0
    dead_letters: int = 0
    """Wrong lines or rows in the units that were read."""
    usage: Usage = Usage()  # noqa: RUF009 - frozen
    """What was paid for."""


def status(directory: Path) -> JobStatus:
    """Return how far a job is.

    Raises:
        InputError: There is no job in the directory, or its journal is damaged.
        OSError: It cannot be read.
    """
    found, owner = identities.read(directory), owner_of(directory)
    if not (directory / FILE).exists():
        return JobStatus(found, "running" if owner else "stopped", owner)
    with closing(Journal(directory)) as journal:
        return _status(found, owner, journal)


def _status(found: Identity, owner: Owner | None, journal: Journal) -> JobStatus:
    planned = journal.units()
    counts = journal.counts()
    finished = journal.noted(FINISHED) is not None
    return JobStatus(
        identity=found,
        state="finished" if finished else "running" if owner else "stopped",
        owner=owner,
        runs=journal.noted(RUNS) or 0,
        units=len(planned),
        read=counts[Step.SPOOLED],
        answered=counts[Step.ANSWERED],
        written=counts[Step.WRITTEN],
        rows_read=sum(each.spooled.get("rows", 0) for each in planned),
        rows_written=sum(each.written.get("rows", 0) for each in planned),
        dead_letters=sum(each.spooled.get("letters", 0) for each in planned),
        usage=journal.calls.total(),
    )
