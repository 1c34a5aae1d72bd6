import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.models.trust import FEWEST_READINGS, Signs, Trust, fit_trust

SHARES = st.none() | st.floats(0, 1)
SIGNS = st.builds(
    Signs,
    log_prob=st.none() | st.floats(-1e6, 0),
    words=st.integers(0, 10_000),
    covered=SHARES,
    agrees=SHARES,
    earlier=SHARES,
)
FITTED = Trust((-0.5, 1.0, 0.8, 0.4, 0.3, 0.2), (1.0, -0.5, 2.0, 1.0, 0.0, 3.0), 0.1)


def readings(count, seed=7):
    """Readings of which those with a high log-probability, and those that agree, are right."""
    generator = np.random.default_rng(seed)
    signs = [
        Signs(float(-3 * generator.random()), 2, None, float(generator.random()), 0.5)
        for _ in range(count)
    ]
    right = [(each.log_prob or 0) + 2 * (each.agrees or 0) > -0.5 for each in signs]
    return signs, right


def test_without_labels_an_answer_is_as_likely_right_as_its_tokens_were():
    assert Trust.default().probability(Signs(math.log(0.8))) == pytest.approx(0.8)


@pytest.mark.parametrize("log_prob", [None, math.nan])
def test_without_labels_and_a_log_probability_nothing_is_known(log_prob):
    assert Trust.default().probability(Signs(log_prob)) == 0.5


def test_a_fitted_trust_adds_up_weighted_signs():
    """1 * -0.5 - 0.5 * ln 3 + 2 * 1 + 1 * 0.5 + 0 * 0.6 + 3 * (0.5 * 0.6) + 0.1."""
    found = FITTED.probability(Signs(-0.5, 2, 1.0, 0.5, 0.6))

    log_odds = -0.5 - 0.5 * math.log(3) + 2 + 0.5 + 0.9 + 0.1
    assert found == pytest.approx(1 / (1 + math.exp(-log_odds)))


def test_a_sign_that_is_missing_counts_as_the_usual_one():
    """The means are -0.5, 0.8, 0.4, 0.3 and, of both together, 0.2."""
    missing = FITTED.probability(Signs(None, 2))

    log_odds = -0.5 - 0.5 * math.log(3) + 2 * 0.8 + 0.4 + 3 * 0.2 + 0.1
    assert missing == pytest.approx(1 / (1 + math.exp(-log_odds)))


@pytest.mark.parametrize("trust", [Trust.default(), FITTED], ids=["default", "fitted"])
@given(signs=SIGNS)
def test_a_probability_is_one_whatever_the_signs(trust, signs):
    assert 0 <= trust.probability(signs) <= 1


@pytest.mark.parametrize("trust", [Trust.default(), FITTED], ids=["default", "fitted"])
@given(lower=st.floats(-20, 0), higher=st.floats(-20, 0), signs=SIGNS)
def test_a_surer_model_is_never_trusted_less(trust, lower, higher, signs):
    lower, higher = sorted((lower, higher))
    less, more = (
        Signs(each, signs.words, signs.covered, signs.agrees, signs.earlier)
        for each in (lower, higher)
    )

    assert trust.probability(less) <= trust.probability(more)


def test_a_sign_that_is_not_a_number_makes_no_probability_that_is_none():
    assert 0 <= FITTED.probability(Signs(-0.1, 1, math.nan, math.inf, -math.inf)) <= 1


def test_what_labels_say_is_learnt():
    signs, right = readings(200)

    trust = fit_trust(signs, right)

    found = np.array([trust.probability(each) for each in signs])
    assert found[right].mean() > found[~np.array(right)].mean() + 0.5
    assert found.mean() == pytest.approx(np.mean(right), abs=0.02)


def test_labels_that_speak_against_sure_answers_do_not_turn_the_order_around():
    signs, right = readings(200)

    trust = fit_trust(signs, [not each for each in right])

    sure, unsure = (trust.probability(Signs(each, 2, None, 0.5, 0.5)) for each in (-0.1, -3.0))
    assert sure >= unsure


def test_a_sign_that_no_reading_has_gets_no_weight():
    signs, right = readings(200)

    trust = fit_trust(signs, right)

    assert trust.weights[2] == 0
    known = Signs(-1.0, 2, 1.0, 0.5, 0.5)
    assert trust.probability(known) == trust.probability(Signs(-1.0, 2, None, 0.5, 0.5))


def test_readings_that_are_all_alike_say_how_many_are_right():
    trust = fit_trust([Signs(-0.1, 1)] * 40, [True] * 30 + [False] * 10)

    assert trust.probability(Signs(-0.1, 1)) == pytest.approx(0.75, abs=1e-3)


@pytest.mark.parametrize(
    "right",
    [
        pytest.param([True, False] * (FEWEST_READINGS // 2 - 1), id="too-few"),
        pytest.param([True] * 100, id="all-right"),
        pytest.param([False] * 100, id="none-right"),
        pytest.param([], id="no-readings"),
    ],
)
def test_labels_that_teach_nothing_leave_the_default(right):
    signs = readings(len(right))[0] if right else []

    assert fit_trust(signs, right) == Trust.default()


def test_labels_that_are_missing_are_refused():
    with pytest.raises(ValueError, match="2 readings with 1 labels"):
        fit_trust([Signs(), Signs()], [True])


@pytest.mark.parametrize("trust", [Trust.default(), FITTED], ids=["default", "fitted"])
def test_a_trust_comes_back_from_json_as_it_was(trust):
    assert Trust.from_json(json.loads(json.dumps(trust.to_json()))) == trust


def test_a_fitted_trust_comes_back_with_the_same_probabilities():
    signs, right = readings(50)
    trust = fit_trust(signs, right)

    back = Trust.from_json(json.loads(json.dumps(trust.to_json())))

    assert [back.probability(each) for each in signs] == [trust.probability(e) for e in signs]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({}, id="empty"),
        pytest.param({"means": [], "weights": []}, id="no-bias"),
        pytest.param({"means": [], "weights": [], "bias": "0"}, id="bias-in-words"),
        pytest.param({"means": 1, "weights": [], "bias": 0}, id="means-no-list"),
        pytest.param({"means": [], "weights": [], "bias": 0, "more": 1}, id="more-keys"),
        pytest.param({"means": ["a"] * 6, "weights": [0] * 6, "bias": 0}, id="means-in-words"),
        pytest.param({"means": [0] * 5, "weights": [0] * 5, "bias": 0}, id="too-few"),
        pytest.param({"means": [0] * 6, "weights": [], "bias": 0}, id="means-without-weights"),
        pytest.param({"means": [0] * 6, "weights": [-1] + [0] * 5, "bias": 0}, id="turned-around"),
        pytest.param({"means": [0] * 6, "weights": [math.nan] * 6, "bias": 0}, id="no-number"),
        pytest.param({"means": [], "weights": [], "bias": math.inf}, id="no-end"),
    ],
)
def test_what_is_no_trust_is_refused(value):
    with pytest.raises(ValueError, match="trust"):
        Trust.from_json(value)
