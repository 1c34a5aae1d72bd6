import csv
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes.read_inputs import read_table
from headgate.batch.inputs import check_task, find_inputs, plan_units
from headgate.batch.inputs import rows as input_rows
from headgate.batch.inputs.parquet_rows import parquet_rows
from headgate.batch.inputs.storage import Source
from headgate.batch.types import DeadLetter, InputSpec, Reason
from headgate.domains.logs import LogTask
from headgate.domains.schemas.match_task import TableTask
from headgate.errors import InputError
from headgate.types import Candidate, Record

MATCH = LogTask("match_description", ("no match", "match"))
LINES = LogTask("classify_lines", ("normal", "fault"))
RANK = LogTask("rank_causes", ())
FORMATS = ["jsonl", "csv", "parquet"]


@pytest.fixture
def write(tmp_path):
    """Write rows in a format; missing cells are empty, absent or null."""

    def write_rows(file_format, rows):
        path = tmp_path / f"rows.{file_format}"
        names = list(dict.fromkeys(name for row in rows for name in row))
        match file_format:
            case "jsonl":
                path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            case "csv":
                cells = [names, *([row.get(name, "") for name in names] for row in rows)]
                with path.open("w", newline="") as file:
                    csv.writer(file).writerows(cells)
            case "parquet":
                pq.write_table(pa.table({n: [row.get(n) for row in rows] for n in names}), path)
        return path

    return write_rows


def check(path, task):
    spec = InputSpec((str(path),))
    check_task(find_inputs(spec), spec, task)


@pytest.mark.parametrize("file_format", FORMATS)
def test_rows_become_records_with_the_fields_of_the_task(write, file_format):
    path = write(
        file_format,
        [
            {"id": "a", "log": "link down", "description": "it fails", "host": "web-1"},
            {"log": "link up", "description": "it\nworks"},
        ],
    )

    read = read_table(path, MATCH)

    assert read.values == [
        Record("a", {"log": "link down", "description": "it fails"}),
        Record("2", {"log": "link up", "description": "it\nworks"}),
    ]
    assert (read.numbers, read.dead.all) == ([1, 2], [])


@pytest.mark.parametrize("file_format", FORMATS)
def test_candidates_are_read_from_json_where_a_cell_holds_one_text(write, file_format):
    candidates = ["cable cut", "fan dusty"]
    row = {"log": "link down", "candidates": json.dumps(candidates)}
    if file_format == "jsonl":
        row["candidates"] = candidates

    (record,) = read_table(write(file_format, [row]), RANK).values

    assert record.candidates == (Candidate("1", "cable cut"), Candidate("2", "fan dusty"))


def test_candidates_of_parquet_may_be_lists_and_structs(tmp_path):
    path = tmp_path / "rows.parquet"
    candidates = [{"id": "a", "text": "cable cut"}, {"id": "b", "text": "fan dusty"}]
    pq.write_table(pa.table({"log": ["down"], "candidates": [candidates]}), path)

    (record,) = read_table(path, RANK).values

    assert record.candidates == (Candidate("a", "cable cut"), Candidate("b", "fan dusty"))


@pytest.mark.parametrize("file_format", FORMATS)
def test_ids_may_repeat(write, file_format):
    rows = [{"id": "same", "line": "one"}, {"id": "same", "line": "two"}]

    read = read_table(write(file_format, rows), LINES)

    assert ([record.id for record in read.values], read.numbers) == (["same", "same"], [1, 2])


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_wrong_row_is_a_dead_letter_and_its_neighbours_are_read(write, file_format):
    rows = [{"log": "a", "description": "b"}, {"log": "canary"}, {"log": "c", "description": "d"}]
    path = write(file_format, rows)

    read = read_table(path, MATCH)

    detail = "field 'description' is missing or blank"
    assert read.numbers == [1, 3]
    assert read.dead.all == [DeadLetter(0, str(path), 2, Reason.ROW_INVALID, detail)]


@pytest.mark.parametrize("file_format", FORMATS)
def test_blocks_hold_as_many_rows_as_they_may(write, file_format):
    path = write(file_format, [{"line": str(number)} for number in range(5)])

    read = read_table(path, LINES, block_rows=2)

    assert [len(block.records) for block in read.blocks] == [2, 2, 1]


# JSON Lines


def test_lines_that_are_no_object_are_dead_letters(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"line": "a"}\nnonsense\n\n[1]\n{"line": "\xe9"}\n{"line": 7}')

    read = read_table(path, LINES)

    assert read.values == [
        Record("1", {"line": "a"}),
        Record("5", {"line": "\ufffd"}, lossy=True),
    ]
    assert [(letter.number, letter.reason, letter.detail) for letter in read.dead.all] == [
        (2, "NOT_JSON", "the line is no JSON object"),
        (4, "NOT_JSON", "the line is no JSON object"),
        (6, "ROW_INVALID", "'line' is a number and not a text"),
    ]


