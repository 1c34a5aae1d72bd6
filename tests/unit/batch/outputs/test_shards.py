import contextlib
import errno
import gc
import json
import os
import resource
import signal
import subprocess
import sys

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.batch_outputs import lines
from headgate.batch.outputs.encoding import row_groups
from headgate.batch.outputs.shards import ShardWriter, recover, shard_files
from headgate.errors import InputError

FORMATS = ["parquet", "jsonl", "csv"]


def all_files(folder):
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def contents(folder):
    return {name: (folder / name).read_bytes() for name in all_files(folder)}


@contextlib.contextmanager
def small_disk(size_bytes):
    """A limit on the size of files, above which writing fails as on a full disk.

    It ends within the test: what pytest itself writes is a file too, where its output is one.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("format_", FORMATS)
def test_a_unit_becomes_a_file_of_its_number(tmp_path, format_):
    shard = ShardWriter(tmp_path, format_).write(17, [lines("ab"), lines("c")])

    assert shard.files == (f"part-00017.{format_}",)
    assert (shard.unit, shard.rows) == (17, 3)
    assert all_files(tmp_path) == list(shard.files)
    assert shard.size_bytes == (tmp_path / shard.files[0]).stat().st_size


def test_a_partitioned_unit_becomes_files_that_other_tools_find(tmp_path):
    shard = ShardWriter(tmp_path, "parquet", partition_by="answer").write(17, [lines("aba")])

    assert shard.files == ("answer=a/part-00017.parquet", "answer=b/part-00017.parquet")
    found = ds.dataset(tmp_path, partitioning="hive").to_table()
    assert sorted(zip(found["line"].to_pylist(), found["answer"].to_pylist(), strict=True)) == [
        (1, "a"),
        (2, "b"),
        (3, "a"),
    ]


def test_a_partitioned_unit_larger_than_a_row_group_keeps_its_order(tmp_path, monkeypatch):
    monkeypatch.setattr("headgate.batch.outputs.encoding.ROW_GROUP", 2)

    ShardWriter(tmp_path, "parquet", partition_by="answer").write(0, [lines("abaab")])

    found = pq.read_table(tmp_path / "answer=a" / "part-00000.parquet", partitioning=None)
    assert found["line"].to_pylist() == [1, 3, 4]


@pytest.mark.parametrize("by", ["", "answer"])
@pytest.mark.parametrize("format_", FORMATS)
def test_equal_rows_are_equal_bytes(tmp_path, format_, by):
    table = lines("abcb")
    for name, parts in (("a", [table]), ("b", [table.slice(0, 1), table.slice(1)])):
        ShardWriter(tmp_path / name, format_, partition_by=by).write(3, parts)

    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize("by", ["", "answer"])
def test_writing_a_unit_again_changes_nothing(tmp_path, by):
    writer = ShardWriter(tmp_path, "parquet", partition_by=by)
    first = writer.write(3, [lines("ab")])
    before = contents(tmp_path)

    assert writer.write(3, [lines("ab")]) == first
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("by", "others"),
    [
        pytest.param("", "ac", id="other-rows"),
        pytest.param("answer", "ac", id="other-folders"),
        pytest.param("answer", "abb", id="more-rows-in-a-folder"),
        pytest.param("answer", "abc", id="one-folder-more"),
        pytest.param("answer", "a", id="one-folder-fewer"),
    ],
)
def test_committed_rows_are_never_replaced_or_added_to(tmp_path, by, others):
    writer = ShardWriter(tmp_path, "parquet", partition_by=by)
    writer.write(3, [lines("ab")])
    before = contents(tmp_path)

    with pytest.raises(InputError, match="there are other rows of unit 3"):
        writer.write(3, [lines(others)])

    assert contents(tmp_path) == before


def test_rows_of_another_format_are_other_rows(tmp_path):
    ShardWriter(tmp_path, "parquet").write(3, [lines("ab")])

    with pytest.raises(InputError, match="other rows"):
        ShardWriter(tmp_path, "csv").write(3, [lines("ab")])


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("by", ["", "answer"])
def test_a_full_disk_leaves_no_file(tmp_path, format_, by):
    """The error of the disk comes through, and nothing is under a final name."""
    table = lines([f"{n % 3}" for n in range(4000)], id=[os.urandom(8).hex() for _ in range(4000)])
    writer = ShardWriter(tmp_path, format_, partition_by=by)

    with small_disk(10_000), pytest.raises(OSError, match="File too large") as caught:
        writer.write(3, [table])

    assert caught.value.errno == errno.EFBIG
    assert all_files(tmp_path) == []
    del caught
    gc.collect()  # what is left of the encoder complains now or never


def test_rows_that_cannot_be_made_leave_no_file(tmp_path):
    def failing():
        yield from row_groups([lines("ab")])
        raise KeyError

    with pytest.raises(KeyError):
        ShardWriter(tmp_path, "parquet").write(3, failing())

    assert all_files(tmp_path) == []


def test_a_unit_goes_on_after_a_full_disk(tmp_path):
    writer = ShardWriter(tmp_path, "jsonl")
    with small_disk(10), pytest.raises(OSError, match="File too large"):
        writer.write(3, [lines("ab")])

    assert writer.write(3, [lines("ab")]).rows == 2


def stopped(folder, *, listed=True, renamed=0):
    """Leave what a process leaves that is killed while it writes unit 3 into two folders.

    Args:
        folder: Where to.
        listed: Whether it got as far as to write the list of its files.
        renamed: Files that have their final names already.
    """
    shard = ShardWriter(folder, "jsonl", partition_by="answer").write(3, [lines("ab")])
    names = {}
    for place, final in enumerate(shard.files):
        above, name = final.split("/")
        names[final] = f"{above}/.{name}.x7.partial"
        if place >= renamed:
            (folder / final).rename(folder / names[final])
    if listed:
        (folder / ".part-00003.jsonl.commit").write_text(json.dumps(names))
    return shard


def test_what_was_not_committed_is_removed(tmp_path):
    stopped(tmp_path, listed=False)
    (tmp_path / ".part-00004.parquet.x7.partial").write_bytes(b"half")
    ShardWriter(tmp_path, "jsonl", partition_by="answer").write(5, [lines("a")])

    recover(tmp_path)

    assert all_files(tmp_path) == ["answer=a/part-00005.jsonl"]


@pytest.mark.parametrize("renamed", [0, 1, 2])
def test_what_was_committed_is_finished(tmp_path, renamed):
    expected = tmp_path / "expected"
    ShardWriter(expected, "jsonl", partition_by="answer").write(3, [lines("ab")])
    stopped(tmp_path / "found", renamed=renamed)

    recover(tmp_path / "found")

    assert contents(tmp_path / "found") == contents(expected)


def test_recovering_twice_changes_nothing(tmp_path):
    stopped(tmp_path)
    recover(tmp_path)
    before = contents(tmp_path)

    recover(tmp_path)

    assert contents(tmp_path) == before


def test_a_list_that_leads_elsewhere_is_refused(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    (tmp_path / "mine").write_text("precious")
    (folder / ".part-00003.jsonl.commit").write_text('{"../mine": "../other"}')

    with pytest.raises(InputError, match="would be elsewhere"):
        recover(folder)

    assert (tmp_path / "mine").read_text() == "precious"


def test_a_folder_that_is_a_link_is_refused(tmp_path):
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "parts"
    elsewhere.mkdir()
    folder.mkdir()
    (folder / "answer=a").symlink_to(elsewhere)

    with pytest.raises(InputError, match="is a link"):
        ShardWriter(folder, "parquet", partition_by="answer").write(3, [lines("a")])

    assert all_files(elsewhere) == []


def test_values_of_rows_do_not_lead_out_of_the_folder(tmp_path):
    folder = tmp_path / "deep" / "parts"

    ShardWriter(folder, "jsonl", partition_by="answer").write(3, [lines(["../../x", "..", "/x"])])

    assert all_files(tmp_path) == [f"deep/parts/{name}" for name in all_files(folder)]
    assert len(all_files(folder)) == 3


def test_only_the_owner_may_look(tmp_path):
    ShardWriter(tmp_path / "parts", "jsonl", partition_by="answer").write(3, [lines("a")])

    for path in [tmp_path / "parts", *(tmp_path / "parts").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("abc", min_size=1, max_size=8), st.sampled_from(["", "answer"]))
def test_no_row_is_lost_or_doubled(tmp_path_factory, answers, by):
    folder = tmp_path_factory.mktemp("parts")
    shard = ShardWriter(folder, "jsonl", partition_by=by).write(0, [lines(answers)])

    written = "".join((folder / name).read_text() for name in shard.files)
    assert sorted(json.loads(line)["line"] for line in written.splitlines()) == [
        *range(1, len(answers) + 1)
    ]
    assert shard_files(folder, 0) == [folder / name for name in shard.files]


_CHILD = """
import os, pathlib, signal, sys
rename, left = os.replace, int(sys.argv[2])
def counted(*paths):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    rename(*paths)
os.replace = counted
from fakes.batch_outputs import lines
from headgate.batch.outputs.shards import ShardWriter
ShardWriter(pathlib.Path(sys.argv[1]), "parquet", partition_by="answer").write(3, [lines("abc")])
"""


@pytest.mark.slow
@pytest.mark.parametrize("renames", range(5))
def test_a_process_that_is_killed_leaves_all_or_nothing(tmp_path, renames):
    """Of four renames the first is the commit; killed at any of them, the job can go on."""
    path = os.pathsep.join(sys.path)
    ended = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", _CHILD, str(tmp_path), str(renames)],
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert ended.returncode == (0 if renames == 4 else -signal.SIGKILL)

    recover(tmp_path)

    writer = ShardWriter(tmp_path, "parquet", partition_by="answer")
    assert bool(shard_files(tmp_path, 3)) == (renames > 0)
    assert writer.write(3, [lines("abc")]).files == tuple(all_files(tmp_path))
