import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.gate.isotonic import MIN_CLASS_ROWS, ClassMaps, IsotonicMap, fit_isotonic

rows_of_few_scores = st.lists(st.tuples(st.integers(-8, 8), st.booleans()), min_size=1, max_size=60)


def fitted(scores, right):
    return fit_isotonic(np.array(scores, float), np.array(right, bool))


def labelled(rows):
    """Scores in eighths with their labels."""
    return [score / 8 for score, _ in rows], [right for _, right in rows]


def test_violators_are_pooled_and_their_mean_is_shrunk():
    """The two in the middle share (1 + 0.5) / (2 + 1), the ends have 0.5 / 2 and 1.5 / 2."""
    found = fitted([3, 1, 4, 2], [0, 0, 1, 1])

    assert found == IsotonicMap((1.0, 2.5, 4.0), (0.25, 0.5, 0.75))


def test_a_centre_is_the_mean_of_its_rows():
    """Not of its levels: two of the three rows lie at 1."""
    assert fitted([1, 4, 1], [1, 1, 1]) == IsotonicMap((2.0,), (3.5 / 4,))


def test_between_knots_a_map_is_a_line_and_beyond_them_constant():
    found = IsotonicMap((1.0, 3.0), (0.25, 0.75))

    assert found.apply(np.array([-9.0, 1.0, 1.5, 3.0, np.inf])).tolist() == [
        0.25,
        0.25,
        0.375,
        0.75,
        0.75,
    ]


@pytest.mark.parametrize("knots", [((1.0, 3.0), (0.25, 0.75)), ((1.0,), (0.25,))])
def test_a_score_that_is_no_number_has_a_confidence_that_is_none(knots):
    assert np.isnan(IsotonicMap(*knots).apply(np.array([np.nan]))).all()


def test_shrinking_does_not_break_the_order():
    """Nine of ten make 9.5 / 11, one of one only 1.5 / 2; the surer one must not be below."""
    found = fitted([1.0] * 10 + [2.0], [0] + [1] * 10)

    assert found == IsotonicMap((1.0, 2.0), (9.5 / 11, 9.5 / 11))


@pytest.mark.parametrize(
    ("right", "confidence"),
    [pytest.param(1, 0.875, id="right"), pytest.param(0, 0.125, id="wrong")],
)
def test_rows_of_one_kind_have_one_confidence(right, confidence):
    found = fitted([0.1, 0.5, 0.9], [right] * 3)

    assert found.confidences == (confidence,)


def test_equal_scores_have_one_confidence():
    assert fitted([0.5] * 4, [1, 0, 1, 1]) == IsotonicMap((0.5,), (0.7,))


def test_scores_that_all_but_round_to_one_are_told_apart():
    """Sums over thousands of other rows are less exact than the differences of such scores."""
    rng = np.random.default_rng(7)
    sure = 1 - np.arange(400) * 2.0**-53
    scores = np.concatenate([rng.uniform(0, 1, 20_000), np.repeat(sure, 4)])
    chance = np.concatenate([np.zeros(20_000), np.repeat(np.linspace(1, 0, 400), 4)])

    found = fit_isotonic(scores, rng.uniform(size=len(scores)) < chance)

    assert len(found.scores) > 10
    assert np.all(np.diff(found.scores) > 0)
    assert ClassMaps.from_json(ClassMaps(found, {}).to_json()).pooled == found


@given(rows_of_few_scores)
def test_a_map_never_falls_and_is_never_sure(rows):
    found = fitted(*labelled(rows))
    confidences = found.apply(np.linspace(-2, 2, 65))

    assert np.all(np.diff(found.scores) > 0)
    assert np.all(np.diff(confidences) >= -1e-12)
    assert np.all((confidences > 0) & (confidences < 1))


@settings(deadline=None, max_examples=50)
@given(rows_of_few_scores, st.randoms())
def test_the_order_of_the_rows_makes_no_difference_to_a_map(rows, random):
    shuffled = random.sample(rows, len(rows))

    assert fitted(*labelled(rows)) == fitted(*labelled(shuffled))


@pytest.mark.parametrize(
    "scores", [pytest.param([], id="no-rows"), [0.5, math.nan], [math.inf, 0.5], [-math.inf, 0.5]]
)
def test_a_map_of_what_is_no_number_is_refused(scores):
    with pytest.raises(ValueError, match="finite"):
        fitted(scores, [True] * len(scores))


def two_classes(own_rows):
    """Class 0 is always right at 0.5, class 1 never; 100 rows of class 0, `own_rows` of 1."""
    predicted = np.repeat([0, 1], [100, own_rows])
    return np.full(len(predicted), 0.5), predicted == 0, predicted


def test_a_class_with_enough_rows_has_a_map_of_its_own():
    maps = ClassMaps.fit(*two_classes(MIN_CLASS_ROWS))

    confidences = maps.apply(np.full(3, 0.5), np.array([0, 1, 2]))

    assert confidences == pytest.approx([100.5 / 101, 0.5 / 31, 100.5 / 131])


def test_a_class_with_too_few_rows_shares_the_map_of_all():
    maps = ClassMaps.fit(*two_classes(MIN_CLASS_ROWS - 1))

    assert list(maps.by_class) == [0]
    assert maps.apply(np.array([0.5]), np.array([1])) == pytest.approx([100.5 / 130])


def test_no_rows_have_no_confidences():
    maps = ClassMaps.fit(*two_classes(MIN_CLASS_ROWS))

    assert maps.apply(np.empty(0), np.empty(0, np.int64)).shape == (0,)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-8, 8), st.booleans(), st.integers(0, 1)), min_size=1))
def test_maps_are_the_same_after_json(rows):
    scores, right, predicted = (np.array(column) for column in zip(*rows, strict=True))
    maps = ClassMaps.fit(np.tile(scores / 8, 30), np.tile(right, 30), np.tile(predicted, 30))

    assert ClassMaps.from_json(json.loads(json.dumps(maps.to_json()))) == maps


KNOTS = [[0.0, 1.0], [0.25, 0.75]]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({}, id="empty"),
        pytest.param({"pooled": KNOTS}, id="no-classes"),
        pytest.param({"pooled": None, "by_class": {}}, id="no-pooled-map"),
        pytest.param({"pooled": KNOTS, "by_class": {"first": KNOTS}}, id="class-without-number"),
        pytest.param({"pooled": [[], []], "by_class": {}}, id="no-knots"),
        pytest.param({"pooled": KNOTS[:1], "by_class": {}}, id="no-confidences"),
        pytest.param({"pooled": [[0.0, 1.0], [0.5]], "by_class": {}}, id="one-confidence-short"),
        pytest.param({"pooled": [[1.0, 1.0], [0.2, 0.3]], "by_class": {}}, id="knots-equal"),
        pytest.param({"pooled": [[0.0, math.nan], [0.2, 0.3]], "by_class": {}}, id="knot-nan"),
        pytest.param({"pooled": [1, 2], "by_class": {}}, id="knots-without-lists"),
        pytest.param({"pooled": [["low"], [0.5]], "by_class": {}}, id="knots-of-words"),
        pytest.param({"pooled": KNOTS, "by_class": {"0": 3}}, id="class-of-a-number"),
    ],
)
def test_what_are_no_maps_is_refused(value):
    with pytest.raises(ValueError, match=r"map|literal|convert|unpack"):
        ClassMaps.from_json(value)
