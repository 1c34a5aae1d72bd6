"""What is told of the stages of a cascade: one span each, nested as they run, and no record."""

import asyncio

import pytest

from fakes import tiny_engine, tiny_questions, tiny_tables
from fakes.certificates import certificate
from fakes.recorded_spans import RecordedSpan
from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import soon
from fakes.tiny_models import TinyEncoder
from fakes.tiny_questions import CHAIN
from headgate import spans
from headgate.cascade.capabilities import classify, verify
from headgate.cascade.guarantee import Guarantee
from headgate.cascade.payment import Purse
from headgate.errors import LmRefusedError
from headgate.gate.budget import BudgetLimits, Governor
from headgate.types import Deadline, Record

RECORDS = [
    Record(f"canary-{n}", {"log": f"{word} canary"}) for n, word in enumerate(["disk", "net"])
]
UNSURE = Record("canary-u", {"log": "unsure canary"})
ASKED = "chat scripted"


async def told(engine, records, deadline=None):
    """Return the span of a call in which an engine answers these records."""
    call = RecordedSpan("call")
    with spans.entered(call):
        await engine.run(records, deadline or soon())
    return call


async def test_each_stage_has_one_span_below_the_call_and_each_question_one_below_its_stage():
    call = await told(tiny_engine.cascade(), [*RECORDS, UNSURE, UNSURE])

    assert [each.name for each in call.below] == ["triage", "keep", "decide"]
    assert [each.name for each in call.named("decide").below] == [ASKED]  # equal ones are one
    assert {each.ended for each in call.all()} == {0, 1}
    assert call.ended == 0


async def test_a_gate_tells_what_it_kept_and_a_stage_what_it_took():
    call = await told(tiny_engine.cascade(), [*RECORDS, UNSURE])

    assert call.told("triage") == {
        "stage": "triage",
        "kind": "classify",
        "tier": "small",
        "records": 3,
        "failed": 0,
    }
    assert call.told("keep") == {
        "stage": "keep",
        "kind": "gate",
        "records": 3,
        "kept": 2,
        "sent_on": 1,
    }
    assert call.told("decide") == {
        "stage": "decide",
        "kind": "verify",
        "tier": "large",
        "records": 1,
        "asked": 1,
        "failed": 0,
        "calls": 1,
        "cached": 0,
        "input_tokens": 10,
        "output_tokens": 5,
        "cost_usd": pytest.approx(20e-6),
    }
    assert call.named(ASKED).facts == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "scripted",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
    }
    assert call.named(ASKED).outgoing


async def test_a_stage_that_fails_on_all_is_marked_and_says_why():
    def refuses(request):
        raise LmRefusedError("llm", "canary", "Set a key.")

    call = await told(tiny_engine.cascade(ScriptedLm(refuses)), [*RECORDS, UNSURE])

    decide = call.named("decide")
    assert (decide.facts["headgate.failed"], decide.reason) == (1, "LARGE_MODEL_REFUSED")
    assert decide.facts["headgate.degraded_reason"] == ["LARGE_MODEL_REFUSED"]
    assert call.named(ASKED).reason == "LARGE_MODEL_REFUSED"


async def test_a_stage_that_fails_on_some_is_not_marked():
    poisoned = Record("p", {"log": "poison"})

    call = await told(tiny_engine.cascade(), [*RECORDS, poisoned])

    triage = call.named("triage")
    assert (triage.facts["headgate.failed"], triage.reason) == (1, "")


async def test_what_comes_too_late_has_a_span_that_says_so():
    call = await told(tiny_engine.cascade(), RECORDS, Deadline.after(-1))

    assert call.told("triage")["degraded_reason"] == ["DEADLINE"]
    assert call.tree == {"triage": {}}


