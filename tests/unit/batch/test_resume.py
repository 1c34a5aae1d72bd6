import os
import resource
import signal
from dataclasses import replace

import pytest

from fakes.batch_jobs import (
    endpoint,
    letters,
    live,
    once_at,
    questions,
    receipt,
    run,
    table,
    write_logs,
    write_rows,
)
from fakes.fitted_parts import fit_parts
from fakes.made_up_logs import spelled
from fakes.made_up_logs import write_rows as write_json_lines
from headgate.batch.identity import FILE
from headgate.batch.job import Job, OutputSpec
from headgate.batch.lock import held
from headgate.batch.run import Placement
from headgate.batch.status import status
from headgate.batch.types import InputSpec
from headgate.errors import InputError, JobLockedError, SpecFileError

WRITE = {"lines": write_logs, "rows": write_rows}
CALL = 5
"""In which a job is stopped."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRITE)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["sigterm", "sigint"])
def test_a_stopped_job_goes_on_and_buys_no_answer_twice(parts, tmp_path, kind, number):
    """Only the call nobody had an answer of is made again; rows are those of a whole run."""
    spec = WRITE[kind](tmp_path / "input", 4, 50)
    handler = signal.getsignal(number)
    with endpoint(once_at(CALL, lambda: os.kill(os.getpid(), number))) as large_model:
        loaded = live(tmp_path / "live", parts, large_model.base_url, concurrency=1)
        with pytest.raises(KeyboardInterrupt):
            run(loaded, spec, tmp_path / "out")
        stopped = status(tmp_path / "out")
        Job.of(tmp_path / "out").run(environment={})
        asked = questions(large_model.requests)
        whole = run(loaded, spec, tmp_path / "whole")

    assert signal.getsignal(number) == handler
    assert (stopped.state, stopped.usage.calls) == ("stopped", CALL - 1)
    assert status(tmp_path / "out").state == "finished"
    assert asked.total() == len(asked) + 1
    assert table(tmp_path / "out") == table(whole)
    assert letters(tmp_path / "out") == letters(whole)
    told = receipt(tmp_path / "out")
    assert (told["work"]["runs"], told["large_model"]["recovered"]) == (2, CALL - 1)
    assert told["large_model"]["usage"] == receipt(whole)["large_model"]["usage"]


@pytest.mark.slow
def test_a_budget_goes_on_where_it_was(parts, tmp_path):
    """A quarter of the rows may be asked about, and 25 saved ones; all would like to be."""
    folder = tmp_path / "rows"
    folder.mkdir()
    for file in range(4):
        rows = [
            {"id": f"r{n}", "log": f"reset {spelled(n)}"} for n in range(file * 50, file * 50 + 50)
        ]
        write_json_lines(folder / f"{file}.jsonl", rows)
    spec = InputSpec((str(folder),))
    with endpoint(once_at(45, lambda: os.kill(os.getpid(), signal.SIGTERM))) as large_model:
        loaded = live(tmp_path / "live", parts, large_model.base_url, concurrency=1)
        with pytest.raises(KeyboardInterrupt):
            run(loaded, spec, tmp_path / "out")
        Job.of(tmp_path / "out").run(environment={})
        whole = run(loaded, spec, tmp_path / "whole")

    rows = table(tmp_path / "out")
    assert rows == table(whole)
    assert 45 < sum(row["tier"] == "large" for row in rows) <= 25 + 0.25 * 200


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRITE)
@pytest.mark.parametrize("most_bytes", [8_000, 40_000, 60_000])
def test_a_full_disk_stops_a_job_which_goes_on_when_there_is_room(
    asked, tmp_path, kind, most_bytes
):
    """The limit is on the size of a file, which the system refuses to pass like a full disk."""
    loaded, large_model = asked
    spec = WRITE[kind](tmp_path / "input", 4, 400)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        with pytest.raises(OSError):  # noqa: PT011 - SQLite and Arrow word it in their own ways
            run(loaded, spec, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert status(tmp_path / "out").state == "stopped"

    run(loaded, spec, tmp_path / "out")
    asked_about = questions(large_model.requests)
    whole = run(loaded, spec, tmp_path / "whole")

    # What could not be written down was not used, and nothing was bought after it.
    assert asked_about.total() - len(asked_about) <= 16
    assert table(tmp_path / "out") == table(whole)


def test_a_finished_job_is_not_done_again(asked, tmp_path):
    loaded, large_model = asked
    spec = write_logs(tmp_path / "logs", 1, 10)
    directory = run(loaded, spec, tmp_path / "out")
    calls, before = len(large_model.requests), receipt(directory)

    run(loaded, spec, directory)
    Job.of(directory).run(environment={})

    assert len(large_model.requests) == calls
    assert receipt(directory) == before


def test_a_second_run_at_once_is_refused(parts, tmp_path):
    spec = write_logs(tmp_path / "logs", 1, 5)
    (tmp_path / "out").mkdir()

    with held(tmp_path / "out", "first"), pytest.raises(JobLockedError, match=str(os.getpid())):
        run(parts, spec, tmp_path / "out")

    assert os.listdir(tmp_path / "out") == ["lock"]


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        (OutputSpec(per="line"), "its output has grain 'template', and not 'line'"),
        (OutputSpec(format="csv"), "its output has format 'parquet', and not 'csv'"),
        (OutputSpec(partition_by="answer"), "its output has partition_by '', and not 'answer'"),
    ],
)
def test_a_directory_of_another_output_is_refused(parts, tmp_path, output, problem):
    spec = write_logs(tmp_path / "logs", 1, 5)
    directory = run(parts, spec, tmp_path / "out")

    with pytest.raises(InputError, match=problem):
        run(parts, spec, directory, output=output)


def test_a_directory_of_another_input_is_refused(parts, tmp_path):
    spec = write_logs(tmp_path / "logs", 2, 5)
    directory = run(parts, spec, tmp_path / "out")
    other = replace(spec, event_start="^sda")

    with pytest.raises(InputError, match="its input has event_start None, and not '\\^sda'"):
        run(parts, other, directory)
    (tmp_path / "logs" / "002.log").write_text("sda write failed 1\n", encoding="ascii")
    with pytest.raises(InputError, match=r"its input has not the file '.*002\.log'"):
        run(parts, spec, directory)
    (tmp_path / "logs" / "002.log").unlink()
    (tmp_path / "logs" / "001.log").write_text("sda write failed 1\n", encoding="ascii")
    with pytest.raises(InputError, match=r"its input file '.*001\.log' has changed"):
        run(parts, spec, directory)


@pytest.mark.slow
def test_a_directory_of_another_cascade_or_artifact_is_refused(parts, asked, tmp_path):
    spec = write_logs(tmp_path / "logs", 1, 5)
    directory = run(parts, spec, tmp_path / "out")
    loaded, _ = asked
    refitted = fit_parts(tmp_path / "again")

    with pytest.raises(InputError, match="its cascade has name 'parts', and not 'live'"):
        run(loaded, spec, directory)
    with pytest.raises(InputError, match="its cascade has"):
        run(refitted, spec, directory)


@pytest.mark.slow
def test_a_job_whose_cascade_or_input_has_changed_is_not_resumed(tmp_path):
    loaded = fit_parts(tmp_path / "c")
    spec = write_logs(tmp_path / "logs", 1, 5)
    directory = run(loaded, spec, tmp_path / "out")

    (tmp_path / "logs" / "000.log").write_text("sda write failed 1\n", encoding="ascii")
    with pytest.raises(InputError, match=r"000\.log: it has changed"):
        Job.of(directory)
    write_logs(tmp_path / "logs", 1, 5)
    loaded.path.with_name("decide.md").write_text("Which?", encoding="utf-8")
    with pytest.raises(InputError):
        Job.of(directory)
    loaded.path.write_text("kind: Cascade", encoding="utf-8")
    with pytest.raises((InputError, SpecFileError)):
        Job.of(directory)


def test_a_directory_that_holds_something_else_is_refused(parts, tmp_path):
    spec = write_logs(tmp_path / "logs", 1, 5)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("do not lose", encoding="ascii")

    with pytest.raises(InputError, match=r"holds 'thesis\.txt' and is no directory of a batch job"):
        run(parts, spec, tmp_path / "out")

    assert (tmp_path / "out" / "thesis.txt").read_text(encoding="ascii") == "do not lose"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"job": 2}', '{"job": 1, "cascade": 3}'])
def test_a_damaged_job_file_is_named(parts, tmp_path, content):
    spec = write_logs(tmp_path / "logs", 1, 5)
    directory = run(parts, spec, tmp_path / "out")
    (directory / FILE).write_text(content, encoding="ascii")

    for call in (lambda: run(parts, spec, directory), lambda: Job.of(directory)):
        with pytest.raises(InputError, match=r"job\.json: it does not say which job this is"):
            call()


def test_what_was_never_begun_cannot_be_resumed(tmp_path):
    with pytest.raises(InputError, match="there is no batch job in it"):
        Job.of(tmp_path)
    with pytest.raises(InputError, match="there is no batch job in it"):
        status(tmp_path / "none")


def test_a_job_that_was_killed_before_its_journal_has_a_status(parts, tmp_path):
    spec = write_logs(tmp_path / "logs", 1, 5)
    directory = run(parts, spec, tmp_path / "out")
    for path in directory.glob("journal*"):
        path.unlink()

    found = status(directory)

    assert (found.state, found.units) == ("stopped", 0)


def test_a_status_tells_what_was_done(parts, tmp_path):
    (tmp_path / "a.log").write_bytes(b"sda write failed\n" * 3 + b"y" * 300 + b"\n")
    spec = InputSpec((str(tmp_path / "a.log"),), max_line_bytes=200)
    directory = run(parts, spec, tmp_path / "out")

    with held(directory, "x"):
        found = status(directory)

    assert found.owner.pid == os.getpid()
    assert (found.state, found.runs) == ("finished", 1)
    assert (found.units, found.read, found.answered, found.written) == (1, 1, 1, 1)
    assert (found.rows_read, found.rows_written, found.dead_letters) == (3, 3, 1)
    assert found.identity.cascade.name == "parts"


@pytest.mark.slow
def test_where_the_work_is_done_makes_no_difference(asked, tmp_path):
    loaded, _ = asked
    spec = write_rows(tmp_path / "rows", 3, 40)

    one = run(loaded, spec, tmp_path / "one", placement=Placement(workers=1))
    three = run(loaded, spec, tmp_path / "three", placement=Placement(workers=3))

    assert table(one) == table(three)
    for shard in (one / "parts").iterdir():
        assert shard.read_bytes() == (three / "parts" / shard.name).read_bytes()
