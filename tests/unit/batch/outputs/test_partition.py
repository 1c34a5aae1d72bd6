from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.batch_outputs import lines
from headgate.batch.outputs.partition import (
    MISSING,
    MOST_BYTES,
    MOST_FOLDERS,
    folder_name,
    folder_value,
    partitioned,
)
from headgate.errors import InputError


def parts(table, by):
    return {part.folder: part.table for part in partitioned(table, by)}


def test_rows_go_into_the_folder_of_their_value():
    found = parts(lines("abab"), "answer")

    assert list(found) == ["answer=a", "answer=b"]
    assert found["answer=a"]["line"].to_pylist() == [1, 3]
    assert found["answer=b"]["line"].to_pylist() == [2, 4]


def test_a_column_that_folders_name_is_not_in_their_files():
    assert "answer" not in parts(lines("a"), "answer")["answer=a"].column_names


def test_rows_can_be_sorted_by_day():
    times = [
        datetime(2026, 11, 27, 23, 59, 59, tzinfo=UTC),
        datetime(2026, 11, 28, tzinfo=UTC),
        None,
        datetime(1969, 12, 31, 12, tzinfo=UTC),
    ]
    table = lines("aaaa", timestamp=pa.array(times, pa.timestamp("us", "UTC")))

    found = parts(table, "date")

    assert {folder: part["line"].to_pylist() for folder, part in found.items()} == {
        "date=1969-12-31": [4],
        "date=2026-11-27": [1],
        "date=2026-11-28": [2],
        f"date={MISSING}": [3],
    }
    assert "timestamp" in found["date=2026-11-27"].column_names


def test_rows_without_any_time_are_in_one_folder():
    assert list(parts(lines("aa", timestamp=pa.nulls(2)), "date")) == [f"date={MISSING}"]


@pytest.mark.parametrize(
    ("value", "folder"),
    [
        pytest.param("../../etc", "answer=..%2F..%2Fetc", id="path"),
        pytest.param("a b\n", "answer=a%20b%0A", id="spaces"),
        pytest.param("\x00", "answer=%00", id="null"),
        pytest.param("ü", "answer=%C3%BC", id="letters"),
        pytest.param("a=b", "answer=a%3Db", id="equals"),
        pytest.param("", f"answer={MISSING}", id="empty"),
    ],
)
def test_no_value_leads_out_of_the_output(value, folder):
    assert folder_name("answer", value) == folder


@given(st.text(max_size=20).filter(lambda text: text != MISSING))
def test_a_folder_tells_its_value(value):
    assert folder_value(folder_name("answer", value)) == ("answer", value)


def test_a_value_that_is_too_long_is_refused_without_being_shown():
    secret = "token" * MOST_BYTES

    with pytest.raises(InputError, match="too long for a folder's name") as caught:
        folder_name("answer", secret)

    assert "token" not in str(caught.value)


def test_too_many_values_are_refused():
    answers = [str(n) for n in range(MOST_FOLDERS + 1)]

    with pytest.raises(InputError, match=f"over {MOST_FOLDERS} different values"):
        parts(lines(answers), "answer")


@pytest.mark.parametrize("by", ["verdict", "date"])
def test_a_column_that_is_not_there_is_refused_with_those_that_are(by):
    with pytest.raises(InputError, match="no such column") as caught:
        parts(lines("a"), by)

    assert "Use one of file, line," in str(caught.value)


def test_numbers_do_not_name_folders():
    with pytest.raises(InputError, match="holds no texts"):
        parts(lines("a"), "confidence")
