import json
import os
import socket
import subprocess
import sys

import pytest

from headgate.batch.lock import FILE, Owner, held, owner_of
from headgate.errors import JobLockedError

HOLDER = """
import sys
from pathlib import Path
from headgate.batch.lock import held
with held(Path(sys.argv[1]), "first"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of `tmp_path`."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_run_is_refused_and_told_who_works_there(tmp_path, holder):
    with pytest.raises(JobLockedError) as caught, held(tmp_path, "second"):
        pass

    assert f"process {holder.pid} on {socket.gethostname()}" in str(caught.value)
    assert owner_of(tmp_path).job == "first"


def test_a_run_that_was_killed_leaves_no_lock(tmp_path, holder):
    holder.kill()
    holder.wait()

    assert owner_of(tmp_path) is None
    with held(tmp_path, "second"):
        assert owner_of(tmp_path) == Owner.here("second")


def test_a_process_that_ended_but_was_not_waited_for_holds_nothing(tmp_path, holder):
    """Its number is still taken, as in a container whose first process waits for nobody."""
    holder.kill()
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)

    with held(tmp_path, "second"):
        assert owner_of(tmp_path).job == "second"


def test_the_lock_is_free_again_after_the_block_and_after_an_error_in_it(tmp_path):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), held(tmp_path, "job"):
            _ = 1 / 0

    assert owner_of(tmp_path) is None


def test_an_owner_on_another_host_is_believed(tmp_path):
    """Its kernel may share no locks with ours, so only a person can say that it is gone."""
    there = {"pid": 1, "host": "elsewhere", "started": "", "job": "first"}
    (tmp_path / FILE).write_text(json.dumps(there), encoding="ascii")

    with (
        pytest.raises(JobLockedError, match=r"process 1 on elsewhere .* delete .*/lock"),
        held(tmp_path, "second"),
    ):
        pass
    assert owner_of(tmp_path).host == "elsewhere"


def test_a_later_process_of_the_same_number_is_not_the_owner(tmp_path):
    mine = Owner.here("first")
    other = Owner(mine.pid, mine.host, "another start", "first")

    assert other.gone
    assert not mine.gone


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff"],
    ids=["empty", "cut", "list", "text", "raw"],
)
def test_a_lock_that_says_nothing_readable_is_taken_over(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)

    with held(tmp_path, "second"):
        assert owner_of(tmp_path).job == "second"


def test_a_directory_that_cannot_be_written_is_an_error_of_the_system(tmp_path):
    with pytest.raises(OSError), held(tmp_path / "missing", "job"):  # noqa: PT011 - any of them
        pass
