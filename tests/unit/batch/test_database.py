import errno
import os
import stat

import pytest

from headgate.batch.database import FILE, disk_errors, open_database, transaction
from headgate.errors import InputError

SCHEMA = "CREATE TABLE IF NOT EXISTS t (value BLOB)"


def test_a_commit_waits_for_the_disk(tmp_path):
    connection = open_database(tmp_path, SCHEMA)

    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_only_the_owner_reads_it(tmp_path):
    connection = open_database(tmp_path, SCHEMA)
    connection.execute("INSERT INTO t VALUES (1)")

    for name in os.listdir(tmp_path):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    connection.close()


def test_after_an_error_nothing_of_a_transaction_happened(tmp_path):
    connection = open_database(tmp_path, SCHEMA)

    with pytest.raises(ZeroDivisionError), transaction(connection, tmp_path):
        connection.execute("INSERT INTO t VALUES (?)", (1,)).fetchone()[1 // 0]

    assert connection.execute("SELECT COUNT(*) FROM t").fetchone() == (0,)
    connection.close()


def test_a_full_disk_is_the_systems_error(tmp_path):
    connection = open_database(tmp_path, SCHEMA)
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(OSError, match=FILE) as caught, transaction(connection, tmp_path / FILE):
        connection.execute("INSERT INTO t VALUES (?)", (b"x" * 100_000,))

    assert caught.value.errno == errno.ENOSPC
    connection.close()


@pytest.mark.parametrize("content", [b"no database" * 1000, b"SQLite format 3\0" + b"\0" * 9000])
def test_a_damaged_journal_is_named(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)

    with pytest.raises(InputError, match="journal cannot be used"):
        open_database(tmp_path, SCHEMA)


def test_a_bug_of_ours_is_not_called_damage(tmp_path):
    connection = open_database(tmp_path, SCHEMA)
    connection.close()

    with pytest.raises(Exception, match="closed database"), disk_errors(tmp_path):
        connection.execute("SELECT 1")
