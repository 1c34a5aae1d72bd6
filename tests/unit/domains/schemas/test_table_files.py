"""What of a row is a table's path, and which paths are read."""

import contextlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domains.schemas import table_files
from headgate.domains.schemas.table_files import table_text
from headgate.errors import InputError

CSV = "id,town\n1,Kiel\n"


@pytest.fixture
def place(tmp_path):
    """The place of a row whose folder has a table in it, and one that nobody is to read above."""
    folder = tmp_path / "rows"
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "a.csv").write_text(CSV, encoding="utf-8")
    (tmp_path / "secret.csv").write_text("never,read\n", encoding="utf-8")
    return f"{folder / 'rows.jsonl'}:3"


def refusal(value, place):
    with pytest.raises(InputError) as caught:
        table_text(value, place)
    assert caught.value.place == place
    assert "never" not in str(caught.value)
    return caught.value.problem


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("id,town\n1,Kiel\n", id="csv"),
        pytest.param("files\ntables/a.csv", id="csv-that-ends-like-a-path"),
        pytest.param("name\n", id="one-column-and-no-rows"),
        pytest.param("id,town", id="a-header-of-commas"),
        pytest.param("id\ttown", id="a-header-of-tabs"),
        pytest.param('{"id": {}}', id="json"),
        pytest.param(' ["a.csv"] ', id="a-list"),
        pytest.param("", id="nothing"),
        pytest.param("  ", id="blank"),
    ],
)
def test_what_is_a_table_already_is_left_alone(value, place):
    assert table_text(value, place) == value


@pytest.mark.parametrize("value", ["tables/a.csv", " tables/a.csv ", "./tables/a.csv"])
def test_a_path_stands_for_its_file_below_the_folder_of_the_rows(value, place):
    assert table_text(value, place) == CSV


def test_the_end_of_a_name_counts_whatever_its_case(place, tmp_path):
    (tmp_path / "rows" / "B.TSV").write_text("a\tb\n", encoding="utf-8")

    assert table_text("B.TSV", place) == "a\tb\n"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("../secret.csv", id="above"),
        pytest.param("tables/../../secret.csv", id="above-by-a-folder"),
        pytest.param("tables/../tables/a.csv", id="dots-that-stay-inside"),
        pytest.param("{absolute}", id="an-absolute-path"),
        pytest.param("{own}", id="an-absolute-path-inside"),
        pytest.param("file:///etc/a.csv", id="a-url-of-a-file"),
        pytest.param("https://example.org/a.csv", id="a-url"),
        pytest.param("tables/\0.csv", id="a-nul"),
    ],
)
def test_what_leads_out_of_the_folder_is_refused(value, place, tmp_path):
    value = value.replace("{absolute}", str(tmp_path / "secret.csv"))
    value = value.replace("{own}", str(tmp_path / "rows" / "tables" / "a.csv"))

    assert refusal(value, place).endswith("is not below the folder of the rows")


@pytest.mark.parametrize("of_folder", [True, False], ids=["folder", "file"])
def test_a_link_that_leads_out_of_the_folder_is_refused(of_folder, place, tmp_path):
    link = tmp_path / "rows" / ("out" if of_folder else "out.csv")
    link.symlink_to(tmp_path if of_folder else tmp_path / "secret.csv")
    value = "out/secret.csv" if of_folder else "out.csv"

    assert refusal(value, place).endswith("is not below the folder of the rows")


def test_a_link_that_stays_in_the_folder_is_followed(place, tmp_path):
    (tmp_path / "rows" / "same.csv").symlink_to(tmp_path / "rows" / "tables" / "a.csv")

    assert table_text("same.csv", place) == CSV


def test_links_in_a_circle_are_refused(place, tmp_path):
    (tmp_path / "rows" / "a.csv").symlink_to(tmp_path / "rows" / "b.csv")
    (tmp_path / "rows" / "b.csv").symlink_to(tmp_path / "rows" / "a.csv")

    refusal("a.csv", place)


def test_a_file_that_is_not_there_is_told(place):
    assert refusal("tables/b.csv", place) == (
        "the table 'tables/b.csv' cannot be read (FileNotFoundError)"
    )


def test_a_name_that_is_no_files_is_refused(place, tmp_path):
    (tmp_path / "rows" / "folder.csv").mkdir()

    assert refusal("folder.csv", place) == "the table 'folder.csv': it is no file"


def test_a_pipe_is_not_waited_for(place, tmp_path):
    os.mkfifo(tmp_path / "rows" / "pipe.csv")

    assert refusal("pipe.csv", place) == "the table 'pipe.csv': it is no file"


@pytest.mark.parametrize("value", ["tables/a.parquet", "tables/a", "a"])
def test_one_line_that_names_no_table_is_not_taken_for_one(value, place):
    """It would be read as a table of one column of that name."""
    assert refusal(value, place) == "a table is neither a text nor the path of one"


def test_a_file_that_is_too_large_is_refused(place, tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "MAX_TABLE_BYTES", 10)
    (tmp_path / "rows" / "large.csv").write_text("a" * 11, encoding="utf-8")

    assert refusal("large.csv", place) == "the table 'large.csv': it is larger than 10 bytes"


def test_a_file_that_is_no_text_is_refused(place, tmp_path):
    (tmp_path / "rows" / "b.csv").write_bytes(b"ARROW1\0\0never")

    assert refusal("b.csv", place) == "the table 'b.csv': it is no text: there are NUL bytes in it"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_understood(encoding, place, tmp_path):
    (tmp_path / "rows" / "b.csv").write_text("köln,a\n", encoding=encoding)

    assert table_text("b.csv", place) == "köln,a\n"


def test_line_ends_stay_as_they_are(place, tmp_path):
    (tmp_path / "rows" / "b.csv").write_bytes(b"a,b\r\n1,2\r\n")

    assert table_text("b.csv", place) == "a,b\r\n1,2\r\n"


def test_rows_that_name_one_file_share_its_text(place):
    assert table_text("tables/a.csv", place) is table_text("./tables/a.csv", place)


def test_a_file_that_was_written_anew_is_read_anew(place, tmp_path):
    table_text("tables/a.csv", place)
    (tmp_path / "rows" / "tables" / "a.csv").write_text("new,and longer\n", encoding="utf-8")

    assert table_text("tables/a.csv", place) == "new,and longer\n"


def test_rows_that_are_piped_in_name_tables_below_the_working_directory(
    place, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path / "rows")

    assert table_text("tables/a.csv", "/dev/stdin:1") == CSV


def test_rows_that_are_elsewhere_name_no_tables():
    with pytest.raises(InputError, match="the rows are not on this machine"):
        table_text("tables/a.csv", "s3://bucket/rows.jsonl:1")


def test_a_long_name_is_not_repeated_in_full(place):
    assert len(refusal("x" * 5_000 + ".csv", place)) < 300


@given(value=st.text(max_size=40))
def test_any_text_is_a_table_or_refused(value):
    """No name that is made up at random leads anywhere."""
    with contextlib.suppress(InputError):
        assert table_text(value, "/nowhere/rows.jsonl:1") == value
