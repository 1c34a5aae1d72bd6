import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gate.scores import OptionTable, agreement, log_prob_features, rank_margin

ROWS = [[0.5, 0.25, 0.25], [0.125, 0.875], [0.25, 0.25, 0.25, 0.25]]


def normalised(weights):
    return [each / sum(weights) for each in weights]


rows_of_any_length = st.lists(
    st.lists(st.floats(0.01, 1), min_size=1, max_size=6).map(normalised), max_size=8
)


def test_shorter_rows_are_padded_with_nothing():
    table = OptionTable.of(ROWS)

    assert table.probabilities.tolist() == [
        [0.5, 0.25, 0.25, 0.0],
        [0.125, 0.875, 0.0, 0.0],
        [0.25, 0.25, 0.25, 0.25],
    ]


def test_rows_of_one_length_are_taken_as_they_are():
    assert OptionTable.of([(0.25, 0.75), (1.0, 0.0)]).probabilities.tolist() == [
        [0.25, 0.75],
        [1.0, 0.0],
    ]


def test_the_first_of_equally_probable_options_is_the_answer():
    assert OptionTable.of(ROWS).predicted.tolist() == [0, 1, 0]


def test_the_largest_probability_is_each_rows_score():
    assert OptionTable.of(ROWS).max_prob().tolist() == [0.5, 0.875, 0.25]


def test_the_lead_of_the_logit_over_the_runner_ups_is_each_rows_margin():
    """Of a half over a quarter ln 2, of 7/8 over 1/8 ln 7, of equals none."""
    margins = OptionTable.of(ROWS).margin()

    assert margins == pytest.approx([math.log(2), math.log(7), 0.0])


def test_answers_that_are_all_certain_are_still_ordered_by_margin():
    """1 - 1e-20 rounds to 1; the runner-up's own probability does not round to 0."""
    table = OptionTable.of([[1.0, 1e-20], [1.0, 1e-40], [1.0, 0.0], [1.0]])

    assert table.max_prob().tolist() == [1.0] * 4
    assert table.margin() == pytest.approx([math.log(10) * each for each in (20, 40, 300, 300)])


def test_a_single_option_is_certain():
    table = OptionTable.of([[1.0]])

    assert table.max_prob().tolist() == [1.0]
    assert table.margin() == pytest.approx([300 * math.log(10)])
    assert table.entropy().tolist() == [0.0]


def test_entropy_is_the_spread_in_nats():
    """A coin has ln 2, four equal options have ln 4, a certain one has none."""
    table = OptionTable.of([[0.5, 0.5], [0.25] * 4, [0.0, 1.0]])

    assert table.entropy() == pytest.approx([math.log(2), math.log(4), 0.0])


def test_no_records_have_no_scores():
    table = OptionTable.of([])

    assert table.predicted.shape == (0,)
    assert [each.shape for each in (table.max_prob(), table.margin(), table.entropy())] == [
        (0,)
    ] * 3
    assert agreement(table, table).shape == (0,)


def test_a_probability_that_is_no_number_makes_no_score():
    table = OptionTable.of([[math.nan, math.nan], [0.5, math.nan], [0.25, 0.75]])

    for scores in (table.max_prob(), table.margin(), table.entropy(), agreement(table, table)):
        assert np.isnan(scores).tolist() == [True, True, False]


def test_two_models_agree_as_far_as_both_believe_the_first_ones_answer():
    """(0.75 + 0.25) / 2 where they differ, (0.75 + 1) / 2 where they do not."""
    first = OptionTable.of([[0.25, 0.75], [0.75, 0.25]])
    second = OptionTable.of([[0.75, 0.25], [1.0, 0.0]])

    assert agreement(first, second).tolist() == [0.5, 0.875]


def test_the_probability_of_other_answers_can_be_asked_for():
    assert OptionTable.of(ROWS).of_answers(np.array([2, 0, 3])).tolist() == [0.25, 0.125, 0.25]


@given(rows_of_any_length)
def test_scores_stay_within_their_bounds(rows):
    table = OptionTable.of(rows)
    largest, margin, entropy = table.max_prob(), table.margin(), table.entropy()

    assert largest.shape == margin.shape == entropy.shape == (len(rows),)
    assert np.all((largest > 0) & (largest <= 1))
    assert np.all((margin >= 0) & (margin < 691))
    assert np.all((entropy >= 0) & (entropy <= math.log(6) + 1e-12))
    assert table.predicted.tolist() == [row.index(max(row)) for row in rows]


@given(st.floats(0.5, 1), st.floats(0.5, 1))
def test_with_two_options_margin_and_probability_order_alike(first, second):
    table = OptionTable.of([[first, 1 - first], [second, 1 - second]])

    higher = table.max_prob()[0] > table.max_prob()[1]
    assert not higher or table.margin()[0] >= table.margin()[1]


def test_a_text_is_described_by_quantiles_mean_and_length():
    """Of 21 evenly spaced values the quantiles 0, 5, 10, 25 and 50 % are five of them."""
    found = log_prob_features([-place / 10 for place in range(21)])

    assert found == pytest.approx([-2.0, -1.9, -1.8, -1.5, -1.0, -1.0, 21.0])


def test_a_text_of_one_token_is_that_token():
    assert log_prob_features([-0.5]).tolist() == [-0.5] * 6 + [1.0]


@pytest.mark.parametrize(
    "log_probs",
    [
        pytest.param([], id="no-tokens"),
        pytest.param([-0.5, math.nan], id="nan"),
        pytest.param([-0.5, -math.inf], id="impossible-token"),
        pytest.param([-0.5, 0.1], id="above-zero"),
    ],
)
def test_what_are_no_log_probabilities_is_refused(log_probs):
    with pytest.raises(ValueError, match="log-probabilities"):
        log_prob_features(log_probs)


def test_a_ranking_is_as_sure_as_the_gap_at_its_cut():
    scores = [0.25, 1.0, 0.5]

    assert rank_margin(scores) == 0.5
    assert rank_margin(scores, 2) == 0.25
    assert rank_margin([0.5, 0.5]) == 0.0


def test_a_ranking_that_leaves_nothing_out_is_certain():
    assert rank_margin([0.25]) == math.inf
    assert rank_margin([0.25, 0.5], 2) == math.inf


@pytest.mark.parametrize("scores", [pytest.param([], id="empty"), [0.5, math.nan]])
def test_a_ranking_without_numbers_is_refused(scores):
    with pytest.raises(ValueError, match="ranking"):
        rank_margin(scores)
