import gzip
import os
import socket
import zipfile

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from fakes.read_inputs import read_files
from headgate.batch.inputs import check_unchanged, find_inputs
from headgate.batch.types import InputFile, InputSpec
from headgate.errors import InputError


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write files below the working directory."""
    monkeypatch.chdir(tmp_path)

    def write_files(*names, content=b"line\n"):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return tmp_path

    return write_files


@pytest.fixture
def bucket():
    """A store in memory."""
    store = fsspec.filesystem("memory")
    yield store
    store.rm("/bucket", recursive=True)


def places(*patterns, **options):
    return [file.place for file in find_inputs(InputSpec(patterns, **options))]


def refusal(*patterns, **options):
    with pytest.raises(InputError) as caught:
        find_inputs(InputSpec(patterns, **options))
    return caught.value.args


# What is found


def test_a_file_is_described(write):
    write("app.log", content=b"one\ntwo\n")
    os.utime("app.log", (1_000, 2_000))

    (file,) = find_inputs(InputSpec(("app.log",)))

    assert file == InputFile(
        place="app.log",
        path=os.path.abspath("app.log"),
        pattern=0,
        size_bytes=8,
        format="text",
        compression=None,
        fingerprint=file.fingerprint,
        modified_s=2000.0,
    )
    assert len(bytes.fromhex(file.fingerprint)) == 8


def test_directories_are_gone_through_by_name_and_hidden_files_passed_over(write):
    write("logs/b.log", "logs/a/z.log", "logs/.hidden", "logs/.git/x.log", "logs/c/.d/e.log")

    assert places("logs") == ["logs/a/z.log", "logs/b.log"]


def test_a_glob_finds_files_and_goes_through_the_directories_it_finds(write):
    write("logs/b.log", "logs/a/z.log", "logs/a/q.txt", "logs/.hidden")

    assert places("logs/*") == ["logs/a/q.txt", "logs/a/z.log", "logs/b.log"]
    assert places("logs/**/*.log") == ["logs/a/z.log", "logs/b.log"]


def test_an_absolute_pattern_gives_absolute_places(write):
    directory = write("b.log", "a.log")

    assert places(f"{directory}/*.log") == [f"{directory}/a.log", f"{directory}/b.log"]


def test_a_file_named_by_several_patterns_is_read_once(write):
    directory = write("logs/a.log", "logs/b.log")

    assert places("logs/b.log", "logs", "./logs/*.log", f"{directory}/logs/a.log") == [
        f"{directory}/logs/a.log",
        "logs/b.log",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "a[1].log",
        "a*.log",
        "a?.log",
        "with space.log",
        "caf\u00e9.log",
        "-n.log",
        "a::b.log",
        "#.log",
    ],
)
def test_a_file_with_an_odd_name_is_found_by_it_and_in_its_directory(write, name):
    write(f"logs/{name}", "logs/a1.log")

    assert places(f"logs/{name}") == [f"logs/{name}"]
    assert f"logs/{name}" in places("logs")


def test_a_name_that_cannot_be_shown_is_escaped_and_can_still_be_opened(write):
    directory = write("a")
    path = os.path.join(os.fsencode(directory), b"caf\xe9\n\x1b[31m.log")
    with open(path, "wb") as file:
        file.write(b"x")

    shown, _ = find_inputs(InputSpec((".",)))[::-1]

    assert shown.place == "caf\\xe9\\n\\x1b[31m.log"
    assert os.fsencode(shown.path) == path


def test_links_are_followed_and_a_loop_ends(write):
    write("logs/a/x.log", "other/y.log")
    os.symlink("..", "logs/a/up")
    os.symlink("loop", "logs/loop")
    os.symlink("nowhere", "logs/dangling.log")
    os.symlink(os.path.abspath("other"), "logs/other")
    os.symlink("a/x.log", "logs/latest.log")

    assert places("logs") == ["logs/a/x.log", "logs/other/y.log"]


def test_patterns_for_any_depth_end_where_links_make_loops(write):
    """Each pair of loops doubles the names that a walk without a memory goes through."""
    write("logs/a/x.log", "logs/y.log", "logs/a/b/c/z.log", "logs/a/b/q.txt")
    for name in ("one", "two", "three"):
        os.symlink("..", f"logs/a/{name}")

    assert places("logs/**/*.log") == ["logs/a/b/c/z.log", "logs/a/x.log", "logs/y.log"]
    assert places("logs/*/**/c/*") == ["logs/a/b/c/z.log"]
    assert places("**/q.*") == ["logs/a/b/q.txt"]
    assert len(places("logs/**")) == 4


def test_sockets_and_pipes_in_a_directory_are_passed_over(write):
    write("logs/a.log")
    os.mkfifo("logs/pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("logs/socket")

        assert places("logs") == ["logs/a.log"]


def test_empty_files_are_found_beside_others(write):
    write("logs/a.log")
    write("logs/empty.jsonl", content=b"")

    assert places("logs") == ["logs/a.log", "logs/empty.jsonl"]


def test_a_url_of_a_file_is_a_file_of_this_machine(write):
    directory = write("logs/a.log")

    assert places(f"file://{directory}/logs") == [f"{directory}/logs/a.log"]


# Other stores


def test_files_of_another_store_are_found_like_those_of_this_machine(bucket):
    for name in ("b.log", "a/z.log.gz", ".hidden", "a/.d/e.log"):
        bucket.pipe(f"/bucket/logs/{name}", gzip.compress(b"x") if name[-1] == "z" else b"x")

    by_directory = find_inputs(InputSpec(("memory://bucket/logs",)))

    assert [file.place for file in by_directory] == [
        "memory:///bucket/logs/a/z.log.gz",
        "memory:///bucket/logs/b.log",
    ]
    assert [file.compression for file in by_directory] == ["gz", None]
    assert by_directory[0].modified_s > 1_000_000_000
    assert places("memory://bucket/logs/*.log") == ["memory:///bucket/logs/b.log"]
    assert places("memory://bucket/logs/b.log") == ["memory:///bucket/logs/b.log"]


def test_files_within_an_archive_are_found_and_read(write):
    """A URL of two stores: one file system within another."""
    directory = write("a.log")
    with zipfile.ZipFile(directory / "logs.zip", "w") as archive:
        archive.writestr("x.log", "one\ntwo\n")
        archive.writestr("y.txt", "three\n")

    read = read_files([f"zip://*.log::file://{directory}/logs.zip"])

    assert read.values == [b"one", b"two"]
    assert read.units[0].file.place == f"zip://x.log::file://{directory}/logs.zip"


def test_nothing_in_another_store_is_refused(bucket):
    bucket.pipe("/bucket/a", b"x")

    place, problem, _ = refusal("memory://bucket/b")

    assert (place, problem) == ("memory:///bucket/b", "there is no such file, or no file in it")


class Locked(MemoryFileSystem):
    """A store that refuses, with a key in the text of its error."""

    protocol = "locked"

    def _open(self, path, mode="rb", **options):
        raise PermissionError("no access with key sk-canary")

    def info(self, path, **options):
        return {"name": "/secret/a.log", "size": 1, "type": "file"}

    def exists(self, path, **options):
        return True

    def modified(self, path):
        raise NotImplementedError


def test_the_error_of_a_store_names_the_file_and_not_the_key():
    fsspec.register_implementation("locked", Locked, clobber=True)

    refused = refusal("locked://user:pass-canary@secret/a.log?signature=canary")

    assert refused[1] == "it cannot be read (PermissionError)"
    assert "canary" not in str(refused)


def test_a_url_without_a_driver_is_refused():
    place, problem, _ = refusal("nosuch://bucket/a.log")

    assert (place, problem) == ("nosuch://bucket/a.log", "the URL cannot be used (ValueError)")


# What is refused


@pytest.mark.parametrize(
    "pattern", ["nowhere.log", "nowhere/*.log", "nowhere/**/*.log", "empty", "hidden", "**/*.txt"]
)
def test_a_pattern_that_matches_nothing_is_refused(write, pattern):
    write("a.log", "hidden/.a.log")
    os.mkdir("empty")

    assert refusal("a.log", pattern) == (
        pattern,
        "there is no such file, or no file in it",
        "Check the path; hidden files are passed over.",
    )


def test_nothing_but_empty_files_is_refused(write):
    write("a.log", "b.log", content=b"")

    place, problem, _ = refusal("*.log")

    assert (place, problem) == ("a.log", "there is nothing in it, nor in 1 other file")


def test_one_empty_file_is_refused(write):
    write("a.log", content=b"")

    assert refusal("a.log")[1] == "there is nothing in it"


def test_a_pipe_that_is_named_is_refused(write):
    write("a.log")
    os.mkfifo("pipe")

    assert refusal("pipe")[:2] == ("pipe", "it is no file")


def test_a_dangling_link_that_is_named_is_refused(write):
    write("a.log")
    os.symlink("nowhere", "b.log")

    assert refusal("b.log")[:2] == ("b.log", "it cannot be read (FileNotFoundError)")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to root")
def test_a_file_that_may_not_be_read_is_refused(write):
    write("logs/a.log")
    os.chmod("logs/a.log", 0)

    assert refusal("logs")[:2] == ("logs/a.log", "it cannot be read (PermissionError)")


def test_text_beside_rows_is_refused(write):
    write("README", "rows.csv")

    assert refusal(".")[:2] == ("rows.csv", "it has rows (csv), but README is text")


# Changes


def test_a_file_that_was_written_to_is_refused_and_others_are_not(write):
    write("a.log", "b.log")
    spec = InputSpec(("*.log",))
    files = find_inputs(spec)
    check_unchanged(files, spec)
    write("b.log", content=b"LINE\n")

    with pytest.raises(InputError, match=r"b\.log: it has changed since the batch began"):
        check_unchanged(files, spec)


def test_new_files_do_not_matter_to_a_batch_that_has_begun(write):
    write("a.log")
    spec = InputSpec((".",))
    files = find_inputs(spec)
    write("b.log")

    check_unchanged(files, spec)


def test_content_that_was_exchanged_under_the_same_size_and_time_is_seen(write):
    """A copy that keeps times is the ordinary way to do so."""
    write("a.log", content=b"one\n")
    os.utime("a.log", (1000, 1000))
    spec = InputSpec(("a.log",))
    files = find_inputs(spec)
    write("a.log", content=b"two\n")
    os.utime("a.log", (1000, 1000))

    with pytest.raises(InputError, match="it has changed"):
        check_unchanged(files, spec)


def test_a_file_that_is_gone_is_refused(write):
    write("a.log")
    spec = InputSpec(("a.log",))
    files = find_inputs(spec)
    os.remove("a.log")

    with pytest.raises(InputError, match=r"a\.log: it cannot be read \(FileNotFoundError\)"):
        check_unchanged(files, spec)


def test_a_relative_pattern_is_found_again_from_another_directory(write, monkeypatch):
    write("logs/a.log")
    spec = InputSpec(("logs",))
    files = find_inputs(spec)
    monkeypatch.chdir("/")

    check_unchanged(files, spec)


def test_a_change_in_another_store_is_seen(bucket):
    bucket.pipe("/bucket/a.log", b"one")
    spec = InputSpec(("memory://bucket/a.log",))
    files = find_inputs(spec)
    check_unchanged(files, spec)
    bucket.pipe("/bucket/a.log", b"two")

    with pytest.raises(InputError, match=r"memory:///bucket/a\.log: it has changed"):
        check_unchanged(files, spec)
