"""Answers of large models are written down before they are used, so none is bought twice.

Question -> written down already? that RawAnswer : engine -> RawAnswer, on the disk -> caller
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import replace
from pathlib import Path

from headgate.batch.database import disk_errors, transaction
from headgate.lm.faults import AnswerFault
from headgate.lm.ledger import Price, usage_of
from headgate.lm.seam import Engine, Question, RawAnswer
from headgate.types import Deadline, Usage

SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    key BLOB PRIMARY KEY,
    text TEXT NOT NULL,
    input_tokens INTEGER,
    output_tokens INTEGER,
    fault TEXT,
    paid_input_tokens INTEGER NOT NULL,
    paid_output_tokens INTEGER NOT NULL,
    paid_usd REAL NOT NULL,
    estimated INTEGER NOT NULL,
    run INTEGER NOT NULL,
    log_prob REAL
) WITHOUT ROWID;
"""
_COLUMNS = "SELECT name FROM pragma_table_info('calls')"
_FIND = "SELECT text, input_tokens, output_tokens, fault, log_prob FROM calls WHERE key = ?"
# An answer that is there already stays: it was used.
_ADD = "INSERT OR IGNORE INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_TOTAL = """
SELECT COUNT(*), TOTAL(paid_input_tokens), TOTAL(paid_output_tokens), TOTAL(paid_usd),
       COALESCE(MAX(estimated), 0)
FROM calls
"""


class PaidCalls:
    """The calls of one job that brought an answer."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Take the open database of the job, and its path for messages."""
        self._connection, self._path = connection, path
        self._failure: OSError | None = None
        self._complete_table()
        self._total = self._read_total()
        self.run = 1
        """Which run of the job this is, counted from 1."""

    def check(self) -> None:
        """Do nothing as long as every answer could be written down.

        A stage makes an error of one record of whatever an engine raises; a full disk has to end
        the run. So whoever asked a cascade asks here before it uses what came back.

        Raises:
            OSError: One could not, with the reason.
        """
        if self._failure is not None:
            raise self._failure

    def find(self, key: bytes) -> RawAnswer | None:
        """Return the answer of the call, or None when it was not made."""
        with disk_errors(self._path):
            row = self._connection.execute(_FIND, (key,)).fetchone()
        if row is None:
            return None
        text, input_tokens, output_tokens, fault, log_prob = row
        known_fault = AnswerFault(fault) if fault else None
        return RawAnswer(text, input_tokens, output_tokens, known_fault, log_prob)

    def add(self, key: bytes, raw: RawAnswer, usage: Usage) -> None:
        """Write down an answer with what it cost; it is on the disk when this returns.

        Raises:
            OSError: It is not.
        """
        told = (raw.text, raw.input_tokens, raw.output_tokens, raw.fault)
        paid = (usage.input_tokens, usage.output_tokens, usage.cost_usd, usage.estimated)
        try:
            with transaction(self._connection, self._path) as connection:
                connection.execute(_ADD, (key, *told, *paid, self.run, raw.log_prob))
        except OSError as error:
            self._failure = error
            raise
        self._total += replace(usage, calls=1)

    def total(self) -> Usage:
        """Return what all of them took together."""
        return self._total

    def recovered(self) -> int:
        """Return how many were paid for by earlier runs, and not again by this one."""
        with disk_errors(self._path):
            query = "SELECT COUNT(*) FROM calls WHERE run < ?"
            return int(self._connection.execute(query, (self.run,)).fetchone()[0])

    def _complete_table(self) -> None:
        """Give the table of a job that was begun before answers had one its `log_prob`."""
        with disk_errors(self._path):
            complete = ("log_prob",) in self._connection.execute(_COLUMNS).fetchall()
        if not complete:
            with transaction(self._connection, self._path) as connection:
                connection.execute("ALTER TABLE calls ADD COLUMN log_prob REAL")

    def _read_total(self) -> Usage:
        with disk_errors(self._path):
            row = self._connection.execute(_TOTAL).fetchone()
        calls, input_tokens, output_tokens, cost_usd, estimated = row
        return Usage(calls, int(input_tokens), int(output_tokens), cost_usd, bool(estimated))


class JournalledEngine:
    """An engine that is asked each question once in the life of a job."""

    def __init__(self, inner: Engine, price: Price, calls: PaidCalls) -> None:
        """Put the journal before `inner`.

        Args:
            inner: Who answers.
            price: What a call costs, for the total.
            calls: Where answers are written down.
        """
        self._inner, self._price, self._calls = inner, price, calls

    @property
    def name(self) -> str:
        """Return the model's name."""
        return self._inner.name

    @property
    def recorded(self) -> bool:
        """Return whether answers belong to record ids."""
        return self._inner.recorded

    async def answer(
        self, question: Question[object], deadline: Deadline, fault: str = ""
    ) -> RawAnswer:
        """Return the answer that was written down, or ask for one and write it down first.

        Raises:
            LmError: What `inner` raises; nothing is written down then.
            OSError: The answer cannot be written down; it is not used then.
        """
        self._calls.check()  # what cannot be written down is not bought
        key = self._key(question, fault)
        known = self._calls.find(key)
        if known is not None:
            return known
        raw = await self._inner.answer(question, deadline, fault)
        # Without a wait in between: an answer that has arrived cannot be lost to a cancellation.
        self._calls.add(key, raw, usage_of(raw, question, self._price))
        return raw

    async def close(self) -> None:
        """Close `inner`; the journal is its owner's."""
        await self._inner.close()

    def _key(self, question: Question[object], fault: str) -> bytes:
        """Return the hash of all that decides the answer; a repair is a question of its own."""
        asked = [question.content_hash(self.name), fault]
        if self.recorded:
            asked += question.record_ids
        return hashlib.sha256("\0".join(asked).encode("utf-8", "surrogatepass")).digest()
