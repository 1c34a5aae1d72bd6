import gzip
import json
import os
import resource
import signal
import socket

import pyarrow.parquet as pq
import pytest

from fakes.batch_jobs import (
    endpoint,
    letters,
    live,
    log_line,
    once_at,
    receipt,
    row_text,
    table,
)
from fakes.batch_jobs import write_rows as write_row_files
from fakes.fitted_parts import RECORDED
from headgate.batch.identity import read
from headgate.batch.lock import held

LINES = 20
TEXT = "".join(f"{log_line(number)}\n" for number in range(LINES))
ROWS = [{"id": f"r{number}", "log": row_text(number)} for number in range(LINES)]


def write_text(path):
    path.write_text(TEXT, encoding="ascii")


def write_gz(path):
    path.write_bytes(gzip.compress(TEXT.encode("ascii")))


def write_json_lines(path):
    path.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS), encoding="ascii")


def write_csv(path):
    rows = "".join(f"{row['id']},{row['log']}\n" for row in ROWS)
    path.write_text(f"id,log\n{rows}", encoding="ascii")


@pytest.mark.parametrize(
    ("name", "write", "unit"),
    [
        pytest.param("a.log", write_text, "line", id="text"),
        pytest.param("a.log.gz", write_gz, "line", id="gz"),
        pytest.param("a.jsonl", write_json_lines, "record", id="jsonl"),
        pytest.param("a.csv", write_csv, "record", id="csv"),
    ],
)
def test_every_line_or_row_of_a_file_is_answered(job, tmp_path, name, write, unit):
    write(tmp_path / name)

    ended = job(place=tmp_path / name)

    rows = table(tmp_path / "out")
    assert ended.code == 0
    assert [row["line" if unit == "line" else "row"] for row in rows] == [*range(1, LINES + 1)]
    assert [rows[number]["answer"] for number in (0, 1, 2)] == ["disk", "net", "disk"]
    assert receipt(tmp_path / "out")["unit"] == unit


def test_the_receipt_is_data_and_what_is_done_is_a_note(job, logs, tmp_path):
    ended = job()

    assert ended.err == f"parts: 2 files to {tmp_path / 'out'}\n"
    assert ended.out == (tmp_path / "out" / "receipt.txt").read_text(encoding="utf-8")
    assert ended.out.startswith("parts: 40 lines of ")


def test_the_receipt_can_be_json(job, logs, tmp_path):
    ended = job("--receipt", "json")

    assert ended.data == receipt(tmp_path / "out")
    assert ended.data["rows"]["total"] == 2 * LINES


@pytest.mark.slow
def test_quiet_leaves_the_receipt_alone(job, logs):
    first, again = job("--quiet"), job("--quiet")

    assert (first.code, first.err) == (0, "")
    assert (again.code, again.err, again.out) == (0, "", first.out)


@pytest.mark.slow
def test_a_finished_job_is_shown_again_and_nothing_is_done(job, batch, logs, tmp_path):
    first = job()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.parquet")}

    for again in (job(), batch("resume", tmp_path / "out")):
        assert (again.code, again.out) == (0, first.out)
        assert again.err.endswith("it was finished before; there was nothing left to do\n")
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_several_inputs_are_one_job(job, logs, tmp_path):
    (tmp_path / "more").mkdir()
    write_gz(tmp_path / "more" / "b.log.gz")

    ended = job("--input", tmp_path / "more" / "*.gz")

    assert ended.err.startswith("parts: 3 files to ")
    assert len(table(tmp_path / "out")) == 3 * LINES


def test_the_output_can_be_csv_in_folders(job, logs, tmp_path):
    job("--format", "csv", "--partition-by", "answer", "--per", "line")

    folders = sorted(path.name for path in (tmp_path / "out" / "parts").iterdir())
    assert folders == ["answer=disk", "answer=net"]
    found = list((tmp_path / "out" / "parts").rglob("*.csv"))
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) - 1 for path in found) == 40


@pytest.mark.slow
def test_a_full_disk_ends_a_run_that_can_go_on(job, batch, tmp_path):
    """The limit is on the size of a file, which the system refuses to pass like a full disk."""
    write_row_files(tmp_path / "in", files=2, rows=400)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))
    try:
        stopped = job()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    resumed = batch("resume", tmp_path / "out")

    assert (stopped.code, stopped.out) == (74, "")
    assert f"to go on: headgate batch resume {tmp_path / 'out'}" in stopped.err.splitlines()
    assert resumed.code == 0
    assert [row["id"] for row in table(tmp_path / "out")] == [f"r{n}" for n in range(800)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param((), ["to go on: headgate batch resume {}"], id="told"),
        pytest.param(("--quiet",), [], id="quiet"),
    ],
)
def test_an_interrupted_run_says_how_it_goes_on(job, batch, parts, logs, tmp_path, options, said):
    interrupt = once_at(2, lambda: os.kill(os.getpid(), signal.SIGINT))
    with endpoint(interrupt) as large_model:
        cascade = live(tmp_path / "live", parts, large_model.base_url, concurrency=1)
        stopped = job(*options, cascade=cascade)
        state = batch("status", tmp_path / "out", "--output", "json").data
        resumed = batch("resume", tmp_path / "out", *options)

    assert (stopped.code, stopped.out) == (130, "")
    assert stopped.err.splitlines()[1:] == [each.format(tmp_path / "out") for each in said]
    assert (state["state"], state["usage"]["calls"]) == ("stopped", 1)
    assert resumed.code == 0
    assert len(table(tmp_path / "out")) == 2 * LINES


