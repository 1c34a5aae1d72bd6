import asyncio
import gzip
import os
import stat
from collections import Counter

import pytest

from fakes.batch_jobs import (
    CALL_USD,
    KINDS,
    letters,
    log_line,
    receipt,
    row_text,
    run,
    table,
    write_logs,
    write_rows,
)
from headgate.batch.answers import Answer
from headgate.batch.job import Job, OutputSpec
from headgate.batch.run import Placement
from headgate.batch.types import InputSpec
from headgate.cascade.open import open_engine
from headgate.domains.log_templates import Templates
from headgate.errors import ArtifactError, InputError
from headgate.types import Deadline, Record

PER_LINE = OutputSpec(per="line")


@pytest.mark.slow
def test_every_line_has_the_answer_of_its_template(asked, tmp_path):
    loaded, large_model = asked
    spec = write_logs(tmp_path / "logs", files=3, lines=100)

    rows = table(run(loaded, spec, tmp_path / "out"))

    assert [row["line"] for row in rows] == [*range(1, 101)] * 3
    for number, row in enumerate(rows):
        kind = number % 5
        assert row["tier"] == ("large" if kind == 4 else "small")
        if kind != 4:
            assert row["answer"] == ("net" if kind % 2 else "disk")
    assert len({row["template_id"] for row in rows}) == 2 + KINDS
    assert len(large_model.requests) == KINDS


@pytest.mark.slow
def test_templates_do_not_depend_on_how_the_input_is_cut_or_who_reads_it(asked, tmp_path):
    loaded, _ = asked
    many = write_logs(tmp_path / "many", files=6, lines=50)
    one = write_logs(tmp_path / "one", files=1, lines=300)

    cut = table(run(loaded, many, tmp_path / "cut", placement=Placement(workers=3)))
    whole = table(run(loaded, one, tmp_path / "whole", placement=Placement(workers=1)))

    ids = [row["template_id"] for row in cut]
    assert ids == [row["template_id"] for row in whole]
    assert [row["answer"] for row in cut] == [row["answer"] for row in whole]
    assert set(ids) == {each.id for each in Templates.load(tmp_path / "cut" / "templates.json")}


@pytest.mark.slow
def test_equal_lines_are_answered_once_when_each_line_is_to_have_its_own_answer(asked, tmp_path):
    loaded, large_model = asked
    spec = write_logs(tmp_path / "logs", files=2, lines=100)

    directory = run(loaded, spec, tmp_path / "out", output=PER_LINE)

    rows = table(directory)
    assert len(rows) == 200
    assert "template_id" not in rows[0]
    large = {log_line(number) for number in range(200) if rows[number]["tier"] == "large"}
    assert len(large_model.requests) == len(large) >= KINDS
    assert receipt(directory)["asked"] == len({log_line(number) for number in range(200)})


@pytest.mark.slow
def test_rows_are_answered_once_and_only_the_first_of_equal_ones_costs(asked, tmp_path):
    loaded, large_model = asked
    spec = write_rows(tmp_path / "rows", files=4, rows=40)

    directory = run(loaded, spec, tmp_path / "out")

    rows = table(directory)
    first: dict[str, int] = {}
    asked_about = [number for number in range(160) if rows[number]["tier"] == "large"]
    for number in asked_about:
        first.setdefault(row_text(number), number)
    assert [row["id"] for row in rows] == [f"r{number}" for number in range(160)]
    assert [row["row"] for row in rows] == [*range(1, 41)] * 4
    paid = [number for number in range(160) if rows[number]["cost_usd"]]
    assert paid == sorted(first.values())
    assert sum(row["cost_usd"] for row in rows) == pytest.approx(len(paid) * CALL_USD)
    assert len(large_model.requests) == len(paid)
    assert receipt(directory)["large_model"]["usage"]["calls"] == len(paid)
    assert receipt(directory)["asked"] == len({row_text(number) for number in range(160)})


@pytest.mark.parametrize("kind", ["line", "row"])
async def test_a_batch_gives_what_the_engine_gives(parts, tmp_path, kind):
    """Answers, tiers and scores are equal; recorded answers belong to the ids of rows."""
    texts = ["sda write failed 7", "eth0 link down 8", "reset", "sda write failed on eth0"]
    if kind == "line":
        path = tmp_path / "a.log"
        path.write_text("".join(f"{text}\n" for text in texts), encoding="ascii")
    else:
        path = tmp_path / "a.jsonl"
        path.write_text("".join(f'{{"log": "{text}"}}\n' for text in texts), encoding="ascii")
    records = [Record(str(place), {"log": text}) for place, text in enumerate(texts)]

    results = await open_engine(parts, {}).run(records, Deadline.after(30))
    job = asyncio.to_thread(run, parts, InputSpec((str(path),)), tmp_path / "out", output=PER_LINE)
    rows = table(await job)

    answers = [Answer.of(result) for result in results]
    assert [row["answer"] for row in rows] == [each.answer for each in answers]
    assert [row["tier"] for row in rows] == [each.tier for each in answers]
    assert [row["score"] for row in rows] == [each.score for each in answers]
    assert [row["confidence"] for row in rows] == [each.confidence for each in answers]
    assert [row["degraded"] for row in rows] == [each.degraded for each in answers]


