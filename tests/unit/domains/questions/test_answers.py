import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domains.questions.answers import covers, exact_match, f1, normalise


@pytest.mark.parametrize(
    ("answer", "plain"),
    [
        pytest.param(" The  Ada-Pell Mill, a wreck. ", "adapell mill wreck", id="as-in-squad"),
        pytest.param("Theatre an anthem", "theatre anthem", id="articles-are-whole-words"),
        pytest.param("A.", "", id="nothing-left"),
        pytest.param("1,204.5 km²", "12045 km²", id="numbers"),
        pytest.param(
            "\N{LEFT DOUBLE QUOTATION MARK}Roc\N{RIGHT DOUBLE QUOTATION MARK}",
            "“roc”",
            id="ascii-only",
        ),
        pytest.param("北京。", "北京。", id="another-script"),
        pytest.param("", "", id="empty"),
    ],
)
def test_what_does_not_make_an_answer_another_one_goes(answer, plain):
    assert normalise(answer) == plain


def test_one_gold_answer_is_enough_for_a_match():
    assert exact_match("The Harbour Mill!", ["a bank", "harbour mill"])
    assert not exact_match("Harbour Mill, Leith", ["harbour mill"])
    assert not exact_match("anything", [])


def test_an_answer_covers_whole_words_in_their_order():
    assert covers("It was built in 1921, in Leith.", ["1921"])
    assert not covers("It was built in 19210.", ["1921"])
    assert not covers("Mill, Harbour", ["Harbour Mill"])
    assert not covers("anything", ["the", "..."])


@pytest.mark.parametrize(
    ("answer", "golds", "score"),
    [
        # Right are 2 of 3 words said, and there are 2 of 2: 2 * 2/3 * 1 / (2/3 + 1).
        pytest.param("the old harbour mill", ["Harbour Mill"], 0.8, id="too-much"),
        pytest.param("mill mill", ["mill"], 2 / 3, id="a-word-counts-once"),
        pytest.param("Leith", ["Harbour Mill"], 0.0, id="nothing-right"),
        pytest.param("old mill", ["Harbour Mill", "the mill"], 2 / 3, id="best-gold"),
        pytest.param("yes", ["Yes."], 1.0, id="yes"),
        pytest.param("yes it is", ["yes"], 0.0, id="yes-is-all-or-nothing"),
        pytest.param("no", ["no man's land"], 0.0, id="no-is-all-or-nothing"),
        pytest.param("", ["mill"], 0.0, id="no-answer"),
        pytest.param("mill", [], 0.0, id="no-gold"),
    ],
)
def test_f1_counts_shared_words(answer, golds, score):
    assert f1(answer, golds) == pytest.approx(score)


@given(st.text(), st.text())
def test_f1_is_symmetric_and_one_for_a_match(answer, gold):
    score = f1(answer, [gold])

    assert score == f1(gold, [answer])
    assert 0 <= score <= 1
    assert not exact_match(answer, [gold]) or score == 1
