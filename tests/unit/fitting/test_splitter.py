import zlib

import numpy as np
import pytest

from headgate.errors import InputError
from headgate.fitting.splitter import (
    DecomposedQuestion,
    Label,
    compared_things,
    cross_fit_splits,
    inner_span,
    label_question,
    train_splitter,
)
from headgate.models.question_words import word_places
from headgate.models.splitter import Kind
from headgate.models.token_encoder import TokenFeatures

TOWNS = ["Leith", "Alloa", "Crail", "Nairn", "Oban", "Perth", "Wick", "Ayr"]
ROLES = ["mayor", "miller", "baker", "warden"]


class WordVectors:
    """An encoder with a token a word, whose vector depends on the word alone."""

    fingerprint = "words"
    dim = 24

    def tokens(self, texts):
        return [self._features(text) for text in texts]

    def _features(self, text):
        places = [(0, 0), *word_places(text), (0, 0)]
        words = [text[start:end].lower() for start, end in places]
        return TokenFeatures(np.stack([self._vector(word) for word in words]), np.array(places))

    def _vector(self, word):
        rng = np.random.default_rng(zlib.crc32(word.encode()))
        return rng.normal(size=self.dim).astype(np.float32)


def chain(town, role):
    return DecomposedQuestion(
        f"In what year was the {role} of {town} born?",
        (f"Who is the {role} of {town}?", "In what year was #1 born?"),
    )


def comparison(one, two):
    return DecomposedQuestion(
        f"Which town is larger, {one} or {two}?",
        (f"How large is {one} town?", f"How large is {two} town?"),
    )


def whole(town, role):
    question = f"Who elected that {role} in {town} then?"
    return DecomposedQuestion(question, (question,))


QUESTIONS = [
    made
    for at, town in enumerate(TOWNS)
    for role in ROLES
    for made in (chain(town, role), whole(town, role), comparison(town, TOWNS[at - 1]))
]


def test_a_span_is_found_that_no_one_marked():
    """`the mayor of Leith` has the words of step 1, and the rest those of step 2."""
    assert label_question(chain("Leith", "mayor")) == Label(Kind.CHAIN, ((4, 7),))


def test_two_things_are_found_in_their_order():
    question = comparison("Leith", "Alloa")

    assert label_question(question) == Label(Kind.COMPARISON, ((5, 5), (7, 7)))
    assert compared_things(question.question, *question.steps[::-1]) == ((5, 5), (7, 7))


def test_one_step_says_that_a_question_needs_none():
    assert label_question(DecomposedQuestion("Who is it?", ("Who?",))) == Label(Kind.WHOLE)


def test_steps_before_the_last_are_one_inner_question():
    steps = ("Who built the mill?", "Who is the heir of #1?", "When did #2 die?")

    label = label_question(
        DecomposedQuestion("When did the heir of who built the mill die?", steps)
    )

    assert label == Label(Kind.CHAIN, ((2, 8),))


def test_a_sign_in_the_question_is_a_word_of_it():
    question = "Who beat the #13 ship in the town where Rook sank"
    steps = ("Where Rook sank?", "Who beat the #13 ship in the town #1?")

    label = label_question(DecomposedQuestion(question, steps))

    assert label == Label(Kind.CHAIN, ((9, 11),))


def test_steps_of_other_words_are_no_label():
    """Nothing in the question can be pointed at."""
    steps = ("What do bees make?", "Is #1 heavier than air?")

    assert label_question(DecomposedQuestion("Could a hive float?", steps)) is None


def test_a_question_without_steps_is_refused():
    with pytest.raises(InputError, match="has none"):
        label_question(DecomposedQuestion("Who?", ()))


@pytest.mark.parametrize(
    ("question", "first", "second"),
    [
        pytest.param("Is Leith older?", "Is Leith old?", "How many ships?", id="nothing-shared"),
        pytest.param("Is Leith older?", "Is Leith older?", "Is Leith older?", id="nothing-own"),
        pytest.param(
            "Is it old Leith or old Crail?", "Is Leith Crail old", "old Leith?", id="inside"
        ),
        pytest.param("", "", "", id="empty"),
        pytest.param(
            "Leith " + "x " * 12 + "Crail or Oban", "Leith Crail x", "Oban x", id="too-far-apart"
        ),
    ],
)
def test_what_is_no_comparison_has_no_two_things(question, first, second):
    assert compared_things(question, first, second) is None


@pytest.mark.parametrize("question", ["", "?", "Who", "mill " * 200])
def test_a_question_without_room_has_no_inner_span(question):
    assert inner_span(question, "Who built the harbour?", "When did #1 die?") is None


@pytest.mark.slow
def test_a_splitter_learns_what_it_is_shown():
    """The town is new, and a role and the other words are not."""
    encoder = WordVectors()
    splitter = train_splitter(QUESTIONS, encoder)

    found = splitter.split(
        [
            "In what year was the miller of Forfar born?",
            "Which town is larger, Forfar or Leith?",
            "Who elected that baker in Forfar then?",
        ],
        encoder,
    )

    assert found[0] == ("the miller of Forfar", "In what year was #1 born?")
    assert found[1] == ("Which town is larger, Forfar?", "Which town is larger, Leith?")
    assert len(found[2]) == 1


@pytest.mark.slow
def test_training_again_gives_the_same_splitter():
    one, two = (train_splitter(QUESTIONS, WordVectors()) for _ in range(2))

    assert np.array_equal(one.pointers, two.pointers)
    assert np.array_equal(one.kinds, two.kinds)


@pytest.mark.slow
def test_each_question_is_split_by_what_has_not_seen_it():
    """A question of an unheard kind of words, alone in its fold, stays what others make of it."""
    found = cross_fit_splits(QUESTIONS, WordVectors(), folds=3)

    right = [len(steps) == len(each.steps) for each, steps in zip(QUESTIONS, found, strict=True)]
    assert np.mean(right) > 0.9


@pytest.mark.parametrize("folds", [0, 1, 5])
def test_folds_have_rows(folds):
    with pytest.raises(InputError, match="of 4 questions"):
        cross_fit_splits(QUESTIONS[:4], WordVectors(), folds=folds)


@pytest.mark.parametrize(
    ("questions", "kind"),
    [
        pytest.param([], "whole", id="none"),
        pytest.param(
            [each for each in QUESTIONS if "#" not in each.steps[-1]], "chain", id="chains"
        ),
        pytest.param(
            [each for each in QUESTIONS if "larger" not in each.question],
            "comparison",
            id="comparisons",
        ),
    ],
)
def test_examples_of_every_kind_are_needed(questions, kind):
    with pytest.raises(InputError, match=f"of the kind {kind}"):
        train_splitter(questions, WordVectors())
