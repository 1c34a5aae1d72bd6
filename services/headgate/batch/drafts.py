"""What the small model says of each record of a batch, before any is decided about.

keys, records, answers of the small model -> drafts, numbered as they came -> scores (n,), records
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headgate.batch.answers import Answer
from headgate.batch.database import disk_errors, transaction
from headgate.batch.purse import Event
from headgate.batch.spool import record_from_json, record_to_json
from headgate.batch.store import AT_ONCE, note_spending
from headgate.types import Record

SCHEMA = """
CREATE TABLE IF NOT EXISTS drafts (
    number INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    block TEXT NOT NULL,
    record TEXT NOT NULL,
    score REAL,
    answer TEXT NOT NULL,
    reference TEXT
);
"""
_ADD = "INSERT INTO drafts (key, block, record, score, answer) VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Draft:
    """One record and what the small model says of it."""

    key: bytes
    block: str
    """The block of the input that had it first."""
    record: Record
    answer: Answer
    """Of the small model; or an error."""
    reference: Answer | None = None
    """Of the large model, where the record was drawn for the sample."""


class Drafts:
    """The drafts of one job, on its disk."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Take the open database of the job, and its path for messages."""
        self._connection, self._path = connection, path

    def __len__(self) -> int:
        """Return how many there are."""
        with disk_errors(self._path):
            return int(self._connection.execute("SELECT COUNT(*) FROM drafts").fetchone()[0])

    def missing(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return the keys of which there is no draft."""
        found: set[bytes] = set()
        with disk_errors(self._path):
            for start in range(0, len(keys), AT_ONCE):
                own = keys[start : start + AT_ONCE]
                marks = ",".join("?" * len(own))
                # Only question marks are put in.
                query = f"SELECT key FROM drafts WHERE key IN ({marks})"  # noqa: S608
                found.update(key for (key,) in self._connection.execute(query, own))
        return set(keys) - found

    def add(self, drafts: Sequence[Draft]) -> None:
        """Append drafts; all or nothing.

        Raises:
            OSError: They are not on the disk.
        """
        rows = [_row(each) for each in drafts]
        with transaction(self._connection, self._path) as connection:
            connection.executemany(_ADD, rows)

    def add_references(self, references: Mapping[int, Answer], events: Sequence[Event]) -> None:
        """Keep the large model's answers by the place of their draft, with what was spent on them.

        Raises:
            OSError: They are not on the disk.
        """
        rows = [(answer.to_json(), place + 1) for place, answer in references.items()]
        query = "UPDATE drafts SET reference = ? WHERE number = ?"
        with transaction(self._connection, self._path) as connection:
            connection.executemany(query, rows)
            note_spending(connection, events)

    def scores(self) -> NDArray[np.float64]:
        """Return the score of each draft in order, shape (n,); NaN where there is none."""
        with disk_errors(self._path):
            rows = self._connection.execute("SELECT score FROM drafts ORDER BY number")
            return np.array([math.nan if score is None else score for (score,) in rows], float)

    def take(self, places: Sequence[int]) -> list[Draft]:
        """Return the drafts at some places, counted from 0, in that order."""
        query = "SELECT key, block, record, answer, reference FROM drafts WHERE number = ?"
        with disk_errors(self._path):
            rows = [self._connection.execute(query, (place + 1,)).fetchone() for place in places]
        return [_draft(*row) for row in rows]


def _draft(key: bytes, block: str, record: str, answer: str, reference: str | None) -> Draft:
    asked = None if reference is None else Answer.from_json(reference)
    return Draft(key, block, record_from_json(record), Answer.from_json(answer), asked)


def _row(draft: Draft) -> tuple[object, ...]:
    score = draft.answer.score
    # SQLite has no NaN: it would become NULL, which it is written as here.
    known = None if score is None or math.isnan(score) else score
    record, answer = record_to_json(draft.record), draft.answer.to_json()
    return draft.key, draft.block, record, known, answer
