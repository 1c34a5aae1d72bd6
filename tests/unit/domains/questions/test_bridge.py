import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domains.questions.bridge import best_of, bridged, scaled
from headgate.domains.questions.plan import Plan, PlanStep, undecomposed
from headgate.domains.questions.titles import Titles

PASSAGES = {
    "mill": ("Harbour Mill", "Harbour Mill was built for Ada Pell in 1902."),
    "pell": ("Ada Pell", "Ada Pell was a miller, born in 1861."),
    "bank": ("Leith Bank", "Leith Bank was founded in 1830."),
    "rook": ("Rook", "A rook is a bird."),
}
TITLES = Titles({passage: title for passage, (title, _) in PASSAGES.items()})
QUESTION = "When was the person for whom a mill was built born?"
PLAN = Plan(
    (PlanStep(1, "for whom a mill was built"), PlanStep(2, "When was #1 born?", True, (1,)))
)


def text_of(passage):
    return PASSAGES[passage][1]


class Searched:
    """Answers from a table, and remembers what it was asked."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def __call__(self, queries):
        self.asked.append(list(queries))
        return [self.answers.get(query.split()[0], {}) for query in queries]


def bridge(question, plan, search):
    return bridged(question, plan, search=search, titles=TITLES, texts=text_of)


def test_a_passage_that_a_good_one_names_comes_up():
    """The mill has 1; Ada Pell, found by nothing, what the mill has; the bank 0.5."""
    search = Searched(When={"mill": 9, "bank": 8, "rook": 7})

    found = bridge(QUESTION, undecomposed(QUESTION), search)

    assert found == [("mill", 1.0), ("pell", 1.0), ("bank", 0.5), ("rook", 0.0)]


def test_steps_whose_answers_are_open_wait():
    search = Searched()

    assert bridge(QUESTION, PLAN, search) == []
    assert search.asked == [[QUESTION, "for whom a mill was built"]]


def test_all_steps_are_searched_at_once_when_answers_are_there():
    search = Searched()

    bridge(QUESTION, Plan((PLAN.steps[0], PlanStep(2, "When was Rook born?", True, (1,)))), search)

    assert search.asked == [[QUESTION, "for whom a mill was built", "When was Rook born?"]]


def test_a_question_that_is_no_plan_is_searched_once():
    search = Searched()

    bridge("Which song was #1?", undecomposed("Which song was #1?"), search)

    assert search.asked == [["Which song was #1?"]]


def test_what_a_first_step_finds_stands_in_for_its_answer():
    """For the question the mill is last; for step 1 it is best, and so is whom it names."""
    search = Searched(When={"bank": 3, "rook": 2, "mill": 1}, **{"for": {"mill": 5, "rook": 1}})

    found = dict(bridge(QUESTION, PLAN, search))

    assert found == {"bank": 1.0, "mill": 1.0, "pell": 1.0, "rook": 0.5}


def test_a_passage_that_the_question_names_is_there_and_followed():
    question = "When was the person born for whom Harbour Mill was built?"
    search = Searched(When={"bank": 3, "rook": 1})

    found = bridge(question, undecomposed(question), search)

    assert found == [("bank", 1.0), ("mill", 1.0), ("pell", 1.0), ("rook", 0.0)]


def test_only_the_best_are_followed():
    """Three score more than the mill, so nobody hears of Ada Pell."""
    search = Searched(When={"bank": 4, "rook": 3, "other": 2, "mill": 1})

    found = bridged(
        QUESTION,
        PLAN,
        search=search,
        titles=TITLES,
        texts=lambda passage: text_of(passage) if passage != "other" else "",
    )

    assert "pell" not in dict(found)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        pytest.param({}, {}, id="none"),
        pytest.param({"a": -3.0}, {"a": 1.0}, id="one"),
        pytest.param({"a": 0.2, "b": 0.2}, {"a": 1.0, "b": 1.0}, id="equal"),
        pytest.param({"a": -1.0, "b": 3.0, "c": 0.0}, {"a": 0.0, "b": 1.0, "c": 0.25}, id="some"),
    ],
)
def test_scores_of_any_search_become_comparable(scores, expected):
    assert scaled(scores) == expected


def test_of_several_searches_the_best_counts():
    assert best_of([{"a": 0.5, "b": 1.0}, {"a": 0.75}, {}]) == {"a": 0.75, "b": 1.0}


@given(st.dictionaries(st.sampled_from(sorted(PASSAGES)), st.floats(-1e6, 1e6)))
def test_every_passage_that_was_found_is_ranked_once(scores):
    found = bridge(QUESTION, PLAN, lambda queries: [scores for _ in queries])

    ids = [passage for passage, _ in found]
    assert set(scores) <= set(ids)
    assert len(set(ids)) == len(ids)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
