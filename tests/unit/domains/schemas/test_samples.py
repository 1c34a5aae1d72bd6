import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.schemas.columns import Column
from headgate.domains.schemas.samples import SAMPLERS, consistent, frequent, mixed, spread

VALUES = st.lists(st.text(max_size=3) | st.integers().map(str), unique=True).map(tuple)


def column_of(*values):
    return Column("c", values, tuple(range(len(values), 0, -1)))


NUMBERS = column_of("30", "7", "100", "1", "12")


def test_frequent_values_are_the_first():
    assert frequent(NUMBERS, 2) == ("30", "7")


@pytest.mark.parametrize(
    ("size", "sample"),
    [(1, ("12",)), (2, ("1", "100")), (3, ("1", "12", "100")), (9, ("1", "7", "12", "30", "100"))],
)
def test_spread_steps_from_the_lowest_number_to_the_highest(size, sample):
    assert spread(NUMBERS, size) == sample


def test_words_are_spread_behind_numbers_in_the_order_of_their_characters():
    assert spread(column_of("b", "10", "a", "9"), 4) == ("9", "10", "a", "b")


def test_mixed_is_half_the_most_frequent_and_half_the_spread_of_the_rest():
    assert mixed(NUMBERS, 4) == ("30", "7", "1", "100")
    assert mixed(NUMBERS, 3) == ("30", "7", "12")


def test_consistent_values_do_not_depend_on_counts():
    values = [str(number) for number in range(40)]

    assert consistent(column_of(*values), 5) == consistent(column_of(*reversed(values)), 5)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS.keys())
@given(VALUES, st.integers(0, 12))
@settings(deadline=None, max_examples=40)
def test_a_sample_is_as_many_different_values_as_there_are_up_to_its_size(sampler, values, size):
    column = column_of(*values)

    sample = sampler(column, size)

    assert len(sample) == len(set(sample)) == min(size, len(values))
    assert set(sample) <= set(values)
    assert sampler(column, size) == sample


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS.keys())
@pytest.mark.parametrize("size", [0, -1])
def test_a_sample_of_nothing_is_empty(sampler, size):
    assert sampler(NUMBERS, size) == ()
