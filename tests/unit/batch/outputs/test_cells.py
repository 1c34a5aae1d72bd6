import csv
import io
import json
import math
import unicodedata
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.batch.outputs.cells import csv_header, csv_lines, csv_text, json_lines, without_mark

TEXTS = st.lists(st.one_of(st.none(), st.text(max_size=8)), max_size=5)
MOMENT = datetime(2026, 11, 27, 10, 0, 0, 123_000, tzinfo=UTC)


def json_rows(table):
    return [json.loads(line) for line in bytes(json_lines(table)).splitlines()]


def csv_rows(table):
    return list(csv.reader(io.StringIO(bytes(csv_lines(table)).decode())))


def test_every_kind_of_value_is_written_as_json():
    table = pa.table(
        {
            "text": pa.array(["a\n\x1b", None]),
            "word": pa.array(["x", None]).dictionary_encode(),
            "number": pa.array([7, None]),
            "share": pa.array([0.1, math.nan]),
            "yes": pa.array([True, None]),
            "at": pa.array([MOMENT, None], pa.timestamp("ms", "UTC")),
        }
    )

    assert json_rows(table) == [
        {
            "text": "a\n\x1b",
            "word": "x",
            "number": 7,
            "share": 0.1,
            "yes": True,
            "at": "2026-11-27T10:00:00.123Z",
        },
        dict.fromkeys(table.column_names),
    ]


def test_every_kind_of_value_is_written_as_csv():
    table = pa.table(
        {
            "text": pa.array(['a, "b"', None]),
            "number": pa.array([-7, None]),
            "share": pa.array([-0.5, math.nan]),
            "yes": pa.array([True, None]),
            "at": pa.array([MOMENT.replace(tzinfo=None), None], pa.timestamp("ms")),
        }
    )

    assert csv_header(table) == b"text,number,share,yes,at\n"
    assert csv_rows(table) == [
        ['a, "b"', "-7", "-0.5", "true", "2026-11-27T10:00:00.123"],
        ["", "", "", "", ""],
    ]


def read_cell(written):
    return next(csv.reader([f"{written},rest"]))[0]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0", id="equals"),
        pytest.param("+1", "'+1", id="plus"),
        pytest.param("-1", "'-1", id="minus"),
        pytest.param("@SUM(A1)", "'@SUM(A1)", id="at"),
        pytest.param("\uff1d1", "'\uff1d1", id="fullwidth-equals"),
        pytest.param("  =1", "'  =1", id="after-spaces"),
        pytest.param("\t=1", "'=1", id="after-a-tab"),
        pytest.param("\r=1", "'=1", id="after-a-return"),
        pytest.param("\u200b=1", "'=1", id="after-a-character-without-width"),
        pytest.param('=A1,"x"', '"\'=A1,""x"""', id="quoted"),
        pytest.param("a=b", "a=b", id="harmless"),
        pytest.param("\x1b]0;x\x07", "]0;x", id="terminal-title"),
        pytest.param("a\nb", "ab", id="line-end"),
    ],
)
def test_a_spreadsheet_runs_nothing(text, written):
    assert csv_text(text) == written


@given(st.text())
def test_no_cell_of_csv_is_obeyed(text):
    cell = read_cell(csv_text(text))

    assert cell.lstrip()[:1] not in set("=+-@\t\r")
    assert not {unicodedata.category(char) for char in cell} & {"Cc", "Cf", "Cs"}


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=6))
def test_the_mark_of_a_formula_can_be_taken_away(text):
    """Only a text that begins with the mark and a formula, as none of ours does, is changed."""
    cell = read_cell(csv_text(text))

    assert without_mark(cell) == (without_mark(text) if text.startswith("'") else text)


@given(TEXTS, TEXTS)
def test_json_reads_back_as_it_was(some, others):
    size = min(len(some), len(others))
    table = pa.table(
        {"a": pa.array(some[:size], pa.string()), "b": pa.array(others[:size], pa.large_string())}
    )

    assert json_rows(table) == table.to_pylist()


@given(TEXTS)
def test_json_is_harmless_in_a_terminal(texts):
    written = bytes(json_lines(pa.table({"a": pa.array(texts, pa.string())})))

    assert all(32 <= byte < 127 or byte == 10 for byte in written)


def test_names_of_columns_are_escaped_too():
    table = pa.table({'=a",': ["x"]})

    assert csv_header(table) == b'"\'=a"","\n'
    assert json_rows(table) == [{'=a",': "x"}]


def test_no_rows_are_no_lines():
    table = pa.table({"a": pa.array([], pa.string())})

    assert (bytes(json_lines(table)), bytes(csv_lines(table))) == (b"", b"")


def test_slices_of_tables_are_written_alone():
    table = pa.table({"a": ["x", "y", "z"], "n": [1, 2, 3]}).slice(1, 1)

    assert json_rows(table) == [{"a": "y", "n": 2}]
    assert csv_rows(table) == [["y", "2"]]
