from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.schemas.gather import (
    LONGEST_VALUE,
    MOST_VALUES,
    ColumnGatherer,
    is_null,
    stable_hash,
)

CELLS = st.lists(
    st.none() | st.sampled_from(["a", "b ", "A", "n/a", "", " ", "c  d"]) | st.text(max_size=3)
)


def gathered(*chunks):
    gatherer = ColumnGatherer("size", "how large")
    for chunk in chunks:
        gatherer.add(chunk)
    return gatherer.column()


def test_values_come_by_falling_count_without_nulls():
    column = gathered(["L", "M", None, "M", "n/a", "S", "M", "L"])

    assert (column.name, column.description) == ("size", "how large")
    assert column.values == ("M", "L", "S")
    assert column.counts == (3, 2, 1)
    assert (column.rows, column.nulls, column.distinct) == (8, 2, 3)


def test_equal_counts_come_by_hash():
    column = gathered(["x", "y", "z"])

    assert list(column.values) == sorted("xyz", key=stable_hash)


def test_no_cells_make_an_empty_column():
    column = gathered()

    assert (column.values, column.rows, column.nulls, column.distinct) == ((), 0, 0, 0)


def test_blanks_around_and_between_words_do_not_make_another_value():
    assert gathered(["a b", " a  b ", "a\n\tb"]).counts == (3,)


def test_long_values_are_cut():
    column = gathered(["x" * 1_000_000, "x" * 999])

    assert column.values == ("x" * LONGEST_VALUE,)
    assert column.counts == (2,)


@pytest.mark.parametrize(
    "cell",
    [
        *("", "  ", "\u00a0", "-", "?", ".", "NULL", "null", "NaN", "None", "<NA>", "#N/A", "\\N"),
        *("n/a", "N.A.", "[Not Available]", "(blank)", "Unknown", "not reported"),
        "Not Reported/ Unknown",
    ],
)
def test_ways_to_write_that_there_is_nothing(cell):
    assert is_null(cell)


@pytest.mark.parametrize(
    "cell",
    [
        *("0", "0.0", "no", "No", "false", "N", "NaCl", "nano", "a/b", "n/a/b", "other", "+", "nd"),
        *("off", "not applicable to this one", "x" * 100_000),
    ],
)
def test_what_may_be_a_value_is_none_of_them(cell):
    assert not is_null(cell)


@given(CELLS, st.lists(st.integers(0, 10)))
@settings(deadline=None, max_examples=40)
def test_chunks_do_not_matter(cells, sizes):
    cells = cells * 3
    chunks, start = [], 0
    for size in sizes:
        chunks.append(cells[start : start + size])
        start += size

    assert gathered(*chunks, cells[start:]) == gathered(cells)


@given(CELLS, st.randoms())
@settings(deadline=None, max_examples=40)
def test_the_order_of_rows_does_not_matter(cells, random):
    shuffled = random.sample(cells, len(cells))

    assert gathered(shuffled) == gathered(cells)


@given(CELLS)
@settings(deadline=None, max_examples=40)
def test_every_cell_is_counted_once(cells):
    column = gathered(cells)

    assert column.rows == len(cells)
    assert sum(column.counts) == column.rows - column.nulls
    assert column.distinct == len(column.values) == len(set(column.values))


def test_of_many_values_those_of_the_smallest_hashes_stay_with_exact_counts():
    """Values are seen in two rounds, so most have been dropped when they come again."""
    cells = [f"value {number}" for number in range(3 * MOST_VALUES)]
    smallest = sorted(cells, key=stable_hash)[:MOST_VALUES]

    column = gathered(cells, cells, smallest[:5])

    assert set(column.values) == set(smallest)
    assert column.values[:5] == tuple(smallest[:5])
    assert Counter(column.counts) == {3: 5, 2: MOST_VALUES - 5}
    assert column.rows == 6 * MOST_VALUES + 5


@pytest.mark.parametrize("times", [2, 7, 20])
def test_the_number_of_many_values_is_known_within_a_tenth(times):
    """Its standard error is 3 %."""
    cells = [f"value {number}" for number in range(times * MOST_VALUES)]

    column = gathered(cells, cells)

    assert column.distinct == pytest.approx(len(cells), rel=0.1)
    assert len(column.values) == MOST_VALUES


def test_one_value_more_than_are_kept_is_not_estimated_below_what_was_seen():
    column = gathered(map(str, range(MOST_VALUES + 1)))

    assert column.distinct == MOST_VALUES + 1


def test_any_characters_are_values():
    """A lone surrogate has no UTF-8, but is a value like others."""
    assert gathered(["\ud800", "\x00", "\ud800"]).values == ("\ud800", "\x00")


def test_hashes_are_the_same_everywhere():
    assert stable_hash("") == 0xE4A6A0577479B2B4
    assert stable_hash("a") != stable_hash("b")
