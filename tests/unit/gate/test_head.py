import json
import math

import numpy as np
import pytest

from headgate.gate.head import MIN_ROWS, Head, features, head_pays, recovered
from headgate.gate.scores import OptionTable

FIRST = OptionTable.of([[0.25, 0.75], [0.5, 0.5]])
SECOND = OptionTable.of([[0.75, 0.25], [0.5, 0.5]])


def made_up(rows=400, seed=7):
    """Two features, of which the first one alone says how often an answer is right."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(rows, 2))
    return found, rng.uniform(size=rows) < 1 / (1 + np.exp(-2 * found[:, 0] - 0.5))


def test_a_head_reads_probability_margin_and_entropy():
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))

    assert features(FIRST) == pytest.approx(
        np.array([[0.75, math.log(3), entropy], [0.5, 0.0, math.log(2)]])
    )


def test_with_a_second_model_it_reads_that_ones_view_too():
    assert features(FIRST, SECOND)[:, 3:].tolist() == [[0.25, 0.0], [0.5, 1.0]]


def test_a_margin_beyond_all_doubt_is_cut_off():
    assert features(OptionTable.of([[1.0, 0.0]])).tolist() == [[1.0, 30.0, 0.0]]


def test_no_records_have_no_features():
    assert features(OptionTable.of([])).shape == (0, 3)


def test_a_score_rises_with_what_makes_answers_right():
    head = Head.fit(*made_up())

    scores = head.apply(np.array([[-2.0, 0.0], [0.0, 0.0], [2.0, 0.0]]))

    assert np.all(np.diff(scores) > 0)
    assert np.all((scores > 0) & (scores < 1))


def test_a_feature_that_never_changes_has_no_say():
    rows, right = made_up()
    constant = np.column_stack([rows[:, 0], np.full(len(rows), 3.0)])

    head = Head.fit(constant, right)

    assert head.scale[1] == math.inf
    assert head.apply(np.array([[1.0, 3.0]])) == head.apply(np.array([[1.0, -9.0]]))


@pytest.mark.parametrize(("right", "low", "high"), [(True, 0.99, 1.0), (False, 0.0, 0.01)])
def test_answers_of_one_kind_have_scores_of_that_kind(right, low, high):
    rows, _ = made_up()

    scores = Head.fit(rows, np.full(len(rows), right)).apply(rows)

    assert np.all((scores >= low) & (scores <= high))


def test_features_that_are_no_numbers_have_a_score_that_is_none():
    head = Head.fit(*made_up())

    assert np.isnan(head.apply(np.array([[math.nan, 0.0]]))).all()


@pytest.mark.parametrize(
    "rows", [pytest.param(np.empty((0, 2)), id="no-rows"), np.array([[math.nan, 0.0]])]
)
def test_a_head_of_no_numbers_is_refused(rows):
    with pytest.raises(ValueError, match="finite"):
        Head.fit(rows, np.ones(len(rows), bool))


def test_a_head_is_the_same_after_json():
    """Even where a feature never changed, and its scale is infinite."""
    rows, right = made_up()
    head = Head.fit(np.column_stack([rows, np.ones(len(rows))]), right)

    assert Head.from_json(json.loads(json.dumps(head.to_json(), allow_nan=False))) == head


PLAIN = {"mean": [0.5], "scale": [1.0], "weights": [2.0], "bias": 0.25}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"mean": []}, id="one-mean-short"),
        pytest.param({"scale": [1.0, 1.0]}, id="one-scale-more"),
        pytest.param({"weights": None}, id="no-weights"),
        pytest.param({"bias": None}, id="no-bias"),
    ],
)
def test_what_is_no_head_is_refused(change):
    assert Head.from_json(PLAIN) == Head((0.5,), (1.0,), (2.0,), 0.25)

    with pytest.raises(ValueError, match="no head"):
        Head.from_json(PLAIN | change)


def pays(rows, plain, right):
    reference = np.ones(len(right), bool)
    return head_pays(rows, plain, right=right, reference_right=reference, seed=7)


def test_a_head_pays_where_the_plain_score_says_little():
    rows, right = made_up()

    assert pays(rows, rows[:, 1], right)


def test_a_head_does_not_pay_where_the_plain_score_says_all_it_knows():
    rows, right = made_up()

    assert not pays(rows[:, :1], rows[:, 0], right)


def test_a_head_that_reads_noise_does_not_pay():
    rows, right = made_up()

    assert not pays(rows[:, 1:], rows[:, 0], right)


def test_too_few_rows_do_not_tell_whether_a_head_pays():
    rows, right = made_up()

    assert pays(rows[:MIN_ROWS], rows[:MIN_ROWS, 1], right[:MIN_ROWS])
    assert not pays(rows[: MIN_ROWS - 1], rows[: MIN_ROWS - 1, 1], right[: MIN_ROWS - 1])


@pytest.mark.parametrize("right", [True, False])
def test_answers_of_one_kind_have_nothing_to_tell_apart(right):
    rows, _ = made_up()

    assert not pays(rows, rows[:, 1], np.full(len(rows), right))


def test_what_is_recovered_is_the_mean_gain_over_all_shares():
    """Sent on first, the wrong row gains 1 of 2 at once: (0 + 1 + 1) / 3 / 2; last, (0 + 0 + 1)."""
    right, reference = np.array([False, True]), np.array([True, True])

    assert recovered(np.array([0.1, 0.2]), right, reference) == pytest.approx(1 / 3)
    assert recovered(np.array([0.2, 0.1]), right, reference) == pytest.approx(1 / 6)


def test_a_reference_that_is_wrong_loses_what_was_right():
    """The first row sent on loses, the second one gains: (0 - 1 + 0) / 3 / 2."""
    scores, right = np.array([0.1, 0.2]), np.array([True, False])

    assert recovered(scores, right, np.array([False, True])) == pytest.approx(-1 / 6)


def test_no_rows_recover_nothing():
    empty = np.empty(0, bool)

    assert recovered(np.empty(0), empty, empty) == 0.0
