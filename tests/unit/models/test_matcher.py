import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from headgate.models.matcher import (
    LabelledColumns,
    Matcher,
    beliefs,
    fit_matcher,
)

ALONE = np.zeros(1, np.int64)
"""A column that looks like no other of its table."""
LOG_ODDS = arrays(np.float64, st.integers(0, 30), elements=st.floats(-50, 50))


def pairs(*rows):
    """Features of one kind, shape (m, n, 1)."""
    return np.array(rows, np.float32)[:, :, np.newaxis]


def test_a_pair_counts_for_as_much_as_it_stands_out_of_the_ten_best():
    """Ten pairs of 0.5 and one of 1: the level is 0.55, and the best is 0.45 above it."""
    log_odds = Matcher((2.0,), -1.0, 0.5).log_odds(pairs([0.5] * 10 + [1.0]), ALONE)

    assert log_odds[0, -1] == pytest.approx(2 * (1 - 0.55) - 1)
    assert log_odds[0, 0] == pytest.approx(2 * (0.5 - 0.55) - 1)


def test_a_column_that_is_like_many_is_less_sure_than_one_that_is_like_one():
    """Both have a pair of 1; the second has ten of them."""
    one, many = Matcher.default(1).log_odds(
        pairs([1.0] + [0.3] * 19, [1.0] * 10 + [0.3] * 10), np.zeros(2)
    )

    assert one[0] > many[0]


def test_candidates_that_a_small_target_does_not_have_count_as_weak_ones():
    """One pair of 1 and nine that are missing: the level is (1 + 9 * 0.22) / 10."""
    log_odds = Matcher((1.0,), 0.0, 0.5).log_odds(pairs([1.0]), ALONE)

    assert log_odds[0, 0] == pytest.approx(1 - (1 + 9 * 0.22) / 10)


def test_a_column_like_nothing_is_not_helped_by_how_little_the_others_are_like_it():
    """Its best pair of 0.1 stands out of zeros, and yet it is below what counts."""
    log_odds = Matcher((1.0,), 0.0, 0.5).log_odds(pairs([0.1] + [0.0] * 19), ALONE)

    assert log_odds[0, 0] == pytest.approx(0.1 - 0.22)


def test_a_column_has_the_same_log_odds_alone_as_among_others():
    features = np.random.default_rng(7).random((5, 40, 4), np.float32)
    matcher = Matcher.default(4)

    alone = np.vstack([matcher.log_odds(features[row : row + 1], ALONE) for row in range(5)])

    assert (alone == matcher.log_odds(features, np.zeros(5))).all()


def test_default_weights_are_equal_and_their_sum_does_not_depend_on_the_number_of_features():
    assert sum(Matcher.default(5).weights) == pytest.approx(sum(Matcher.default(2).weights))
    assert len(set(Matcher.default(5).weights)) == 1


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 2), (0, 0, 2)])
def test_without_pairs_there_are_no_log_odds(shape):
    assert (
        Matcher.default(2).log_odds(np.zeros(shape, np.float32), np.zeros(shape[:1])).shape
        == shape[:2]
    )


@pytest.mark.parametrize("shape", [(2, 3, 1), (2, 3, 3), (2, 3)])
def test_other_features_than_it_has_weights_for_are_refused(shape):
    with pytest.raises(ValueError, match="features"):
        Matcher.default(2).log_odds(np.zeros(shape, np.float32), np.zeros(shape[:1]))


@pytest.mark.parametrize(
    ("weights", "bias"),
    [
        pytest.param((), 0.0, id="none"),
        pytest.param((0.0, 0.0), 0.0, id="all-zero"),
        pytest.param((1.0, -0.1), 0.0, id="below-zero"),
        pytest.param((1.0, math.nan), 0.0, id="not-a-number"),
        pytest.param((math.inf,), 0.0, id="infinite"),
        pytest.param((1.0,), math.nan, id="bias-is-no-number"),
    ],
)
def test_weights_that_would_turn_the_order_round_are_refused(weights, bias):
    with pytest.raises(ValueError, match="weights"):
        Matcher(weights, bias, 0.0)


def test_a_matcher_comes_back_from_json_as_it_was():
    matcher = Matcher((1.5, 0.0, 2.0), -4.25, 0.5)

    assert Matcher.from_json(json.loads(json.dumps(matcher.to_json()))) == matcher


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"weights": [1.0]},
        {"weights": "1.0", "bias": 0.0},
        {"weights": ["1"], "bias": 0.0},
        {"weights": [1.0], "bias": None},
        {"weights": [1.0], "bias": 0.0, "more": 1},
        {"weights": [], "bias": 0.0},
        {"weights": [-1.0], "bias": 0.0},
    ],
    ids=str,
)
def test_what_is_no_matcher_is_refused(value):
    with pytest.raises(ValueError, match="matcher"):
        Matcher.from_json(value)


