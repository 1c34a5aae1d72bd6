import json
from dataclasses import replace

import pytest

from fakes.batch_outputs import CERTIFICATE, lines, receipt_of
from headgate.batch.outputs.receipt import InputCount, OutputCount, RowCounts
from headgate.batch.outputs.receipt_files import MOST_LISTED, receipt_text, write_receipt
from headgate.batch.outputs.summary import UnitSummary
from headgate.types import GuaranteeState

SUMMARY = UnitSummary.from_table(
    lines("aab", tier=["small", "small", "large"], degraded=["", "BUDGET", ""])
)


def test_rows_are_counted_from_the_summary():
    assert RowCounts.of(SUMMARY) == RowCounts(
        total=3,
        tiers={"small": 2, "large": 1},
        answers={"a": 2, "b": 1},
        degraded={"BUDGET": 1},
        lossy=0,
    )


def test_answers_that_are_not_told_apart_are_not_listed():
    assert RowCounts.of(replace(SUMMARY, many_answers=True)).answers == {}


def test_what_follows_from_the_figures_is_said():
    """3 rows in 1.5 and 0.5 seconds, 2 of them by the small model."""
    receipt = receipt_of(SUMMARY)

    assert receipt.rows_per_s == 1.5
    assert receipt.kept_share == pytest.approx(2 / 3)
    assert receipt.input_bytes == 2048


def test_no_rows_in_no_time_are_no_rate():
    receipt = receipt_of()

    empty = replace(receipt, work=replace(receipt.work, phases_s={}))
    assert (empty.rows_per_s, empty.kept_share) == (0.0, None)


def test_the_receipt_is_read_by_programs(tmp_path):
    write_receipt(receipt_of(SUMMARY), tmp_path)

    found = json.loads((tmp_path / "receipt.json").read_text())
    assert found["rows"]["tiers"] == {"small": 2, "large": 1}
    assert found["large_model"]["usage"]["cost_usd"] == 0.25
    assert found["certificate"]["state"] == "certified"
    assert found["work"]["phases_s"] == {"reading": 1.5, "writing": 0.5}
    assert (found["elapsed_s"], found["rows_per_s"], found["input_bytes"]) == (2.0, 1.5, 2048)


def test_the_receipt_is_read_by_people(tmp_path):
    write_receipt(receipt_of(SUMMARY), tmp_path)

    text = (tmp_path / "receipt.txt").read_text()
    assert text.startswith("logs: 3 lines of 2 KiB in 1 file, in 2.0 s\n")
    for said in ("66.7%", "$0.250", "BUDGET", "HEADER_MISMATCH", "differs from the large", "a.log"):
        assert said in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"batch_statement": "At most 2 lines are wrong."}, "At most 2", id="batch"),
        pytest.param({"templates": None}, "records asked", id="no-templates"),
        pytest.param({"output": OutputCount("csv", "answer", 3, 9)}, "by answer", id="folders"),
        pytest.param(
            {"certificate": replace(CERTIFICATE, state=GuaranteeState.VOID)},
            "do not rely on it",
            id="void",
        ),
    ],
)
def test_what_is_special_about_a_job_is_said(changes, said):
    assert said in receipt_text(receipt_of(SUMMARY, **changes))


@pytest.mark.parametrize(
    ("changes", "heading"),
    [
        ({"certificate": None}, "Certificate"),
        ({"dead_letters": {}}, "Not in the output"),
        ({"rows": replace(RowCounts.of(SUMMARY), degraded={})}, "Not the answer"),
    ],
)
def test_what_there_is_not_has_no_heading(changes, heading):
    assert heading in receipt_text(receipt_of(SUMMARY))
    assert heading not in receipt_text(receipt_of(SUMMARY, **changes))


def test_long_lists_are_cut_and_say_so():
    files = [InputCount(f"{n}.log", n, 1, "f") for n in range(MOST_LISTED + 5)]
    counts = {f"answer {n}": 1 for n in range(MOST_LISTED + 3)}
    rows = replace(RowCounts.of(SUMMARY), answers=counts)

    text = receipt_text(receipt_of(inputs=files, rows=rows))

    assert "and 5 smaller files" in text
    assert "and 3 more" in text
    assert " 29.log" in text  # the largest ones are listed
    assert " 0.log" not in text


def test_names_do_not_move_a_terminal():
    bad = "\x1b]0;owned\x07\u202e"
    receipt = receipt_of(
        inputs=[InputCount(bad, 1, 1, "f")],
        dead_letters={bad: 1},
        rows=replace(RowCounts.of(SUMMARY), answers={bad: 3}),
        batch_statement=bad,
    )

    text = receipt_text(receipt)

    assert not set(text) & set("\x1b\x07\u202e")
    assert text.count("\\u001b]0;owned\\u0007\\u202e") == 4
