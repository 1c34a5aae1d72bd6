from functools import partial
from math import log

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headgate.retrieval.corpus import bm25
from headgate.retrieval.corpus.bm25 import Bm25
from headgate.retrieval.corpus.counts import TermCounts
from headgate.retrieval.corpus.terms import hash_of, terms_of

WORDS = st.sampled_from(["the", "of", "river", "nile", "sea", "rare", "once", "東京"])
TEXTS = st.lists(st.lists(WORDS, max_size=12).map(" ".join), min_size=1, max_size=40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bm25")


def made(folder, *segments, **options):
    parts = [partial(TermCounts.of, texts) for texts in segments]
    bm25.write(folder, parts, **options)
    return Bm25.open(folder, sum(map(len, segments)))


def naive(texts, query, k1=bm25.K1, b=bm25.B):
    """Return the score of each text, by the formula and word for word."""
    split = [terms_of(text) for text in texts]
    mean = max(sum(map(len, split)) / len(split), 1)
    scores = np.zeros(len(texts))
    for term in terms_of(query):
        having = sum(term in each for each in split)
        rarity = log(1 + (len(texts) - having + 0.5) / (having + 0.5))
        for place, each in enumerate(split):
            count = each.count(term)
            damping = k1 * (1 - b + b * len(each) / mean)
            scores[place] += rarity * count * (k1 + 1) / (count + damping)
    return scores


def test_a_score_is_what_the_formula_gives_by_hand(folder):
    """Two texts of two words: "nile" is in one of them, twice, so its rarity is ln 2."""
    positions, scores = made(folder, ["nile nile", "the sea"]).search("Nile?", 5)

    assert positions.tolist() == [0]
    assert scores == pytest.approx([log(2) * 2 * 2.2 / (2 + 1.2)])


def test_a_longer_text_is_less_about_a_word(folder):
    texts = ["nile one two three four five", "nile"]

    assert made(folder, texts).search("nile", 2)[0].tolist() == [1, 0]
    assert made(folder, texts, b=0.0).search("nile", 2)[0].tolist() == [0, 1]


def test_a_word_of_all_texts_still_adds_something(folder):
    assert (made(folder, ["the nile", "the sea"]).search("the", 5)[1] > 0).all()


@pytest.mark.parametrize("query", ["", "?", "unknown"])
def test_nothing_known_finds_nothing(folder, query):
    positions, scores = made(folder, ["the nile"]).search(query, 5)

    assert (positions.tolist(), scores.tolist()) == ([], [])


def test_an_empty_corpus_finds_nothing(folder):
    assert made(folder).search("nile", 5)[0].tolist() == []


def test_of_equals_the_earlier_text_comes_first(folder):
    assert made(folder, ["sea"] * 9).search("sea", 3)[0].tolist() == [0, 1, 2]


@pytest.mark.slow
@settings(deadline=None)
@given(TEXTS, st.lists(WORDS, max_size=8).map(" ".join), st.integers(1, 12), st.integers(0, 40))
@example(["the"] * 30 + ["the rare"], "the rare", 1, 7)
def test_search_is_exact(folder, texts, query, top_k, cut):
    """However many segments, and with lists left out as early as ever possible."""
    index = made(folder, texts[:cut], texts[cut:])
    expected = naive(texts, query)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bm25, "_PRUNED_FROM", 0)
        patch.setattr(bm25, "_LOOKED_UP", 0)
        positions, scores = index.search(query, top_k)

    best = np.sort(expected[expected > 0])[::-1][:top_k]
    assert scores == pytest.approx(best, rel=1e-5)
    assert scores == pytest.approx(expected[positions], rel=1e-5)
    assert len(set(positions.tolist())) == len(positions)


@pytest.mark.slow
@settings(deadline=None)
@given(TEXTS, st.lists(st.booleans(), min_size=40, max_size=40))
def test_counts_without_some_texts_are_those_of_the_others(texts, wanted):
    wanted = np.array(wanted[: len(texts)])
    counts = TermCounts.of(texts).where(wanted)
    fresh = TermCounts.of([text for text, each in zip(texts, wanted, strict=True) if each])

    assert _postings(counts) == _postings(fresh)
    assert counts.lengths.tolist() == fresh.lengths.tolist()


def test_counts_say_how_often_each_term_is_in_each_text():
    counts = TermCounts.of(["sea nile sea", "", "sea"])

    assert _postings(counts) == {
        (hash_of("sea"), 0, 2),
        (hash_of("sea"), 2, 1),
        (hash_of("nile"), 0, 1),
    }
    assert counts.lengths.tolist() == [3, 0, 1]


def _postings(counts):
    terms = np.repeat(counts.hashes, np.diff(counts.offsets))
    columns = (terms.tolist(), counts.rows.tolist(), counts.counts.tolist())
    return set(zip(*columns, strict=True))
