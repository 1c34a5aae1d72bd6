import numpy as np
import pyarrow as pa

from headgate.batch.spool import (
    LINES,
    RECORDS,
    ROWS,
    UnitSpool,
    line_batch,
    reading,
    record_batch,
    records_of,
    row_batch,
    writing,
)
from headgate.batch.types import LineBlock, RowBlock
from headgate.types import Candidate, Record


def codes(*values: int):
    return np.array(values, np.int32)


def test_a_file_is_there_when_all_of_it_is(tmp_path):
    path = tmp_path / "rows.arrow"
    schema = pa.schema([("code", pa.int32())])

    with writing(path, schema) as write:
        write(pa.record_batch([pa.array([1], pa.int32())], schema=schema))
        assert not path.exists()
        write(pa.record_batch([pa.array([2, 3], pa.int32())], schema=schema))

    assert [batch["code"].to_pylist() for batch in reading(path)] == [[1], [2, 3]]


def test_a_file_that_got_nothing_has_one_empty_batch(tmp_path):
    for number, schema in enumerate((LINES, ROWS, RECORDS)):
        with writing(tmp_path / str(number), schema):
            pass

        (batch,) = reading(tmp_path / str(number))
        assert (batch.num_rows, batch.schema) == (0, schema)


def test_each_batch_may_have_levels_of_its_own(tmp_path):
    """Levels are dictionaries, and blocks do not know each other's."""

    def block(*levels: str | None) -> LineBlock:
        count = len(levels)
        numbers = pa.array(range(count), pa.int64())
        content = pa.array([b""] * count, pa.large_binary())
        times = pa.array([0] * count, pa.timestamp("us", "UTC"))
        texts = pa.array(levels, pa.large_string())
        return LineBlock(numbers, numbers, content, count, times, texts)

    with writing(tmp_path / "rows", LINES) as write:
        write(line_batch(block("INFO", None), codes(0, 1)))
        write(line_batch(block("WARN"), codes(0)))

    first, second = reading(tmp_path / "rows")
    assert first["level"].to_pylist() == ["INFO", None]
    assert second["level"].to_pylist() == ["WARN"]
    assert first["component"].to_pylist() == [None, None]
    assert first["lossy"].to_pylist() == [False, False]
    assert second["timestamp"].to_pylist()[0].year == 1970


def test_lines_without_a_header_have_no_time():
    numbers = pa.array([1], pa.int64())
    block = LineBlock(numbers, numbers, pa.array([b"x"], pa.large_binary()), 1)

    batch = line_batch(block, codes(4))

    assert batch.to_pylist() == [
        {
            "code": 4,
            "line": 1,
            "offset": 1,
            "timestamp": None,
            "level": None,
            "component": None,
            "lossy": False,
        }
    ]


def test_rows_keep_number_and_id():
    block = RowBlock([7, 9], [Record("a", {}), Record("ü", {})])

    assert row_batch(block, codes(0, 1)).to_pydict() == {
        "code": [0, 1],
        "row": [7, 9],
        "id": ["a", "ü"],
    }


def test_records_come_back_as_they_were():
    records = [
        Record("1", {"log": "a\nü"}, (Candidate("x", "y"),), lossy=True),
        Record("2", {"log": "", "description": "b"}),
    ]

    assert records_of(record_batch([b"k" * 16, b"l" * 16], records)) == records


def test_the_files_of_a_unit_are_named_for_it(tmp_path):
    spool = UnitSpool.of(tmp_path, 17)

    assert spool.rows == tmp_path / "spool" / "00017.rows.arrow"
    names = {spool.rows, spool.items, spool.answers, spool.templates, spool.letters}
    assert len(names) == 5
