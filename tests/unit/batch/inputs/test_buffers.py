from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.batch.inputs.buffers import Buffer, gather_lines
from headgate.batch.inputs.lines import entries_of_lines
from headgate.batch.inputs.streams import BrokenStreamError
from headgate.batch.types import Reason

CONTENT = st.lists(st.sampled_from([b"\n", b"a", b"bcd"]), min_size=1, max_size=30).map(b"".join)


def gathered(pieces, start=0, end=None, block_bytes=4, max_line_bytes=100):
    return list(
        gather_lines(pieces, start, end, block_bytes=block_bytes, max_line_bytes=max_line_bytes)
    )


def cut(content, places):
    edges = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    return [content[first:last] for first, last in pairwise(edges)]


@given(CONTENT, st.lists(st.integers(0, 100)), st.integers(1, 20))
def test_buffers_are_the_content_cut_at_newlines(content, places, block_bytes):
    buffers = gathered(cut(content, places), block_bytes=block_bytes)

    assert b"".join(buffer.data for buffer in buffers) == content
    assert all(buffer.data.endswith(b"\n") for buffer in buffers[:-1])
    assert [buffer.offset for buffer in buffers[1:]] == [buffer.end for buffer in buffers[:-1]]


@given(CONTENT, st.lists(st.integers(0, 100)), st.integers(0, 50), st.integers(1, 50))
def test_a_range_has_the_lines_that_start_in_it_whatever_the_pieces(content, places, start, size):
    pieces = cut(content[max(0, start - 1) :], places)
    end = min(start + size, len(content))
    entries = list(entries_of_lines(gathered(pieces, start, end), end))

    starts = [0, *(at + 1 for at, byte in enumerate(content) if byte == ord("\n"))]
    expected = [at for at in starts if start <= at < end]
    assert [offset for each in entries for offset in each.offsets.tolist()] == expected


def test_a_long_line_is_cut_one_byte_behind_the_limit_and_ends_its_buffer():
    buffers = gathered([b"ab\ncdef", b"ghi", b"j\nk", b"l\n"], max_line_bytes=3, block_bytes=100)

    assert buffers == [Buffer(b"ab\ncdef\n", 0), Buffer(b"kl\n", 12)]


def test_a_long_line_at_the_end_of_the_file_needs_no_newline():
    assert gathered([b"abc", b"def"], max_line_bytes=3) == [Buffer(b"abcd", 0)]


def test_a_long_line_across_many_pieces_is_not_gathered():
    """The second piece would be asked for what is far behind the limit."""
    pieces = (b"x" * 10 for _ in range(1_000_000))

    (buffer,) = gathered([*(next(pieces) for _ in range(1000)), b"\n"], max_line_bytes=25)

    assert buffer == Buffer(b"x" * 26 + b"\n", 0)


def test_reading_stops_when_a_line_from_before_goes_on_behind_the_range():
    """Else every part of a file without newlines would read it to its end."""

    def pieces():
        yield b"aaaa"
        yield b"aaaa"
        raise AssertionError("nothing more is needed")

    assert gathered(pieces(), start=3, end=9) == []


def test_whole_lines_come_before_the_place_where_a_file_breaks_off():
    def pieces():
        yield b"one\ntwo\nthr"
        raise BrokenStreamError(Reason.TRUNCATED, "it ends")

    buffers = gather_lines(pieces(), 0, None, block_bytes=100, max_line_bytes=100)

    assert next(buffers) == Buffer(b"one\ntwo\n", 0)
    with pytest.raises(BrokenStreamError):
        next(buffers)
