import os
import socket

import pytest

from fakes.batch_jobs import live
from headgate.batch.lock import held


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        pytest.param("nothing", None, "there is no such file, or no file in it.", id="missing"),
        pytest.param("*.gz", None, "there is no such file, or no file in it.", id="no-match"),
        pytest.param("a.log", b"", "there is nothing in it.", id="empty"),
        pytest.param("a.log", b"a\0b\n", "it is no text: there are NUL bytes in it.", id="binary"),
        pytest.param("a.gz", b"plain\n", "its name ends in .gz, but its content is", id="no-gz"),
    ],
)
def test_input_that_cannot_be_read_is_said_before_anything_is_written(
    job, tmp_path, name, content, problem
):
    if content is not None:
        (tmp_path / name).write_bytes(content)

    ended = job(place=tmp_path / name)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"headgate: {tmp_path / name}: {problem}")
    assert len(ended.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_directory_without_files_is_refused(job, tmp_path):
    (tmp_path / "in").mkdir()

    ended = job()

    assert ended.code == 2
    assert ended.err.startswith(f"headgate: {tmp_path / 'in'}: there is no such file, or no file")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(
            ("--line-format", "syslg"),
            "line_format: there is no format 'syslg'. Did you mean 'syslog'?",
            id="line-format",
        ),
        pytest.param(("--header-pattern", "(?=a)"), "header_pattern: it cannot be", id="pattern"),
        pytest.param(("--header-pattern", "a"), "no group is called 'content'", id="no-content"),
        pytest.param(("--event-start", "("), "event_start: it cannot be used", id="event-start"),
        pytest.param(("--format", "xml"), "Invalid value for '--format'", id="format"),
        pytest.param(("--input-format", "xml"), "Invalid value for '--input-format'", id="input"),
        pytest.param(("--per", "word"), "Invalid value for '--per'", id="per"),
        pytest.param(("--workers", "0"), "Invalid value for '--workers'", id="workers"),
        pytest.param(("--max-errors", "-1"), "Invalid value for '--max-errors'", id="errors"),
        pytest.param(("--certify",), "the cascade file states no certificate", id="certify"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(job, logs, tmp_path, options, said):
    ended = job(*options)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("headgate: ")
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_lines_are_no_input_for_a_task_of_two_texts(job, pairs, logs):
    ended = job(cascade=pairs)

    assert ended.code == 2
    assert "match_description reads more than one" in ended.err


def test_a_cascade_that_is_not_fitted_is_refused(job, logs, tmp_path):
    ended = job("--artifact", tmp_path / "nothing")

    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 1


def test_an_output_that_is_a_file_is_refused(job, logs, tmp_path):
    (tmp_path / "out").write_text("", encoding="ascii")

    ended = job()

    assert (ended.code, ended.out) == (2, "")
    assert "--output" in ended.err


def test_an_output_that_holds_something_else_is_refused_and_kept(job, logs, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("all of it", encoding="ascii")

    ended = job()

    assert (ended.code, ended.out) == (2, "")
    assert "it holds 'thesis.txt' and is no directory of a batch job." in ended.err
    assert (tmp_path / "out" / "thesis.txt").read_text(encoding="ascii") == "all of it"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "part"),
    [
        pytest.param(("--per", "line"), "its output has grain 'template'", id="grain"),
        pytest.param(("--format", "csv"), "its output has format 'parquet'", id="format"),
        pytest.param(("--event-start", "sda"), "its input has event_start None", id="input"),
    ],
)
def test_an_output_of_another_job_is_refused_with_the_part_that_differs(job, logs, options, part):
    first = job()

    ended = job(*options)

    assert first.code == 0
    assert (ended.code, ended.out) == (2, "")
    assert f"it holds another job: {part}, and not " in ended.err


@pytest.mark.slow
def test_an_output_of_other_files_is_refused_with_the_file(job, logs, tmp_path):
    job()
    (tmp_path / "in" / "002.log").write_text("sda write failed 1\n", encoding="ascii")

    ended = job()

    assert ended.code == 2
    assert f"its input has not the file '{tmp_path / 'in' / '002.log'}'" in ended.err


@pytest.mark.slow
def test_an_output_of_another_version_of_a_cascade_is_refused(job, parts, logs, tmp_path):
    job()
    other = live(tmp_path / "live", parts, "http://127.0.0.1:9/v1")

    ended = job(cascade=other)

    assert ended.code == 2
    assert "its cascade has name 'parts', and not 'live'" in ended.err


def test_a_second_run_at_once_names_the_first(job, logs, tmp_path):
    (tmp_path / "out").mkdir()

    with held(tmp_path / "out", "first"):
        ended = job()

    assert (ended.code, ended.out) == (75, "")
    assert f"process {os.getpid()} on {socket.gethostname()} works in it" in ended.err


def test_an_output_that_cannot_be_written_is_an_error_of_input_and_output(job, logs, tmp_path):
    """A root user may write everywhere, but not below a file."""
    (tmp_path / "file").write_text("", encoding="ascii")

    ended = job(output=tmp_path / "file" / "out")

    assert (ended.code, ended.out) == (74, "")
    assert ended.err.splitlines()[-1].startswith(f"headgate: {tmp_path / 'file'}")
    assert "resume" not in ended.err


@pytest.mark.slow
def test_an_error_in_the_verb_shows_no_payload_even_in_a_process(process, parts, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": "secret"', encoding="ascii")

    ended = process(
        *("batch", "run", parts.path, "--input", tmp_path / "a.jsonl", "--max-errors", "0"),
        *("--output", tmp_path / "out"),
    )

    assert (ended.code, ended.out) == (2, "")
    assert "secret" not in ended.err
    assert ended.err.splitlines()[-1].startswith("headgate: input: more than 0 lines or rows")


def test_a_directory_of_something_else_is_left_as_it_is(job, logs, tmp_path):
    """Not even a lock is left there: it would be an input file of the next run."""
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "a.log").write_text("one\n")

    ended = job(output=foreign)

    assert ended.code == 2
    assert [path.name for path in foreign.iterdir()] == ["a.log"]


def test_a_column_that_makes_no_folders_is_refused_before_anything_is_written(job, logs, tmp_path):
    ended = job("--partition-by", "nope")

    assert ended.code == 2
    assert "Use one of file, date" in ended.err
    assert not (tmp_path / "out").exists()
