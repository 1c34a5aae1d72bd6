import math
from dataclasses import replace

import numpy as np
import pytest

from headgate.gate.head import Head
from headgate.gate.isotonic import ClassMaps, IsotonicMap
from headgate.gate.threshold import (
    KEEP_ALL,
    KEEP_NOTHING,
    SHARE_DELTA,
    Gate,
    threshold_for_share,
    threshold_not_worse,
)
from headgate.types import GateVerdict, Prediction


def spread(count):
    """Scores 1/count, 2/count, ... 1, shuffled."""
    return np.random.default_rng(7).permutation(np.arange(1, count + 1)) / count


@pytest.mark.parametrize(
    ("rows", "share", "rank"),
    [
        # P(no tail in 5 throws) = 1/32 is under 5 %, P(at most one) = 6/32 is not.
        pytest.param(5, 0.5, 1, id="5-rows-half"),
        # P(at most one tail in 8 throws) = 9/256 is under 5 %, P(at most two) = 37/256 is not.
        pytest.param(8, 0.5, 2, id="8-rows-half"),
        # 0.95 ** 59 = 0.0485.
        pytest.param(59, 0.05, 1, id="59-rows-one-in-twenty"),
    ],
)
def test_the_threshold_is_the_score_whose_rank_proves_the_share(rows, share, rank):
    assert threshold_for_share(spread(rows), share) == rank / rows


@pytest.mark.parametrize(
    ("rows", "share"),
    [
        pytest.param(0, 0.5, id="no-rows"),
        pytest.param(4, 0.5, id="4-rows-half"),
        # 0.95 ** 58 = 0.051.
        pytest.param(58, 0.05, id="58-rows-one-in-twenty"),
    ],
)
def test_too_few_rows_to_prove_the_share_escalate_nothing(rows, share):
    assert threshold_for_share(spread(rows), share) == KEEP_ALL


def test_a_share_of_nothing_escalates_nothing():
    assert threshold_for_share(spread(1000), 0.0) == KEEP_ALL


def test_a_share_of_everything_escalates_everything():
    assert threshold_for_share(spread(1000), 1.0) == KEEP_NOTHING


def test_equal_scores_stay_together():
    """Rows as unsure as the threshold are kept, so that ties cannot pass the share."""
    scores = np.array([0.9] * 50 + [0.4] * 50)

    assert np.mean(scores < threshold_for_share(scores, 0.3)) == 0


def test_the_share_is_passed_in_at_most_one_draw_in_twenty():
    """For scores uniform on [0, 1] the share of future records below a threshold is itself."""
    rng = np.random.default_rng(11)
    draws = rng.uniform(size=(2000, 120))

    passed = [threshold_for_share(scores, 0.2) > 0.2 for scores in draws]

    assert 0 < np.mean(passed) <= SHARE_DELTA + 0.01


def test_the_share_is_used_when_there_are_rows_to_prove_it():
    scores = spread(10_000)

    assert 0.19 < np.mean(scores < threshold_for_share(scores, 0.2)) < 0.2


def compare(scores, correct, next_correct):
    return threshold_not_worse(
        np.array(scores, float), np.array(correct, bool), np.array(next_correct, bool)
    )


def test_the_largest_set_in_which_the_tier_leads_by_a_standard_error_is_kept():
    """Over five rows one error against four: a lead of 3, and the error is sqrt(5)."""
    assert compare([0.9, 0.8, 0.7, 0.6, 0.5], [0, 1, 1, 1, 1], [1, 0, 0, 0, 0]) == 0.5


def test_a_set_that_only_breaks_even_was_lucky_and_is_not_kept():
    assert compare([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1], [1, 1, 1, 0]) == 0.8


def test_rows_after_the_next_tier_does_better_are_left_to_it():
    assert compare([0.9, 0.8, 0.7], [1, 1, 0], [1, 1, 1]) == 0.8


def test_equal_scores_are_judged_together():
    """The first of the two rows at 0.5 alone would do, both would not."""
    assert compare([0.9, 0.5, 0.5], [1, 1, 0], [1, 1, 1]) == 0.9


