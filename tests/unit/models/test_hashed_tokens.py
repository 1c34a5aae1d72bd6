import numpy as np
import pytest

from headgate.models.hashed_tokens import HashedTokens
from headgate.models.token_encoder import MOST_TOKENS


def vectors(text):
    (features,) = HashedTokens().tokens([text])
    return features.vectors


def test_words_that_share_pieces_are_alike_and_others_are_not():
    one, two, three = vectors("bridges bridge harvest")

    assert one @ two > 0.6
    assert abs(one @ three) < 0.4
    assert np.linalg.norm(one) == pytest.approx(1)


def test_chinese_signs_are_read_in_pairs_and_case_is_nothing():
    (features,) = HashedTokens().tokens(["NASA说,大桥关"])

    assert features.offsets.tolist() == [[0, 4], [4, 5], [6, 8], [8, 9]]
    np.testing.assert_array_equal(features.vectors[0], vectors("nasa")[0])


def test_pairs_that_share_a_sign_are_alike():
    """Where a pair begins is chance, so it must not matter much."""
    one, shifted, other = vectors("大桥-桥关-河水")

    assert one @ shifted > 0.15
    assert one @ shifted > one @ other


@pytest.mark.parametrize("text", ["", "...", "\n"], ids=["empty", "points", "newline"])
def test_a_text_without_words_has_no_tokens(text):
    assert vectors(text).shape == (0, 64)


def test_a_long_text_is_cut():
    assert len(vectors("word " * 1_000)) == MOST_TOKENS
    assert vectors("w" * 100_000).shape == (1, 64)


def test_the_fingerprint_says_how_long_a_vector_is():
    assert HashedTokens(8).fingerprint != HashedTokens(16).fingerprint
    assert HashedTokens(12).tokens(["bridge"])[0].vectors.shape == (1, 12)
