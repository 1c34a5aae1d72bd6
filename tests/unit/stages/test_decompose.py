import asyncio
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.scripted_reader import CALL, ScriptedReader, reading_model
from headgate.domains.questions.plan import LONGEST_STEP, MOST_STEPS, validated
from headgate.errors import (
    DeadlineError,
    HeadgateError,
    LmRefusedError,
    ModelError,
    UnavailableError,
)
from headgate.lm.large_model import LargeModel
from headgate.lm.replay import ReplayEngine
from headgate.lm.seam import RawAnswer
from headgate.stages.contract import Batch
from headgate.stages.decompose import Decompose, LmPlanner, SpanPlanner
from headgate.stages.microbatch import Batching
from headgate.types import Deadline, Planned, PlanStep, Record, Usage

CHAIN = "When was the founder of the Harbour Mill born?"
STEPS = (
    PlanStep(1, "Who founded the Harbour Mill?"),
    PlanStep(2, "When was #1 born?", True, (1,)),
)
SECRET = "4711-secret"


class Splitting:
    """A splitter that says what a function of the question says."""

    def __init__(self, cut):
        self.cut = cut
        self.batches = []

    def split(self, questions, encoder):
        self.batches.append(list(questions))
        assert encoder == "encoder"
        return [self.cut(question) for question in questions]


def by_spans(cut):
    splitter = Splitting(cut)
    planner = SpanPlanner(splitter, "encoder", batching=Batching(max_size=8, max_wait_ms=0))
    return splitter, Decompose("plan", "splitter", planner=planner)


def by_model(say, most_steps=MOST_STEPS):
    engine = ScriptedReader(say)
    planner = LmPlanner(reading_model(engine), "Split the question.", most_steps)
    return engine, Decompose("plan", "llm", planner=planner)


def asking(*questions, seconds=5.0):
    records = [Record(f"q{number}", {"question": text}) for number, text in enumerate(questions)]
    return Batch(records, Deadline.after(seconds), {})


def whole(question, **others):
    return Planned((PlanStep(1, question),), **others)


def says(*texts):
    return {"steps": [{"question": text, "needs_context": True} for text in texts]}


def cut_first_word(question):
    first, _, rest = question.partition(" ")
    return (first, f"{rest} #1") if rest else (question,)


async def test_spans_become_steps_that_refer_to_each_other():
    _, stage = by_spans(lambda question: ("Who founded the Harbour Mill?", "When was #1 born?"))

    assert await stage.run(asking(CHAIN)) == [Planned(STEPS)]


async def test_a_question_whose_spans_make_more_steps_than_are_wanted_stays_whole():
    splitter = Splitting(lambda question: ("Who founded the Harbour Mill?", "When was #1 born?"))
    planner = SpanPlanner(splitter, "encoder", batching=Batching(max_size=8, max_wait_ms=0))
    stage = Decompose("plan", "splitter", planner=planner, most_steps=1)

    assert await stage.run(asking(CHAIN)) == [whole(CHAIN, fallback="it has 2 steps")]


async def test_questions_of_concurrent_calls_are_split_in_one_batch():
    splitter, stage = by_spans(lambda question: (question,))

    await asyncio.gather(stage.run(asking("a", "b")), stage.run(asking("c")))

    assert splitter.batches == [["a", "b", "c"]]


async def test_a_question_without_another_one_in_it_stays_whole_and_says_nothing_of_a_failure():
    _, stage = by_spans(lambda question: (question,))

    assert await stage.run(asking("Who is #1 in tennis?")) == [whole("Who is #1 in tennis?")]


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        pytest.param(("When was #2 born?", "Who?"), "step 1 refers to 2", id="forwards"),
        pytest.param(("Who?", "When was #2 born?"), "step 2 refers to 2", id="itself"),
        pytest.param(("Who?", " "), "it has 0 characters", id="empty-step"),
        pytest.param(("Who?",) * 9, "it has 9 steps", id="too-many"),
        pytest.param((), "it has 0 steps", id="none"),
        pytest.param(
            ("Who?", "Is the answer of question 1 alive?"),
            "it names an earlier step in words, which no answer would replace",
            id="in-words",
        ),
    ],
)
async def test_spans_that_make_no_plan_leave_the_question_whole(texts, why):
    _, stage = by_spans(lambda question: texts)

    assert await stage.run(asking(CHAIN)) == [whole(CHAIN, fallback=why)]


