import contextlib
import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.schemas.tables import TableFormat, read_table
from headgate.domains.schemas.tables.csv_table import delimiter_of
from headgate.domains.schemas.tables.limits import MAX_CELL_CHARACTERS, MAX_COLUMNS, MAX_ROWS
from headgate.errors import InputError

PLACE = "orders.csv"
plain_cells = st.text("abcxyz", min_size=1, max_size=4)


def read(content):
    return read_table(content, "orders", place=PLACE)


def cells(table):
    """Return the values of each column by its id, the least first."""
    return {own: sorted(table.column(own).values) for own in table.ids}


def refusal(content):
    with pytest.raises(InputError) as caught:
        read(content)
    assert caught.value.place == PLACE
    return caught.value.problem


def test_a_table_has_its_columns_in_order_with_their_values():
    table = read(b"id,town\n1,Kiel\n2,Bonn\n3,Kiel\n")

    assert [column.name for column in table.columns] == ["id", "town"]
    town = table.column("town")
    assert (town.values, town.counts) == (("Kiel", "Bonn"), (2, 1))
    assert (town.rows, town.nulls, town.distinct) == (3, 0, 2)
    assert (table.name, table.notes) == ("orders", ())


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("id,town\n1,Köln\n".encode(), id="utf-8"),
        pytest.param("id,town\n1,Köln\n".encode("utf-8-sig"), id="utf-8-with-a-mark"),
        pytest.param("id,town\n1,Köln\n".encode("utf-16"), id="utf-16-with-a-mark"),
        pytest.param(b"\xfe\xff" + "id,town\n1,Köln\n".encode("utf-16-be"), id="utf-16-big-endian"),
        pytest.param("id;town\r\n1;Köln\r\n".encode(), id="semicolons-and-carriage-returns"),
        pytest.param("id\ttown\n1\tKöln\n".encode(), id="tabs"),
        pytest.param("id|town\n1|Köln".encode(), id="bars-and-no-last-newline"),
        pytest.param('"id","town"\n"1","Köln"\n'.encode(), id="quoted"),
        pytest.param("\n\nid,town\n\n1,Köln\n\n".encode(), id="blank-lines"),
    ],
)
def test_common_ways_to_write_a_table_read_the_same(content):
    table = read(content)

    assert cells(table) == {"id": ["1"], "town": ["Köln"]}
    assert not table.lossy


def test_quoted_cells_may_hold_delimiters_quotes_and_lines():
    table = read(b'id,note\n1,"a, ""b"" and\nc"\n')

    assert cells(table) == {"id": ["1"], "note": ['a, "b" and c']}


def test_bytes_that_are_not_utf_8_are_replaced_and_told():
    table = read("id,town\n1,Köln\n".encode("latin-1"))

    assert cells(table)["town"] == ["K�ln"]
    assert table.lossy
    assert table.notes == ("bytes that are not text in its encoding were replaced",)


def test_rows_of_another_length_are_filled_or_cut_and_counted():
    table = read(b"a,b\n1,2\n3\n4,5,6\n7,8\n")

    assert cells(table) == {"a": ["1", "3", "4", "7"], "b": ["2", "5", "8"]}
    assert table.column("b").nulls == 1
    assert table.ragged_rows == 2
    assert table.notes == ("rows with more or fewer cells than there are columns: 2",)


def test_a_table_whose_rows_mostly_do_not_fit_is_refused():
    assert refusal(b"a,b\n1,2\n3\n4\n") == (
        "2 of its 3 rows do not have as many cells as there are names"
    )


def test_names_alone_are_columns_without_values():
    table = read(b"id,town\n")

    assert [(column.name, column.values, column.rows) for column in table.columns] == [
        ("id", (), 0),
        ("town", (), 0),
    ]


def test_a_column_of_nulls_is_a_column():
    assert read(b"a,b\n1,\n2,\n").column("b").nulls == 2


