import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from headgate.batch.corpus.reading import MAX_LINE_BYTES, read_passages, source_of
from headgate.batch.inputs import find_inputs
from headgate.batch.types import InputSpec
from headgate.errors import InputError


class Letters(list):
    def add(self, letter):
        self.append((letter.number, letter.detail))


def read(path):
    """Return the passages of a file as (id, title, text), and its wrong rows."""
    spec = InputSpec((str(path),), max_line_bytes=MAX_LINE_BYTES)
    letters, found = Letters(), []
    for file in find_inputs(spec):
        for each in read_passages(file, spec, letters):
            assert each.source == source_of(file) == str(path)
            found.append((each.id, each.title, each.text))
    return found, letters


def test_text_is_known_by_its_file_and_place(tmp_path):
    path = tmp_path / "the nile.txt"
    path.write_text("It flows north.\n\n# Delta\nIt ends.")

    assert read(path)[0] == [
        (f"{path}#1", "the nile", "It flows north."),
        (f"{path}#2", "Delta", "It ends."),
    ]


@pytest.mark.parametrize(
    ("name", "packed"),
    [("a.md.gz", gzip.compress), ("a.md.zst", zstandard.compress), ("a.md", bytes)],
)
def test_packed_text_is_unpacked(tmp_path, name, packed):
    path = tmp_path / name
    path.write_bytes(packed(b"It flows north."))

    assert read(path)[0] == [(f"{path}#1", "a", "It flows north.")]


def test_bytes_that_are_not_utf_8_are_replaced(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"M\xfcnchen")

    assert read(path)[0][0][2] == "M\ufffdnchen"


def test_a_row_may_lack_id_and_title(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "one"}\n\n{"id": 7, "title": "T", "text": " three ", "x": 1}\n')

    assert read(path) == ([(f"{path}#1", "", "one"), ("7", "T", "three")], [])


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        ("[1]", "the line is no JSON object"),
        ("{}", "'text' is missing or no text"),
        ('{"text": 5}', "'text' is missing or no text"),
        ('{"text": " \\n"}', "'text' is empty"),
        ('{"text": "a", "title": ["b"]}', "'title' is no text"),
        ('{"text": "a", "id": true}', "'id' is no text"),
    ],
)
def test_a_wrong_row_is_told_and_the_next_is_read(tmp_path, row, detail):
    path = tmp_path / "a.jsonl"
    path.write_text(f'{row}\n{{"id": "b", "text": "good"}}\n')

    assert read(path) == ([("b", "", "good")], [(1, detail)])


def test_half_a_surrogate_pair_becomes_a_question_mark(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a", "text": "x\\ud800"}\n')

    assert read(path)[0] == [("a", "", "x?")]


@pytest.mark.slow
def test_a_passage_of_a_megabyte_becomes_many(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"id": "a", "text": "It flows north. " * 70_000}))

    passages, wrong = read(path)

    assert [each[0] for each in passages[:2]] == ["a#1", "a#2"]
    assert (len(passages) > 1_000, wrong) == (True, [])


def test_parquet_and_csv_are_read(tmp_path):
    table, csv = tmp_path / "a.parquet", tmp_path / "a.csv"
    pq.write_table(pa.table({"id": [1, 2], "text": ["one", None], "other": [0, 0]}), table)
    csv.write_text('title,text\nT,"a, b"\n')

    assert read(table) == ([("1", "", "one")], [(2, "'text' is missing or no text")])
    assert read(csv) == ([(f"{csv}#1", "T", "a, b")], [])


def test_a_table_without_texts_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"texts": ["one"]}), path)

    with pytest.raises(InputError, match=r"no column 'text'. Did you mean 'texts'\?"):
        read(path)


def test_where_a_packed_file_breaks_off_a_letter_says_so(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    whole = gzip.compress(b'{"id": "a", "text": "one"}\n' * 5000)
    path.write_bytes(whole[:-20])

    passages, wrong = read(path)

    assert wrong == [(len(passages) + 1, "the compressed file ends too early")]