async def test_a_question_that_breaks_the_splitter_stays_whole_and_the_others_are_split():
    def cut(question):
        if SECRET in question:
            raise ValueError(f"cannot split {question!r}")
        return cut_first_word(question)

    _, stage = by_spans(cut)

    cells = await stage.run(asking("who then", SECRET, "what now"))

    assert [len(cell.steps) for cell in cells] == [2, 1, 2]
    assert cells[1] == whole(SECRET, fallback="the model failed on this record (ValueError)")


async def test_a_splitter_that_has_gone_leaves_all_questions_whole():
    def cut(question):
        raise UnavailableError("splitter", "no replica is ready", "Try again.")

    _, stage = by_spans(cut)

    cells = await stage.run(asking("a b", "c d"))

    assert cells == [whole(text, fallback="no replica is ready") for text in ("a b", "c d")]


async def test_warming_up_finds_models_that_do_not_fit_together():
    def cut(question):
        raise ModelError("splitter", "it was fitted over another encoder", "Fit again.")

    _, stage = by_spans(cut)

    with pytest.raises(ModelError):
        await stage.warm_up()


async def test_spans_cost_nothing():
    _, stage = by_spans(cut_first_word)
    record = asking(CHAIN).records[0]

    assert stage.large_model is None
    assert stage.largest_cost_usd(record, {}) == 0
    assert stage.expected_usage(record, {}) == Usage()


async def test_splitting_that_takes_too_long_is_left():
    _, stage = by_spans(cut_first_word)

    with pytest.raises(TimeoutError):
        await stage.run(Batch(asking(CHAIN).records, Deadline(time.monotonic() - 1), {}))


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("", id="empty"),
        pytest.param(" \n", id="blank"),
        pytest.param("w " * (LONGEST_STEP // 2) + "w", id="too-long"),
    ],
)
@pytest.mark.parametrize("backend", ["spans", "model"])
async def test_a_question_that_cannot_be_a_step_is_not_sent_to_a_planner(question, backend):
    splitter, spans = by_spans(cut_first_word)
    engine, model = by_model(lambda request: says("a", "b"))
    stage = spans if backend == "spans" else model
    (record,) = asking(question).records

    assert await stage.run(asking(question)) == [whole(question)]
    assert (splitter.batches, engine.requests) == ([], [])
    assert stage.largest_cost_usd(record, {}) == 0
    assert stage.expected_usage(record, {}) == Usage()


@pytest.mark.parametrize("backend", ["spans", "model"])
async def test_a_record_without_a_question_is_an_error_in_its_own_row(backend):
    _, spans = by_spans(cut_first_word)
    _, model = by_model(lambda request: says("a", "b"))
    stage = spans if backend == "spans" else model
    records = [*asking("who then").records, Record("bad", {"text": SECRET})]

    first, error = await stage.run(Batch(records, Deadline.after(5), {}))

    assert len(first.steps) == 2
    assert isinstance(error, HeadgateError)
    assert SECRET not in f"{error!s}{error!r}"


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(says("Who founded the Harbour Mill?", "When was #1 born?"), id="json"),
        pytest.param(
            "### Q1: Who founded the Harbour Mill? ## Need Context? ## Yes\n"
            "### Q2: When was #1 born? ## Need Context? ## Yes",
            id="lines",
        ),
    ],
)
async def test_a_model_is_asked_for_steps_at_its_price(said):
    engine, stage = by_model(lambda request: said)

    assert await stage.run(asking(CHAIN)) == [Planned(STEPS, CALL)]
    assert engine.asked == ["q0/plan"]
    (request,) = engine.requests
    assert (request.instruction, request.question) == ("Split the question.", CHAIN)


async def test_a_single_step_is_the_question_as_it_was_asked():
    _, stage = by_model(lambda request: says("Whatever the model made of it?"))

    assert await stage.run(asking(CHAIN)) == [whole(CHAIN, usage=CALL)]


