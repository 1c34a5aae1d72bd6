import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.gate.two_sided import ClassBounds, ClassRung, certify_normal, certify_rare

BOUNDS = ClassBounds(miss=0.1, false_alarm=0.1, delta=0.05)


def normal(confidences, rare, bounds=BOUNDS):
    return certify_normal(np.array(confidences, float), np.array(rare, bool), bounds)


def mixed(count):
    """So many rare rows of confidences 0.01, 0.02, ... below a half, and 50 normal ones at 0.9."""
    return [(place + 1) / 100 for place in range(count)] + [0.9] * 50, [1] * count + [0] * 50


@pytest.mark.parametrize(
    ("rows", "miss"),
    [
        pytest.param(29, 0.1, id="recall-90"),
        pytest.param(59, 0.05, id="recall-95"),
        pytest.param(299, 0.01, id="recall-99"),
    ],
)
def test_so_many_rare_rows_without_a_miss_prove_a_recall(rows, miss):
    """The surest of them lies just below the threshold."""
    bounds = ClassBounds(miss, 0.1, 0.05)
    confidences = [place / 1000 for place in range(rows)]

    found = normal(confidences, [1] * rows, bounds)
    short = normal(confidences[:-1], [1] * (rows - 1), bounds)

    assert found.threshold == np.nextafter((rows - 1) / 1000, 1)
    assert (found.certified, found.n, found.bad, found.labels_needed) == (True, rows, 0, 0)
    assert found.p_value == pytest.approx((1 - miss) ** rows)
    assert short == ClassRung(math.inf, rows - 1, 0, 1.0, rows)
    assert not short.certified


def test_normal_rows_have_no_say_in_what_may_be_called_normal():
    confidences, rare = mixed(29)

    assert normal(confidences, rare) == normal(confidences[:29], rare[:29])


def test_as_many_misses_as_still_certify_are_allowed():
    """46 rare rows: one miss still proves a recall of 0.9, so the second one from above counts."""
    found = normal(*mixed(46))

    assert found.threshold == np.nextafter(0.45, 1)
    assert (found.n, found.bad) == (46, 1)
    assert found.p_value == pytest.approx(0.9**46 + 46 * 0.1 * 0.9**45)


def test_rare_rows_tied_with_the_first_that_is_too_many_are_called_normal_together_or_never():
    confidences, rare = mixed(46)
    confidences[44] = confidences[45]

    found = normal(confidences, rare)

    assert (found.threshold, found.bad) == (np.nextafter(0.46, 1), 0)


def test_no_rare_rows_prove_nothing():
    assert normal([0.9] * 50, [0] * 50) == ClassRung(math.inf, 0, 0, 1.0, 29)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=120),
    st.floats(0.02, 0.5),
    st.floats(0.02, 0.5),
    st.randoms(),
)
def test_a_larger_miss_never_raises_the_threshold_and_order_makes_no_difference(
    rows, first, second, random
):
    low, high = (ClassBounds(each, 0.1, 0.05) for each in sorted((first, second)))
    confidences, rare = [each / 20 for each, _ in rows], [each for _, each in rows]
    shuffled = random.sample(rows, len(rows))

    strict = normal(confidences, rare, low)

    assert normal(confidences, rare, high).threshold <= strict.threshold
    assert normal([each / 20 for each, _ in shuffled], [r for _, r in shuffled], low) == strict


def calls(*groups):
    """Rows of each (confidence, rare, count), first to tune and then to certify."""
    confidences = np.concatenate([np.full(count, sure) for sure, _, count in groups])
    rare = np.concatenate([np.full(count, bool(own)) for _, own, count in groups])
    tune = np.arange(2 * len(rare)) < len(rare)
    return np.tile(confidences, 2), np.tile(rare, 2), tune


def rare_from(*groups, bounds=BOUNDS):
    confidences, rare, tune = calls(*groups)
    return certify_rare(confidences, rare, bounds, tune=tune)


def test_calls_of_rare_are_kept_down_to_where_too_many_are_wrong():
    """50 wrong in 250 are far above a tenth; none is wrong in the surest 200."""
    found = rare_from((0.9, 1, 200), (0.6, 0, 50), (0.2, 0, 400))

    assert (found.threshold, found.n, found.bad, found.labels_needed) == (0.9, 200, 0, 0)
    assert found.p_value == pytest.approx(0.9**200)
    assert found.certified


def test_calls_with_few_enough_wrong_ones_are_all_kept():
    found = rare_from((0.9, 1, 200), (0.6, 0, 5), (0.2, 0, 400))

    assert (found.threshold, found.n, found.bad) == (0.6, 205, 5)


