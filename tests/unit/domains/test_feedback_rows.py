"""What else is read of a file of rows: right answers, and columns to slice by."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domains.rows import (
    LabelledRecord,
    masked,
    read_column,
    read_feedback,
    template_of,
)
from headgate.errors import InputError
from headgate.types import Feedback, Record


@pytest.fixture
def write(tmp_path):
    def write_rows(*rows):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write_rows


def test_right_answers_are_read_with_the_call_where_it_is_named(write):
    path = write(
        {"id": "a", "label": "net"},
        {"id": "a", "label": "disk", "request_id": "call-1", "log": "of no concern"},
    )

    assert read_feedback(path) == [Feedback("a", "net"), Feedback("a", "disk", "call-1")]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        pytest.param({"label": "net"}, "'id' is missing", id="no-id"),
        pytest.param({"id": "a"}, "'label' is missing", id="no-label"),
        pytest.param({"id": "a", "label": " "}, "'label' is blank", id="blank-label"),
        pytest.param({"id": 7, "label": "net"}, "'id' is a number and not a text", id="number"),
        pytest.param(
            {"id": "a", "label": "net", "request_id": None},
            "'request_id' is null and not a text",
            id="no-call",
        ),
        pytest.param(
            {"id": "a\ud800", "label": "net"}, "'id' has half a surrogate pair", id="surrogate"
        ),
    ],
)
def test_a_wrong_answer_row_is_refused_by_its_line(write, row, problem):
    path = write({"id": "a", "label": "net"}, row)

    with pytest.raises(InputError) as caught:
        read_feedback(path)

    assert caught.value.args[:2] == (f"{path}:2", problem)


@pytest.mark.parametrize("read", [read_feedback, lambda path: read_column(path, "system")])
def test_a_file_without_rows_is_refused(write, read):
    with pytest.raises(InputError, match="there are no rows in it"):
        read(write())


def test_a_column_has_a_text_for_each_row(write):
    path = write({"system": "router"}, {"system": ""}, {"system": "switch", "log": "x"})

    assert read_column(path, "system") == ["router", "", "switch"]


def test_a_row_without_the_column_is_refused_by_its_line(write):
    path = write({"system": "router"}, {"System": "router"})

    with pytest.raises(InputError) as caught:
        read_column(path, "system")

    assert caught.value.args[:2] == (f"{path}:2", "'system' is missing")


def test_numbers_are_masked_and_nothing_else():
    assert masked("port 17 of 0xFF is at 10.0.3.4, x0") == "port # of # is at #.#.#.#, x#"


@given(st.text())
def test_masking_twice_changes_nothing_more(text):
    assert masked(masked(text)) == masked(text)


def test_a_template_is_of_the_first_field():
    record = Record("a", {"log": "fan 3 failed", "description": "fan 7"})

    assert template_of(LabelledRecord(record, "match")) == "fan # failed"
