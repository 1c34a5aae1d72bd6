import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.evaluation.baselines import clt_threshold, crc_threshold, empirical_threshold

RULES = [empirical_threshold, crc_threshold, clt_threshold]


def rows(*bad, scores=None):
    """Rows from the surest to the least sure, of scores 1.0, 0.9, ... unless given."""
    own = [1 - place / 10 for place in range(len(bad))] if scores is None else scores
    return np.array(own, float), np.array(bad, bool)


def hundred(*bad_places):
    """A hundred rows of scores 100 ... 1, bad at some places counted from 0."""
    bad = np.zeros(100, bool)
    bad[list(bad_places)] = True
    return np.arange(100, 0, -1.0), bad


def test_the_empirical_rule_keeps_up_to_the_share_and_the_good_rows_behind_it():
    """One bad row of five is a fifth; the second would be two fifths."""
    scores, bad = rows(0, 1, 0, 1, 0)

    assert empirical_threshold(scores, bad, 0.2) == pytest.approx(0.8)


def test_the_share_is_one_of_all_rows_and_not_of_the_kept_ones():
    """The surest row is bad: all of what is kept, a fifth of all."""
    scores, bad = rows(1, 1, 0, 0, 0)

    assert empirical_threshold(scores, bad, 0.2) == 1.0


def test_conformal_risk_control_counts_one_bad_row_more():
    """Of nine rows: one bad one counts as 2 / 10, two as 3 / 10, and none at all as 1 / 10."""
    scores, bad = rows(0, 1, 0, 0, 1, 0, 0, 0, 0)

    assert crc_threshold(scores, bad, 0.2) == pytest.approx(0.7)
    assert crc_threshold(scores, bad, 0.3) == pytest.approx(0.2)
    assert empirical_threshold(scores, bad, 0.12) == pytest.approx(0.7)
    assert crc_threshold(scores, bad, 0.12) == 1.0


def test_the_normal_rule_adds_its_margin():
    """Of 100 rows 1 is bad: 0.01 + 1.645 * sqrt(0.01 * 0.99 / 100) = 0.0264; of 2, 0.0430."""
    scores, bad = hundred(10, 20)

    assert clt_threshold(scores, bad, 0.03) == 81.0
    assert clt_threshold(scores, bad, 0.02) == 91.0
    assert clt_threshold(scores, bad, 0.05) == 1.0


def test_the_normal_rule_takes_more_margin_for_less_doubt():
    """At delta 0.001 the margin of one bad row is 3.09 * 0.00995: 0.0407."""
    scores, bad = hundred(10, 20)

    assert clt_threshold(scores, bad, 0.03, 0.001) == 91.0
    assert clt_threshold(scores, bad, 0.041, 0.001) == 81.0


def test_the_normal_rule_believes_three_good_rows():
    """Its standard deviation is 0 where nothing is bad: the reason why it is no certificate."""
    scores, bad = rows(0, 0, 0)

    assert clt_threshold(scores, bad, 0.001) == pytest.approx(0.8)


@pytest.mark.parametrize("rule", RULES)
def test_rows_of_one_score_are_kept_together_or_not_at_all(rule):
    """Half of the nine rows tied at 0.5 are bad; 0.9 is all that may be kept."""
    scores, bad = rows(0, 1, 0, 1, 0, 1, 0, 1, 0, 0, scores=[0.9] + [0.5] * 9)

    assert rule(scores, bad, 0.3) == 0.9


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("scores", "bad"),
    [
        pytest.param([], [], id="no-rows"),
        pytest.param([0.5] * 4, [True] * 4, id="one-bad-tie"),
        pytest.param([0.9, 0.5], [True, False], id="wrong-where-it-is-surest"),
    ],
)
def test_nothing_is_kept_when_no_threshold_will_do(rule, scores, bad):
    assert rule(np.array(scores, float), np.array(bad, bool), 0.05) == math.inf


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("scores", "bad"),
    [
        pytest.param([0.5, math.nan], [False, False], id="a-score-is-nan"),
        pytest.param([0.5, 0.4], [False], id="a-label-is-missing"),
    ],
)
def test_rows_without_a_score_or_a_label_are_refused(rule, scores, bad):
    with pytest.raises(ValueError, match="each row needs"):
        rule(np.array(scores, float), np.array(bad, bool), 0.1)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("epsilon", [0.0, 1.0, math.nan])
def test_an_epsilon_that_is_no_share_is_refused(rule, epsilon):
    with pytest.raises(ValueError, match="epsilon is"):
        rule(*rows(0, 0), epsilon)


@pytest.mark.parametrize("delta", [0.0, 1.0])
def test_a_delta_that_is_no_chance_is_refused(delta):
    with pytest.raises(ValueError, match="delta is"):
        clt_threshold(*rows(0, 0), 0.1, delta)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=60),
    st.sampled_from([0.05, 0.2, 0.5]),
)
def test_cautious_rules_never_keep_more_than_the_empirical_one(drawn, epsilon):
    """What each keeps is within epsilon on its own rows, so within what the first one keeps."""
    scores = np.array([score for score, _ in drawn], float)
    bad = np.array([each for _, each in drawn])
    loosest = empirical_threshold(scores, bad, epsilon)

    for rule in RULES:
        threshold = rule(scores, bad, epsilon)
        assert threshold >= loosest
        assert (bad & (scores >= threshold)).mean() <= epsilon


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=30), st.randoms())
def test_the_order_of_the_rows_makes_no_difference(drawn, random):
    shuffled = list(drawn)
    random.shuffle(shuffled)

    for rule in RULES:
        first, second = (
            rule(np.array([s for s, _ in own], float), np.array([b for _, b in own], bool), 0.2)
            for own in (drawn, shuffled)
        )
        assert first == second
