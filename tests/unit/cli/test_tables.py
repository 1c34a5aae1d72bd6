"""Every verb on a cascade of tables."""

import asyncio
import json

import pytest

from fakes.batch_jobs import table
from fakes.fitted_tables import ASKED, NAMES, TARGET, csv_of, labelled, table_row, write_rows
from fakes.running_server import running
from headgate.cli.answers import lines_of
from headgate.cli.call import MAX_RECORD_BYTES, MAX_TABLE_BATCH
from headgate.types import Explanation, Result

pytestmark = pytest.mark.slow
BAD_INPUT = 2


@pytest.fixture
def pairs(tmp_path):
    """Rows of two pairs, one of which names its tables, with their matches."""
    (tmp_path / "a.csv").write_text(csv_of("a", NAMES), encoding="utf-8")
    (tmp_path / "target.json").write_text(json.dumps(TARGET), encoding="utf-8")
    named = {"source": "a.csv", "target": "target.json", "kind": "plain"}
    asked = {**table_row(ASKED, ("disk", "dusk")), "kind": "odd"}
    return write_rows(tmp_path / "pairs.jsonl", {**table_row("a", NAMES), **named}, asked)


@pytest.fixture
async def ask(matching_tables, headgate):
    """Runs a verb against a real server of the fitted cascade."""
    async with running(matching_tables) as server:

        async def command(verb, *arguments):
            line = (verb, "tables", *arguments, "--address", server.target)
            return await asyncio.to_thread(headgate, *line)

        yield command


# fit, evaluate


def test_a_fit_on_tables_counts_columns(matching_tables, headgate, tmp_path):
    labelled(matching_tables, "cli-train", 3)
    labelled(matching_tables, "cli-dev", 6)
    folder = matching_tables.base_dir

    ended = headgate(
        "fit", matching_tables.path, "--labels", folder / "cli-train.jsonl",
        "--dev", folder / "cli-dev.jsonl", "--artifact", tmp_path / "a",
    )  # fmt: skip

    assert ended.code == 0
    assert "fitting tables on 24 rows, 48 for thresholds" in ended.err
    assert "small model alone, accuracy" in ended.out


def evaluated(headgate, loaded, labels, *options):
    return headgate("evaluate", loaded.path, "--labels", labels, "--no-progress", *options)


def test_an_evaluation_tells_of_columns_and_of_whole_tables(matching_tables, headgate, pairs):
    ended = evaluated(headgate, matching_tables, pairs)

    lines = ended.out.splitlines()
    assert ended.code == 0
    assert lines[0].endswith(", 10 columns of 2 tables")
    place = next(number for number, line in enumerate(lines) if line.startswith("mean over tables"))
    assert lines[place].split("  ")[0] == "mean over tables"
    assert [line.split("  ")[0] for line in lines[place + 1 : place + 3]] == [
        "small alone",
        "cascade",
    ]


def test_the_figures_of_tables_are_in_the_json(matching_tables, headgate, pairs):
    ended = evaluated(headgate, matching_tables, pairs, "--output", "json")

    small, cascade = (ended.data["matching"][name] for name in ("small", "cascade"))
    assert ended.data["rows"] == 10
    assert set(small) == {"tables", "mrr", "recall_at_truth", "one_to_one_f1"}
    assert (small["tables"], small["mrr"], cascade["mrr"]) == (2, 1.0, 1.0)


def test_a_report_on_tables_can_be_sliced_by_what_rows_say(
    matching_tables, headgate, pairs, tmp_path
):
    page = tmp_path / "report.html"

    ended = evaluated(
        headgate, matching_tables, pairs, "--report", page, "--slice", "kind", "--output", "json"
    )

    assert ended.code == 0
    assert "plain" in page.read_text("utf-8")
    assert ended.data["report"] is not None


def test_labels_that_are_wrong_are_told_with_their_line(matching_tables, headgate, tmp_path):
    path = write_rows(
        tmp_path / "bad.jsonl",
        table_row("a", ("disk",)),
        table_row("b", ("disk",), matches={"x": []}),
    )

    ended = evaluated(headgate, matching_tables, path)

    assert ended.code == BAD_INPUT
    assert f"{path}:2: 'matches' names 'x', which is no column of the source" in ended.err


# call, explain