def test_columns_with_one_name_or_none_get_ids_of_their_own():
    assert read(b"a,a,,\n1,2,3,4\n").ids == ("a", "a#2", "column 3", "column 4")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"", "it is empty", id="nothing"),
        pytest.param(b"\n\n", "it has no columns", id="blank-lines"),
        pytest.param(b"a,b\n\x00\n", "it is no text: there are NUL bytes in it", id="nul"),
        pytest.param(
            bytes(range(128, 256)),
            "it is no text, or text in an encoding other than UTF-8",
            id="junk",
        ),
        pytest.param(
            "имя,город\n".encode("cp1251"),
            "it is no text, or text in an encoding other than UTF-8",
            id="cyrillic-in-an-older-encoding",
        ),
        pytest.param(b"PK\x03\x04abc", "it is a spreadsheet or an archive", id="spreadsheet"),
        pytest.param(b"PAR1abc", "it is Parquet", id="parquet"),
        pytest.param(b"\x1f\x8babc", "it is compressed", id="compressed"),
    ],
)
def test_what_is_no_table_is_refused(content, problem):
    assert refusal(content) == problem


@pytest.fixture(params=[0, 10**9], ids=["alone", "beside-a-reader-of-longer-cells"])
def limit_of_the_process(request):
    """The limit of `csv`, which others may have raised for their own cells."""
    before = csv.field_size_limit(request.param or csv.field_size_limit())
    yield
    csv.field_size_limit(before)


@pytest.mark.slow
def test_a_quote_that_does_not_end_is_refused_and_not_shown(limit_of_the_process):
    problem = refusal(b'a,b\n1,"canary' + b"x" * (MAX_CELL_CHARACTERS + 10))

    assert problem == "a cell is not quoted well or too long, before line 3"


def test_too_many_columns_are_refused():
    assert refusal(b"a," * MAX_COLUMNS + b"a\n") == "it has 10001 columns"


@pytest.mark.slow
def test_rows_behind_the_limit_are_left_out_and_told():
    table = read(b"a,b\n" + b"1,2\n" * (MAX_ROWS + 1))

    assert table.column("a").rows == MAX_ROWS
    assert table.notes == ("only the first 100000 rows were read",)


@pytest.mark.slow
def test_of_a_wide_table_fewer_rows_are_read():
    """Of 5,000 columns 200 rows are a million cells."""
    table = read((b"," * 4999 + b"\n") * 202)

    assert table.columns[0].rows == 200
    assert table.notes == ("only the first 200 rows were read",)


@pytest.mark.parametrize(
    ("head", "delimiter"),
    [
        pytest.param("a;b\n1,5;2\n2,5;3\n", ";", id="decimal-commas"),
        pytest.param("a,b\nx; y,1\nz,2\n", ",", id="a-semicolon-in-a-cell"),
        pytest.param("a\n1\n", ",", id="one-column"),
        pytest.param("a\tb", "\t", id="names-alone"),
        pytest.param('a,b\n"1|2|3",2\n"4|5|6",2\n', ",", id="lists-in-cells"),
        pytest.param("", ",", id="nothing"),
    ],
)
def test_the_delimiter_is_what_rows_agree_on(head, delimiter):
    assert delimiter_of(head) == delimiter


@pytest.mark.slow
@given(
    st.lists(st.lists(plain_cells, min_size=3, max_size=3), min_size=1, max_size=20),
    st.sampled_from(",;\t|"),
)
def test_written_cells_come_back(rows, delimiter):
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows([["p", "q", "r"], *rows])

    table = read(written.getvalue().encode())

    assert [sorted(column.values) for column in table.columns] == [
        sorted(set(column)) for column in zip(*rows, strict=True)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("format", [None, *TableFormat])
@settings(deadline=None)  # the first one to look like Arrow waits for its library
@given(content=st.binary(max_size=300))
def test_any_bytes_are_a_table_or_an_input_error(format, content):  # noqa: A002 - as in read_table
    with contextlib.suppress(InputError):
        table = read_table(content, "orders", place=PLACE, format=format)

        assert len(set(table.ids)) == len(table.columns) > 0
        assert table.content_hash


@pytest.mark.slow
@given(st.text('ab",;\n\r\t|{}[]', max_size=60))
def test_any_text_of_delimiters_and_quotes_is_a_table_or_an_input_error(text):
    with contextlib.suppress(InputError):
        assert read(text.encode()).columns
