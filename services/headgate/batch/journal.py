"""How far a job is, in one file that survives its process.

units (numbered) -> planned -> spooled -> answered -> written; notes by name; see `paid`, `store`
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from headgate.artifact import JSON
from headgate.batch import drafts, paid, store
from headgate.batch.database import FILE, disk_errors, open_database, transaction
from headgate.batch.types import InputFile, Unit
from headgate.errors import InputError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS units (
    number INTEGER PRIMARY KEY,
    unit TEXT NOT NULL,
    step INTEGER NOT NULL DEFAULT 0,
    spooled TEXT,
    written TEXT,
    summary TEXT
);
CREATE TABLE IF NOT EXISTS notes (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
"""
_PLANNED = "planned"
Facts = Mapping[str, Any]
"""What a worker told, as JSON."""


class Step(IntEnum):
    """How far a unit is."""

    PLANNED = 0
    SPOOLED = 1
    """Its text was read; what is needed of it lies in the spool."""
    ANSWERED = 2
    """All its records have answers on the disk."""
    WRITTEN = 3
    """Its rows are under their final name."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A unit and how far it is."""

    unit: Unit
    step: Step
    spooled: Facts
    """What reading it told; empty before."""
    written: Facts
    """What writing it told; empty before."""


class Journal:
    """One SQLite file; used from one thread at a time."""

    def __init__(self, directory: Path) -> None:
        """Open or create the journal of a job.

        Raises:
            InputError: The file there is no journal, or damaged.
            OSError: It cannot be read or written.
        """
        self._path = directory / FILE
        self._connection = open_database(
            directory, _SCHEMA + paid.SCHEMA + store.SCHEMA + drafts.SCHEMA
        )
        self.calls = paid.PaidCalls(self._connection, self._path)
        """What was paid for."""
        self.answers = store.AnswerStore(self._connection, self._path)
        """What records were answered."""
        self.drafts = drafts.Drafts(self._connection, self._path)
        """What the small model says, where the batch is certified by itself."""

    def plan(self, units: Sequence[Unit]) -> None:
        """Write down all units of the job, once."""
        rows = [(unit.number, json.dumps(asdict(unit))) for unit in units]
        with self._transaction():
            self._connection.executemany("INSERT INTO units (number, unit) VALUES (?, ?)", rows)
            self._connection.execute("INSERT INTO notes VALUES (?, ?)", (_PLANNED, "true"))

    @property
    def planned(self) -> bool:
        """Return whether the units of the job are written down."""
        return self.noted(_PLANNED) is not None

    def units(self) -> list[Planned]:
        """Return all units in the order of their numbers; none before they are planned."""
        query = "SELECT unit, step, spooled, written FROM units ORDER BY number"
        with disk_errors(self._path):
            return [
                Planned(_unit(unit), Step(step), _facts(spooled), _facts(written))
                for unit, step, spooled, written in self._connection.execute(query)
            ]

    def counts(self) -> dict[Step, int]:
        """Return how many units have come at least that far."""
        query = "SELECT step, COUNT(*) FROM units GROUP BY step"
        with disk_errors(self._path):
            at = dict(self._connection.execute(query).fetchall())
        return {step: sum(n for own, n in at.items() if own >= step) for step in Step}

    def spooled(self, number: int, facts: Facts) -> None:
        """Write down that a unit was read."""
        query = "UPDATE units SET step = ?, spooled = ? WHERE number = ?"
        self._execute(query, (Step.SPOOLED, json.dumps(facts), number))

    def answered(self, numbers: Sequence[int]) -> None:
        """Write down that all records of these units have answers."""
        rows = [(Step.ANSWERED, number) for number in numbers]
        with self._transaction():
            self._connection.executemany("UPDATE units SET step = ? WHERE number = ?", rows)

    def written(self, number: int, facts: Facts, summary: Mapping[str, Any]) -> None:
        """Write down that a unit's rows are in their place, and what is counted of them."""
        query = "UPDATE units SET step = ?, written = ?, summary = ? WHERE number = ?"
        self._execute(query, (Step.WRITTEN, json.dumps(facts), json.dumps(summary), number))

    def summaries(self) -> Iterator[Any]:
        """Yield what is counted of the rows of each written unit, one at a time."""
        query = "SELECT summary FROM units WHERE summary IS NOT NULL ORDER BY number"
        with disk_errors(self._path):
            for (summary,) in self._connection.execute(query):
                yield json.loads(summary)

    def note(self, name: str, value: JSON) -> None:
        """Write down a fact of the whole job; the last one of a name stays."""
        self._execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, json.dumps(value)))

    def noted(self, name: str) -> Any:  # noqa: ANN401 - what was noted
        """Return a fact of the whole job; None when there is none."""
        with disk_errors(self._path):
            query = "SELECT value FROM notes WHERE name = ?"
            row = self._connection.execute(query, (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _execute(self, query: str, values: Sequence[object]) -> None:
        with self._transaction():
            self._connection.execute(query, values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with transaction(self._connection, self._path):
            yield


def open_existing(directory: Path) -> Journal:
    """Return the journal of a job that was begun.

    Raises:
        InputError: There is none.
    """
    if not (directory / FILE).is_file():
        raise InputError(str(directory), "there is no batch job in it", "Name its --output.")
    return Journal(directory)


def _unit(text: str) -> Unit:
    values = json.loads(text)
    return Unit(**{**values, "file": InputFile(**values["file"])})


def _facts(text: str | None) -> Facts:
    return {} if text is None else json.loads(text)
