"""A batch answers as a server does: the same records, online and in files."""

import asyncio
import csv
import hashlib

import pytest

from fakes.batch_jobs import endpoint, live, log_line, run, table
from fakes.made_up_logs import (
    GATED,
    LABELS,
    apart,
    make_cascade,
    read_rows,
    record,
    spelled,
    write_rows,
)
from fakes.running_server import running
from fakes.sample_cascade import sample_records
from fakes.watched_cascade import SERVED, deferral, served_rows
from headgate.batch.job import OutputSpec
from headgate.batch.types import InputSpec
from headgate.client import Client
from headgate.domains.logs import FIELDS
from headgate.fitting.fit import fit_cascade
from headgate.types import Record

COUNT = 300
A_CALL = 50
"""Records in one call of the server; a batch asks about more at once."""
TRAIN, DEVELOPMENT, ONLINE = range(120), range(200, 400), range(1000, 1000 + COUNT)
PER_LINE = OutputSpec(per="line")
TEXTS = ("log", "line", "description")

pytestmark = pytest.mark.slow


def online(loaded, records, state_dir=""):
    """Return what `RunCascade` answers; a server without a cluster."""

    async def ask():
        async with running(loaded, state_dir=str(state_dir)) as server:
            return await asyncio.to_thread(call, server.target, records)

    return asyncio.run(ask())


def call(target, records):
    with Client(target, timeout_s=60) as client:
        calls = [records[start : start + A_CALL] for start in range(0, len(records), A_CALL)]
        return [result for each in calls for result in client.run_cascade(each)]


def said_online(result):
    scores = [step.score for step in result.path if step.kind == "gate"]
    return {
        "answer": result.answer,
        "tier": result.tier,
        "confidence": result.confidence,
        "score": scores[-1] if scores else None,
        "certificate_id": result.certificate_id,
        "guarantee": result.guarantee,
        "degraded": result.degraded,
        "error": result.error and result.error.reason,
    }


def said_in_file(row):
    names = ("answer", "tier", "confidence", "score", "certificate_id", "guarantee", "degraded")
    return {name: row[name] for name in names} | {"error": None}


def offline(loaded, place, directory, output=OutputSpec()):  # noqa: B008 - frozen
    """Return the rows of a batch over a file."""
    return table(run(loaded, InputSpec((str(place),)), directory, output=output))


def records_of(found):
    texts = [{name: row[name] for name in TEXTS if name in row} for row in found]
    return [Record(row["id"], each) for row, each in zip(found, texts, strict=True)]


def mixed(operation, numbers):
    """Return rows one in three of which is of a kind that nothing tells apart."""
    found = apart(operation, numbers)
    field = next(iter(FIELDS[operation]))
    for place in range(0, len(found), 3):
        found[place][field] = f"sensor {spelled(numbers[place])} was reset"
        found[place]["label"] = LABELS[operation][place // 3 % 2]
    return found


def fitted(folder, operation):
    """Return a fitted cascade and rows; the large model's right answers to all are recorded.

    Its certificate requires what the gate sends on, and no share limits that: a budget that binds
    goes by the order of the calls, online and offline.
    """
    loaded = make_cascade(folder, operation, **GATED, deferral=deferral(audits=""))
    train, develop, asked = (mixed(operation, each) for each in (TRAIN, DEVELOPMENT, ONLINE))
    record(loaded, {row["id"]: row["label"] for row in [*train, *develop, *asked]})
    fit_cascade(loaded, read_rows(loaded, train, develop))
    return loaded, asked


def line_id(line):
    """Return the id under which a batch asks about a line: the start of its SHA-256."""
    return hashlib.sha256(line.encode("ascii")).hexdigest()[:12]


def write_csv(path, found):
    names = ["id", *(name for name in TEXTS if name in found[0])]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(found)
    return path


@pytest.mark.parametrize(
    ("operation", "write", "name"),
    [
        pytest.param("level", write_rows, "asked.jsonl", id="level-jsonl"),
        pytest.param("match_description", write_csv, "asked.csv", id="match_description-csv"),
        pytest.param("classify_lines", write_rows, "asked.jsonl", id="classify_lines-jsonl"),
    ],
)
def test_rows_are_answered_as_online(tmp_path, operation, write, name):
    """Those that the gate sends on as well: the large model's answers are recorded."""
    loaded, asked = fitted(tmp_path, operation)

    results = online(loaded, records_of(asked))
    found = offline(loaded, write(tmp_path / name, asked), tmp_path / "out")

    assert COUNT // 10 < [row["tier"] for row in found].count("large") < COUNT // 2
    assert [row["id"] for row in found] == [row["id"] for row in asked]
    assert [*map(said_in_file, found)] == [*map(said_online, results)]


def test_rows_under_a_certificate_are_answered_as_online(watched, tmp_path):
    """Audits, which only a server makes, change no answer."""
    asked = served_rows(len(SERVED))

    results = online(watched, records_of(asked), tmp_path / "state")
    found = offline(watched, write_rows(tmp_path / "asked.jsonl", asked), tmp_path / "out")

    assert found[0]["certificate_id"]
    assert [*map(said_in_file, found)] == [*map(said_online, results)]


def test_lines_by_themselves_are_answered_as_online(tmp_path):
    """Each line is there twice; a server answers it twice, and a batch once."""
    loaded, asked = fitted(tmp_path, "level")
    labels = {line_id(row["log"]): row["label"] for row in asked}
    record(loaded, labels)
    lines = [row["log"] for row in asked] * 2
    (tmp_path / "asked.log").write_text("".join(f"{line}\n" for line in lines), encoding="ascii")

    results = online(loaded, [Record(line_id(line), {"log": line}) for line in lines])
    found = offline(loaded, tmp_path / "asked.log", tmp_path / "out", PER_LINE)

    assert COUNT // 5 < [row["tier"] for row in found].count("large") < COUNT
    assert [*map(said_in_file, found)] == [*map(said_online, results)]


def test_lines_of_a_template_are_answered_as_its_first_line_is_online(parts, tmp_path):
    lines = [log_line(number) for number in range(COUNT)]
    (tmp_path / "asked.log").write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    with endpoint() as large_model:
        loaded = live(tmp_path / "live", parts, large_model.base_url)
        results = online(loaded, [Record(line_id(line), {"log": line}) for line in lines])
        found = offline(loaded, tmp_path / "asked.log", tmp_path / "out")

    first = {}
    for row, result in zip(found, results, strict=True):
        first.setdefault(row["template_id"], said_online(result))
    assert len(first) < COUNT // 5
    assert [*map(said_in_file, found)] == [first[row["template_id"]] for row in found]


def test_an_encoder_answers_rows_in_files_as_online(sample, tmp_path):
    """Its batches are others, which moves no more than the last digits of a score."""
    asked = [{"id": each.id, **each.fields} for each in sample_records(sample, 40)]

    results = online(sample, records_of(asked), tmp_path / "state")
    found = offline(sample, write_rows(tmp_path / "asked.jsonl", asked), tmp_path / "out")

    numbers = ("confidence", "score")
    here, there = [*map(said_in_file, found)], [*map(said_online, results)]
    for name in numbers:
        mine, other = ([each.pop(name) for each in side] for side in (here, there))
        assert mine == pytest.approx(other, abs=1e-6)
    assert here == there
