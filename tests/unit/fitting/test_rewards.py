import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.scripted_reader import ScriptedReader, reading_model
from headgate.domains.questions.answers import NO_ANSWER
from headgate.domains.questions.plan import undecomposed, validated
from headgate.errors import InputError
from headgate.fitting.rewards import Trial, Tried, plan_json
from headgate.stages.decompose import LmPlanner
from headgate.types import PlanStep, Record

CHAIN = validated([PlanStep(1, "Who founded the mill?"), PlanStep(2, "When was #1 born?")]).steps
WHOLE = undecomposed("When was the founder of the mill born?").steps
PROMPT = [{"role": "system", "content": "Split."}, {"role": "user", "content": "When?"}]
CHAIN_JSON = (
    '{"steps": [{"question": "Who founded the mill?", "needs_context": true}, '
    '{"question": "When was #1 born?", "needs_context": true}]}'
)


def planned(place, answer, steps=CHAIN, golds=("1901",)):
    """What was tried at a place, with the answer it led to."""
    return Tried(f"q/plan/{place}", f"text {place}", steps).answered(answer, golds)


def malformed(place, text="I would look it up."):
    return Tried(f"q/plan/{place}", text, problem="invalid answer: plan_unusable")


def trial(*tried):
    return Trial("q", PROMPT, tried)


def said(row, key):
    (message,) = row[key]
    assert message["role"] == "assistant"
    return message["content"]


@pytest.mark.parametrize(
    ("answer", "golds", "exact", "covered", "reward"),
    [
        pytest.param("1901", ("1901",), True, True, 1.0, id="right"),
        pytest.param("The Mill.", ("mill",), True, True, 1.0, id="but-for-case-and-article"),
        pytest.param("in 1901 or so", ("1901",), False, True, 0.5, id="right-words-among-others"),
        pytest.param("Ada", ("Bea", "Ada"), True, True, 1.0, id="any-gold-answer"),
        pytest.param("19012", ("1901",), False, False, 0.0, id="a-part-of-a-word"),
        pytest.param("1902", ("1901",), False, False, 0.0, id="wrong"),
        pytest.param("", ("1901",), False, False, 0.0, id="empty"),
        pytest.param("no", ("no",), True, True, 1.0, id="no"),
        pytest.param(NO_ANSWER, ("no",), False, False, 0.0, id="no-answer-is-not-no"),
    ],
)
def test_a_reward_is_half_of_exact_match_and_accuracy(answer, golds, exact, covered, reward):
    own = planned(1, answer, golds=golds)

    assert (own.exact, own.covered, own.reward) == (exact, covered, reward)


def test_a_malformed_plan_is_worth_nothing_whatever_its_answer():
    assert malformed(1).answered("1901", ["1901"]).reward == 0.0


def test_the_best_plan_is_imitated_and_preferred_to_the_worst():
    own = trial(planned(1, "in 1901"), planned(2, "1901"), malformed(3))

    assert own.example() == {
        "messages": [*PROMPT, {"role": "assistant", "content": CHAIN_JSON}],
        "reward": 1.0,
        "id": "q",
    }
    assert own.pair() == {
        "prompt": PROMPT,
        "chosen": [{"role": "assistant", "content": CHAIN_JSON}],
        "rejected": [{"role": "assistant", "content": "I would look it up."}],
        "chosen_reward": 1.0,
        "rejected_reward": 0.0,
        "id": "q",
    }


def test_of_plans_that_are_worth_as_much_the_first_one_counts():
    own = trial(planned(1, "1902"), planned(2, "1901", WHOLE), planned(3, "1901"), malformed(4))

    assert (own.best.id, own.worst.id) == ("q/plan/2", "q/plan/1")


@pytest.mark.parametrize(
    ("answers", "example"),
    [
        pytest.param(("1901", "1901"), 1.0, id="all-right"),
        pytest.param(("in 1901", "1901 or so"), 0.5, id="all-half-right"),
        pytest.param(("1902", "1903"), None, id="all-wrong"),
    ],
)
def test_plans_that_are_worth_the_same_make_no_pair(answers, example):
    own = trial(*(planned(place, answer) for place, answer in enumerate(answers, 1)))

    row = own.example()
    assert own.pair() is None
    assert (row and row["reward"]) == example


def test_of_malformed_plans_alone_nothing_is_learnt():
    own = trial(malformed(1), malformed(2, "{}"))

    assert (own.example(), own.pair()) == (None, None)
    assert [row["usable"] for row in own.rows()] == [False, False]


def test_a_plan_that_fails_is_worth_as_little_as_a_malformed_one():
    failed = Tried("q/plan", "text", CHAIN, problem="no answer was recorded for it")

    assert trial(failed, malformed(2)).pair() is None
    assert said(trial(failed, planned(2, "1901", WHOLE)).pair(), "rejected") == CHAIN_JSON


def test_a_blank_answer_is_nothing_to_learn_from():
    own = trial(malformed(1, " \n"), planned(2, "1901"), planned(3, "in 1901", WHOLE))

    assert said(own.pair(), "rejected") == plan_json(WHOLE)
    assert trial(malformed(1, ""), planned(2, "1901")).pair() is None


def test_everything_that_was_tried_has_a_row_in_order():
    own = trial(planned(1, "in 1901"), malformed(2))

    assert own.rows() == [
        {
            "id": "q/plan/1",
            "question_id": "q",
            "text": "text 1",
            "steps": json.loads(CHAIN_JSON)["steps"],
            "usable": True,
            "answer": "in 1901",
            "em": False,
            "acc": True,
            "reward": 0.5,
            "problem": "",
        },
        {
            "id": "q/plan/2",
            "question_id": "q",
            "text": "I would look it up.",
            "steps": None,
            "usable": False,
            "answer": "",
            "em": False,
            "acc": False,
            "reward": 0.0,
            "problem": "invalid answer: plan_unusable",
        },
    ]


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["1901", "in 1901", "1902", None]), min_size=1, max_size=6))
def test_what_is_chosen_is_never_worth_less_than_anything_else(answers):
    """None is a malformed plan."""
    tried = [
        malformed(place) if answer is None else planned(place, answer)
        for place, answer in enumerate(answers)
    ]
    own, rewards = trial(*tried), [each.reward for each in tried]

    pair, example = own.pair(), own.example()
    assert (pair is None) == (len({*rewards}) == 1)
    if pair is not None:
        assert (pair["chosen_reward"], pair["rejected_reward"]) == (max(rewards), min(rewards))
    assert (example is None) == (max(rewards) < 0.5)


_WORDS = st.text('abc #1?\u00e9\U0001f33e"\\', min_size=1, max_size=20).map(str.strip)


@settings(max_examples=40)
@given(st.lists(st.tuples(_WORDS.filter(bool), st.booleans()), min_size=2, max_size=8))
def test_a_plan_that_is_written_down_is_read_as_the_same_plan(parts):
    request = LmPlanner(reading_model(ScriptedReader(str)), "Split.", 8).request(
        Record("q", {"question": "When?"})
    )
    steps = [PlanStep(number, " ".join(t.split()), c) for number, (t, c) in enumerate(parts, 1)]
    try:
        plan = validated(steps).steps
    except InputError:
        return

    assert request.parse(plan_json(plan)) == plan
