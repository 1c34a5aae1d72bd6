import numpy as np
import pytest

from headgate.retrieval.corpus.fusion import fuse


def test_a_number_in_both_rankings_is_before_those_in_one():
    """1/61 + 1/62 for number 7, 1/61 for 9, 1/62 for 3."""
    numbers, scores = fuse([np.array([7, 3]), np.array([9, 7])], (1, 1))

    assert numbers.tolist() == [7, 9, 3]
    assert scores == pytest.approx([1 / 61 + 1 / 62, 1 / 61, 1 / 62])


def test_a_weight_multiplies_what_a_ranking_gives():
    numbers, scores = fuse([np.array([1]), np.array([2])], (0.5, 1))

    assert numbers.tolist() == [2, 1]
    assert scores == pytest.approx([1 / 61, 0.5 / 61])


def test_of_equals_the_smaller_number_comes_first():
    assert fuse([np.array([5]), np.array([4])], (1, 1))[0].tolist() == [4, 5]


def test_nothing_fused_is_nothing():
    empty = np.empty(0, np.int64)

    assert fuse([empty, empty], (1, 1))[0].tolist() == []
