import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multinomial

from headgate.gate.bounds import binomial_p_value, most_bad_allowed
from headgate.gate.stream import Rung, certify_threshold, expectation_threshold

shares = st.floats(0.05, 0.6)
rows_of_few_scores = st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=40)


def certify(scores, bad, epsilon=0.5, delta=0.25):
    """None of three proves a half at 1/4: 0.5^3 = 1/8; one of three does not: 4/8."""
    return certify_threshold(
        np.array(scores, float), np.array(bad, bool), epsilon=epsilon, delta=delta
    )


def columns(rows):
    return [score for score, _ in rows], [bad for _, bad in rows]


def test_the_walk_stops_before_the_first_bad_row_that_is_too_many():
    assert certify([0.7, 0.9, 0.8], [1, 0, 0]) == Rung(0.8, 3, 0, 0.125, 2 / 3)


def test_as_many_bad_rows_as_still_certify_are_kept():
    """One of six is within 7/64, two are not: 22/64."""
    found = certify([6, 5, 4, 3, 2, 1], [0, 1, 0, 0, 1, 0])

    assert found == Rung(3.0, 6, 1, 7 / 64, 4 / 6)


def test_equal_scores_enter_together_or_not_at_all():
    """The good one of the two rows at 0.8 could be kept alone only by its place."""
    assert certify([0.9, 0.8, 0.8], [0, 0, 1]) == Rung(0.9, 3, 0, 0.125, 1 / 3)


@pytest.mark.parametrize(
    ("scores", "bad"),
    [
        pytest.param([], [], id="no-labels"),
        pytest.param([0.9], [0], id="one-label"),
        pytest.param([0.9, 0.8, 0.7], [1, 0, 0], id="wrong-where-it-is-surest"),
        pytest.param([0.5] * 9, [1] + [0] * 4 + [1] * 4, id="all-scores-equal"),
        pytest.param([0.9, 0.8, 0.7], [1, 1, 1], id="all-bad"),
    ],
)
def test_what_proves_nothing_is_refused(scores, bad):
    assert certify(scores, bad) is None


@pytest.mark.parametrize(("rows", "certified"), [(28, False), (29, True)])
def test_rows_without_an_error_certify_from_the_needed_number_on(rows, certified):
    """0.9^28 = 0.052, 0.9^29 = 0.047; then all is kept."""
    found = certify(range(rows), [0] * rows, epsilon=0.1, delta=0.05)

    assert (found is not None) == certified
    assert found is None or (found.threshold, found.automation) == (0.0, 1.0)


def test_equal_scores_without_an_error_are_kept():
    assert certify([0.5] * 3, [0] * 3) == Rung(0.5, 3, 0, 0.125, 1.0)


def test_infinite_scores_have_an_order_too():
    assert certify([-math.inf, 0.0, math.inf], [1, 0, 0]) == Rung(0.0, 3, 0, 0.125, 2 / 3)


@pytest.mark.parametrize("value", [0.0, 1.0, -0.5, math.nan])
def test_a_target_that_is_no_share_is_refused(value):
    scores, bad = np.array([0.5]), np.array([False])

    with pytest.raises(ValueError, match="epsilon"):
        certify_threshold(scores, bad, epsilon=value, delta=0.05)
    with pytest.raises(ValueError, match="delta"):
        certify_threshold(scores, bad, epsilon=0.05, delta=value)
    with pytest.raises(ValueError, match="epsilon"):
        expectation_threshold(scores, bad, epsilon=value)


@pytest.mark.parametrize("rule", [certify_threshold, expectation_threshold])
@pytest.mark.parametrize(
    ("scores", "bad"),
    [
        pytest.param([0.5, math.nan], [0, 0], id="score-is-nan"),
        pytest.param([0.5, 0.4], [0], id="one-label-short"),
        pytest.param([0.5, 0.4], [0, 0, 1], id="one-label-more"),
        pytest.param([0.5, 0.4], [[0], [1]], id="labels-in-a-column"),
    ],
)
def test_rows_that_do_not_fit_are_refused(rule, scores, bad):
    keywords = {"delta": 0.05} if rule is certify_threshold else {}

    with pytest.raises(ValueError, match="certification"):
        rule(np.array(scores, float), np.array(bad, bool), epsilon=0.5, **keywords)


@settings(deadline=None, max_examples=50)
@given(rows_of_few_scores, shares, shares)
def test_the_threshold_is_the_lowest_score_with_few_enough_bad_rows_above(rows, epsilon, delta):
    found = certify(*columns(rows), epsilon, delta)
    allowed = most_bad_allowed(len(rows), epsilon, delta)
    levels = {score: sum(bad for other, bad in rows if other >= score) for score, _ in rows}
    good = [score for score, bad in levels.items() if bad <= allowed]

    if not good:
        assert found is None
        return
    kept = sum(score >= min(good) for score, _ in rows)
    p_value = float(binomial_p_value(levels[min(good)], len(rows), epsilon))
    assert found == Rung(min(good), len(rows), levels[min(good)], p_value, kept / len(rows))
    assert p_value <= delta


@settings(deadline=None, max_examples=50)
@given(rows_of_few_scores, shares, shares, st.randoms())
def test_the_order_of_the_rows_makes_no_difference(rows, epsilon, delta, random):
    shuffled = random.sample(rows, len(rows))

    assert certify(*columns(rows), epsilon, delta) == certify(*columns(shuffled), epsilon, delta)


@settings(deadline=None)
@given(rows_of_few_scores, shares, shares, shares)
def test_a_larger_epsilon_or_delta_never_keeps_less(rows, first, second, fixed):
    def automation(epsilon, delta):
        found = certify(*columns(rows), epsilon, delta)
        return 0.0 if found is None else found.automation

    low, high = sorted((first, second))

    assert automation(low, fixed) <= automation(high, fixed)
    assert automation(fixed, low) <= automation(fixed, high)


