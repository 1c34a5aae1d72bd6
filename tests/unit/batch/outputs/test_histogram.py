import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.batch.outputs.histogram import MOST_BUCKETS, Histogram, place_key

KEYS = st.integers(-(2**40), 2**44)
ROWS = st.lists(st.tuples(KEYS, st.sampled_from("abc")), max_size=30)
MANY = st.integers(1, 10_000).flatmap(
    lambda step: st.integers(MOST_BUCKETS - 2, MOST_BUCKETS + 3).map(
        lambda count: [(step * place, "abc"[place % 3]) for place in range(count)]
    )
)


def of(rows, kind="time"):
    keys = np.array([key for key, _ in rows], dtype=np.int64)
    return Histogram.of(kind, keys, np.array(["abc".index(a) for _, a in rows], np.int64), "abc")


def test_rows_are_counted_by_bucket_and_answer():
    found = of([(0, "a"), (1, "a"), (1, "b"), (5, "a")])

    assert found.width == 1
    assert found.counts == {"a": {0: 1, 1: 1, 5: 1}, "b": {1: 1}}
    assert found.totals() == {0: 1, 1: 2, 5: 1}


def test_buckets_become_wider_when_too_many_are_occupied():
    """513 milliseconds in a row fill 52 tenths."""
    found = of([(key, "a") for key in range(MOST_BUCKETS + 1)])

    assert found.width == 10
    assert found.totals() == {**dict.fromkeys(range(51), 10), 51: 3}


def test_one_row_far_away_leaves_the_others_fine():
    found = of([*((key, "a") for key in range(500)), (10**12, "b")])

    assert found.width == 1


def test_times_before_1970_fall_into_the_bucket_below():
    found = of([(key, "a") for key in range(-600, 0)])

    assert found.totals() == dict.fromkeys(range(-60, 0), 10)


def test_no_rows_have_no_buckets():
    assert of([]) == Histogram("time")


@settings(max_examples=30)
@given(st.one_of(ROWS, MANY), st.one_of(ROWS, MANY), ROWS)
def test_parts_may_be_merged_in_any_order(some, others, more):
    """The result is that of all rows at once, however they were split."""
    a, b, c = of(some), of(others), of(more)

    assert a.merge(b).merge(c) == a.merge(b.merge(c)) == of([*some, *others, *more])
    assert a.merge(b) == b.merge(a)


@given(st.one_of(ROWS, MANY))
def test_nothing_adds_nothing(rows):
    assert of(rows).merge(Histogram("time")) == of(rows)


@settings(max_examples=40)
@given(st.lists(st.one_of(ROWS, MANY), max_size=4))
def test_memory_is_bounded_and_no_row_is_lost(parts):
    found = Histogram("time")
    for part in parts:
        found = found.merge(of(part))

    assert len(found.totals()) <= MOST_BUCKETS
    assert sum(found.totals().values()) == sum(map(len, parts))


@settings(max_examples=40)
@given(st.one_of(ROWS, MANY), ROWS)
def test_answers_can_be_put_together_before_or_after(some, others):
    a, b = of(some), of(others)

    assert a.merge(b).without_answers() == a.without_answers().merge(b.without_answers())


def test_rows_of_a_later_unit_come_later():
    keys = [
        *place_key(0, np.array([0, 10**9])),
        *place_key(1, np.array([0])),
        *place_key(2**20, np.array([5])),
    ]

    assert keys == sorted(keys)


@pytest.mark.parametrize("units", [1, 3, 300])
def test_any_number_of_units_has_few_places(units):
    rows = np.arange(2000)
    found = Histogram("place")
    for unit in range(units):
        codes = np.zeros(2000, np.int64)
        found = found.merge(Histogram.of("place", place_key(unit, rows), codes, ["a"]))

    assert sum(found.totals().values()) == 2000 * units
    assert MOST_BUCKETS / 4 < len(found.totals()) <= MOST_BUCKETS