def test_equal_scores_make_up_for_one_another():
    """The second row alone loses to the next tier; with the four that tie it leads by 3."""
    rows = [0.9, 0.5, 0.5, 0.5, 0.5, 0.5]

    assert compare(rows, [1, 0, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]) == 0.5


@pytest.mark.parametrize(
    ("scores", "correct", "next_correct"),
    [
        pytest.param([0.9, 0.8], [0, 1], [1, 1], id="wrong-where-it-is-surest"),
        pytest.param([0.5, 0.5], [1, 0], [1, 1], id="one-tie-that-will-not-do"),
        pytest.param([], [], [], id="no-rows"),
    ],
)
def test_nothing_is_kept_when_no_set_will_do(scores, correct, next_correct):
    assert compare(scores, correct, next_correct) == KEEP_NOTHING


def prediction(*probabilities):
    return Prediction(tuple(f"o{index}" for index in range(len(probabilities))), probabilities)


def kept(verdicts):
    return [verdict.kept for verdict in verdicts]


def test_what_scores_the_threshold_is_kept_and_what_scores_less_is_not():
    """Records may have different numbers of options."""
    verdicts = Gate("max_prob", 0.75).judge(
        [prediction(0.25, 0.75), prediction(0.5, 0.25, 0.25), prediction(1.0)]
    )

    assert verdicts == [
        GateVerdict(True, 0.75, 0.75, 0.75),
        GateVerdict(False, 0.5, 0.75, 0.5),
        GateVerdict(True, 1.0, 0.75, 1.0),
    ]


def test_a_gate_reads_the_score_it_was_set_on():
    """The logit of 3/4 leads that of 1/4 by ln 3 = 1.0986."""
    one = prediction(0.25, 0.75)

    assert kept(Gate("margin", 1.1).judge([one])) == [False]
    assert Gate("margin", 1.0).judge([one])[0].score == pytest.approx(math.log(3))
    assert kept(Gate("max_prob", 1.0).judge([one])) == [False]


def test_answers_that_are_all_certain_are_told_apart_by_margin():
    """Both probabilities round to 1; their logits lead by 46 and by 92."""
    sure, surer = prediction(1.0, 1e-20), prediction(1.0, 1e-40)

    assert kept(Gate("max_prob", 1.0).judge([sure, surer])) == [True, True]
    assert kept(Gate("margin", 50.0).judge([sure, surer])) == [False, True]


HEAD = Head(mean=(0.5, 0.0, 0.0), scale=(0.25, math.inf, math.inf), weights=(1.0, 0, 0), bias=0.0)
"""Reads the probability alone: one half is worth 0, three quarters 1."""

EVERY_SCORE = [
    pytest.param(Gate("max_prob", 0.5), id="max-prob"),
    pytest.param(Gate("margin", 0.5), id="margin"),
    pytest.param(Gate("agreement", 0.5), id="agreement"),
    pytest.param(Gate("head", 0.5, head=HEAD), id="head"),
    pytest.param(
        Gate("max_prob", 0.5, {"o1": 0.6}, ClassMaps(IsotonicMap((0.0,), (0.9,)), {})),
        id="mapped-by-class",
    ),
]


def judged(gate, predictions):
    """With the same model as its own second opinion, where the score wants one."""
    return gate.judge(predictions, predictions if gate.score == "agreement" else None)


@pytest.mark.parametrize(("threshold", "every"), [(KEEP_ALL, True), (KEEP_NOTHING, False)])
@pytest.mark.parametrize("gate", EVERY_SCORE)
def test_the_two_ends_keep_all_and_nothing(gate, threshold, every):
    """Whatever the model says, be it sure or torn between two options."""
    predictions = [prediction(0.5, 0.5), prediction(0.0, 1.0), prediction(1.0)]

    verdicts = judged(replace(gate, threshold=threshold, class_thresholds={}), predictions)

    assert kept(verdicts) == [every] * 3


