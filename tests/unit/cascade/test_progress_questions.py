"""What is noted of a question on its way: readings, plans and what is concluded from steps."""

import pytest

from headgate.cascade.progress import Progress
from headgate.errors import LmRefusedError
from headgate.types import (
    Decision,
    Hit,
    Judgement,
    Planned,
    PlanStep,
    Prediction,
    Reading,
    Record,
    Result,
    Step,
    Tier,
    Usage,
)

ONCE, TWICE = Usage(1, 10, 5, 0.1), Usage(2, 20, 10, 0.2)
STEPS = (PlanStep(1, "Who founded the mill?"), PlanStep(2, "When was #1 born?", True, (1,)))
HITS = (Hit("mill", 0.9, "Founded by Ada Rook."), Hit("quay", 0.5, "It is old."))
OTHERS = (Hit("rook", 0.4, "Born in 1902."),)
RECALLED = Reading(Prediction(("1901",), (0.4,)), usage=ONCE)
READ = Reading(Prediction(("1902",), (0.6,)), ("mill",), -0.5, TWICE)
PLANNED = Planned(STEPS, ONCE)
WHOLE = Planned(STEPS[:1], fallback="it has 9 steps")
PARTS = (
    Result("q1#1", "Ada Rook", 0.9, usage=ONCE),
    Result("q1#2", "1903", 0.7, usage=TWICE),
)
CONCLUDED = Judgement(
    "1903",
    "concluded from the answers to 2 steps",
    ONCE,
    confidence=0.7,
    plan=STEPS,
    parts=PARTS,
    evidence=OTHERS,
    cited=("rook",),
)
REFUSED = LmRefusedError("slm", "no key", "Set it.")


@pytest.fixture
def progress():
    return Progress(0, Record("q1", {"question": "When was the founder of the mill born?"}))


def cost(result):
    usage = result.usage
    return usage.calls, usage.input_tokens, usage.output_tokens, pytest.approx(usage.cost_usd)


def test_a_reading_is_an_answer_of_a_small_model(progress):
    progress.take("recall", "read", RECALLED, 2.5)

    result = progress.result()

    assert progress.steps == [Step("recall", "read", Decision.ANSWERED, 2.5, 0.4)]
    assert (result.answer, result.confidence, result.tier) == ("1901", 0.4, Tier.SMALL)
    assert (result.usage, result.cached, result.cited, result.plan) == (ONCE, False, (), ())


def test_the_latest_reading_is_the_answer_and_says_what_it_was_read_from(progress):
    progress.take("recall", "read", RECALLED, 1.0)
    progress.take("found", "retrieve", HITS, 1.0)
    progress.take("direct", "read", READ, 1.0)

    result = progress.result()

    assert (result.answer, result.confidence) == ("1902", 0.6)
    assert (result.evidence, result.cited) == (HITS, ("mill",))
    assert cost(result) == (3, 30, 15, 0.3)


def test_a_reading_that_fails_leaves_the_earlier_one(progress):
    progress.take("recall", "read", RECALLED, 1.0)
    progress.take("direct", "read", REFUSED, 1.0)
    progress.problem = REFUSED

    result = progress.result()

    assert (result.answer, result.degraded, result.usage) == ("1901", REFUSED.reason, ONCE)


@pytest.mark.parametrize(
    ("cell", "detail"),
    [
        pytest.param(PLANNED, "2 steps", id="split"),
        pytest.param(Planned(STEPS[:1]), "1 step", id="whole"),
        pytest.param(WHOLE, "it has 9 steps", id="fallback"),
    ],
)
def test_a_plan_is_noted_with_its_number_of_steps_or_why_there_are_none(progress, cell, detail):
    progress.take("plan", "decompose", cell, 1.5)

    assert progress.steps == [Step("plan", "decompose", Decision.PLANNED, 1.5, None, detail)]
    assert (progress.prediction, progress.result().answer) == (None, "")


def test_a_plan_that_was_made_is_told_although_a_reading_answers(progress):
    progress.take("plan", "decompose", PLANNED, 1.0)
    progress.take("direct", "read", READ, 1.0)

    result = progress.result()

    assert (result.plan, result.parts, result.answer) == (STEPS, (), "1902")
    assert cost(result) == (3, 30, 15, 0.3)


