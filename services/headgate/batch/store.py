"""The answers of a job's records, so that equal records are answered once.

key of a record -> Answer, with the block of the input that had it first
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headgate.batch.answers import Answer
from headgate.batch.database import disk_errors, transaction
from headgate.batch.purse import Event
from headgate.types import Record

SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY,
    block TEXT NOT NULL,
    answer TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spending (
    number INTEGER PRIMARY KEY,
    events TEXT NOT NULL
);
"""
KEY_BYTES = 16
AT_ONCE = 500
"""Keys of one query; SQLite takes at least 999."""


@dataclass(frozen=True, slots=True)
class Known:
    """An answer and where it was needed."""

    block: str
    """The block of the input that had the record first."""
    answer: Answer


class AnswerStore:
    """The answers of one job, on its disk."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Take the open database of the job, and its path for messages."""
        self._connection, self._path = connection, path

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Known]:
        """Return what is known of these records."""
        found: dict[bytes, Known] = {}
        with disk_errors(self._path):
            for start in range(0, len(keys), AT_ONCE):
                own = keys[start : start + AT_ONCE]
                marks = ",".join("?" * len(own))
                # Only question marks are put in.
                query = f"SELECT key, block, answer FROM answers WHERE key IN ({marks})"  # noqa: S608
                for key, block, answer in self._connection.execute(query, own):
                    found[key] = Known(block, Answer.from_json(answer))
        return found

    def add(self, answers: Mapping[bytes, Known], events: Sequence[Event] = ()) -> None:
        """Keep answers by their records' keys, with what the budget went through; all or nothing.

        Raises:
            OSError: They are not on the disk.
        """
        rows = [(key, each.block, each.answer.to_json()) for key, each in answers.items()]
        with transaction(self._connection, self._path) as connection:
            connection.executemany("INSERT INTO answers VALUES (?, ?, ?)", rows)
            note_spending(connection, events)

    def __len__(self) -> int:
        """Return how many different records have an answer."""
        with disk_errors(self._path):
            return int(self._connection.execute("SELECT COUNT(*) FROM answers").fetchone()[0])

    def events(self) -> Iterator[Event]:
        """Yield what the budget went through, in order."""
        with disk_errors(self._path):
            for (events,) in self._connection.execute(
                "SELECT events FROM spending ORDER BY number"
            ):
                yield from map(tuple, json.loads(events))


def note_spending(connection: sqlite3.Connection, events: Sequence[Event]) -> None:
    """Write down what the budget went through, in the transaction that is open."""
    if events:
        told = (json.dumps(events),)
        connection.execute("INSERT INTO spending (events) VALUES (?)", told)


def key_of(record: Record) -> bytes:
    """Return what two records have in common exactly when they are equal but for their ids."""
    candidates = [(each.id, each.text) for each in record.candidates]
    content = json.dumps([dict(record.fields), candidates], sort_keys=True)
    return hashlib.sha256(content.encode("ascii")).digest()[:KEY_BYTES]
