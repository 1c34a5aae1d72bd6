import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.schemas.lexical import (
    NEARLY,
    initial_similarities,
    name_similarities,
    spelling_similarities,
    word_similarities,
)
from headgate.domains.schemas.names import words

DICTIONARY = (
    "date_of_birth",
    "date_of_order",
    "quantity_ordered",
    "shipping_category",
    "lost_to_followup",
    "colour",
    "line_1",
    "line_2",
    "",
)
NAMES = st.lists(st.text(st.characters(), max_size=12) | st.sampled_from(DICTIONARY), max_size=5)


@pytest.mark.parametrize(
    ("name", "most_alike"),
    [
        pytest.param("Date-Of-Birth", "date_of_birth", id="another-way-to-write"),
        pytest.param("dob", "date_of_birth", id="initials"),
        pytest.param("birthDay", "date_of_birth", id="a-rare-word"),
        pytest.param("order_date", "date_of_order", id="another-order"),
        pytest.param("qty", "quantity_ordered", id="without-vowels"),
        pytest.param("ship_cat", "shipping_category", id="shortened"),
        pytest.param("is_lost_to_follow_up", "lost_to_followup", id="two-words-for-one"),
        pytest.param("color", "colour", id="another-spelling"),
        pytest.param("LINE2", "line_2", id="the-same-number"),
    ],
)
def test_the_most_alike_name_is_the_one_that_people_mean(name, most_alike):
    similarities = name_similarities([name], DICTIONARY)[0]

    assert DICTIONARY[similarities.argmax()] == most_alike


def test_the_same_words_are_equal_and_nothing_else_is():
    similarities = name_similarities(["BirthDate", "dob", "birth_dates"], ["birth date"])

    assert similarities[0, 0] == 1
    assert 0 < similarities[2, 0] <= np.float32(NEARLY)
    assert similarities[1, 0] < 0.5


def test_words_that_many_targets_have_say_less():
    targets = [("date", "of", "order"), ("date", "of", "birth"), ("date",), ("order", "number")]

    similarities = word_similarities([("date", "order")], targets)[0]

    assert similarities[3] > similarities[1]


def test_half_the_words_of_two_equally_rare_ones_is_a_half():
    """Both `size` and `colour` are in one of two targets."""
    similarities = word_similarities([("shoe", "size")], [("hat", "size"), ("shoe", "colour")])

    assert similarities == pytest.approx(np.array([[0.5, 0.5]]), abs=1e-6)


def test_a_small_word_is_never_short_for_another():
    assert word_similarities([("of",)], [("offer",), ("office",)]).tolist() == [[0, 0]]


def test_codes_with_other_digits_are_other_words():
    assert word_similarities([("p53",)], [("p52",), ("p53",)]).tolist() == [[0, 1]]


def test_spelling_does_not_see_blanks_or_the_order_of_words():
    similarities = spelling_similarities(
        [("follow", "up"), ("birth", "date")], [("followup",), ("date", "birth"), ()]
    )

    assert similarities[0, 0] == similarities[1, 1] == 1
    assert similarities[:, 2].tolist() == [0, 0]


def test_initials_are_three_letters_or_more_and_go_both_ways():
    long, short = ("date", "of", "birth"), ("dob",)

    assert initial_similarities([short, long], [short, long]) == pytest.approx(
        np.array([[0, 0.9], [0.9, 0]])
    )
    assert not initial_similarities([("pt",)], [("platelet", "total")]).any()


@pytest.mark.parametrize(("sources", "targets"), [([], ["a"]), (["a"], []), ([], [])])
def test_no_names_make_an_empty_matrix(sources, targets):
    assert name_similarities(sources, targets).shape == (len(sources), len(targets))


def test_names_without_words_are_like_no_other():
    assert not name_similarities(["", "?", "size"], ["", "?", "***"]).any()


@given(NAMES, NAMES)
@settings(deadline=None, max_examples=40)
def test_similarities_are_within_bounds_and_one_where_words_are_equal(sources, targets):
    similarities = name_similarities(sources, targets)

    assert similarities.dtype == np.float32
    assert similarities.shape == (len(sources), len(targets))
    assert ((similarities >= 0) & (similarities <= 1)).all()
    for row, source in enumerate(sources):
        for column, target in enumerate(targets):
            equal = bool(words(source)) and words(source) == words(target)
            assert (similarities[row, column] == 1) == equal


@pytest.mark.slow
@given(NAMES, NAMES)
@settings(deadline=None, max_examples=40)
def test_a_source_is_compared_by_itself(sources, targets):
    """What another column of the source is called changes nothing."""
    together = name_similarities(sources, targets)

    for row, source in enumerate(sources):
        assert together[row] == pytest.approx(name_similarities([source], targets)[0], abs=1e-6)
