import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gate.scores import score_answers

ROWS = [[0.5, 0.25, 0.25], [0.125, 0.875], [0.25, 0.25, 0.25, 0.25]]


def normalised(weights):
    return [each / sum(weights) for each in weights]


rows_of_any_length = st.lists(
    st.lists(st.floats(0.01, 1), min_size=1, max_size=6).map(normalised), max_size=8
)


def test_the_largest_probability_is_each_rows_score():
    assert score_answers(ROWS, "max_prob").tolist() == [0.5, 0.875, 0.25]


def test_the_lead_over_the_runner_up_is_each_rows_margin():
    assert score_answers(ROWS, "margin").tolist() == [0.25, 0.75, 0.0]


@pytest.mark.parametrize("kind", ["max_prob", "margin"])
def test_a_single_option_is_certain(kind):
    assert score_answers([[1.0]], kind).tolist() == [1.0]


@pytest.mark.parametrize("kind", ["max_prob", "margin"])
def test_no_records_give_no_scores(kind):
    assert score_answers([], kind).shape == (0,)


@given(rows_of_any_length)
def test_scores_are_shares_and_a_margin_never_exceeds_its_probability(rows):
    largest = score_answers(rows, "max_prob")
    margin = score_answers(rows, "margin")

    assert largest.shape == margin.shape == (len(rows),)
    assert np.all((margin >= 0) & (margin <= largest) & (largest <= 1))
