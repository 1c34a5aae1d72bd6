import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domains.questions.titles import (
    FEWEST_LETTERS,
    LONGEST_TITLE,
    MOST_ALIKE,
    MOST_NAMED,
    Titles,
)

TITLES = Titles(
    {
        "mill": "Harbour Mill",
        "film": "Harbour Mill (film)",
        "fire": "Harbour Mill fire",
        "pell": "Ada Pell",
        "rook": "Rook",
        "it": "It",
        "blank": "",
        "signs": "?!",
        "kyoto": "京都府立大学",
    }
)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param("Ada Pell bought the Harbour Mill.", ("pell", "mill", "film"), id="in-order"),
        pytest.param("After the Harbour Mill fire, ...", ("fire",), id="the-longest"),
        pytest.param("HARBOUR-MILL", ("mill", "film"), id="case-and-signs"),
        pytest.param("a harbour mill, a rook", (), id="small-letters-are-no-names"),
        pytest.param("Rooks, Rookery, Adá Pell", (), id="whole-words"),
        pytest.param("Rook, then Rook", ("rook",), id="once"),
        pytest.param("It is there.", (), id="too-short-a-word"),
        pytest.param("Harbour", (), id="half-a-title"),
        pytest.param("在 京都府立大学 ,", ("kyoto",), id="another-script"),
        pytest.param("", (), id="empty"),
    ],
)
def test_a_text_names_passages_by_their_titles(text, named):
    assert TITLES.named_in(text) == named


def test_a_title_of_very_many_passages_names_none():
    """It is a kind of thing, as `Discography` is."""
    many = {str(number): "Harbour Mill" for number in range(MOST_ALIKE)}

    assert len(Titles(many).named_in("Harbour Mill")) == MOST_ALIKE
    assert Titles({**many, "more": "Harbour Mill"}).named_in("Harbour Mill") == ()


def test_a_text_names_no_more_than_can_be_looked_at():
    titles = {str(number): f"Mill {number}" for number in range(2 * MOST_NAMED)}

    named = Titles(titles).named_in(". ".join(titles.values()))

    assert named == tuple(titles)[:MOST_NAMED]


@pytest.mark.parametrize("titles", [{}, {"a": ""}, {"a": "w " * (LONGEST_TITLE + 1)}])
def test_titles_that_tell_nothing_are_never_found(titles):
    assert Titles(titles).named_in("W w w. " * 20) == ()


def test_a_title_of_one_word_needs_some_letters():
    word = "R" * FEWEST_LETTERS

    assert Titles({"a": word, "b": word[1:]}).named_in(f"{word} {word[1:]}") == ("a",)


def test_a_question_does_not_name_the_word_it_begins_with():
    titles = Titles({"magazine": "Which?", "film": "When We Were Kings"})

    assert titles.named_in("Which one is it?") == ()
    assert titles.named_in("Was When We Were Kings a film?") == ("film",)


@pytest.mark.timeout(5)
def test_a_long_text_is_read_once():
    assert TITLES.named_in("Harbour " * 100_000) == ()


@given(st.dictionaries(st.text(), st.text()), st.text())
def test_any_text_names_only_what_there_is(titles, text):
    assert set(Titles(titles).named_in(text)) <= titles.keys()
