from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.batch.inputs.times import parse_times

WRITTEN_S = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


def times(*texts, written_s=WRITTEN_S):
    return parse_times(pa.array(texts, pa.large_binary()), written_s).to_pylist()


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"2026-01-02 03:04:05", at(2026, 1, 2, 3, 4, 5)),
        (b"2026-01-02T03:04:05Z", at(2026, 1, 2, 3, 4, 5)),
        (b"2026-01-02T03:04:05.123456789Z", at(2026, 1, 2, 3, 4, 5, 123_456)),
        (b"2026-01-02 03:04:05,6", at(2026, 1, 2, 3, 4, 5, 600_000)),
        (b"2026-01-02T03:04:05+05:30", at(2026, 1, 1, 21, 34, 5)),
        (b"2026-12-31T23:04:05-0800", at(2027, 1, 1, 7, 4, 5)),
        (b"2026/01/02 03:04:05 UTC", at(2026, 1, 2, 3, 4, 5)),
        (b"2005-06-03-15.42.50.675872", at(2005, 6, 3, 15, 42, 50, 675_872)),
        (b"17/06/09 20:10:40", at(2017, 6, 9, 20, 10, 40)),
        (b"990609 201040", at(1999, 6, 9, 20, 10, 40)),
        (b"Sun Dec 04 04:47:44 2005", at(2005, 12, 4, 4, 47, 44)),
        (b"10/Oct/2000:13:55:36 -0700", at(2000, 10, 10, 20, 55, 36)),
        (b"Feb 28 23:59:59", at(2026, 2, 28, 23, 59, 59)),
        (b"Mar  2 00:00:00", at(2026, 3, 2)),
        (b"Mar 3 00:00:00", at(2025, 3, 3)),
        (b"1231 23:59:59.5", at(2025, 12, 31, 23, 59, 59, 500_000)),
        (b"1117838570", at(2005, 6, 3, 22, 42, 50)),
        (b"1117838570.25", at(2005, 6, 3, 22, 42, 50, 250_000)),
        (b"1117838570250", at(2005, 6, 3, 22, 42, 50, 250_000)),
        (b"2024-02-29 00:00:00", at(2024, 2, 29)),
    ],
)
def test_a_time_as_logs_write_it_is_understood(text, expected):
    assert times(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"yesterday",
        b"2026-13-02 03:04:05",
        b"2026-01-32 03:04:05",
        b"2026-01-02 24:04:05",
        b"2026-01-02 03:60:05",
        b"Foo 10 06:55:46",
        b"2026-01-02 03:04:05.1234567890",
        b"\xff\xfe",
        b"1" * 50,
    ],
)
def test_what_is_no_time_is_null_and_harms_no_neighbour(text):
    assert times(b"2026-01-02 03:04:05", text) == [at(2026, 1, 2, 3, 4, 5), None]


def test_a_time_without_a_year_is_null_where_nobody_knows_when_the_file_was_written():
    assert times(b"Feb 28 23:59:59", written_s=0.0) == [None]


def test_forms_may_be_mixed():
    found = times(b"Feb 28 23:59:59", b"Feb  2 23:59:59", b"1117838570", b"nothing at all!")

    assert found == [
        at(2026, 2, 28, 23, 59, 59),
        at(2026, 2, 2, 23, 59, 59),
        times(b"1117838570")[0],
        None,
    ]


def test_a_slice_of_a_column_gives_its_own_times():
    column = pa.array([b"x", b"2026-01-02 03:04:05", b"1117838570"], pa.large_binary())

    assert parse_times(column.slice(1, 1), 0.0).to_pylist() == [at(2026, 1, 2, 3, 4, 5)]


@pytest.mark.slow
@given(st.lists(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), max_size=20))
def test_iso_times_are_read_back(moments):
    texts = [moment.isoformat(timespec="microseconds").encode() for moment in moments]

    found = times(*texts)

    assert found == [moment.replace(tzinfo=UTC) for moment in moments]


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_any_bytes_give_a_time_or_null(texts):
    assert len(times(*texts)) == len(texts)


def test_many_forms_of_one_length_are_not_gone_through_one_by_one():
    """A block of garbage costs a few looks, not one a line."""
    rng = np.random.default_rng(7)
    texts = [bytes(row) for row in rng.integers(65, 91, (5000, 19), dtype=np.uint8)]

    assert times(*texts) == [None] * 5000
