import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.models.tfidf import TfIdf

BUCKETS = 2**12
DISK_AND = 1.0
"""ln((1 + 2) / (1 + 2)) + 1: in both texts."""
FULL = np.log(3 / 2) + 1
UNSEEN = np.log(3 / 1) + 1


@pytest.fixture(scope="module")
def fitted():
    return TfIdf.fit(["disk full", "disk gone"], BUCKETS)


def word_column(tfidf, word):
    (column,) = tfidf.transform([word])[1].indices
    return column


@pytest.mark.parametrize(
    ("word", "expected"), [("disk", DISK_AND), ("full", FULL), ("gone", FULL), ("fan", UNSEEN)]
)
def test_rarer_words_weigh_more(fitted, word, expected):
    assert fitted.word_idf[word_column(fitted, word)] == pytest.approx(expected)


def test_rarer_characters_weigh_more(fitted):
    """`disk` and the start of `full` share no n-gram: all of `disk` is in both texts."""
    assert fitted.char_idf[fitted.transform(["disk"])[0].indices] == pytest.approx(DISK_AND)
    assert fitted.char_idf[fitted.transform(["full"])[0].indices] == pytest.approx(FULL)


def test_a_row_weighs_words_by_rarity_and_has_length_one(fitted):
    """One seen word, one rarer word and their equally rare pair."""
    row = fitted.transform(["disk full"])[1]
    length = np.sqrt(DISK_AND**2 + 2 * FULL**2)

    assert sorted(row.data) == pytest.approx([DISK_AND / length, FULL / length, FULL / length])


def test_a_repeated_word_counts_by_its_logarithm(fitted):
    row = fitted.transform(["disk disk"])[1]
    disk = (1 + np.log(2)) * DISK_AND
    length = np.sqrt(disk**2 + UNSEEN**2)

    assert sorted(row.data) == pytest.approx([disk / length, UNSEEN / length])


def test_repeated_texts_and_their_order_do_not_matter():
    once = TfIdf.fit(["a b", "c"], BUCKETS)
    again = TfIdf.fit(["c", "a b", "a b", "c", "c"], BUCKETS)

    assert np.array_equal(once.char_idf, again.char_idf)
    assert np.array_equal(once.word_idf, again.word_idf)


def test_a_corpus_of_nothing_weighs_everything_alike():
    assert set(TfIdf.fit([], BUCKETS).word_idf.tolist()) == {1.0}


def test_tensors_give_the_same_weights_back(fitted):
    again = TfIdf.from_tensors(fitted.tensors())

    for before, after in zip(
        fitted.transform(["disk full"]), again.transform(["disk full"]), strict=True
    ):
        assert (before != after).nnz == 0
    assert again.buckets == BUCKETS


@given(st.lists(st.text(st.sampled_from("abAB 1_é\ud800"), max_size=30), max_size=6))
@settings(deadline=None, max_examples=50)
def test_rows_have_length_one_or_are_empty(texts):
    tfidf = TfIdf.fit(["a b", "b1 a", "é"], BUCKETS)

    for matrix in tfidf.transform(texts):
        squares = np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()
        empty = np.diff(matrix.indptr) == 0
        assert matrix.shape == (len(texts), BUCKETS)
        assert squares == pytest.approx(np.where(empty, 0, 1))