@pytest.mark.parametrize("cell", [WHOLE, REFUSED])
def test_a_question_that_stays_whole_has_no_plan(progress, cell):
    progress.take("plan", "decompose", cell, 1.0)

    assert progress.result().plan == ()


def test_what_is_concluded_from_steps_is_told_with_all_that_led_to_it(progress):
    progress.take("direct", "read", READ, 1.0)
    progress.take("found", "retrieve", HITS, 1.0)
    progress.take("final", "synthesise", CONCLUDED, 1.0)

    result = progress.result()

    assert progress.steps[-1] == Step("final", "synthesise", Decision.ANSWERED, 1.0, 0.7)
    assert (result.answer, result.tier, result.confidence) == ("1903", Tier.LARGE, 0.7)
    assert (result.plan, result.parts, result.rationale) == (STEPS, PARTS, CONCLUDED.rationale)
    assert (result.evidence, result.cited) == (OTHERS, ("rook",))


def test_what_a_question_consumed_includes_its_readings_its_plan_and_its_steps(progress):
    """Readings 1 + 2 calls, the plan 1, its steps 1 + 2 and what is concluded 1."""
    progress.take("recall", "read", RECALLED, 1.0)
    progress.take("plan", "decompose", PLANNED, 1.0)
    progress.take("direct", "read", READ, 1.0)
    progress.take("final", "synthesise", CONCLUDED, 1.0)

    assert cost(progress.result()) == (8, 80, 40, 0.8)


def test_what_a_question_consumed_before_it_failed_is_told(progress):
    progress.take("plan", "decompose", PLANNED, 1.0)
    progress.take("direct", "read", REFUSED, 1.0)
    progress.problem = REFUSED

    result = progress.result()

    assert (result.error, result.usage) == (REFUSED, ONCE)


def test_evidence_of_the_question_stands_where_its_steps_had_none(progress):
    progress.take("found", "retrieve", HITS, 1.0)
    progress.take("final", "synthesise", Judgement("yes", "", ONCE, confidence=0.5), 1.0)

    result = progress.result()

    assert (result.evidence, result.cited) == (HITS, ())


@pytest.mark.parametrize(
    ("cached", "whole"),
    [((True, True, True), True), ((True, False, True), False), ((False, True, True), False)],
)
def test_a_question_is_cached_when_all_that_it_took_is(progress, cached, whole):
    first, second, third = cached
    progress.take("recall", "read", Reading(RECALLED.prediction, cached=first), 1.0)
    progress.take("plan", "decompose", Planned(STEPS, cached=second), 1.0)
    progress.take("final", "synthesise", Judgement("1903", "", Usage(), third), 1.0)

    assert progress.result().cached is whole


def test_a_question_that_took_nothing_is_not_cached(progress):
    progress.take("plan", "decompose", REFUSED, 1.0)

    assert not progress.result().cached


def test_confidence_is_that_of_the_answer_and_of_no_earlier_one(progress):
    """A judgement without a probability has the reading's, of the same answer alone."""
    progress.take("direct", "read", READ, 1.0)
    progress.take("check", "verify", Judgement("1902", "", ONCE), 1.0)
    same = progress.result().confidence
    progress.take("check", "verify", Judgement("1903", "", ONCE), 1.0)

    assert (same, progress.result().confidence) == (0.6, 0.0)


def test_a_judgement_of_no_probability_at_all_is_believed_by_nothing(progress):
    progress.take("direct", "read", READ, 1.0)
    progress.take("final", "synthesise", Judgement("1902", "", ONCE, confidence=0.0), 1.0)

    assert progress.result().confidence == 0.0


def test_a_stage_is_shown_what_its_inputs_yielded_by_name(progress):
    progress.take("found", "retrieve", HITS, 1.0)
    progress.take("direct", "read", READ, 1.0)
    progress.take("plan", "decompose", REFUSED, 1.0)

    assert progress.shown(("direct", "plan", "absent")) == {"direct": READ, "plan": REFUSED}
    assert progress.shown(()) == {}