def draws(cells, rows):
    """Every multiset of so many rows drawn from the cells, with its chance."""
    for counts in itertools.product(range(rows + 1), repeat=len(cells)):
        if sum(counts) == rows:
            chance = multinomial.pmf(counts, rows, [chance for *_, chance in cells])
            yield np.repeat(np.arange(len(cells)), counts), float(chance)


def enumerate_rule(rule, cells, rows):
    """Return (true risk, chance) of every draw; cells are (score, bad, chance)."""
    scores = np.array([score for score, *_ in cells], float)
    bad = np.array([each for _, each, _ in cells], bool)
    shares_of = np.array([chance for *_, chance in cells])
    outcomes = []
    for places, chance in draws(cells, rows):
        found = rule(scores[places], bad[places])
        limit = np.inf if found is None else found.threshold
        outcomes.append((float(shares_of[bad & (scores >= limit)].sum()), chance))
    return outcomes


POPULATIONS = [
    # The first true risk above epsilon = 0.4 is just above it: the worst case there is.
    pytest.param([(1, 1, 0.401), (1, 0, 0.599)], id="one-score"),
    pytest.param([(2, 0, 0.3), (1, 1, 0.401), (1, 0, 0.299)], id="two-scores"),
    pytest.param([(3, 1, 0.3), (3, 0, 0.2), (2, 1, 0.11), (2, 0, 0.39)], id="bad-at-the-top"),
    pytest.param([(3, 0, 0.2), (2, 1, 0.401), (1, 1, 0.2), (1, 0, 0.199)], id="three-scores"),
]


@pytest.mark.parametrize("cells", POPULATIONS)
def test_over_all_draws_the_risk_is_passed_with_a_chance_of_at_most_delta(cells):
    """Eight rows, epsilon 0.4, delta 0.2: one bad row is allowed, 0.6^8 + 8 * 0.4 * 0.6^7 = 0.106.

    One more would be too many: 0.315 of all draws have at most two of a risk of 0.4.
    """
    outcomes = enumerate_rule(
        lambda scores, bad: certify_threshold(scores, bad, epsilon=0.4, delta=0.2), cells, rows=8
    )

    assert sum(chance for _, chance in outcomes) == pytest.approx(1)
    assert 0.08 < sum(chance for risk, chance in outcomes if risk > 0.4) <= 0.2


@pytest.mark.parametrize("cells", POPULATIONS)
def test_over_all_draws_the_expected_risk_is_at_most_epsilon(cells):
    outcomes = enumerate_rule(
        lambda scores, bad: expectation_threshold(scores, bad, epsilon=0.4), cells, rows=6
    )

    assert 0.08 < sum(risk * chance for risk, chance in outcomes) <= 0.4


def test_in_expectation_one_bad_row_more_than_seen_is_counted():
    """(0 + 1) / 4 and (1 + 1) / 4 are within a half, (2 + 1) / 4 is not."""
    found = expectation_threshold(
        np.array([4.0, 3.0, 2.0]), np.array([True, False, True]), epsilon=0.5
    )

    assert found == Rung(3.0, 3, 1, 1.0, 2 / 3)


@pytest.mark.parametrize("rows", [0, 8])
def test_in_expectation_too_few_rows_keep_nothing(rows):
    """One in ten: (0 + 1) / (8 + 1) is above it."""
    assert expectation_threshold(np.arange(rows), np.zeros(rows, bool), epsilon=0.1) is None


def stream(rng, rows, loss):
    """Scores uniform on [0, 1]; right with chance 0.55 + 0.44 score, the large model with 0.92."""
    scores = rng.uniform(size=rows)
    wrong = rng.uniform(size=rows) > 0.55 + 0.44 * scores
    return scores, wrong & (rng.uniform(size=rows) < large_model(loss))


def large_model(loss):
    """Chance that an answer which is wrong counts: always, or where the large model is right."""
    return 1.0 if loss == "agree" else 0.92


def true_risk(threshold, loss):
    """The integral of large_model * (0.45 - 0.44 score) from the threshold to 1."""
    kept = max(0.0, 1 - threshold)
    return large_model(loss) * (0.45 * kept - 0.22 * (1 - threshold**2)) if kept else 0.0


def empirical_threshold(scores, bad, epsilon):
    order = np.argsort(-scores)
    within = np.flatnonzero(np.cumsum(bad[order]) <= epsilon * len(bad))
    return scores[order][within[-1]]


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["agree", "regret"])
@pytest.mark.parametrize(
    ("epsilon", "rows", "least"), [(0.02, 500, 0.14), (0.05, 500, 0.33), (0.05, 2000, 0.38)]
)
def test_a_certificate_fails_in_at_most_one_draw_in_twenty(loss, epsilon, rows, least):
    """While the threshold that looks right on the same rows fails in about half of all draws."""
    rng, trials, delta = np.random.default_rng(7), 400, 0.05
    risks, empirical, automations = [], [], []
    for _ in range(trials):
        scores, bad = stream(rng, rows, loss)
        found = certify_threshold(scores, bad, epsilon=epsilon, delta=delta)
        risks.append(0.0 if found is None else true_risk(found.threshold, loss))
        automations.append(0.0 if found is None else found.automation)
        empirical.append(true_risk(empirical_threshold(scores, bad, epsilon), loss))
    limit = delta + 3 * math.sqrt(delta * (1 - delta) / trials)

    assert np.mean(np.array(risks) > epsilon) <= limit < 0.4
    assert np.mean(np.array(empirical) > epsilon) > 0.4
    assert np.mean(automations) > least
