import pyarrow as pa

from headgate.batch.repeats import distinct_lines, distinct_rows
from headgate.batch.store import key_of
from headgate.batch.types import LineBlock, RowBlock
from headgate.types import Record


def line_block(lines: list[bytes], lossy: list[bool] | None = None) -> LineBlock:
    numbers = pa.array(range(len(lines)), pa.int64())
    flags = None if lossy is None else pa.array(lossy)
    content = pa.array(lines, pa.large_binary())
    return LineBlock(numbers, numbers, content, len(lines), lossy=flags)


def test_equal_lines_are_one_record_under_an_id_of_their_text():
    found = distinct_lines(line_block([b"a", b"b", b"a"]), "log")

    assert found.codes.tolist() == [0, 1, 0]
    assert [record.fields for record in found.records] == [{"log": "a"}, {"log": "b"}]
    # The first digits of SHA-256("a").
    assert found.records[0].id == "ca978112ca1b"
    assert found.keys == [key_of(record) for record in found.records]


def test_lines_of_other_bytes_that_read_the_same_are_equal_but_for_the_id():
    found = distinct_lines(line_block([b"a \xff", b"a \xfe", b"ok"], [True, True, False]), "log")

    assert found.codes.tolist() == [0, 1, 2]
    assert found.keys[0] == found.keys[1]
    assert [record.lossy for record in found.records] == [True, True, False]


def test_a_block_may_be_a_part_of_a_larger_array():
    whole = line_block([b"x", b"a", b"b", b"a"])
    part = whole.content.slice(1)

    found = distinct_lines(
        LineBlock(whole.numbers.slice(1), whole.offsets.slice(1), part, 3), "log"
    )

    assert found.codes.tolist() == [0, 1, 0]


def test_equal_rows_are_one_record_under_the_id_of_the_first():
    rows = [Record(str(place), {"log": text}) for place, text in enumerate("abab")]

    found = distinct_rows(RowBlock([1, 2, 3, 4], rows))

    assert found.codes.tolist() == [0, 1, 0, 1]
    assert [record.id for record in found.records] == ["0", "1"]


def test_blocks_without_anything_have_no_records():
    assert distinct_lines(line_block([]), "log").records == []
    assert distinct_rows(RowBlock([], [])).records == []