async def test_each_pair_is_a_row_with_its_pairs(ask, pairs):
    ended = await ask("call", "--input", pairs)

    lines = {line.split()[0]: line for line in ended.out.splitlines()}
    assert (ended.code, "headgate:" in ended.err) == (0, False)
    assert list(lines) == ["id", "a", ASKED, "2"]
    assert '{"disk": "disk", "dusk": "dawn"}' in lines[ASKED]
    assert " match " in lines["a"]


async def test_json_tells_of_each_column_and_of_its_gate(ask, pairs):
    ended = await ask("call", "--input", pairs, "--output", "json")

    found = {each["record_id"]: each for each in ended.lines}
    assert [part["record_id"] for part in found[ASKED]["parts"]] == ["asked/disk", "asked/dusk"]
    assert found[ASKED]["parts"][1]["ranking"][0][0] == "dawn"
    assert list(found[ASKED]["thresholds"]) == ["keep"]
    assert found[ASKED]["thresholds"]["keep"] is not None


async def test_what_a_pair_would_cost_is_explained(ask, pairs):
    ended = await ask("explain", "--input", pairs, "--output", "json")

    found = {each["record_id"]: each for each in ended.lines}
    assert ended.code == 0
    assert found[ASKED]["tier"] == "large"
    assert found[ASKED]["expected_usage"]["calls"] >= 1


def test_the_path_of_each_column_is_a_line():
    """A table as a whole takes no path."""
    whole = Explanation("t", parts=(Explanation("t/a"), Explanation("t/b")))

    assert [each.record_id for each in lines_of(whole)] == ["t/a", "t/b"]
    assert lines_of(whole.parts[0]) == (whole.parts[0],)
    assert lines_of(Result("t", parts=(Result("t/a"),))) == (Result("t", parts=(Result("t/a"),)),)


async def test_more_pairs_than_fit_into_a_request_are_all_answered(ask, tmp_path):
    rows = [table_row(f"t{number}", NAMES[:2]) for number in range(MAX_TABLE_BATCH + 1)]

    ended = await ask(
        "call", "--input", write_rows(tmp_path / "many.jsonl", *rows), "--output", "json"
    )

    assert [each["record_id"] for each in ended.lines] == [row["id"] for row in rows]


async def test_a_pair_that_fits_into_no_request_is_named(ask, tmp_path):
    large = f"disk\n{'x' * MAX_RECORD_BYTES}\n"
    path = write_rows(tmp_path / "large.jsonl", table_row("large", ("disk",), source=large))

    ended = await ask("call", "--input", path)

    assert ended.code == BAD_INPUT
    assert ended.out == ""
    assert "record 'large': its texts have 4," in ended.err
    assert "headgate batch run" in ended.err


async def test_a_table_that_cannot_be_read_is_the_error_of_its_record(ask, tmp_path):
    rows = (table_row("good", ("disk",)), table_row("bad", ("disk",), target={"a": 1}))

    ended = await ask("call", "--input", write_rows(tmp_path / "some.jsonl", *rows))

    assert ended.code == BAD_INPUT
    assert '{"disk": "disk"}' in ended.out
    assert "1 of 2 records failed" in ended.err


# batch


def test_a_batch_of_pairs_from_the_first_verb_to_the_last(matching_tables, batch, pairs, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for out in (first, second):
        ended = batch("run", matching_tables.path, "--input", pairs, "--output", out, "--quiet")
        assert (ended.code, "headgate:" in ended.err) == (0, False)

    resumed = batch("resume", first)
    status = batch("status", first, "--output", "json")
    compared = batch("diff", first, second)

    rows = {row["id"]: row for row in table(first)}
    assert json.loads(rows["a"]["answer"]) == {name: name for name in NAMES}
    assert [each["column"] for each in json.loads(rows[ASKED]["parts"])] == ["disk", "dusk"]
    assert "it was finished before" in resumed.err
    assert status.data["rows_written"] == 2
    assert compared.code == 0


def test_tables_are_not_certified_as_a_batch(matching_tables, batch, pairs, tmp_path):
    ended = batch(
        "run", matching_tables.path, "--input", pairs, "--output", tmp_path / "out", "--certify"
    )

    assert ended.code == BAD_INPUT
    assert "fan out to columns, which no sample is drawn of" in ended.err
