import gzip
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.read_inputs import read_files, read_text
from headgate.batch.types import Reason

TRACE = b"""\
2026-01-02 ERROR it failed
  at one
  at two
2026-01-03 INFO well
2026-01-04 ERROR again
  at three
"""
LINES = st.lists(
    st.sampled_from([b"#a", b"#", b"b", b"", b"cc\r", b"\xff", b"#dddddddd", b"eeeeeeee"]),
    min_size=1,
    max_size=20,
)


def events_of(lines):
    """Group lines one by one; each event with its first line's number."""
    events = []
    for number, line in enumerate(lines, start=1):
        if number == 1 or re.search(b"^#", line):
            events.append((number, [line]))
        else:
            events[-1][1].append(line)
    return [(number, b"\n".join(group).removesuffix(b"\r")) for number, group in events]


def test_an_event_has_the_lines_up_to_the_next_one():
    read = read_text(TRACE, event_start=r"^\d{4}-")

    assert read.values == [
        b"2026-01-02 ERROR it failed\n  at one\n  at two",
        b"2026-01-03 INFO well",
        b"2026-01-04 ERROR again\n  at three",
    ]
    assert (read.numbers, read.line_count) == ([1, 4, 5], 6)
    assert read.column("offsets") == [0, 45, 66]


def test_the_header_is_that_of_the_first_line_and_the_rest_stays_in_the_content():
    pattern = r"(?P<timestamp>[^ ]+) (?P<level>[A-Z]+) (?P<content>.*)"
    read = read_text(TRACE, event_start=r"^\d{4}-", header_pattern=pattern)

    assert read.values == [b"it failed\n  at one\n  at two", b"well", b"again\n  at three"]
    assert read.column("levels") == ["ERROR", "INFO", "ERROR"]


def test_lines_before_the_first_event_of_a_file_are_one():
    read = read_text(b"  at nine\n  at ten\n# next\n", event_start="^#")

    assert read.values == [b"  at nine\n  at ten", b"# next"]


@pytest.mark.slow
@given(LINES, st.booleans(), st.integers(1, 50), st.integers(1, 50))
def test_units_together_have_the_events_of_the_file_wherever_it_is_cut(
    lines, finished, target_bytes, block_bytes
):
    content = b"\n".join([*lines, b""] if finished else [*lines, b"z"])
    lines = lines if finished else [*lines, b"z"]
    read = read_text(
        content or b"\n",
        event_start="^#",
        target_bytes=target_bytes,
        block_bytes=block_bytes,
    )

    expected = events_of(lines)
    assert list(zip(read.numbers, read.values, strict=True)) == expected
    assert read.line_count == len(lines)


@pytest.mark.slow
@given(LINES, st.integers(1, 50), st.integers(1, 50))
def test_events_are_either_read_or_dead_letters_when_they_are_too_long(
    lines, target_bytes, block_bytes
):
    content = b"\n".join([*lines, b""])
    read = read_text(
        content,
        event_start="^#",
        max_line_bytes=8,
        target_bytes=target_bytes,
        block_bytes=block_bytes,
    )

    assert set(read.dead.reasons) <= {Reason.EVENT_TOO_LONG}
    assert read.values == [event for _, event in events_of(lines) if len(event) <= 8]
    assert read.line_count == len(lines)


def test_an_event_without_an_end_is_one_dead_letter_and_what_begins_anew_survives():
    content = b"# a\n" + b"more\n" * 1000 + b"# b\n"
    read = read_text(content, event_start="^#", max_line_bytes=100, block_bytes=64)

    assert (read.values, read.numbers) == ([b"# b"], [1002])
    assert (read.dead.numbers, read.dead.reasons) == ([1], [Reason.EVENT_TOO_LONG])
    assert read.line_count == 1002


def test_the_event_before_the_place_where_a_file_breaks_off_is_read(tmp_path):
    path = tmp_path / "app.log.gz"
    path.write_bytes(gzip.compress(b"# a\n at\n# b\n at\nfrag", 0)[:-10])

    read = read_files([path], event_start="^#")

    assert read.values == [b"# a\n at", b"# b\n at"]
    assert (read.dead.reasons, read.dead.numbers) == ([Reason.TRUNCATED], [5])