def test_equal_log_odds_of_zero_share_the_belief_with_none():
    assert beliefs(np.zeros(3)) == pytest.approx([0.25] * 4)


def test_without_candidates_it_is_certain_that_none_fits():
    assert beliefs(np.empty(0)).tolist() == [1.0]


def test_log_odds_too_large_for_an_exponent_are_certainties():
    assert beliefs(np.array([1e4, -1e4])).tolist() == [1.0, 0.0, 0.0]


@given(LOG_ODDS)
def test_beliefs_sum_to_one_and_give_the_log_odds_back(log_odds):
    found = beliefs(log_odds)

    assert found.sum() == pytest.approx(1)
    assert np.log(found[:-1] / found[-1]) == pytest.approx(log_odds, abs=1e-6)


def labelled(rng, rows, *, telling):
    """Columns of which feature `telling` is 0.9 for the right pair; every third has none."""
    features = rng.random((rows, 30, 2)).astype(np.float32) * 0.5
    right = np.zeros((rows, 30), bool)
    right[np.arange(rows), rng.integers(0, 30, rows)] = True
    right[::3] = False
    features[..., telling][right] = 0.9
    return LabelledColumns(features, right, np.zeros(rows, np.int64))


@pytest.mark.parametrize("telling", [0, 1])
def test_the_feature_that_tells_right_pairs_gets_the_larger_weight(telling):
    matcher = fit_matcher([labelled(np.random.default_rng(7), 60, telling=telling)])

    assert matcher.weights[telling] > 2 * matcher.weights[1 - telling]


def test_fitted_beliefs_say_how_often_none_fits():
    rng = np.random.default_rng(7)
    matcher = fit_matcher([labelled(rng, 60, telling=0)])
    fresh = labelled(rng, 60, telling=0)

    none = [beliefs(row)[-1] for row in matcher.log_odds(fresh.features, fresh.lookalikes)]

    assert np.mean(none) == pytest.approx(1 / 3, abs=0.1)


def test_weights_of_a_fit_are_never_below_zero():
    """Right pairs have the smallest second feature; the fit may not turn it round."""
    table = labelled(np.random.default_rng(7), 60, telling=0)
    table.features[..., 1][table.right] = 0

    assert min(fit_matcher([table]).weights) >= 0


def test_columns_whose_right_pair_is_out_of_reach_do_not_break_a_fit():
    table = labelled(np.random.default_rng(7), 30, telling=0)
    far = np.zeros((1, 200, 2), np.float32)
    far[0, :150] = 0.5
    right = np.zeros((1, 200), bool)
    right[0, 199] = True

    assert fit_matcher([table, LabelledColumns(far, right, ALONE)]) == fit_matcher([table])


def test_a_strong_pull_leaves_the_default():
    fitted = fit_matcher([labelled(np.random.default_rng(7), 20, telling=0)], ridge=1e6)

    assert fitted.weights == pytest.approx(Matcher.default(2).weights, abs=0.01)


@pytest.mark.parametrize(
    "tables",
    [
        pytest.param([], id="no-tables"),
        pytest.param([(0, 3, 2)], id="no-columns"),
        pytest.param([(1, 3, 2), (1, 3, 4)], id="different-features"),
    ],
)
def test_labels_that_a_matcher_cannot_be_fitted_on_are_refused(tables):
    given_tables = [
        LabelledColumns(
            np.zeros(shape, np.float32), np.zeros(shape[:2], bool), np.zeros(shape[0], np.int64)
        )
        for shape in tables
    ]

    with pytest.raises(ValueError, match="fitted"):
        fit_matcher(given_tables)


def test_the_more_columns_of_its_table_a_column_looks_like_the_likelier_none_fits():
    """With e - 1 look-alikes each pair loses the whole weight."""
    matcher = Matcher((2.0,), -1.0, 0.5)
    features = pairs([1.0] + [0.0] * 19)

    lost = matcher.log_odds(features, ALONE) - matcher.log_odds(features, np.array([math.e - 1]))

    assert lost == pytest.approx(0.5)


def test_a_fit_learns_that_look_alikes_have_no_counterparts():
    """Columns with nine look-alikes never have one here, and all others do."""
    table = labelled(np.random.default_rng(7), 60, telling=0)
    lonely = LabelledColumns(table.features, table.right, np.where(table.right.any(axis=1), 0, 9))

    assert fit_matcher([lonely]).lookalike_weight > Matcher.default(2).lookalike_weight
