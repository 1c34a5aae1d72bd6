from itertools import pairwise

import numpy as np
import pytest

from fakes.tiny_outcomes import drawn, four, outcomes
from headgate.evaluation.breakdown import MOST_ROWS, SCORE_BINS, per_class, per_slice, score_bins

KEPT_TWO = np.array([True, True, False, False])


def test_figures_of_a_class_worked_by_hand():
    """The cascade says a, b, a, b to a, a, b, b: each label is found once and said twice."""
    (first, second), left_out = per_class(four(kept=KEPT_TWO))

    assert left_out == 0
    assert (first.label, first.rows, first.answered) == ("a", 2, 2)
    assert (first.recall.value, first.precision.value) == (0.5, 0.5)
    assert (first.small_accuracy, first.large_accuracy, first.large_share) == (0.5, 1.0, 0.0)
    assert first.regret.value == 0.5
    assert (second.label, second.large_share, second.regret.value) == ("b", 1.0, 0.0)


def test_a_label_that_is_never_answered_has_no_precision():
    (only,), _ = per_class(outcomes([0.5], "a", "b", "b"))

    assert (only.answered, only.precision.value, only.recall.value) == (0, None, 0.0)


def test_the_most_frequent_classes_are_listed_and_the_others_counted():
    n = MOST_ROWS + 3
    gold = [*(f"label {place:02}" for place in range(n)), "label 52"]

    classes, left_out = per_class(outcomes(range(n + 1), gold, gold, gold))

    assert (len(classes), left_out) == (MOST_ROWS, 3)
    assert [each.label for each in classes[:3]] == ["label 52", "label 00", "label 01"]


def test_figures_of_a_slice_worked_by_hand():
    rows = four(kept=KEPT_TWO, slices={"system": ("x", "y", "y", "y")})

    (table,) = per_slice(rows)

    assert (table.name, table.left_out) == ("system", 0)
    assert [(row.value, row.rows) for row in table.values] == [("y", 3), ("x", 1)]
    most = table.values[0]
    assert most.accuracy.value == pytest.approx(1 / 3)
    assert (most.small_accuracy, most.large_accuracy) == (
        pytest.approx(1 / 3),
        pytest.approx(2 / 3),
    )
    assert (most.large_share, most.regret.value) == (pytest.approx(2 / 3), pytest.approx(1 / 3))


def test_no_slices_give_no_tables():
    assert per_slice(four()) == ()


def test_score_bins_hold_every_row_once_and_ascend():
    found = score_bins(drawn(1000))

    assert len(found) == SCORE_BINS
    assert sum(each.rows for each in found) == 1000
    assert all(one.most < other.least for one, other in pairwise(found))
    assert all(each.least <= each.mean <= each.most for each in found)


def test_score_bins_tell_how_often_the_small_models_are_right():
    """Two rows of each score: at 0.2 one is right, at 0.8 both."""
    found = score_bins(outcomes([0.2, 0.8, 0.2, 0.8], "aaaa", "baaa", "bbaa"))

    assert [each.mean for each in found] == pytest.approx([0.2, 0.8])
    assert [each.right.value for each in found] == [0.5, 1.0]
    assert [each.agree.value for each in found] == [1.0, 0.5]


def test_scores_that_are_no_numbers_of_a_scale_are_left_out():
    assert score_bins(outcomes([np.inf, -np.inf], "ab", "ab", "ab")) == ()
    assert sum(each.rows for each in score_bins(outcomes([np.inf, 1.0], "ab", "ab", "ab"))) == 1