@pytest.mark.slow
def test_too_many_wrong_lines_end_a_run_that_more_patience_ends_well(job, batch, logs, tmp_path):
    """None of the 40 lines begins as syslog has it."""
    stopped = job("--line-format", "syslog", "--max-errors", "5")
    state = batch("status", tmp_path / "out", "--output", "json").data
    resumed = batch("resume", tmp_path / "out", "--max-errors", "40")

    assert (stopped.code, stopped.out) == (2, "")
    assert "more than 5 lines or rows are wrong." in stopped.err
    assert state["state"] == "stopped"
    assert resumed.code == 0
    assert receipt(tmp_path / "out")["dead_letters"] == {"HEADER_MISMATCH": 40}


def test_a_changed_input_is_not_gone_on_with(job, batch, logs, tmp_path):
    job("--line-format", "syslog", "--max-errors", "5")
    (tmp_path / "in" / "000.log").write_text("sda write failed 1\n", encoding="ascii")

    ended = batch("resume", tmp_path / "out")

    assert (ended.code, ended.out) == (2, "")
    assert f"{tmp_path / 'in' / '000.log'}: it has changed since the batch began." in ended.err


@pytest.mark.parametrize("verb", ["resume", "status"])
def test_a_directory_without_a_job_is_named(batch, tmp_path, verb):
    ended = batch(verb, tmp_path)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"headgate: {tmp_path}: there is no batch job in it. Name its --output.\n"


def test_status_is_a_table_for_people(job, batch, logs, tmp_path):
    job()

    ended = batch("status", tmp_path / "out")

    said = [line.split(maxsplit=1) for line in ended.out.splitlines()]
    assert (ended.code, ended.err) == (0, "")
    assert said[0] == ["job", read(tmp_path / "out").id]
    assert ["state", "finished"] in said
    assert [line.split("  ")[-1].strip() for line in ended.out.splitlines()[5:10]] == [
        *["2 of 2"] * 3,
        *["40"] * 2,
    ]


def test_status_is_json_for_programs_and_names_who_works(job, batch, logs, tmp_path):
    job()

    with held(tmp_path / "out", "another"):
        found = batch("status", tmp_path / "out", "--output", "json").data
        table_of = batch("status", tmp_path / "out").out

    assert (found["units"], found["written"], found["rows_written"]) == (2, 2, 40)
    assert found["owner"]["pid"] == os.getpid()
    assert f"process {os.getpid()} on {socket.gethostname()}" in table_of


@pytest.mark.slow
def test_two_jobs_with_the_same_answers_do_not_differ(job, batch, logs, tmp_path):
    job()
    job(output=tmp_path / "again")

    ended = batch("diff", tmp_path / "out", tmp_path / "again")

    assert (ended.code, ended.out) == (0, "No difference in 40 rows.\n")


@pytest.mark.slow
def test_two_jobs_with_other_answers_differ_in_the_exit_code_too(job, batch, parts, logs, tmp_path):
    """Of 40 lines, 8 are not sure; only one of the cascades has a large model for them."""
    with endpoint() as large_model:
        job(cascade=live(tmp_path / "live", parts, large_model.base_url))
    job(output=tmp_path / "after")

    ended = batch("diff", tmp_path / "out", tmp_path / "after")
    data = batch("diff", tmp_path / "out", tmp_path / "after", "--output", "json")

    assert (ended.code, data.code) == (1, 1)
    assert ended.out.splitlines()[0].startswith(f"{data.data['answers']} of 40 rows changed")
    assert (data.data["rows"], data.data["tiers"]) == (40, 8)
    assert "reset again" in ended.out


@pytest.mark.slow
def test_unfinished_jobs_and_other_inputs_are_not_compared(job, batch, logs, tmp_path):
    job()
    job("--line-format", "syslog", "--max-errors", "0", output=tmp_path / "stopped")
    job(place=tmp_path / "in" / "000.log", output=tmp_path / "other")

    stopped = batch("diff", tmp_path / "out", tmp_path / "stopped")
    other = batch("diff", tmp_path / "out", tmp_path / "other")

    assert (stopped.code, other.code) == (2, 2)
    assert "the job is not finished." in stopped.err
    assert f"it had another input: '{tmp_path / 'in' / '001.log'}' differs." in other.err


def test_rows_have_their_columns_and_wrong_ones_are_dead_letters_with_a_reason(job, tmp_path):
    """What is missing, no JSON or blank costs its own row only; no letter holds its text."""
    rows = [
        '{"id": "a", "log": "sda write failed 1"}',
        '{"id": "b"}',
        '{"id": "c", "log": "secret',
        '{"id": "d", "log": " "}',
        f'{{"id": "{RECORDED}", "log": "reset"}}',
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows), encoding="ascii")

    ended = job(place=tmp_path / "rows.jsonl")

    (part,) = (tmp_path / "out" / "parts").glob("*.parquet")
    assert ended.code == 0
    assert pq.read_schema(part).names == [
        "file",
        "row",
        "id",
        "answer",
        "confidence",
        "tier",
        "score",
        "rationale",
        "certificate_id",
        "guarantee",
        "degraded",
        "cost_usd",
    ]
    small, large = table(tmp_path / "out")
    assert (small["row"], small["id"], small["answer"], small["tier"]) == (1, "a", "disk", "small")
    assert (large["row"], large["tier"], large["rationale"]) == (5, "large", "as recorded")
    assert [(each["number"], each["reason"]) for each in letters(tmp_path / "out")] == [
        (2, "ROW_INVALID"),
        (3, "NOT_JSON"),
        (4, "ROW_INVALID"),
    ]
    assert "secret" not in (tmp_path / "out" / "dead_letters.jsonl").read_text(encoding="ascii")
