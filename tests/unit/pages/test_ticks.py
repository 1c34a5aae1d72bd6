from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.pages.ticks import Axis, nice_ticks, scale, time_ticks


def seconds(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def labels(axis, *values):
    return scale(axis, values, 0, 100).labels


def test_ticks_are_round_and_enclose_the_data():
    assert nice_ticks(0.0, 1.0) == pytest.approx((0, 0.2, 0.4, 0.6, 0.8, 1.0))
    assert nice_ticks(0.903, 0.996) == pytest.approx((0.90, 0.92, 0.94, 0.96, 0.98, 1.0))
    assert nice_ticks(0.0, 0.0031) == pytest.approx((0, 0.001, 0.002, 0.003, 0.004))


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_enclose_any_range_with_few_equal_steps(low, width):
    found = nice_ticks(low, low + width)

    assert 2 <= len(found) <= 8
    assert found[0] <= low + 1e-6 * width
    assert found[-1] >= low + width - 1e-6 * width
    assert np.diff(found) == pytest.approx(found[1] - found[0], rel=1e-3)


@given(st.floats(-2e9, 7e9), st.floats(1, 9e9))
def test_moments_enclose_any_range_with_few_steps_of_clock_or_calendar(low, width):
    found = time_ticks(low, low + width)

    assert 2 <= len(found) <= 8
    assert found[0] <= low + 1e-6 * width
    assert found[-1] >= low + width - 1e-6 * width


@pytest.mark.parametrize(
    ("first", "last", "written"),
    [
        pytest.param(
            "2026-11-27T10:00:00",
            "2026-11-27T10:00:01",
            ("10:00:00.0", "10:00:00.2", "10:00:00.4", "10:00:00.6", "10:00:00.8", "10:00:01.0"),
            id="a-second",
        ),
        pytest.param(
            "2026-11-27T10:00:02",
            "2026-11-27T10:00:21",
            ("10:00:00", "10:00:05", "10:00:10", "10:00:15", "10:00:20", "10:00:25"),
            id="seconds",
        ),
        pytest.param(
            "2026-11-27T10:00:00",
            "2026-11-27T12:20:00",
            ("10:00", "10:30", "11:00", "11:30", "12:00", "12:30"),
            id="hours",
        ),
        pytest.param(
            "2026-11-26T20:00:00",
            "2026-11-27T10:00:00",
            ("11-26 18:00", "11-26 21:00", "11-27 00:00", "11-27 03:00", "11-27 06:00",
             "11-27 09:00", "11-27 12:00"),
            id="over-midnight",
        ),
        pytest.param(
            "2026-11-26T20:00:00",
            "2026-11-29T10:00:00",
            ("2026-11-26", "2026-11-27", "2026-11-28", "2026-11-29", "2026-11-30"),
            id="days",
        ),
    ],
)  # fmt: skip
def test_moments_are_written_no_finer_than_they_differ(first, last, written):
    assert labels(Axis("t", "time"), seconds(first), seconds(last)) == written


@pytest.mark.parametrize(
    ("most", "written"),
    [
        (0, ("0", "1", "2", "3", "4", "5")),
        (3, ("0", "1", "2", "3", "4", "5")),
        (4000, ("0", "1,000", "2,000", "3,000", "4,000")),
        (40_000, ("0", "10 k", "20 k", "30 k", "40 k")),
        (3_000_000, ("0", "1 M", "2 M", "3 M")),
        (2_500_000_000, ("0", "0.5 bn", "1 bn", "1.5 bn", "2 bn", "2.5 bn")),
    ],
)
def test_counts_are_whole_and_short(most, written):
    assert labels(Axis("n", "count", from_zero=True), 0, most) == written


def test_a_tight_axis_ends_where_its_data_does():
    found = scale(Axis("n", "count", tight=True), (10, 95), 0, 85)

    assert (found.low, found.high) == (10, 95)
    assert found.ticks == (20, 40, 60, 80)
    assert found.at(95) == 85


@pytest.mark.parametrize("unit", ["share", "usd", "count", "time"])
def test_one_value_has_a_scale(unit):
    found = scale(Axis("x", unit), (1.0,), 0, 100)

    assert found.low <= 1.0 <= found.high
    assert found.low < found.high
