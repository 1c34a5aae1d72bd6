import asyncio
import time

import pytest

from fakes.scripted_lm import ScriptedLm
from fakes.tiny_models import LEVEL, RANK, caused, log
from headgate.errors import (
    DeadlineError,
    LmAnswerError,
    LmRefusedError,
    ReplayMissError,
    StageError,
    UnavailableError,
)
from headgate.lm.large_model import LargeModel
from headgate.lm.ledger import Price
from headgate.lm.replay import ReplayEngine
from headgate.lm.seam import RawAnswer
from headgate.stages.contract import Batch
from headgate.stages.verify import Verify
from headgate.types import Deadline, Hit, Judgement, Usage

CASE = Hit("case-1", 0.9, "disk worn", {"label": "net"})


def stage_of(engine, task=LEVEL, evidence=None):
    return Verify(
        "decide",
        "llm",
        task=task,
        large_model=LargeModel(engine, price=Price(1.0, 2.0), backoff_s=(0, 0)),
        instruction="Sort the line.",
        evidence=evidence,
    )


def batch_of(*records, seconds=5.0, columns=None):
    return Batch(records, Deadline.after(seconds), columns or {})


def second_word(request):
    return request.fields["log"].split()[1]


async def test_each_record_gets_the_models_answer_with_its_reason_and_price():
    cells = await stage_of(ScriptedLm(second_word)).run(batch_of(log("a net"), log("b disk")))

    usage = Usage(1, 10, 5, pytest.approx(20e-6))
    assert cells == [Judgement("net", "because", usage), Judgement("disk", "because", usage)]


async def test_the_model_is_asked_with_the_prompt_the_options_and_the_evidence():
    engine = ScriptedLm()
    stage = stage_of(engine, evidence="similar")

    await stage.run(batch_of(log("a", "r1"), columns={"similar": [(CASE,)]}))

    (request,) = engine.requests
    assert stage.inputs == ("similar",)
    assert (request.instruction, request.options) == ("Sort the line.", ("disk", "net"))
    assert (request.record_id, request.fields, request.evidence) == ("r1", {"log": "a"}, (CASE,))


async def test_a_retrieval_that_failed_leaves_the_record_without_cases_but_not_without_answer():
    engine = ScriptedLm()
    failed = StageError("stage 'similar'", "the model failed", "Report it.")

    cells = await stage_of(engine, evidence="similar").run(
        batch_of(log("a"), columns={"similar": [failed]})
    )

    assert [cell.answer for cell in cells] == ["disk"]
    assert engine.requests[0].evidence == ()


async def test_without_evidence_no_column_is_read():
    engine = ScriptedLm()
    stage = stage_of(engine)

    await stage.run(batch_of(log("a"), columns={"similar": [(CASE,)]}))

    assert stage.inputs == ()
    assert engine.requests[0].evidence == ()


async def test_a_record_with_candidates_is_answered_with_one_of_their_ids():
    engine = ScriptedLm(lambda request: request.candidates[1].id)

    cells = await stage_of(engine, RANK).run(batch_of(caused("a", "net loop", "disk worn")))

    assert cells[0].answer == "c1"


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        pytest.param(LmRefusedError("llm", "no key", "Set it."), LmRefusedError, id="refused"),
        pytest.param("sideways", LmAnswerError, id="outside-the-labels"),
        pytest.param(UnavailableError("llm", "gone", "Wait."), UnavailableError, id="unavailable"),
        pytest.param(ValueError("saw 4711-secret"), StageError, id="bug-in-the-engine"),
    ],
)
async def test_a_record_the_model_fails_on_has_its_error_and_the_others_their_answer(failure, kind):
    def decide(request):
        if not request.fields["log"].startswith("bad"):
            return "net"
        if isinstance(failure, Exception):
            raise failure
        return failure

    cells = await stage_of(ScriptedLm(decide)).run(
        batch_of(log("a"), log("bad 4711-secret"), log("b"))
    )

    assert type(cells[1]) is kind
    assert "4711" not in str(cells[1])
    assert [cells[0].answer, cells[2].answer] == ["net", "net"]


async def test_a_record_without_a_recorded_answer_is_a_miss():
    engine = ReplayEngine({"r1": RawAnswer('{"label": "net"}')})

    cells = await stage_of(engine).run(batch_of(log("a", "r1"), log("a", "r2")))

    assert cells[0].answer == "net"
    assert isinstance(cells[1], ReplayMissError)


async def test_records_whose_time_is_over_have_a_deadline_error_each():
    engine = ScriptedLm()

    cells = await stage_of(engine).run(batch_of(log("held"), log("now"), seconds=0.05))

    assert isinstance(cells[0], DeadlineError)
    assert cells[1].answer == "disk"
    assert engine.active == 0


async def test_a_deadline_that_has_passed_calls_nobody():
    engine = ScriptedLm()

    (cell,) = await stage_of(engine).run(Batch([log("a")], Deadline(time.monotonic() - 1), {}))

    assert isinstance(cell, DeadlineError)
    assert engine.requests == []


async def test_giving_up_cancels_every_call():
    engine = ScriptedLm()
    run = asyncio.create_task(stage_of(engine).run(batch_of(log("held 1"), log("held 2"))))
    while engine.active < 2:
        await asyncio.sleep(0)

    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    await asyncio.sleep(0)

    assert run.cancelled()
    assert (engine.active, engine.cancelled) == (0, 2)


async def test_warming_up_costs_nothing():
    engine = ScriptedLm()

    await stage_of(engine).warm_up()

    assert engine.requests == []


def test_the_most_a_record_can_cost_grows_with_what_the_model_is_shown():
    engine = ScriptedLm()
    stage = stage_of(engine, evidence="similar")

    bare, shown = (stage.largest_cost_usd(log("a"), {"similar": hits}) for hits in ((), (CASE,)))

    assert 0 < bare < shown
    assert shown == stage.large_model.largest_cost_usd(
        stage.request(log("a"), {"similar": (CASE,)})
    )
    assert engine.requests == []


def test_what_is_expected_is_what_one_call_would_take():
    stage = stage_of(ScriptedLm())

    expected = stage.expected_usage(log("a"), {})

    assert expected == stage.large_model.expected_usage(stage.request(log("a"), {}))
    assert (expected.calls, expected.estimated) == (1, True)


def test_a_retrieval_that_failed_costs_no_more_than_no_cases():
    stage = stage_of(ScriptedLm(), evidence="similar")
    failed = StageError("stage 'similar'", "the model failed", "Report it.")

    costs = [stage.largest_cost_usd(log("a"), {"similar": cell}) for cell in (failed, ())]

    assert costs[0] == costs[1]
