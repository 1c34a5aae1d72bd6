"""Pairs of tables through a whole batch job."""

import json

import fsspec
import pytest

from fakes.batch_jobs import letters, receipt, run, table
from fakes.fitted_tables import ASKED, NAMES, TARGET, csv_of, table_row, write_rows
from headgate.batch.job import Job, OutputSpec
from headgate.batch.outputs.diff import diff
from headgate.batch.types import InputSpec
from headgate.errors import InputError

pytestmark = pytest.mark.slow


@pytest.fixture
def pairs(tmp_path):
    """A file of pairs: by path, by text, one with the doubtful column, two that are wrong."""
    folder = tmp_path / "in"
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "a.csv").write_text(csv_of("a", NAMES), encoding="utf-8")
    (folder / "target.json").write_text(json.dumps(TARGET), encoding="utf-8")
    (tmp_path / "secret.csv").write_text("never\n", encoding="utf-8")
    rows = (
        {"id": "by-path", "source": "tables/a.csv", "target": "target.json"},
        table_row("by-text", NAMES[:3]),
        {**table_row(ASKED, ("disk", "dusk")), "target": "target.json"},
        {"id": "no-file", "source": "tables/b.csv", "target": "target.json"},
        {"id": "outside", "source": "../secret.csv", "target": "target.json"},
        {"id": "no-table", "source": "a,b\n", "target": {"a": 1}},
        {"id": "again", "source": "tables/a.csv", "target": "target.json"},
    )
    write_rows(folder / "pairs.jsonl", *rows)
    return InputSpec((str(folder / "pairs.jsonl"),))


def by_id(directory):
    return {row["id"]: row for row in table(directory)}


def test_each_pair_has_its_matches_and_what_is_told_of_each_column(
    matching_tables, pairs, tmp_path
):
    found = by_id(run(matching_tables, pairs, tmp_path / "out"))

    assert list(found) == ["by-path", "by-text", ASKED, "again"]
    assert json.loads(found["by-path"]["answer"]) == {name: name for name in NAMES}
    assert json.loads(found["by-text"]["answer"]) == {name: name for name in NAMES[:3]}
    disk, dusk = json.loads(found[ASKED]["parts"])
    assert (disk["column"], disk["target"]) == ("disk", "disk")
    assert (dusk["column"], dusk["target"], dusk["tier"]) == ("dusk", "dawn", "large")
    assert dusk["score"] == pytest.approx(0.9, abs=0.05)
    assert found["again"]["answer"] == found["by-path"]["answer"]


def test_a_table_that_cannot_be_read_is_a_dead_letter_that_says_why(
    matching_tables, pairs, tmp_path
):
    out = run(matching_tables, pairs, tmp_path / "out")

    told = {each["number"]: (each["reason"], each["detail"]) for each in letters(out)}
    assert told == {
        4: ("ROW_INVALID", "the table 'tables/b.csv' cannot be read (FileNotFoundError)"),
        5: ("ROW_INVALID", "the table '../secret.csv' is not below the folder of the rows"),
        6: ("INPUT_INVALID", "target: it is not made of columns"),
    }
    assert "never" not in (out / "dead_letters.jsonl").read_text("utf-8")


def test_the_receipt_counts_pairs(matching_tables, pairs, tmp_path):
    found = receipt(run(matching_tables, pairs, tmp_path / "out"))

    assert (found["unit"], found["rows"]["total"]) == ("record", 4)
    assert found["large_model"]["usage"]["calls"] >= 1


def test_a_job_that_is_done_again_elsewhere_does_not_differ(matching_tables, pairs, tmp_path):
    first = run(matching_tables, pairs, tmp_path / "first")
    second = run(matching_tables, pairs, tmp_path / "second")

    assert diff(first, second).same
    shards = [sorted((each / "parts").rglob("*.parquet")) for each in (first, second)]
    assert [path.read_bytes() for path in shards[0]] == [path.read_bytes() for path in shards[1]]


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
def test_pairs_can_be_written_as_text(matching_tables, pairs, tmp_path, format_):
    out = run(matching_tables, pairs, tmp_path / "out", output=OutputSpec(format=format_))

    (part,) = (out / "parts").rglob(f"*.{format_}")
    assert "parts" in part.read_text("utf-8").splitlines()[0]


def test_a_batch_of_tables_is_not_certified_by_itself(matching_tables, pairs, tmp_path):
    with pytest.raises(InputError, match="fan out to columns, which no sample is drawn of"):
        Job.new(matching_tables, pairs, tmp_path / "out", OutputSpec(certify=True))


def test_pairs_are_no_folders(matching_tables, pairs, tmp_path):
    with pytest.raises(InputError, match="the output has no such folders"):
        Job.new(matching_tables, pairs, tmp_path / "out", OutputSpec(partition_by="answer"))


def test_lines_of_text_are_no_pairs(matching_tables, tmp_path):
    (tmp_path / "a.log").write_text("a line\n", encoding="utf-8")

    with pytest.raises(InputError, match="match_columns reads more than one"):
        Job.new(matching_tables, InputSpec((str(tmp_path / "a.log"),)), tmp_path / "out",
                OutputSpec())  # fmt: skip


def test_long_rows_of_tables_are_read(matching_tables, tmp_path):
    """Longer than a line of a log may be."""
    values = "\n".join("disk " + "x" * 200 for _ in range(8_000))
    row = {"id": "long", "source": f"disk\n{values}\n", "target": TARGET}
    write_rows(tmp_path / "long.jsonl", row)

    out = run(matching_tables, InputSpec((str(tmp_path / "long.jsonl"),)), tmp_path / "out")

    assert list(by_id(out)) == ["long"]


def test_rows_elsewhere_name_no_tables_of_this_machine(matching_tables, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("disk\n", encoding="utf-8")
    row = json.dumps({"source": "a.csv", "target": TARGET})
    with fsspec.open("memory://rows.jsonl", "w") as file:
        file.write(row + "\n")

    out = run(matching_tables, InputSpec(("memory://rows.jsonl",)), tmp_path / "out")

    (letter,) = letters(out)
    assert letter["detail"] == "a table is named by its path, and the rows are not on this machine"