def test_a_line_that_is_too_long_is_a_dead_letter(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"line": "%s"}\n{"line": "b"}\n' % ("x" * 100))

    read = read_table(path, LINES, max_line_bytes=50)

    assert (read.numbers, read.dead.reasons) == ([2], [Reason.LINE_TOO_LONG])


@pytest.mark.parametrize("file_format", ["jsonl", "csv"])
def test_a_truncated_file_gives_the_rows_before(write, file_format):
    path = write(file_format, [{"line": f"{number * 7919}"} for number in range(1000)])
    whole = gzip.compress(path.read_bytes(), 0)
    broken = path.with_name(f"{path.name}.gz")
    broken.write_bytes(whole[: len(whole) // 2])

    read = read_table(broken, LINES)

    assert 100 < len(read.values) < 900
    assert read.numbers == list(range(1, len(read.values) + 1))
    assert read.dead.reasons == [Reason.TRUNCATED]
    assert read.dead.numbers == [len(read.values) + 1]


# CSV


def rows_of_csv(tmp_path, content, **options):
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    return read_table(path, LINES, **options)


def texts(read):
    return [
        (number, record.fields["line"])
        for number, record in zip(read.numbers, read.values, strict=True)
    ]


def test_quotes_may_hold_commas_quotes_and_line_ends(tmp_path):
    read = rows_of_csv(tmp_path, b'id,line\r\n1,"a, ""b""\r\nc"\r\n2,d\r\n')

    assert texts(read) == [(1, 'a, "b"\nc'), (2, "d")]


def test_a_mark_at_the_beginning_is_no_part_of_a_name(tmp_path):
    assert texts(rows_of_csv(tmp_path, b"\xef\xbb\xbfline\na\n")) == [(1, "a")]


def test_blank_lines_are_passed_over_and_not_counted(tmp_path):
    assert texts(rows_of_csv(tmp_path, b"\nid,line\n\n1,a\n\n2,b")) == [(1, "a"), (2, "b")]


def test_bytes_that_are_not_utf8_are_replaced_in_their_row_only(tmp_path):
    read = rows_of_csv(tmp_path, b"line\ncaf\xe9\nplain\n")

    assert [(record.fields["line"], record.lossy) for record in read.values] == [
        ("caf\ufffd", True),
        ("plain", False),
    ]


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        pytest.param(b"1,a,b", "ROW_INVALID", "it has 3 cells, and there are 2 columns", id="more"),
        pytest.param(b"1", "ROW_INVALID", "it has 1 cells, and there are 2 columns", id="fewer"),
        pytest.param(
            b'1,"a"b',
            "ROW_INVALID",
            "a cell is not quoted well, or its quotes do not end",
            id="behind-quotes",
        ),
        pytest.param(
            b"1," + b"x" * 100,
            "ROW_TOO_LONG",
            "a line of it is longer than 50 bytes",
            id="long",
        ),
        pytest.param(
            b'1,"' + b"x" * 100 + b'"',
            "ROW_TOO_LONG",
            "a line of it is longer than 50 bytes",
            id="long-quoted",
        ),
    ],
)
def test_a_wrong_row_of_csv_is_a_dead_letter(tmp_path, row, reason, detail):
    read = rows_of_csv(tmp_path, b"id,line\n0,a\n" + row + b'\n"2","b"\n', max_line_bytes=50)

    assert (read.dead.all[0].reason, read.dead.all[0].detail) == (reason, detail)
    assert read.dead.numbers[0] == 2
    assert texts(read)[0] == (1, "a")


def test_rows_behind_a_wrong_row_are_read(tmp_path):
    read = rows_of_csv(tmp_path, b'id,line\n0,a\n1,"a"b\n2,b\n')

    assert texts(read) == [(1, "a"), (3, "b")]


def test_quotes_that_do_not_end_are_one_dead_letter(tmp_path):
    read = rows_of_csv(tmp_path, b'line\na\n"b\nc\n')

    assert (texts(read), read.dead.numbers) == ([(1, "a")], [2])


@pytest.mark.parametrize("content", [b"\n", b"line,line\na,b\n", b'"line\na\n'])
def test_a_table_without_names_is_refused(tmp_path, content):
    with pytest.raises(InputError, match=r"rows\.csv: its first line does not name each column"):
        rows_of_csv(tmp_path, content)


# Parquet


def test_ids_of_parquet_may_be_numbers_and_texts_may_be_bytes_or_repeat(tmp_path):
    path = tmp_path / "rows.parquet"
    lines = pa.array(["a", "a"]).dictionary_encode()
    table = pa.table({"id": [7, None], "log": lines, "description": [b"x", b"caf\xe9"]})
    pq.write_table(table, path)

    assert read_table(path, MATCH).values == [
        Record("7", {"log": "a", "description": "x"}),
        Record("2", {"log": "a", "description": "caf\ufffd"}, lossy=True),
    ]


