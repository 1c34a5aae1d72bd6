import re
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.batch.outputs.histogram import Histogram, place_key
from headgate.batch.outputs.timeline import (
    LOOKS,
    MOST_BARS,
    Shown,
    along_input,
    along_time,
    place_bins,
    time_bins,
)

START = int(datetime(2026, 11, 27, 10, tzinfo=UTC).timestamp() * 1000)
SHOWN = Shown("info", ("error",), "line")


def over_time(rows, names=("info", "error", "fatal")):
    keys = np.array([START + ms for ms, _ in rows], dtype=np.int64)
    return Histogram.of("time", keys, np.array([code for _, code in rows], np.int64), names)


def over_input(codes, unit=0, names=("info", "error", "fatal")):
    rows = np.arange(len(codes))
    return Histogram.of("place", place_key(unit, rows), np.array(codes, np.int64), names)


def heights(chart):
    return {bars.name: list(bars.height) for bars in chart.bars}


def test_rows_are_counted_in_bars_of_equal_width():
    bins, left_out = time_bins(over_time([(0, 0), (1, 1), (3, 1), (3, 0)]))

    assert [(each.rows, dict(each.answers)) for each in bins] == [
        (1, {"info": 1}),
        (1, {"error": 1}),
        (0, {}),
        (2, {"info": 1, "error": 1}),
    ]
    assert [each.right - each.left for each in bins] == pytest.approx([0.001] * 4, abs=1e-6)
    assert left_out == 0


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 2)), min_size=1, max_size=40))
def test_few_bars_show_every_row_or_say_how_many_not(rows):
    bins, left_out = time_bins(over_time(rows))

    assert 1 <= len(bins) <= MOST_BARS
    assert sum(each.rows for each in bins) + left_out == len(rows)
    assert left_out <= 0.002 * len(rows)
    assert all(before.right == after.left for before, after in pairwise(bins))


def test_one_wrong_time_does_not_hide_the_others():
    rows = [(1000 * second, 0) for second in range(3000)]

    bins, left_out = time_bins(over_time([*rows, (-START, 1), (10**12, 1)]))

    assert left_out == 2
    assert bins[0].left == START / 1000
    assert len(bins) > MOST_BARS / 4


def test_a_few_rows_far_away_are_shown_when_there_are_few_rows():
    bins, left_out = time_bins(over_time([(0, 0), (1000, 0), (10**9, 1)]))

    assert left_out == 0
    assert sum(each.rows for each in bins) == 3


def test_bars_along_the_input_hold_about_equally_many_rows():
    bins = place_bins(over_input([0, 1] * 5000))

    assert len(bins) <= MOST_BARS
    assert bins[0].left == 0
    assert bins[-1].right == 10_000
    assert all(before.right == after.left for before, after in pairwise(bins))
    assert all(each.rows == each.right - each.left for each in bins)
    assert max(each.rows for each in bins[:-1]) <= 2 * 10_000 / MOST_BARS


def test_units_follow_one_another_along_the_input():
    bins = place_bins(over_input([1] * 3, unit=7).merge(over_input([0] * 2, unit=2)))

    assert [dict(each.answers) for each in bins] == [{"info": 1}] * 2 + [{"error": 1}] * 3
    assert [each.left for each in bins] == [0, 1, 2, 3, 4]


def test_the_normal_answer_is_not_drawn_and_rare_ones_are_together():
    drawn = along_time(over_time([(0, 0), (0, 1), (0, 2), (0, 2)]), SHOWN)

    assert heights(drawn.anomalies) == {"error": [1], "other answers": [2]}
    assert heights(drawn.all_rows) == {"All lines": [4]}


def test_shares_are_drawn_along_the_input():
    """A bar has room for two rows of 192: an error beside an info is a half."""
    drawn = along_input(over_input([0, 1, 1, 1] * 48), SHOWN)

    assert heights(drawn) == {"error": [0.5, 1.0] * 48}


def test_hints_tell_what_is_in_a_bar():
    drawn = along_time(over_time([(0, 0), (0, 1), (0, 2), (1, 0)]), SHOWN)

    assert [hint.text for hint in drawn.anomalies.hints] == [
        "2026-11-27 10:00:00: 1 error, 1 other answers of 3 lines",
        "2026-11-27 10:00:00: none of 1 line",
    ]


def test_the_commonest_answers_have_looks_of_their_own():
    answers = {"info": 99, "a": 6, "b": 5, "c": 4, "d": 3, "e": 2}

    shown = Shown.of(answers, "info", "line")

    assert [shown.look(answer) for answer in "abcd"] == list(LOOKS)
    assert (shown.look("e"), shown.look("info")) == ("rest", "cascade")


def test_the_description_says_where_most_are():
    drawn = along_time(over_time([(0, 1), (5, 1), (5, 1), (5, 1)]), SHOWN)

    assert re.search(r"highest of 6 bars has 75.0% of the 4", drawn.anomalies.description)
