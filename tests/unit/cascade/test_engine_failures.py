"""What becomes of a batch when a model fails or the time runs out."""

import asyncio

import pytest

from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import (
    LARGE_NET,
    SMALL_DISK,
    SMALL_NET,
    cascade,
    classify,
    engine_of,
    gate,
    retrieve,
    says_net,
    shown,
    soon,
    verify,
)
from fakes.tiny_models import StandingDeadline, TinyEncoder, log, ngram_classifier
from headgate.errors import DeadlineError, LmRefusedError, StageError
from headgate.gate.threshold import KEEP_NOTHING
from headgate.lm.replay import ReplayEngine
from headgate.lm.seam import RawAnswer
from headgate.types import Deadline, Decision, Tier

# Failures


async def test_a_record_that_breaks_the_small_model_has_its_own_error():
    lm = ScriptedLm()

    results = await cascade(lm).run([log("disk"), log("poison 4711"), log("net")], soon())

    assert [shown(each) for each in results] == [SMALL_DISK, ("", None, ""), SMALL_NET]
    assert isinstance(results[1].error, StageError)
    assert "4711" not in str(results[1].error)
    assert [(step.stage, step.decision) for step in results[1].path] == [
        ("triage", Decision.FAILED)
    ]
    assert lm.requests == []


async def test_a_record_that_breaks_the_second_tier_keeps_the_first_ones_answer():
    engine = engine_of(
        classify(name="cheap", classifier=ngram_classifier()),
        gate(KEEP_NOTHING, name="cheap_keep", of="cheap"),
        classify(TinyEncoder()),
    )

    results = await engine.run([log("poison disk"), log("net")], soon())

    assert [shown(each) for each in results] == [("disk", Tier.SMALL, "RECORD_FAILED"), SMALL_NET]
    assert results[0].error is None


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        pytest.param(LmRefusedError("llm", "no key", "Set."), "LARGE_MODEL_REFUSED", id="refused"),
        pytest.param("sideways", "LARGE_MODEL_ANSWER_INVALID", id="outside-the-labels"),
        pytest.param(ValueError("4711"), "RECORD_FAILED", id="bug-in-the-engine"),
    ],
)
async def test_when_the_large_model_fails_the_small_ones_answer_is_marked_degraded(failure, reason):
    def decide(request):
        if isinstance(failure, Exception):
            raise failure
        return failure

    (result,) = await cascade(ScriptedLm(decide)).run([log("likely")], soon())

    assert shown(result) == ("disk", Tier.SMALL, reason)
    assert result.error is None
    assert result.confidence == pytest.approx(0.75)
    assert (result.path[-1].decision, result.path[-1].detail) == (Decision.FAILED, reason)


async def test_one_failure_of_the_large_model_leaves_its_other_answers():
    def decide(request):
        if request.record_id == "unsure 2":
            raise LmRefusedError("llm", "filtered", "Rephrase.")
        return "net"

    results = await cascade(ScriptedLm(decide)).run(
        [log("unsure 1"), log("unsure 2"), log("unsure 3")], soon()
    )

    assert [each.degraded for each in results] == ["", "LARGE_MODEL_REFUSED", ""]
    assert [each.tier for each in results] == [Tier.LARGE, Tier.SMALL, Tier.LARGE]


async def test_an_answer_that_was_not_recorded_is_reported_and_never_made_up():
    recorded = ReplayEngine({"there": RawAnswer('{"label": "net"}', 10, 5)})

    results = await cascade(recorded).run(
        [log("unsure", "there"), log("unsure", "missing")], soon()
    )

    assert [shown(each) for each in results] == [LARGE_NET, ("disk", Tier.SMALL, "REPLAY_MISS")]


async def test_without_a_small_model_the_large_ones_failure_is_the_records_error():
    def decide(request):
        raise LmRefusedError("llm", "no key", "Set it.")

    (result,) = await engine_of(verify(ScriptedLm(decide))).run([log("disk")], soon())

    assert isinstance(result.error, LmRefusedError)
    assert shown(result) == ("", None, "")


async def test_a_retrieval_that_fails_leaves_the_record_without_cases_but_decided():
    lm = ScriptedLm(says_net)

    class Forgetful(TinyEncoder):
        async def encode(self, texts):
            await super().encode(texts)
            raise RuntimeError("out of memory")

    engine = engine_of(
        classify(TinyEncoder()), gate(), retrieve(Forgetful()), verify(lm, evidence="similar")
    )

    (result,) = await engine.run([log("unsure")], soon())

    assert shown(result) == LARGE_NET
    assert result.evidence == ()
    assert [step.decision for step in result.path] == [
        Decision.ANSWERED,
        Decision.ESCALATED,
        Decision.FAILED,
        Decision.ANSWERED,
    ]


# Deadlines


@pytest.mark.parametrize("left_s", [-1.0, 0.0])
async def test_when_the_time_is_over_at_the_start_each_row_says_so(left_s):
    encoder, lm = TinyEncoder(), ScriptedLm()

    results = await cascade(lm, encoder=encoder).run(
        [log("disk"), log("unsure")], StandingDeadline(left_s)
    )

    assert [type(each.error) for each in results] == [DeadlineError, DeadlineError]
    assert (encoder.calls, lm.requests) == ([], [])


async def test_a_small_model_that_does_not_end_in_time_is_a_deadline_error():
    encoder = TinyEncoder(may_answer=asyncio.Event())

    (result,) = await cascade(encoder=encoder).run([log("disk")], Deadline.after(0.02))

    assert isinstance(result.error, DeadlineError)


async def test_a_retrieval_that_does_not_end_in_time_leaves_the_small_models_answer():
    lm = ScriptedLm()
    slow = retrieve(TinyEncoder(may_answer=asyncio.Event()))
    engine = engine_of(classify(TinyEncoder()), gate(), slow, verify(lm, evidence="similar"))

    results = await engine.run([log("unsure"), log("net")], Deadline.after(0.2))

    assert [shown(each) for each in results] == [("disk", Tier.SMALL, "DEADLINE"), SMALL_NET]
    assert [step.stage for step in results[0].path] == ["triage", "keep", "similar"]
    assert lm.requests == []


async def test_a_large_model_that_does_not_end_in_time_leaves_the_small_models_answer():
    lm = ScriptedLm(says_net)

    results = await cascade(lm).run([log("held 1"), log("unsure 2")], Deadline.after(0.3))

    assert [shown(each) for each in results] == [("disk", Tier.SMALL, "DEADLINE"), LARGE_NET]
    assert results[0].path[-1].detail == "DEADLINE_EXCEEDED"
    assert lm.active == 0


async def test_a_stage_that_will_not_end_in_time_is_not_started():
    """Twenty calls took five milliseconds each, and two are left."""
    encoder = TinyEncoder(pause_s=0.005)
    engine = cascade(encoder=encoder)
    hurried = StandingDeadline(0.002)
    for number in range(20):
        await engine.run([log(f"disk {number}")], soon())

    (late,) = await engine.run([log("disk")], hurried)
    (in_time,) = await engine.run([log("disk")], soon())

    assert isinstance(late.error, DeadlineError)
    assert [(step.decision, step.elapsed_ms) for step in late.path] == [(Decision.FAILED, 0.0)]
    assert shown(in_time) == SMALL_DISK
    assert len(encoder.calls) == 21