def test_a_column_of_another_kind_gives_dead_letters(tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"line": pa.array([0, 1], pa.timestamp("s"))}), path)

    read = read_table(path, LINES)

    assert (read.values, read.dead.numbers) == ([], [1, 2])
    assert read.dead.all[0].detail == "'line' is a datetime and not a text"


def test_a_damaged_row_group_is_one_dead_letter_and_the_others_are_read(tmp_path):
    path = tmp_path / "rows.parquet"
    lines = [f"{number * 7919 % 10007} some text" for number in range(300)]
    pq.write_table(pa.table({"line": lines}), path, row_group_size=100, use_dictionary=False)
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    content = bytearray(path.read_bytes())
    start = column.data_page_offset
    content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(content)

    read = read_table(path, LINES)

    assert read.numbers == [*range(1, 101), *range(201, 301)]
    assert (read.dead.numbers, read.dead.reasons) == ([101], [Reason.DAMAGED])


class Failing(io.BytesIO):
    """A file whose store stops to answer."""

    failing = False

    def read(self, size=-1):
        if self.failing:
            raise TimeoutError("no answer for key sk-canary")
        return super().read(size)


class FailingStore:
    def __init__(self, content):
        self.file = Failing(content)

    def open(self, path):
        return self.file


def test_a_store_that_stops_to_answer_is_no_damage(tmp_path):
    """Else the rows of a good file would be lost to the dead letters."""
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"line": [str(number) for number in range(1000)]}), path)
    spec = InputSpec((str(path),))
    (unit,) = plan_units(find_inputs(spec), spec)
    store = FailingStore(path.read_bytes())

    with Source(store, "rows", "rows.parquet") as source:
        rows = parquet_rows(source, unit, ["line"])
        store.file.failing = True
        with pytest.raises(InputError) as caught:
            list(rows)

    assert caught.value.args[:2] == (str(path), "it cannot be read (TimeoutError)")


# Before anything is read


def test_files_that_hold_what_the_task_reads_are_taken(write, tmp_path):
    check(write("csv", [{"line": "a", "other": "b"}]), LINES)
    check(write("parquet", [{"log": "a", "candidates": "[]"}]), RANK)
    check(write("jsonl", [{"whatever": "a"}]), LINES)
    (tmp_path / "a.log").write_bytes(b"a")
    check(tmp_path / "a.log", LINES)


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_column_that_is_missing_is_refused_with_the_nearest(write, file_format):
    path = write(file_format, [{"log": "a", "descripton": "b"}])

    with pytest.raises(InputError) as caught:
        check(path, MATCH)

    problem = "there is no column 'description'"
    assert caught.value.args == (str(path), problem, "Did you mean 'descripton'?")


def test_candidates_are_needed_to_rank(write):
    with pytest.raises(InputError, match=r"no column 'candidates'\. rank_causes reads 'log' or"):
        check(write("csv", [{"log": "a"}]), RANK)


@pytest.mark.parametrize("task", [MATCH, RANK])
def test_lines_of_text_are_refused_where_a_record_is_more(tmp_path, task):
    (tmp_path / "a.log").write_bytes(b"a")

    with pytest.raises(InputError, match="it is lines of text, and"):
        check(tmp_path / "a.log", task)


def test_empty_files_are_not_asked_for_columns(write, tmp_path):
    path = write("csv", [{"line": "a"}])
    (tmp_path / "empty.csv").write_bytes(b"")

    check(path.parent, LINES)


def test_a_block_of_long_texts_ends_early(write, monkeypatch):
    """Otherwise thousands of whole tables would be in memory at once."""
    monkeypatch.setattr(input_rows, "BLOCK_CHARS", 10)
    path = write("jsonl", [{"line": "x" * size} for size in (4, 4, 4, 20, 1)])

    read = read_table(path, LINES)

    assert [len(block.records) for block in read.blocks] == [3, 1, 1]
    assert read.numbers == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("file_format", FORMATS)
def test_tables_that_rows_name_are_read_from_beside_their_file(write, tmp_path, file_format):
    (tmp_path / "a.csv").write_text("disk,pump\n", encoding="utf-8")
    rows = [
        {"id": "a", "source": "a.csv", "target": "a,b"},
        {"id": "b", "source": "../a.csv", "target": "a,b"},
    ]

    read = read_table(write(file_format, rows), TableTask())

    assert read.values == [Record("a", {"source": "disk,pump\n", "target": "a,b"})]
    assert [letter.number for letter in read.dead.all] == [2]
    assert read.dead.reasons == [Reason.ROW_INVALID]
