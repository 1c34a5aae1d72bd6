import json
from functools import reduce

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.batch_outputs import lines
from headgate.batch.outputs.summary import MOST_ANSWERS, Group, Place, UnitSummary, merged
from headgate.batch.outputs.summary_json import summary_from_json, summary_to_json

MS = pa.timestamp("ms", "UTC")
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["info", "error", "fatal"]),
        st.sampled_from(["small", "large"]),
        st.sampled_from(["t-1", "t-2"]),
        st.one_of(st.none(), st.integers(0, 10**13)),
        st.sampled_from(["", "BUDGET"]),
        st.booleans(),
    ),
    max_size=12,
)


def of(rows, **place):
    answers, tiers, templates, times, degraded, lossy = (
        zip(*rows, strict=True) if rows else [()] * 6
    )
    table = lines(
        answers,
        tier=pa.array(tiers, pa.string()),
        template_id=pa.array(templates, pa.string()),
        timestamp=pa.array(times, MS),
        degraded=pa.array(degraded, pa.string()),
        lossy=pa.array(lossy, pa.bool_()),
    )
    return UnitSummary.from_table(table, **place)


def test_rows_are_counted_by_template_answer_and_tier():
    found = UnitSummary.from_table(lines("aab", tier=["small", "large", "small"]))

    assert found.rows == 3
    assert found.groups == {
        Group("t-a", "a", "small"): 1,
        Group("t-a", "a", "large"): 1,
        Group("t-b", "b", "small"): 1,
    }
    assert found.by_answer() == {"a": 2, "b": 1}
    assert found.by_tier() == {"small": 2, "large": 1}


def test_the_first_row_of_a_template_is_known_by_its_place():
    found = UnitSummary.from_table(lines("abb"), unit=7, first_row=100)

    assert found.first == {
        "t-a": Place(7, 100, "a.log", 1, 0),
        "t-b": Place(7, 101, "a.log", 2, 100),
    }


def test_reasons_and_odd_bytes_are_counted():
    found = UnitSummary.from_table(
        lines("aaa", degraded=["", "BUDGET", "BUDGET"], lossy=[True, False, True])
    )

    assert (found.degraded, found.lossy) == ({"BUDGET": 2}, 2)


def test_rows_without_templates_times_and_lines_are_counted():
    table = pa.table(
        {"file": ["x", "x"], "row": [1, 2], "answer": ["a", "b"], "tier": ["small"] * 2}
    )

    found = UnitSummary.from_table(table)

    assert found.groups == {Group("", "a", "small"): 1, Group("", "b", "small"): 1}
    assert (found.first, found.untimed, found.times.counts) == ({}, 2, {})
    assert found.places.totals() == {0: 1, 1: 1}


@pytest.mark.parametrize(
    ("unit", "moment"),
    [("s", 1_700_000_000), ("ms", 1_700_000_000_123), ("us", 1_700_000_000_123_456),
     ("ns", 1_700_000_000_123_456_789)],
)  # fmt: skip
def test_times_of_any_unit_are_counted_in_milliseconds(unit, moment):
    found = UnitSummary.from_table(lines("a", timestamp=pa.array([moment], pa.timestamp(unit))))

    assert list(found.times.totals()) == [1_700_000_000_000 + (0 if unit == "s" else 123)]


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(pa.array([None], MS), id="missing"),
        pytest.param(pa.array([None], pa.null()), id="no-column-of-times"),
        pytest.param(pa.array([2**62], pa.timestamp("s")), id="beyond-every-calendar"),
        pytest.param(pa.array([-(2**62)], pa.timestamp("s")), id="before-every-calendar"),
        pytest.param(pa.array([7_258_118_400], pa.timestamp("s")), id="the-year-2200"),
    ],
)
def test_impossible_times_are_not_drawn(times):
    found = UnitSummary.from_table(lines("a", timestamp=times))

    assert (found.untimed, found.times.totals()) == (1, {})


@settings(max_examples=20)
@given(ROWS, ROWS, ROWS)
def test_parts_may_be_merged_in_any_order(some, others, more):
    a, b, c = of(some, unit=1), of(others, unit=2), of(more, unit=3)

    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(b) == b.merge(a)
    assert a.merge(UnitSummary()) == a


@settings(max_examples=20)
@given(ROWS, st.integers(0, 12))
def test_a_unit_may_be_counted_in_blocks(rows, cut):
    """The line numbers of the second block are those of its table, so only those differ."""
    whole = of(rows)
    parts = of(rows[:cut]).merge(of(rows[cut:], first_row=min(cut, len(rows))))

    assert {name: place[:2] for name, place in parts.first.items()} == {
        name: place[:2] for name, place in whole.first.items()
    }
    assert parts.groups == whole.groups
    assert (parts.times, parts.places, parts.untimed) == (whole.times, whole.places, whole.untimed)


@pytest.mark.parametrize("blocks", [1, 3])
def test_too_many_answers_are_no_longer_told_apart(blocks):
    count = MOST_ANSWERS + 1
    tables = [_numbered(range(block, count, blocks)) for block in range(blocks)]

    found = merged(UnitSummary.from_table(table, unit=n) for n, table in enumerate(tables))

    assert found.many_answers
    assert found.by_answer() == {"": count}
    assert list(found.places.counts) == [""]
    assert list(found.times.counts) == [""]


def _numbered(numbers):
    answers = [str(n) for n in numbers]
    return lines(answers, template_id=[""] * len(answers), timestamp=pa.array(list(numbers), MS))


@given(st.permutations([range(0, 200), range(100, 300), range(0, 5)]))
def test_whether_answers_are_told_apart_does_not_depend_on_the_order(parts):
    summaries = [UnitSummary.from_table(_numbered(part), unit=part.start) for part in parts]

    found = reduce(UnitSummary.merge, summaries)

    assert found.many_answers
    assert found.by_answer() == {"": 405}


@settings(max_examples=20)
@given(ROWS)
def test_a_summary_survives_the_journal(rows):
    found = of(rows, unit=3)

    assert summary_from_json(json.loads(json.dumps(summary_to_json(found)))) == found


def test_equal_summaries_are_equal_in_the_journal():
    a = UnitSummary.from_table(lines("ab"), unit=1)
    b = UnitSummary.from_table(lines("ba", line=[3, 4]), unit=2)

    assert json.dumps(summary_to_json(a.merge(b))) == json.dumps(summary_to_json(b.merge(a)))


def test_each_name_is_in_the_journal_once():
    written = json.dumps(summary_to_json(UnitSummary.from_table(lines("a" * 50))))

    assert written.count("t-a") == 1
    assert written.count("a.log") == 1
