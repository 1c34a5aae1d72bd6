import pytest

from headgate.domains.questions.answered import question_answer, step_answer
from headgate.domains.questions.answers import NO_ANSWER
from headgate.errors import LmAnswerError, StageError
from headgate.questions import Passage, StepAnswer
from headgate.types import (
    Decision,
    GuaranteeState,
    Hit,
    PlanStep,
    Record,
    Result,
    Step,
    Tier,
    Usage,
)

RECORD = Record("q1", {"question": "When was the builder of the mill born?"})
MILL = Hit("p7", 0.8, "The mill was built by Ada Holm.", {"title": "Old mill"})
RIVER = Hit("p2", 0.5, "The river is long.")
PLAN = (
    PlanStep(1, "Who built the mill?"),
    PlanStep(2, "When was #1 born?", refers_to=(1,)),
)
PARTS = (
    Result("q1#1", "Ada Holm", 0.9, Tier.SMALL, asked="Who built the mill?"),
    Result("q1#2", "1871", 0.7, Tier.LARGE, asked="When was Ada Holm born?"),
)


def test_an_answer_bears_all_that_led_to_it():
    path = (Step("final", "synthesise", Decision.ANSWERED, 3.0),)
    result = Result(
        "q1",
        "1871",
        0.7,
        Tier.LARGE,
        path=path,
        rationale="So it says.",
        usage=Usage(3, 20, 5, 0.1),
        certificate_id="c1",
        guarantee=GuaranteeState.CERTIFIED,
        degraded="DEADLINE",
        cached=True,
        parts=PARTS,
        plan=PLAN,
    )

    answer = question_answer(RECORD, result)

    assert (answer.id, answer.answer, answer.abstained) == ("q1", "1871", False)
    assert (answer.confidence, answer.tier, answer.path) == (0.7, Tier.LARGE, path)
    assert (answer.rationale, answer.usage) == ("So it says.", Usage(3, 20, 5, 0.1))
    assert (answer.certificate_id, answer.guarantee) == ("c1", GuaranteeState.CERTIFIED)
    assert (answer.degraded, answer.cached, answer.plan) == ("DEADLINE", True, PLAN)
    assert [(each.step, each.question, each.answer) for each in answer.steps] == [
        (1, "Who built the mill?", "Ada Holm"),
        (2, "When was Ada Holm born?", "1871"),
    ]


def test_passages_say_whether_the_answer_was_read_from_them():
    result = Result("q1", "Ada Holm", evidence=(MILL, RIVER), cited=("p7",))

    assert question_answer(RECORD, result).passages == (
        Passage("p7", "Old mill", "The mill was built by Ada Holm.", 0.8, cited=True),
        Passage("p2", "", "The river is long.", 0.5, cited=False),
    )


def test_no_answer_is_told_as_an_abstention():
    answer = question_answer(RECORD, Result("q1", NO_ANSWER, tier=Tier.LARGE))

    assert (answer.answer, answer.abstained, answer.error) == ("", True, None)
    assert answer.tier is Tier.LARGE


def test_an_error_is_no_abstention():
    error = LmAnswerError("model", "no JSON", "Ask again.")

    answer = question_answer(RECORD, Result("q1", error=error))

    assert (answer.answer, answer.abstained, answer.error) == ("", False, error)


@pytest.mark.parametrize(
    ("record_lossy", "result_lossy"),
    [pytest.param(True, False, id="record"), pytest.param(False, True, id="result")],
)
def test_replaced_bytes_are_told(record_lossy, result_lossy):
    record = Record("q1", {"question": "Gr��e?"}, lossy=record_lossy)

    assert question_answer(record, Result("q1", "a", lossy_input=result_lossy)).lossy_input


def test_a_step_bears_what_led_to_it():
    path = (Step("answer", "read", Decision.ANSWERED, 1.0, 0.9),)
    part = Result(
        "q1#2",
        "1871",
        0.9,
        Tier.SMALL,
        path=path,
        evidence=(MILL,),
        usage=Usage(1, 9, 1),
        degraded="REPLAY_MISS",
        asked="When was Ada Holm born?",
    )

    assert step_answer(part) == StepAnswer(
        2,
        "When was Ada Holm born?",
        "1871",
        abstained=False,
        confidence=0.9,
        tier=Tier.SMALL,
        passages=(Passage("p7", "Old mill", MILL.text, 0.8),),
        path=path,
        usage=Usage(1, 9, 1),
        degraded="REPLAY_MISS",
    )


def test_a_step_without_an_answer_says_why():
    error = StageError("step 2", "step 1 has no answer", "Ask otherwise.")

    failed = step_answer(Result("q1#2", error=error))
    silent = step_answer(Result("q1#1", NO_ANSWER))

    assert (failed.answer, failed.abstained, failed.error) == ("", False, error)
    assert (silent.answer, silent.abstained, silent.error) == ("", True, None)


@pytest.mark.parametrize(
    ("record_id", "step"),
    [
        pytest.param("q1#10", 10, id="two-digits"),
        pytest.param("q#1#2", 2, id="a-number-sign-in-the-questions-id"),
        pytest.param("#1", 1, id="an-empty-id"),
    ],
)
def test_a_step_is_known_by_the_end_of_its_records_id(record_id, step):
    assert step_answer(Result(record_id, "a")).step == step


@pytest.mark.parametrize("record_id", ["q1", "q1#", "q1#two", "q1#-2"])
def test_a_part_that_is_no_step_is_a_bug(record_id):
    with pytest.raises(ValueError, match="This is a bug"):
        step_answer(Result(record_id, "a"))