def test_lines_that_cannot_be_answered_are_dead_letters_with_their_place(parts, tmp_path):
    """Input is output and dead letters together; what a letter says holds nothing of the line."""
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.log").write_bytes(b"sda write failed 1\n\neth0 link down 2\n" + b"x" * 300 + b"\n")
    (folder / "b.log").write_bytes(b"\nsda write \xff failed 1\n")
    spec = InputSpec((str(folder),), max_line_bytes=200)

    directory = run(parts, spec, tmp_path / "out")

    assert [(row["line"], row["offset"], row["lossy"]) for row in table(directory)] == [
        (1, 0, False),
        (3, 20, False),
        (2, 1, True),
    ]
    assert [(each["number"], each["offset"], each["reason"]) for each in letters(directory)] == [
        (4, 37, "LINE_TOO_LONG"),
        (2, 19, "INPUT_INVALID"),
        (1, 0, "INPUT_INVALID"),
    ]
    assert receipt(directory)["dead_letters"] == {"INPUT_INVALID": 2, "LINE_TOO_LONG": 1}


def test_lines_with_headers_keep_their_time_and_level(parts, tmp_path):
    line = "081109 203615 148 INFO dfs.DataNode: sda write failed 1\n"
    with gzip.open(tmp_path / "a.log.gz", "wt") as file:
        file.write(line + "no header\n")
    spec = InputSpec((str(tmp_path / "a.log.gz"),), line_format="hdfs")

    directory = run(parts, spec, tmp_path / "out")

    (row,) = table(directory)
    assert row["timestamp"].isoformat() == "2008-11-09T20:36:15+00:00"
    assert (row["level"], row["component"]) == ("INFO", "dfs.DataNode")
    assert [each["reason"] for each in letters(directory)] == ["HEADER_MISMATCH"]


def test_a_file_of_blank_lines_gives_an_output_without_rows(parts, tmp_path):
    (tmp_path / "a.log").write_bytes(b"\n\n")

    directory = run(parts, InputSpec((str(tmp_path / "a.log"),)), tmp_path / "out")

    assert table(directory) == []
    assert len(letters(directory)) == 2


def test_output_is_private_and_the_spool_is_given_up(parts, tmp_path):
    directory = run(parts, write_logs(tmp_path / "logs", files=1, lines=5), tmp_path / "out")

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert sorted(os.listdir(directory)) == [
        "dead_letters.jsonl",
        "job.json",
        "journal.sqlite",
        "lock",
        "parts",
        "receipt.json",
        "receipt.txt",
        "report.html",
        "templates.json",
    ]


@pytest.mark.slow
def test_progress_is_told_and_ends_with_everything(asked, tmp_path):
    loaded, _ = asked
    spec = write_rows(tmp_path / "rows", files=2, rows=30)
    told = []

    job = Job.new(loaded, spec, tmp_path / "out", OutputSpec())
    job.run(Placement(workers=1), environment={}, report=told.append)

    assert told[0].lines == 0
    assert told[-1].lines == 60
    assert told[-1].seconds_left == 0
    assert told[-1].cost_usd == pytest.approx(
        receipt(tmp_path / "out")["large_model"]["usage"]["cost_usd"]
    )
    assert 0 < told[-1].llm_share < 1


def test_too_many_wrong_lines_end_the_job_which_goes_on_when_more_are_allowed(parts, tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    for name in ("a.log", "b.log"):
        (folder / name).write_bytes(b"sda write failed 1\n" + b"x" * 300 + b"\n")
    spec = InputSpec((str(folder),), max_line_bytes=200)

    for _ in range(2):
        with pytest.raises(InputError, match="more than 1 lines or rows are wrong"):
            run(parts, spec, tmp_path / "out", placement=Placement(most_errors=1))
    directory = run(parts, spec, tmp_path / "out", placement=Placement(most_errors=2))

    assert len(table(directory)) == 2
    assert Counter(each["reason"] for each in letters(directory)) == {"LINE_TOO_LONG": 2}


def test_what_is_wrong_is_said_before_anything_is_written(parts, pairs, tmp_path):
    (tmp_path / "a.log").write_bytes(b"sda write failed\n")
    spec = InputSpec((str(tmp_path / "a.log"),))

    with pytest.raises(InputError, match="lines of text"):
        run(pairs, spec, tmp_path / "out")
    with pytest.raises(InputError, match="no file"):
        run(parts, InputSpec((str(tmp_path / "none.log"),)), tmp_path / "out")
    with pytest.raises(InputError, match="no certificate"):
        run(parts, spec, tmp_path / "out", output=OutputSpec(certify=True))

    assert not (tmp_path / "out").exists()


def test_a_cascade_that_is_not_fitted_is_refused(tmp_path):
    from fakes.fitted_parts import write_parts

    with pytest.raises(ArtifactError, match="no artifact"):
        run(write_parts(tmp_path / "c"), write_logs(tmp_path / "logs", 1, 5), tmp_path / "out")
