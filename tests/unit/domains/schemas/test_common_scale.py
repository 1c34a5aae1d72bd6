import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domains.schemas.common_scale import CommonScale
from headgate.domains.schemas.match_record import NO_MATCH
from headgate.types import Prediction

OPTIONS = ("x", "y", "z", NO_MATCH)
SMALL = Prediction(OPTIONS, (0.5, 0.25, 0.15, 0.1))
# log-odds are 8 * (score - 1/2) alone, so that beliefs are worked out by hand.
LARGE_ALONE = CommonScale(8.0, 0.5, 0.0)

SCORES = st.dictionaries(st.sampled_from("xyz"), st.floats(0, 1))
SCALES = st.builds(CommonScale, st.floats(1, 50), st.floats(0, 1), st.floats(0, 1))


@st.composite
def predictions(draw):
    weights = np.array(draw(st.lists(st.integers(0, 20), min_size=4, max_size=4))) + 0.01
    return Prediction(OPTIONS, tuple((weights / weights.sum()).tolist()))


def test_a_column_that_was_not_escalated_keeps_its_probabilities():
    assert CommonScale().ranking(SMALL, None) == (
        ("x", 0.5),
        ("y", 0.25),
        ("z", 0.15),
        (NO_MATCH, 0.1),
    )


def test_a_score_of_the_large_model_becomes_a_probability():
    """e^2 to 1 at 0.75, evens at 0.5, 1 to e^2 at 0.25; the best leaves the rest to none."""
    found = dict(LARGE_ALONE.ranking(SMALL, {"z": 0.75, "x": 0.5, "y": 0.25}))

    assert found == pytest.approx({"z": 0.8808, "x": 0.5, "y": 0.1192, NO_MATCH: 0.1192}, abs=1e-4)


def test_the_small_model_shifts_the_log_odds_of_a_score():
    """x: 0.5 * ln(0.8 / 0.2) = ln 2, so 2 to 1; y: 1 to 2. Both were scored one half."""
    scale = CommonScale(8.0, 0.5, 0.5)
    small = Prediction(("x", "y", NO_MATCH), (0.8, 0.2, 0.0))

    found = dict(scale.ranking(small, {"x": 0.5, "y": 0.5}))

    assert found == pytest.approx({"x": 2 / 3, "y": 1 / 3, NO_MATCH: 1 / 3})


def test_a_candidate_without_a_score_is_kept_behind_those_with_one():
    """Even behind z, which has the least score there is; x and y keep their order."""
    found = LARGE_ALONE.ranking(SMALL, {"z": 0.0})

    assert [option for option, _ in found] == [NO_MATCH, "z", "x", "y"]
    assert found[1][1] == pytest.approx(1 / (1 + np.exp(4)))
    assert found[2][1] == pytest.approx(found[1][1] / 2)


def test_a_column_for_which_none_fits_sinks_but_keeps_its_candidates():
    """A half, a quarter and so on of the odds 1 to e^4 of a score of 0."""
    found = LARGE_ALONE.ranking(SMALL, {})

    assert [option for option, _ in found] == [NO_MATCH, "x", "y", "z"]
    assert found[1][1] == pytest.approx(0.5 / (1 + np.exp(4)))
    assert found[0][1] == pytest.approx(1 - found[1][1])


def test_a_judged_column_may_have_several_counterparts():
    found = dict(CommonScale().ranking(SMALL, {"x": 0.95, "y": 0.95}))

    assert found["x"] > found["y"] > 0.9


def test_of_equal_beliefs_the_small_models_order_decides():
    found = LARGE_ALONE.ranking(SMALL, {"z": 0.8, "y": 0.8, "x": 0.8})

    assert [option for option, _ in found[:3]] == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("options", "scores"),
    [
        pytest.param((NO_MATCH,), None, id="kept"),
        pytest.param((NO_MATCH,), {}, id="judged"),
    ],
)
def test_a_column_without_candidates_has_none(options, scores):
    assert CommonScale().ranking(Prediction(options, (1.0,)), scores) == ((NO_MATCH, 1.0),)


def test_a_small_model_without_the_option_none_is_ranked_without_it():
    found = LARGE_ALONE.ranking(Prediction(("x", "y"), (0.9, 0.1)), {"y": 0.75})

    assert [option for option, _ in found] == ["y", "x"]


@pytest.mark.parametrize(
    ("scores", "problem"),
    [
        pytest.param({"x": float("nan")}, "between 0 and 1", id="nan"),
        pytest.param({"x": 1.5}, "between 0 and 1", id="above-1"),
        pytest.param({"w": 0.5}, "no candidate", id="unknown"),
        pytest.param({NO_MATCH: 0.5}, "no candidate", id="none"),
    ],
)
def test_scores_that_no_ranking_gives_are_refused(scores, problem):
    with pytest.raises(ValueError, match=problem):
        CommonScale().ranking(SMALL, scores)


@given(predictions(), SCORES, SCALES)
def test_beliefs_are_probabilities_of_all_options_best_first(small, scores, scale):
    found = scale.ranking(small, scores)
    beliefs = [belief for _, belief in found]

    assert sorted(option for option, _ in found) == sorted(OPTIONS)
    assert beliefs == sorted(beliefs, reverse=True)
    assert all(0 <= belief <= 1 for belief in beliefs)


@given(predictions(), SCORES, SCALES)
def test_a_higher_score_is_never_believed_less_where_the_small_model_is_not_asked(
    small, scores, scale
):
    found = dict(CommonScale(scale.steepness, scale.middle, 0.0).ranking(small, scores))
    by_score = [found[option] for option in sorted(scores, key=scores.__getitem__)]
    unscored = [found[option] for option in "xyz" if option not in scores]

    assert by_score == sorted(by_score)
    assert max(unscored, default=0) <= min(by_score, default=1)


def test_a_scale_is_the_same_after_json():
    scale = CommonScale(7.5, 0.45, 0.2)

    assert CommonScale.from_json(json.loads(json.dumps(scale.to_json()))) == scale


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({}, id="empty"),
        pytest.param({"steepness": 8.0, "middle": 0.5}, id="one-missing"),
        pytest.param({"steepness": "8", "middle": 0.5, "small_weight": 0.1}, id="text"),
        pytest.param({"steepness": 8, "middle": 0.5, "small_weight": 0, "more": 1}, id="unknown"),
        pytest.param({"steepness": -8, "middle": 0.5, "small_weight": 0.1}, id="turned"),
        pytest.param(
            {"steepness": 8, "middle": float("nan"), "small_weight": 0.1}, id="not-a-number"
        ),
    ],
)
def test_what_is_no_scale_is_refused(value):
    with pytest.raises(ValueError, match="scale"):
        CommonScale.from_json(value)