def test_the_walk_ends_at_the_first_threshold_that_fails():
    """60 wrong of 260 fail; that 60 of 2,260 would pass again is no proof any more."""
    confidences, rare, tune = calls((0.9, 1, 200), (0.8, 1, 60), (0.7, 1, 2000))
    wrong = ~tune & (confidences == 0.8)

    found = certify_rare(confidences, rare & ~wrong, BOUNDS, tune=tune)

    assert (found.threshold, found.n, found.bad) == (0.9, 200, 0)


def test_what_is_less_likely_rare_than_not_is_never_called_rare():
    """Even where it always is."""
    assert rare_from((0.9, 1, 200), (0.4, 1, 200)).threshold == 0.9


@pytest.mark.parametrize(
    "groups",
    [
        pytest.param([(0.4, 1, 200)], id="no-calls"),
        pytest.param([(0.9, 1, 28)], id="too-few-calls"),
        pytest.param([(0.9, 0, 200)], id="all-wrong"),
        pytest.param([(0.9, 0, 30), (0.6, 1, 30)], id="wrong-where-surest"),
    ],
)
def test_calls_that_prove_nothing_are_not_kept(groups):
    found = rare_from(*groups)

    assert found == ClassRung(math.inf, 0, 0, 1.0, 29)
    assert not found.certified


def test_no_rows_call_nothing_rare():
    empty = np.empty(0)

    found = certify_rare(empty, empty.astype(bool), BOUNDS, tune=empty.astype(bool))

    assert not found.certified


def test_calls_that_only_tuning_rows_have_are_not_kept():
    confidences, rare, tune = calls((0.9, 1, 200))

    found = certify_rare(np.where(tune, confidences, 0.1), rare, BOUNDS, tune=tune)

    assert not found.certified


def test_a_confidence_that_is_no_number_is_refused():
    confidences, rare = np.array([0.5, np.nan]), np.array([True, False])

    with pytest.raises(ValueError, match="NaN"):
        certify_normal(confidences, rare, BOUNDS)
    with pytest.raises(ValueError, match="NaN"):
        certify_rare(confidences, rare, BOUNDS, tune=rare)


@pytest.mark.parametrize("name", ["miss", "false_alarm", "delta"])
@pytest.mark.parametrize("value", [0.0, 1.0, math.nan])
def test_a_bound_that_is_no_share_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        ClassBounds(**{"miss": 0.1, "false_alarm": 0.1, "delta": 0.05, name: value})


def stream(rng, rows):
    """Scores uniform on [0, 1], rare with chance score^3: a quarter of all."""
    scores = rng.uniform(size=rows)
    return scores, rng.uniform(size=rows) < scores**3


def true_miss(threshold):
    """The share of rare rows with 1 - score >= threshold: a fourth power, from its integral."""
    return max(0.0, 1 - threshold) ** 4


def true_false_alarm(threshold):
    """One less the mean of score^3 from the threshold to 1."""
    if threshold >= 1:
        return 0.0
    return 1 - (1 - threshold**4) / 4 / (1 - threshold)


def looks_right(scores, rare, most):
    """Return the lowest score from which on at most so large a share is not rare."""
    order = np.argsort(-scores)
    wrong = np.cumsum(~rare[order]) / np.arange(1, len(order) + 1)
    return scores[order][np.flatnonzero(wrong <= most)[-1]]


@pytest.mark.slow
def test_each_class_loses_too_much_in_at_most_one_draw_in_twenty():
    """While the thresholds that look right on the same rows do in about half of all draws."""
    rng, trials, delta = np.random.default_rng(7), 400, 0.05
    bounds = ClassBounds(miss=0.1, false_alarm=0.2, delta=delta)
    misses, alarms, empirical_misses, empirical_alarms = [], [], [], []
    for _ in range(trials):
        scores, rare = stream(rng, 2000)
        tune = np.arange(2000) < 800
        misses.append(true_miss(certify_normal(1 - scores, rare, bounds).threshold))
        alarms.append(true_false_alarm(certify_rare(scores, rare, bounds, tune=tune).threshold))
        empirical_misses.append(true_miss(1 - np.quantile(scores[rare], bounds.miss)))
        empirical_alarms.append(true_false_alarm(looks_right(scores, rare, bounds.false_alarm)))
    limit = delta + 3 * math.sqrt(delta * (1 - delta) / trials)

    assert np.mean(np.array(misses) > bounds.miss) <= limit < 0.4
    assert np.mean(np.array(alarms) > bounds.false_alarm) <= limit
    assert np.mean(np.array(empirical_misses) > bounds.miss) > 0.4
    assert np.mean(np.array(empirical_alarms) > bounds.false_alarm) > 0.4
    assert np.mean(misses) > 0.06
    assert np.mean(alarms) > 0.1