@pytest.mark.parametrize("gate", EVERY_SCORE)
def test_an_answer_that_is_no_number_is_escalated(gate):
    """Be the threshold below every score, and the map constant."""
    predictions = [prediction(math.nan, math.nan), prediction(0.5, math.nan)]

    verdicts = judged(replace(gate, threshold=KEEP_ALL, class_thresholds={}), predictions)

    assert kept(verdicts) == [False, False]


@pytest.mark.parametrize("gate", EVERY_SCORE)
def test_no_predictions_give_no_verdicts(gate):
    assert judged(gate, []) == []


def test_each_answer_is_held_to_its_own_threshold():
    """Option o1 to 0.9, the others to the gate's."""
    predictions = [prediction(0.75, 0.25), prediction(0.25, 0.75), prediction(0.0625, 0.9375)]

    verdicts = Gate("max_prob", 0.5, {"o1": 0.9}).judge(predictions)

    assert kept(verdicts) == [True, False, True]
    assert [verdict.threshold for verdict in verdicts] == [0.5, 0.9, 0.9]


def test_an_answer_that_may_never_be_kept_has_an_infinite_threshold():
    verdicts = Gate("margin", KEEP_ALL, {"o0": math.inf}).judge([prediction(1.0), prediction(0, 1)])

    assert kept(verdicts) == [False, True]


def test_a_map_puts_scores_on_the_scale_of_the_threshold():
    """The raw score is told as it was."""
    maps = ClassMaps(IsotonicMap((0.5, 1.0), (0.25, 0.75)), {})

    verdicts = Gate("max_prob", 0.5, maps=maps).judge(
        [prediction(0.25, 0.75), prediction(0.5, 0.5)]
    )

    assert verdicts == [GateVerdict(True, 0.5, 0.5, 0.75), GateVerdict(False, 0.25, 0.5, 0.5)]


def test_a_map_of_the_predicted_class_comes_before_that_of_all():
    maps = ClassMaps(IsotonicMap((0.0,), (0.25,)), {1: IsotonicMap((0.0,), (0.75,))})

    verdicts = Gate("max_prob", 0.5, maps=maps).judge([prediction(0.9, 0.1), prediction(0.1, 0.9)])

    assert [verdict.score for verdict in verdicts] == [0.25, 0.75]


def test_a_second_model_of_another_mind_lowers_the_agreement():
    """(0.75 + 0.25) / 2 where it differs, (0.75 + 0.875) / 2 where it does not."""
    first = [prediction(0.25, 0.75), prediction(0.75, 0.25)]
    second = [prediction(0.75, 0.25), prediction(0.875, 0.125)]

    verdicts = Gate("agreement", 0.75).judge(first, second)

    assert [(verdict.kept, verdict.score) for verdict in verdicts] == [(False, 0.5), (True, 0.8125)]


def test_a_head_reads_what_it_was_fitted_on():
    """Half is worth 0 and three quarters 1: chances of 1/2 and 1 / (1 + 1/e)."""
    verdicts = Gate("head", 0.6, head=HEAD).judge([prediction(0.5, 0.5), prediction(0.25, 0.75)])

    assert kept(verdicts) == [False, True]
    assert [v.score for v in verdicts] == pytest.approx([0.5, 1 / (1 + math.exp(-1))])


def test_a_head_reads_a_second_model_too():
    """Its last feature is whether both give the same answer."""
    head = Head((0.0,) * 5, (math.inf,) * 4 + (1.0,), (0.0,) * 4 + (2.0,), -1.0)
    first, other = prediction(0.25, 0.75), prediction(0.75, 0.25)

    verdicts = Gate("head", 0.5, head=head).judge([first, first], [first, other])

    assert kept(verdicts) == [True, False]


@pytest.mark.parametrize("kind", ["agreement", "head"])
def test_a_gate_that_lacks_what_its_score_reads_is_a_bug(kind):
    with pytest.raises(ValueError, match="This is a bug"):
        Gate(kind, 0.5).judge([prediction(0.5, 0.5)])
