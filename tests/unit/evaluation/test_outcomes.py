import numpy as np
import pytest

from fakes.tiny_outcomes import four, outcomes
from headgate.errors import InputError


def test_each_tier_is_compared_with_the_right_answer():
    rows = four()

    assert rows.small_right.tolist() == [True, False, True, False]
    assert rows.large_right.tolist() == [True, True, False, True]


def test_the_cascade_answers_with_the_tier_that_the_gate_chose():
    rows = four(kept=np.array([True, True, False, False]))

    assert rows.cascade == ("a", "b", "a", "b")
    assert rows.cascade_right.tolist() == [True, False, False, True]


def test_rows_that_both_tiers_answer_alike_are_no_loss():
    rows = four()

    assert rows.loss("agree").tolist() == [False, True, True, True]


def test_only_a_wrong_answer_that_the_large_model_mends_is_regretted():
    """In row 3 the small model alone is right, so keeping it costs nothing."""
    assert four().loss("regret").tolist() == [False, True, False, True]


def test_both_wrong_in_different_ways_is_a_disagreement_without_regret():
    rows = outcomes([0.5], "a", "b", "c")

    assert rows.disagree.tolist() == [True]
    assert rows.regret.tolist() == [False]


def test_where_the_large_model_fails_the_small_answer_stands():
    """As in serving, where such an answer is marked degraded."""
    rows = outcomes([0.5, 0.5], "ab", "aa", ["", ""], kept=np.zeros(2, dtype=bool))

    assert rows.large_failed.tolist() == [True, True]
    assert rows.large_right.tolist() == [False, False]
    assert rows.escalated == rows.cascade == ("a", "a")
    assert rows.escalated_right.tolist() == [True, False]
    assert not rows.disagree.any()


def test_a_row_that_the_small_models_fail_on_is_wrong_when_kept():
    rows = outcomes([0.0], "a", [""], "a")

    assert rows.cascade == ("",)
    assert rows.cascade_right.tolist() == [False]


def test_no_rows_are_refused():
    with pytest.raises(InputError, match="there are no rows"):
        outcomes([], "", "", "")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"gold": ("a",)}, "gold has shape", id="a-gold-label-too-few"),
        pytest.param({"scores": np.zeros((4, 1))}, "scores has shape", id="a-column-of-scores"),
        pytest.param({"scores": np.array([1, np.nan, 0, 0])}, "NaN", id="a-score-that-is-NaN"),
        pytest.param({"kept": np.array([1, 0, 1, 0])}, "must be boolean", id="kept-as-numbers"),
        pytest.param({"small_cost_usd": np.full(4, -1.0)}, "negative", id="a-negative-cost"),
        pytest.param({"large_cost_usd": np.full(4, np.inf)}, "finite", id="an-infinite-cost"),
        pytest.param({"slices": {"os": ("x",)}}, "slice 'os' has shape", id="a-short-slice"),
        pytest.param({"groups": ("x",)}, "groups has shape", id="groups-of-other-rows"),
    ],
)
def test_columns_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        four(**changes)


def test_infinite_scores_are_an_order_like_any_other():
    assert len(four(scores=np.array([np.inf, 1.0, 0.0, -np.inf]))) == 4
