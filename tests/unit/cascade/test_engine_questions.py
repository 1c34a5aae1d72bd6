"""What becomes of questions: read, read again, and at last answered from the steps of a plan."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from fakes.scripted_reader import CALL
from fakes.tiny_engine import soon
from fakes.tiny_questions import (
    CHAIN,
    EASY,
    NONE,
    SAYS,
    STEPS,
    WAY,
    asks,
    cascade,
    guesses,
    times,
    way,
)
from headgate.cascade.capabilities import audit
from headgate.cascade.engine import Engine
from headgate.cascade.explain import explain
from headgate.cascade.payment import Purse
from headgate.domains.questions.answers import NO_ANSWER
from headgate.domains.questions.task import QuestionTask
from headgate.errors import DeadlineError, InputError, LmRefusedError, UnavailableError
from headgate.gate.budget import BudgetLimits, Governor
from headgate.stages.catalog import Synthesise
from headgate.types import Deadline, Decision, Interim, Origin, Tier, Usage

REFUSED = LmRefusedError("slm", "no key", "Set it.")


# How far a question goes


async def test_what_the_first_gate_keeps_is_asked_once():
    asked = cascade()

    (result,) = await asked.answer(EASY)

    assert (result.answer, result.tier, result.confidence) == (
        "The Rook",
        Tier.SMALL,
        pytest.approx(0.8),
    )
    assert way(result) == [("recall", Decision.ANSWERED), ("known", Decision.KEPT)]
    assert (result.usage, result.plan, result.parts) == (CALL, (), ())
    assert asked.asked == (["q1"], [])


async def test_what_the_second_gate_keeps_has_a_plan_that_nobody_carried_out():
    asked = cascade(known=NONE)

    (result,) = await asked.answer(EASY)

    assert (result.answer, result.tier, result.degraded) == ("The Rook", Tier.SMALL, "")
    assert [stage for stage, _ in way(result)] == WAY[:-1]
    assert (result.plan, result.parts, result.usage) == (STEPS, (), times(3))
    assert asked.asked == (["q1", "q1"], ["q1/plan"])


async def test_what_no_gate_keeps_is_answered_from_its_steps():
    asked = cascade()

    (result,) = await asked.answer(CHAIN)

    assert (result.answer, result.tier, result.degraded) == ("The 1902.", Tier.LARGE, "")
    assert result.confidence == pytest.approx(0.6)
    assert result.rationale == "concluded from the answers to 2 steps"
    assert (result.plan, [part.record_id for part in result.parts]) == (STEPS, ["q1#1", "q1#2"])
    assert asked.asked == (["q1", "q1", "q1#1", "q1#2"], ["q1/plan", "q1/answer"])
    assert way(result) == [
        ("recall", Decision.ANSWERED),
        ("known", Decision.ESCALATED),
        ("plan", Decision.PLANNED),
        ("direct", Decision.ANSWERED),
        ("sure", Decision.ESCALATED),
        ("final", Decision.ANSWERED),
    ]


async def test_steps_are_told_with_their_questions_answers_and_ways():
    (result,) = await cascade().answer(CHAIN)

    first, second = result.parts
    assert (first.asked, first.answer) == ("Who founded the Harbour Mill?", "Ada Rook")
    assert (second.asked, second.answer) == ("When was Ada Rook born?", "1902")
    assert [way(part) for part in result.parts] == [[("answer", Decision.ANSWERED)]] * 2
    assert [part.tier for part in result.parts] == [Tier.SMALL] * 2


async def test_what_a_question_consumed_is_that_of_its_reads_its_plan_and_its_steps():
    (result,) = await cascade().answer(CHAIN)

    assert result.usage == times(6)
    assert [part.usage for part in result.parts] == [CALL, CALL]


async def test_an_earlier_reading_that_is_trusted_more_stays_and_the_steps_are_told():
    """A reading of 0.8 that the gate sends on, and 0.6 for what is concluded."""
    (result,) = await cascade(guesses, known=NONE, sure=NONE).answer(CHAIN)

    assert (result.answer, result.tier) == ("the 1800s", Tier.LARGE)
    assert result.confidence == pytest.approx(0.8)
    assert (len(result.parts), result.usage) == (2, times(6))


async def test_questions_go_their_own_ways_and_come_back_in_order():
    results = await cascade().answer(CHAIN, EASY, CHAIN)

    assert [result.answer for result in results] == ["The 1902.", "The Rook", "The 1902."]
    assert [result.record_id for result in results] == ["q1", "q2", "q3"]


async def test_kept_questions_are_told_before_others_are_answered():
    asked = cascade()
    records = [asks(CHAIN, "q1"), asks(EASY, "q2")]

    indices = [index async for index, _ in asked.engine.stream(records, soon())]

    assert indices == [1, 0]


async def test_the_same_questions_again_cost_nothing():
    asked = cascade()
    first = await asked.answer(CHAIN, EASY)
    before = [*asked.slm.asked, *asked.llm.asked]

    again = await asked.answer(CHAIN, EASY)

    assert [each.answer for each in again] == [each.answer for each in first]
    assert [(each.cached, each.usage) for each in again] == [(True, Usage())] * 2
    assert [each.cached for each in first] == [False, False]
    assert [*asked.slm.asked, *asked.llm.asked] == before


@pytest.mark.parametrize("text", ["", "  ", "x" * 100_001])
async def test_what_is_no_question_is_refused_and_the_others_are_answered(text):
    refused, answered = await cascade().answer(text, EASY)

    assert isinstance(refused.error, InputError)
    assert (refused.path, answered.answer) == ((), "The Rook")


# Failures


async def test_a_first_reading_that_fails_is_the_questions_error():
    asked = cascade(lambda request: REFUSED)

    (result,) = await asked.answer(CHAIN)

    assert (result.answer, result.error) == ("", REFUSED)
    assert asked.llm.asked == []


async def test_a_second_reading_that_fails_leaves_the_first_one_degraded():
    def say(request):
        return REFUSED if "direct" in request.instruction else guesses(request)

    (result,) = await cascade(say, known=NONE).answer(CHAIN)

    assert (result.answer, result.tier, result.degraded) == (
        "the 1800s",
        Tier.SMALL,
        REFUSED.reason,
    )
    assert way(result)[-1] == ("direct", Decision.FAILED)
    assert result.usage == times(2)


async def test_steps_that_all_fail_leave_the_reading_degraded():
    def say(request):
        return REFUSED if "#" in request.record_id else guesses(request)

    asked = cascade(say, known=NONE, sure=NONE)

    (result,) = await asked.answer(CHAIN)

    assert (result.answer, result.degraded) == ("the 1800s", REFUSED.reason)
    assert asked.asked == (["q1", "q1", "q1#1"], ["q1/plan"])


async def test_a_question_without_a_plan_is_asked_as_its_only_step():
    asked = cascade(guesses, lambda request: REFUSED, known=NONE, sure=NONE)

    (result,) = await asked.answer(CHAIN)

    assert (result.plan, [part.asked for part in result.parts]) == ((), [CHAIN])
    assert (result.answer, result.degraded) == ("the 1800s", "")
    assert asked.asked == (["q1", "q1", "q1#1"], ["q1/plan"])


async def test_a_step_without_an_answer_leaves_what_refers_to_it_unasked():
    """The second step would have been about nobody."""
    asked = cascade(lambda request: {"answer": "unknown"})

    (result,) = await asked.answer(CHAIN)

    assert (result.answer, result.tier, result.confidence) == (NO_ANSWER, Tier.LARGE, 0.0)
    assert result.error is None
    first, second = result.parts
    assert (first.answer, type(second.error)) == (NO_ANSWER, UnavailableError)
    assert asked.slm.asked == ["q1", "q1", "q1#1"]


# Time


@dataclass(frozen=True, slots=True)
class Until(Deadline):
    """Ends as soon as something is so."""

    ended: Callable[[], bool] = lambda: False

    def remaining_s(self):
        """Return a minute, or that it is over."""
        return -1.0 if self.ended() else 60.0


async def test_a_deadline_that_has_passed_asks_nobody():
    asked = cascade()

    (result,) = await asked.answer(CHAIN, deadline=Deadline(0.0))

    assert isinstance(result.error, DeadlineError)
    assert asked.asked == ([], [])


async def test_time_that_is_over_between_the_steps_leaves_the_reading_degraded():
    asked = cascade(guesses, known=NONE, sure=NONE)

    (result,) = await asked.answer(CHAIN, deadline=Until(0.0, lambda: "q1#1" in asked.slm.asked))

    assert (result.answer, result.tier, result.degraded) == ("the 1800s", Tier.SMALL, "DEADLINE")
    assert asked.asked == (["q1", "q1", "q1#1"], ["q1/plan"])


async def test_time_that_is_over_before_the_second_reading_leaves_the_first_degraded():
    asked = cascade(guesses, known=NONE)

    (result,) = await asked.answer(CHAIN, deadline=Until(0.0, lambda: bool(asked.llm.asked)))

    assert (result.answer, result.degraded) == ("the 1800s", "DEADLINE")
    assert asked.asked == (["q1"], ["q1/plan"])


# What is told on the way


async def test_the_plan_and_each_step_are_told_before_the_answer():
    asked, news = cascade(), []

    (result,) = await asked.answer(CHAIN, origin=Origin(tell=news.append))

    first, second = result.parts
    assert news == [
        Interim("q1", plan=STEPS),
        Interim("q1", part=first),
        Interim("q1", part=second),
    ]


async def test_there_is_no_news_of_a_question_that_a_gate_keeps():
    news = []

    await cascade(known=NONE).answer(EASY, origin=Origin(tell=news.append))

    assert news == []


async def test_answers_that_say_the_same_are_observed_as_the_same():
    def say(request):
        return {"answer": SAYS.get(request.question, "1902!")}

    asked, seen = cascade(say, known=NONE, sure=NONE, concludes=0.95), []
    asked.engine.observer = seen.append

    (result,) = await asked.answer(CHAIN)

    assert result.answer == "The 1902."
    assert [(each.small_answer, each.reference, each.kept) for each in seen] == [
        ("1902", "1902", False)
    ]


async def test_what_a_gate_keeps_is_observed_without_a_reference():
    asked, seen = cascade(), []
    asked.engine.observer = seen.append

    await asked.answer(EASY)

    assert [(each.small_answer, each.reference, each.kept) for each in seen] == [
        ("rook", None, True)
    ]


# Without an answer, and again


async def test_an_explanation_asks_nobody_and_expects_the_first_reading():
    asked = cascade()

    (explanation,) = await explain(asked.engine, [asks(CHAIN)], soon())

    assert asked.asked == ([], [])
    assert (explanation.answer, explanation.tier, explanation.path) == ("", None, ())
    expected = explanation.expected_usage
    assert (expected.calls, expected.estimated, explanation.gates) == (1, True, ())


async def test_an_explanation_of_what_is_no_question_is_its_error():
    (explanation,) = await explain(cascade().engine, [asks(" ")], soon())

    assert isinstance(explanation.error, InputError)
    assert explanation.expected_usage == Usage()


@pytest.mark.parametrize(("reads", "stages"), [(False, []), (True, WAY[:-1])])
async def test_records_are_taken_as_far_as_no_large_model_concludes(reads, stages):
    asked = cascade()

    (progress,) = await asked.engine.advance([asks(CHAIN)], soon(), reads=reads)

    assert [step.stage for step in progress.steps] == stages
    assert "q1/answer" not in asked.llm.asked


async def test_an_audit_makes_the_plan_and_the_readings_that_a_kept_question_has_not():
    asked = cascade()

    answer = await audit(asked.engine, asks(CHAIN), soon())

    assert answer == "1902", "without article and full stop"
    assert asked.asked == (["q1", "q1", "q1#1", "q1#2"], ["q1/plan", "q1/answer"])


async def test_an_audit_that_fails_has_no_answer():
    asked = cascade(lambda request: REFUSED)

    assert await audit(asked.engine, asks(CHAIN), soon()) is None


async def test_an_audit_beyond_its_part_of_the_budget_asks_no_steps():
    asked = cascade()
    limits = BudgetLimits(llm_share=0.0, audit_share=0.5)
    asked.engine.purse = Purse(Governor(limits, now_s=lambda: 0.0))

    assert await audit(asked.engine, asks(CHAIN), soon()) is None
    assert "q1#1" not in asked.slm.asked


# Connections


async def test_each_language_model_is_closed_once():
    asked = cascade()
    await asked.answer(CHAIN)

    assert len(asked.engine.large_models) == 2
    await asked.engine.close()

    assert (asked.slm.closed, asked.llm.closed) == (1, 1)


async def test_models_that_only_steps_ask_are_closed_as_well():
    asked = cascade()
    (final,) = [node for node in asked.engine.nodes if isinstance(node, Synthesise)]
    engine = Engine(asked.engine.about, task=QuestionTask(), nodes=[final], steps=final.steps)

    await engine.close()

    assert (asked.slm.closed, asked.llm.closed) == (1, 1)


async def test_warming_up_asks_nobody():
    asked = cascade()

    await asked.engine.warm_up()

    assert asked.asked == ([], [])
