from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.models.ngrams import CHAR_LENGTHS, MAX_CHARS, count_ngrams

BUCKETS = 2**20
MODULUS = 2**64
PRIME = 0x9E3779B97F4A7C15

letters = st.text(st.sampled_from("abzABZ019 _-.éßΣσıİ日\0\n\ud800😀"), max_size=40)
any_text = letters | st.text(st.characters(), max_size=40)


def naive_words(text):
    """Split at camelCase humps and at whatever is neither letter nor digit."""
    spaced = ""
    for char in text[:MAX_CHARS]:
        hump = "A" <= char <= "Z" and spaced and "a" <= spaced[-1] <= "z"
        spaced += f" {char}" if hump else char
    kept = (char if char.isalnum() else " " for char in spaced.lower())
    return [word.encode() for word in "".join(kept).split()]


def naive_chars(words):
    """List each word's windows, one space on either side."""
    padded = [b" " + word + b" " for word in words]
    windows = [(word, start, size) for word in padded for size in CHAR_LENGTHS
               for start in range(len(word) - size + 1)]  # fmt: skip
    return [word[start : start + size] for word, start, size in windows]


def naive_pairs(words):
    return words + [b" ".join(pair) for pair in pairwise(words)]


def naive_bucket(ngram):
    """Hash one n-gram with Python's integers."""
    raw = sum((byte + 1) * PRIME**place for place, byte in enumerate(ngram)) % MODULUS
    raw = (raw ^ raw >> 33) * 0xFF51AFD7ED558CCD % MODULUS
    return (raw ^ raw >> 33) % BUCKETS


def naive_row(ngrams):
    row = {}
    for ngram in ngrams:
        bucket = naive_bucket(ngram)
        row[bucket] = row.get(bucket, 0) + 1
    return row


def rows_of(matrix):
    return [
        dict(zip(row.indices.tolist(), row.data.tolist(), strict=True))
        for row in (matrix[index] for index in range(matrix.shape[0]))
    ]


def count(*texts):
    """Return for each text its rows of characters and of words."""
    chars, words = count_ngrams(texts, BUCKETS)
    return list(zip(rows_of(chars), rows_of(words), strict=True))


@pytest.mark.parametrize(
    ("text", "chars", "words"),
    [
        pytest.param("a", 1, 1, id="one-letter"),  # " a "
        pytest.param("ab", 3, 1, id="one-word"),  # " ab" "ab " " ab "
        pytest.param("ab cd", 6, 3, id="two-words"),  # twice the above; ab, cd, ab cd
        pytest.param("disk", 9, 1, id="four-letters"),  # 4 of length 3, 3 of 4, 2 of 5
        pytest.param("é", 3, 1, id="two-bytes"),  # as two letters
        pytest.param("a b c", 3, 5, id="three-words"),
    ],
)
def test_ngrams_are_counted_by_hand(text, chars, words):
    ((char_row, word_row),) = count(text)

    assert sum(char_row.values()) == chars
    assert sum(word_row.values()) == words


def test_repeated_words_are_counted_twice_and_their_pair_once():
    ((_, words),) = count("error error")

    assert sorted(words.values()) == [1, 2]


@pytest.mark.parametrize("text", ["", " \t\n", "\0", "--- !!! ___", "😀", "\ud800"])
def test_a_text_without_words_has_empty_rows(text):
    assert count(text) == [({}, {})]


def test_no_texts_give_no_rows():
    chars, words = count_ngrams([], BUCKETS)

    assert chars.shape == words.shape == (0, BUCKETS)


@pytest.mark.parametrize(
    "variant",
    [
        pytest.param("DISK FULL", id="case"),
        pytest.param("diskFull", id="camel-case"),
        pytest.param("disk_full", id="snake-case"),
        pytest.param("[disk]:\t(full)!", id="punctuation"),
        pytest.param("disk\0full", id="nul"),
        pytest.param("disk\ud800full", id="lone-surrogate"),
    ],
)
def test_spellings_of_the_same_words_count_alike(variant):
    assert count(variant) == count("disk full")


def test_the_order_of_words_changes_pairs_only():
    (one_chars, one_words), (two_chars, two_words) = count("disk full", "full disk")

    assert one_chars == two_chars
    assert len(one_words.keys() & two_words.keys()) == 2
    assert one_words != two_words


def test_a_word_counts_alike_wherever_it_stands():
    """The same bucket at the start, after other words and in a later text."""
    (alone, *_), *_ = count("full")

    for chars, _ in count("full disk", "no disk is ever full", "Füße: full"):
        assert alone.keys() <= chars.keys()


def test_what_follows_the_cut_is_not_read():
    """A megabyte without a space counts like its first 4,000 letters."""
    endless, cut = count("x" * 1_000_000, "x" * MAX_CHARS)

    assert endless == cut
    assert sum(cut[0].values()) == 4000 + 3999 + 3998


@given(any_text)
@settings(deadline=None, max_examples=50)
def test_buckets_equal_those_of_a_hash_worked_one_ngram_at_a_time(text):
    words = naive_words(text)

    assert count(text) == [(naive_row(naive_chars(words)), naive_row(naive_pairs(words)))]


@given(st.lists(any_text, max_size=6))
@settings(deadline=None, max_examples=50)
def test_a_text_counts_alike_alone_and_in_a_batch(texts):
    alone = [row for text in texts for row in count(text)]

    assert (count(*texts) if texts else []) == alone


@pytest.mark.parametrize("buckets", [1, 2, 1024])
def test_few_buckets_lose_no_count(buckets):
    chars, words = count_ngrams(["disk full", "ab"], buckets)

    assert chars.shape == words.shape == (2, buckets)
    assert chars.dtype == words.dtype == np.float32
    assert np.asarray(chars.sum(axis=1)).ravel().tolist() == [18, 3]
    assert np.asarray(words.sum(axis=1)).ravel().tolist() == [3, 1]