async def test_what_cannot_be_paid_is_counted_as_failed_and_not_as_asked():
    engine = tiny_engine.cascade(guarantee=Guarantee(certificate()))
    engine.purse = Purse(Governor(BudgetLimits(llm_share=0.0, audit_share=0.0)))

    call = await told(engine, [UNSURE])

    decide = call.told("decide")
    assert (decide["asked"], decide["failed"]) == (0, 1)
    assert decide["degraded_reason"] == ["BUDGET_EXHAUSTED"]
    assert call.tree == {"triage": {}, "keep": {}, "decide": {}}


async def test_columns_of_tables_are_below_their_for_each_and_pairs_beside_it():
    record = tiny_tables.tables("disk_a", "pump_c", "held_d", record_id="canary")
    lm = ScriptedLm()
    lm.may_answer.set()

    call = await told(tiny_tables.matching(lm), [record])

    assert [each.name for each in call.below] == ["columns", "match"]
    columns = call.named("columns")
    assert [each.name for each in columns.below] == ["candidates", "keep", "judge"]
    assert columns.facts["headgate.records"] == 1
    assert call.told("candidates")["records"] == 3
    assert call.told("keep")["sent_on"] == 2
    assert call.told("match") == {"stage": "match", "kind": "assign", "records": 1}


async def test_two_tables_of_one_call_do_not_end_up_in_one_anothers_spans():
    tables = [tiny_tables.tables("disk_a", record_id=name) for name in ("one", "two")]

    call = await told(tiny_tables.matching(), tables)

    assert [each.name for each in call.below] == ["columns", "match", "match"]
    assert {each.ended for each in call.below} == {1}


async def test_steps_of_plans_are_below_the_stage_that_has_them_answered():
    asked = tiny_questions.cascade(known=tiny_questions.NONE)
    call = RecordedSpan("call")

    with spans.entered(call):
        await asked.answer(CHAIN)

    assert [each.name for each in call.below] == tiny_questions.WAY
    final = call.named("final")
    assert [each.name for each in final.below] == ["answer", "answer", "chat scripted"]
    assert [each.tree for each in final.below[:2]] == [{"chat scripted": {}}] * 2


async def test_questions_that_are_answered_at_once_keep_their_steps_apart():
    """Each call's spans stay below its own, although its tasks take turns."""
    engine = tiny_questions.cascade(known=tiny_questions.NONE).engine
    calls = [RecordedSpan("a"), RecordedSpan("b")]

    async def answer(call):
        with spans.entered(call):
            await engine.run([tiny_questions.asks(f"{CHAIN} {call.name}")], soon())

    await asyncio.gather(*map(answer, calls))

    for call in calls:
        assert [each.name for each in call.below] == tiny_questions.WAY


async def test_stages_that_are_called_alone_have_a_span_too():
    engine, call = tiny_engine.cascade(), RecordedSpan("call")

    with spans.entered(call):
        await classify(engine, RECORDS, soon())
        await verify(engine, [UNSURE], soon())

    assert [each.name for each in call.below] == ["triage", "decide"]
    assert call.told("decide")["tier"] == "large"


async def test_a_bug_of_a_stage_fails_its_span_by_its_kind():
    class Broken(TinyEncoder):
        async def encode(self, texts):
            raise RuntimeError(f"canary {texts}")

    call = await told(tiny_engine.cascade(encoder=Broken()), RECORDS)

    assert call.named("triage").facts["headgate.failed"] == 2
    assert "canary" not in str(list(call.all()))


@pytest.mark.parametrize("stop_after", [1, 2])
async def test_a_reader_that_stops_early_leaves_no_span_open(stop_after):
    lm, call = ScriptedLm(), RecordedSpan("call")
    held = [Record("h", {"log": "held unsure"})]

    with spans.entered(call):
        source = tiny_engine.cascade(lm).stream([*RECORDS, *held], soon())
        for _ in range(stop_after):
            await anext(source)
        await source.aclose()

    assert {each.ended for each in call.all() if each is not call} == {1}


async def test_nothing_of_a_record_is_told():
    asked = [*RECORDS, UNSURE, Record("canary-p", {"log": "poison canary"})]

    call = await told(tiny_engine.cascade(), asked)

    assert "canary" not in str(list(call.all()))