async def test_a_plan_that_somebody_paid_for_before_is_cached():
    _, stage = by_model(lambda request: says("Who?", "When was #1 born?"))
    await stage.run(asking(CHAIN))

    (cell,) = await stage.run(asking(CHAIN))

    assert (cell.cached, cell.usage, len(cell.steps)) == (True, Usage(), 2)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(says(*["Who?"] * 50), id="fifty-steps"),
        pytest.param(says("When was #2 born?", "Who founded #1?"), id="circular"),
        pytest.param(says("Who?", "Is Question 1 alive?"), id="in-words"),
        pytest.param({"steps": []}, id="none"),
        pytest.param({"plan": "?"}, id="another-object"),
        pytest.param("I would rather not.", id="prose"),
    ],
)
async def test_an_unusable_plan_is_asked_for_again_and_then_the_question_stays_whole(said):
    engine, stage = by_model(lambda request: said)

    (cell,) = await stage.run(asking(CHAIN))

    assert cell.steps == (PlanStep(1, CHAIN),)
    assert cell.fallback.startswith("invalid answer: ")
    assert len(engine.requests) == 2
    assert (cell.usage.calls, cell.usage.estimated, cell.usage.cost_usd > 0) == (2, True, True)


async def test_a_plan_of_more_steps_than_are_allowed_is_refused():
    _, stage = by_model(lambda request: says("Who?", "When?", "Where?"), most_steps=2)

    (cell,) = await stage.run(asking(CHAIN))

    assert (cell.steps, cell.fallback) == (whole(CHAIN).steps, "invalid answer: plan_unusable")


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        pytest.param(LmRefusedError("llm", "no key", "Set it."), "no key", id="refused"),
        pytest.param(
            ValueError(f"saw {SECRET}"),
            "the model failed on this record (ValueError)",
            id="bug-in-the-engine",
        ),
    ],
)
async def test_a_model_that_fails_on_a_question_leaves_it_whole_and_the_others_split(failure, why):
    _, stage = by_model(
        lambda request: failure if SECRET in request.question else says("Who?", "When was #1?")
    )

    cells = await stage.run(asking("a?", SECRET, "b?"))

    assert [len(cell.steps) for cell in cells] == [2, 1, 2]
    assert cells[1] == whole(SECRET, fallback=why)


async def test_a_plan_that_was_not_recorded_leaves_the_question_whole():
    recorded = ReplayEngine({"q0/plan": RawAnswer(json.dumps(says("Who?", "When was #1?")))})
    stage = Decompose("plan", "llm", planner=LmPlanner(LargeModel(recorded), "Split.", 8))

    cells = await stage.run(asking(CHAIN, CHAIN))

    assert len(cells[0].steps) == 2
    assert cells[1] == whole(CHAIN, fallback="no answer was recorded for it")


async def test_a_recorded_plan_that_is_unusable_was_paid_for_once():
    recorded = ReplayEngine({"q0/plan": RawAnswer(json.dumps(says()))})
    stage = Decompose("plan", "llm", planner=LmPlanner(LargeModel(recorded), "Split.", 8))

    (cell,) = await stage.run(asking(CHAIN))

    assert cell.fallback == "invalid answer: plan_unusable"
    assert (cell.usage.calls, cell.usage.estimated) == (1, True)


async def test_only_questions_whose_time_is_over_have_a_deadline_error():
    engine, stage = by_model(lambda request: says("Who?", "When was #1?"))

    cells = await stage.run(asking("held", "now", seconds=0.05))

    assert isinstance(cells[0], DeadlineError)
    assert len(cells[1].steps) == 2
    assert engine.active == 0


async def test_warming_up_a_model_costs_nothing():
    engine, stage = by_model(lambda request: says("Who?"))

    await stage.warm_up()

    assert engine.requests == []


def test_the_most_a_plan_can_cost_is_what_its_question_can():
    _, stage = by_model(lambda request: says("Who?"))
    (record,) = asking(CHAIN).records
    request = stage.planner.request(record)

    assert stage.largest_cost_usd(record, {}) == stage.large_model.largest_cost_usd(request) > 0
    assert stage.expected_usage(record, {}) == stage.large_model.expected_usage(request)


@settings(max_examples=20)
@given(st.lists(st.text(max_size=12), max_size=10))
def test_whatever_spans_are_found_the_steps_can_be_carried_out(texts):
    """Or there is one, the question, and the cell says why."""

    async def split():
        _, stage = by_spans(lambda question: tuple(texts))
        return await stage.run(asking(CHAIN))

    (cell,) = asyncio.run(split())

    if len(cell.steps) > 1:
        assert validated(cell.steps).steps == cell.steps
    else:
        assert cell.steps == (PlanStep(1, CHAIN),)
        assert bool(cell.fallback) == (len(texts) != 1)
