import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.models.calibration import calibration_texts
from headgate.models.pairs import LEXICAL_FEATURES, lexical_features, vector_features
from headgate.models.tfidf import TfIdf

BUCKETS = 2**12
EQUAL = TfIdf(np.ones(BUCKETS, np.float32), np.ones(BUCKETS, np.float32))
"""Every n-gram weighs the same, so that shares can be counted."""

texts = st.text(st.sampled_from("abcAB 12_é"), max_size=30)
pairs_of_texts = st.lists(st.tuples(texts, texts), max_size=5)


def compare(*pairs):
    return lexical_features([a for a, _ in pairs], [b for _, b in pairs], EQUAL)


def test_a_word_is_contained_in_a_line_that_has_it():
    """9 of the line's 18 character n-grams, 1 of its 3 word n-grams, and all of the word's own."""
    (features,) = compare(("disk full", "disk"))

    assert features == pytest.approx([9 / np.sqrt(18 * 9), 1 / 2, 1, 1 / np.sqrt(3), 1 / 3, 1])


def test_equal_texts_share_everything():
    assert compare(("disk full", "Disk-Full")) == pytest.approx(np.ones((1, LEXICAL_FEATURES)))


def test_the_cosine_of_equal_texts_does_not_pass_1():
    texts = calibration_texts(200)
    weighted = TfIdf.fit(texts, BUCKETS)

    features = lexical_features(texts, texts, weighted)

    assert features.max() == 1
    assert features.min() == pytest.approx(1)


@pytest.mark.parametrize("other", ["gone", "", "!!"], ids=["other-letters", "empty", "no-words"])
def test_texts_with_nothing_in_common_share_nothing(other):
    assert not compare(("disk", other), (other, "disk")).any()


def test_two_empty_texts_share_nothing():
    assert not compare(("", "")).any()


def test_no_pairs_give_no_features():
    assert compare().shape == (0, LEXICAL_FEATURES)


@given(pairs_of_texts)
@settings(deadline=None, max_examples=40)
def test_shares_lie_between_0_and_1(pairs):
    weighted = TfIdf.fit(["a b", "b c 1", "ab12"], BUCKETS)

    features = lexical_features([a for a, _ in pairs], [b for _, b in pairs], weighted)

    assert features.shape == (len(pairs), LEXICAL_FEATURES)
    assert features.dtype == np.float32
    assert np.all((features >= 0) & (features <= 1))


@given(pairs_of_texts)
@settings(deadline=None, max_examples=40)
def test_exchanging_the_texts_keeps_cosines_and_exchanges_containments(pairs):
    forward = compare(*pairs)
    backward = compare(*[(b, a) for a, b in pairs])

    assert forward[:, [0, 2, 1, 3, 5, 4]] == pytest.approx(backward)


def test_vectors_are_compared_coordinate_by_coordinate():
    firsts = np.array([[0.6, 0.8], [1, 0]], np.float32)
    seconds = np.array([[1, 0], [0, -1]], np.float32)

    features = vector_features(firsts, seconds)

    assert features == pytest.approx(
        np.array([[0.6, 0, 0.4, 0.8, 0.6], [0, 0, 1, 1, 0]], np.float32)
    )


def test_no_vectors_give_no_comparison():
    none = np.empty((0, 3), np.float32)

    assert vector_features(none, none).shape == (0, 7)
