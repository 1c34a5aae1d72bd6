import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.evaluation.rates import gap, rate


def test_a_share_comes_with_its_exact_interval():
    """0 of 10: the upper end solves (1 - p) ** 10 = 0.025."""
    found = rate(np.zeros(10, dtype=bool))

    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(1 - 0.025**0.1)


def test_a_share_of_no_rows_is_unknown():
    found = rate(np.zeros(0), of=0)

    assert (found.value, found.low, found.high) == (None, 0.0, 1.0)


def test_chances_count_as_the_rows_they_expect():
    chances = rate(np.full(10, 0.3))

    assert chances.value == pytest.approx(0.3)
    assert (chances.low, chances.high) == (
        rate(np.arange(10) < 3).low,
        rate(np.arange(10) < 3).high,
    )


def test_the_gap_counts_rows_where_one_alone_is_right():
    """The reference alone is right in two rows of four, the other in one."""
    found = gap(np.array([1, 1, 0, 1], dtype=bool), np.array([0, 0, 1, 1], dtype=bool))

    assert found.value == 0.25
    assert found.low < 0.25 < found.high


def test_the_gap_to_itself_is_nothing_with_the_same_doubt_on_both_sides():
    right = np.array([1, 0, 1], dtype=bool)

    found = gap(right, right)

    assert found.value == 0
    assert found.low == -found.high < 0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_a_gap_lies_in_its_interval_and_turns_round_with_its_sides(pairs):
    one, other = np.array(pairs, dtype=bool).T

    there, back = gap(one, other), gap(other, one)

    assert -1 <= there.low <= there.value <= there.high <= 1
    assert (back.value, back.low, back.high) == (-there.value, -there.high, -there.low)


@pytest.mark.slow
def test_the_interval_of_a_gap_covers_the_true_one():
    """A reference right in 90 % and another in 85 % of the rows, in 400 draws of 150 rows."""
    rng = np.random.default_rng(3)
    found = [gap(rng.uniform(size=150) < 0.9, rng.uniform(size=150) < 0.85) for _ in range(400)]

    assert np.mean([each.low <= 0.05 <= each.high for each in found]) >= 0.95
