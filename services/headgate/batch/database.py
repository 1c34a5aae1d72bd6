"""The SQLite file of a job: what it says is on the disk when it returns.

DIRECTORY/journal.sqlite -> connection; its errors -> OSError (disk) | InputError (damage)
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from headgate.errors import InputError

FILE = "journal.sqlite"
_BUSY_S = 30.0
_CACHE_KIB = 65_536
_OS_ERRORS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
}


def open_database(directory: Path, schema: str) -> sqlite3.Connection:
    """Open or create the file, readable to its owner only; use it from one thread at a time.

    A commit waits for the disk: what was committed is there after a loss of power.

    Raises:
        InputError: The file there is no such database, or damaged.
        OSError: It cannot be read or written.
    """
    path = directory / FILE
    # SQLite gives the rights of the main file to those beside it.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with disk_errors(path):
        connection = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.executescript(schema)
        except BaseException:
            connection.close()
            raise
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, place: Path) -> Iterator[sqlite3.Connection]:
    """Commit at the end of the block; after an exception nothing of it happened.

    Raises:
        InputError: The file is damaged.
        OSError: The disk is full or fails.
    """
    with disk_errors(place), connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite raises for the disk's faults into what the system would."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = _OS_ERRORS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        if code is not None:
            raise OSError(code, os.strerror(code), str(path)) from error
        if not isinstance(error, sqlite3.ProgrammingError | sqlite3.IntegrityError):
            raise InputError(
                str(path),
                f"the journal cannot be used ({type(error).__name__})",
                "It may be damaged: run the job into another directory.",
            ) from error
        raise
