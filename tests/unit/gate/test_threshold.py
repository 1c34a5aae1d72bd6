import numpy as np
import pytest

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


def test_the_largest_set_with_no_more_errors_than_the_next_tier_is_kept():
    """One error each over all four rows; over the first two or three, one against none."""
    assert compare([0.7, 0.9, 0.6, 0.8], [1, 1, 1, 0], [1, 1, 0, 1]) == 0.6


def test_rows_after_the_next_tier_does_better_are_left_to_it():
    assert compare([0.9, 0.8, 0.7], [1, 1, 0], [1, 1, 1]) == 0.8


def test_equal_scores_are_judged_together():
    """The first of the two rows at 0.5 alone would do, both would not."""
    assert compare([0.9, 0.5, 0.5], [1, 1, 0], [1, 1, 1]) == 0.9


def test_equal_scores_make_up_for_one_another():
    assert compare([0.9, 0.5, 0.5], [1, 0, 1], [1, 1, 0]) == 0.5


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


def test_what_scores_the_threshold_is_kept_and_what_scores_less_is_not():
    verdicts = Gate("max_prob", 0.75).judge(
        [prediction(0.25, 0.75), prediction(0.5, 0.25, 0.25), prediction(1.0)]
    )

    assert verdicts == [
        GateVerdict(True, 0.75, 0.75),
        GateVerdict(False, 0.5, 0.75),
        GateVerdict(True, 1.0, 0.75),
    ]


def test_a_gate_reads_the_score_it_was_set_on():
    verdicts = Gate("margin", 0.75).judge([prediction(0.25, 0.75)])

    assert verdicts == [GateVerdict(False, 0.5, 0.75)]


@pytest.mark.parametrize(("threshold", "kept"), [(KEEP_ALL, True), (KEEP_NOTHING, False)])
@pytest.mark.parametrize("kind", ["max_prob", "margin"])
def test_the_two_ends_keep_all_and_nothing(kind, threshold, kept):
    """Whatever the model says, be it sure or torn between two options."""
    verdicts = Gate(kind, threshold).judge([prediction(0.5, 0.5), prediction(0.0, 1.0)])

    assert [verdict.kept for verdict in verdicts] == [kept, kept]


def test_an_answer_that_is_no_number_is_escalated():
    assert not Gate("max_prob", 0.0).judge([prediction(float("nan"), float("nan"))])[0].kept


def test_no_predictions_give_no_verdicts():
    assert Gate("margin", 0.5).judge([]) == []
