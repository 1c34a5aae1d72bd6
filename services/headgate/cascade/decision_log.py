"""The log of decisions: what was answered, what audits found, what people said later.

Decision, audit answers, feedback -> DIRECTORY/decisions.sqlite -> rows of one certificate

No text of a record is in it: ids, scores and members of the answer set only.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.errors import InputError

FILE = "decisions.sqlite"
BURST_S = 3600.0
"""Copies within it are one burst."""
MAX_ROWS = 2_000_000
"""About 400 MB; older rows are dropped a tenth at a time."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS decisions (
    number INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    record_id TEXT NOT NULL,
    certificate_id TEXT NOT NULL,
    at REAL NOT NULL,
    score REAL NOT NULL,
    small_answer TEXT NOT NULL,
    reference TEXT,
    kept INTEGER NOT NULL,
    propensity REAL NOT NULL,
    coin REAL NOT NULL,
    unit TEXT NOT NULL,
    options TEXT NOT NULL,
    gold TEXT,
    UNIQUE (request_id, record_id)
);
CREATE INDEX IF NOT EXISTS by_record ON decisions (record_id, number);
CREATE INDEX IF NOT EXISTS by_certificate ON decisions (certificate_id, number);
"""
# A call that is tried again may come twice. What people said of it stays, and so does an answer.
_ADD = """
INSERT INTO decisions (request_id, record_id, certificate_id, at, score, small_answer, reference,
                       kept, propensity, coin, unit, options)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (request_id, record_id) DO UPDATE SET
    reference = COALESCE(excluded.reference, reference)
"""
_COLUMNS = (
    "request_id, record_id, certificate_id, at, score, small_answer, reference, kept, propensity, "
    "coin, unit, options, gold"
)


@dataclass(frozen=True, slots=True)
class Decision:
    """One record that a gate judged."""

    request_id: str
    record_id: str
    certificate_id: str
    at: float
    """Seconds since 1970."""
    score: float
    """Confidence at the first gate."""
    small_answer: str
    reference: str | None
    """The large model's answer, given for the reply or for an audit; None: not known."""
    kept: bool
    """Whether the small model's answer was returned by a gate."""
    propensity: float
    """Chance with which an audit was drawn."""
    coin: float
    """The draw, in [0, 1); below the propensity an audit was drawn."""
    unit: str
    """The same for records that differ only in numbers; tells nothing of their text."""
    options: tuple[str, ...] = ()
    """The record's own answer set; empty when labels are declared."""
    gold: str | None = None
    """The right answer, where feedback brought it."""

    @property
    def burst(self) -> tuple[str, int]:
        """Return what copies within one hour share: they are not independent of one another."""
        return self.unit, int(self.at // BURST_S)

    @property
    def drawn(self) -> bool:
        """Return whether an audit was drawn."""
        return self.coin < self.propensity


class DecisionLog:
    """One SQLite file; used from one thread at a time."""

    def __init__(self, directory: Path, *, max_rows: int = MAX_ROWS) -> None:
        """Open or create the log of a directory, readable to its owner only.

        Raises:
            InputError: The file there is no such log, or the place cannot be written to.
        """
        self._max_rows = max_rows
        self._path = directory / FILE
        _make_private(self._path)
        self._connection = sqlite3.connect(self._path, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise _unusable(self._path) from error

    def add(self, decisions: Sequence[Decision]) -> None:
        """Append decisions; one that is there already only gains an answer."""
        rows = [
            (
                each.request_id,
                each.record_id,
                each.certificate_id,
                each.at,
                each.score,
                each.small_answer,
                each.reference,
                each.kept,
                each.propensity,
                each.coin,
                each.unit,
                json.dumps(each.options) if each.options else "",
            )
            for each in decisions
        ]
        with self._connection:
            self._connection.executemany(_ADD, rows)
        self._drop_oldest()

    def set_reference(self, request_id: str, record_id: str, answer: str) -> None:
        """Note the large model's answer that an audit brought."""
        with self._connection:
            self._connection.execute(
                "UPDATE decisions SET reference = ? WHERE request_id = ? AND record_id = ?",
                (answer, request_id, record_id),
            )

    def find(self, record_id: str, request_id: str = "") -> Decision | None:
        """Return a decision, the latest of that record id when no request is named."""
        asked = "record_id = ? AND (request_id = ? OR ? = '') ORDER BY number DESC LIMIT 1"
        found = self._select(asked, (record_id, request_id, request_id))
        return next(iter(found), None)

    def set_gold(self, decision: Decision, label: str) -> None:
        """Note the right answer; the same label twice counts once, another replaces it."""
        with self._connection:
            self._connection.execute(
                "UPDATE decisions SET gold = ? WHERE request_id = ? AND record_id = ?",
                (label, decision.request_id, decision.record_id),
            )

    def of_certificate(self, certificate_id: str, since: float = 0.0) -> list[Decision]:
        """Return the decisions under a certificate, in order.

        Args:
            certificate_id: Which one.
            since: Seconds since 1970; older ones are left out.
        """
        asked = "certificate_id = ? AND at >= ? ORDER BY number"
        return self._select(asked, (certificate_id, since))

    def __len__(self) -> int:
        """Return how many decisions there are."""
        return int(self._connection.execute("SELECT COUNT(*) FROM decisions").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _select(self, where: str, values: Sequence[object]) -> list[Decision]:
        # `where` is one of the fixed texts above; what callers bring is in `values`.
        query = f"SELECT {_COLUMNS} FROM decisions WHERE {where}"  # noqa: S608
        with closing(self._connection.execute(query, tuple(values))) as rows:
            return list(map(_decision, rows))

    def _drop_oldest(self) -> None:
        (last,) = self._connection.execute("SELECT MAX(number) FROM decisions").fetchone()
        (first,) = self._connection.execute("SELECT MIN(number) FROM decisions").fetchone()
        if last is None or last - first < self._max_rows:
            return
        with self._connection:
            kept_from = last - self._max_rows * 9 // 10
            self._connection.execute("DELETE FROM decisions WHERE number < ?", (kept_from,))


def read_decisions(directory: Path, certificate_id: str, since: float = 0.0) -> list[Decision]:
    """Return the decisions under a certificate, of a log that a server may be writing to.

    Raises:
        InputError: There is no log, or the file is none.
    """
    path = directory / FILE
    if not path.is_file():
        raise InputError(
            str(path), "there is no log of decisions", "Serve the cascade with audits first."
        )
    try:
        log = DecisionLog(directory)
        with closing(log):
            return log.of_certificate(certificate_id, since)
    except sqlite3.DatabaseError as error:
        raise _unusable(path) from error


def _make_private(path: Path) -> None:
    """Make the file and its folder before SQLite does, which gives its other files its rights."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.fchmod(handle, 0o600)
        os.close(handle)
    except OSError as error:
        problem = f"the log of decisions cannot be written ({type(error).__name__})"
        raise InputError(str(path), problem, "Check the path and its permissions.") from error


def _unusable(path: Path) -> InputError:
    return InputError(str(path), "it is no log of decisions, or damaged", "Move it away.")


def _decision(row: tuple[Any, ...]) -> Decision:
    return Decision(
        request_id=row[0],
        record_id=row[1],
        certificate_id=row[2],
        at=row[3],
        score=row[4],
        small_answer=row[5],
        reference=row[6],
        kept=bool(row[7]),
        propensity=row[8],
        coin=row[9],
        unit=row[10],
        options=tuple(json.loads(row[11])) if row[11] else (),
        gold=row[12],
    )
