"""The large model alone, and audits: each call is paid for before it is made."""

import asyncio

import pytest

from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import classify, engine_of, gate, retrieve, says_net, soon, verify
from fakes.tiny_models import TinyEncoder, log
from headgate.cascade import capabilities
from headgate.cascade.payment import Purse
from headgate.errors import DeadlineError, LmRefusedError, NotFoundError
from headgate.gate.budget import BudgetLimits, Governor
from headgate.types import Deadline

TWO_CALLS = BudgetLimits(llm_share=0.1, audit_share=0.9)
"""Two and a half of 25 calls are for answers to begin with; a record earns one hundredth."""
TWO_AUDITS = BudgetLimits(llm_share=0.1, audit_share=0.1)
ONE_CALL = BudgetLimits(llm_share=0.1, audit_share=0.95)


@pytest.fixture
def lm():
    return ScriptedLm(says_net)


@pytest.fixture
def encoder():
    return TinyEncoder()


def paying(lm, encoder, limits=TWO_CALLS, per_caller=None):
    """Return a cascade that shows the large model a case, with a budget."""
    stages = classify(encoder), gate(), retrieve(encoder)
    engine = engine_of(*stages, verify(lm, evidence="similar"))
    engine.purse = Purse(Governor(limits, per_caller=per_caller))
    return engine


def spent(engine):
    return engine.purse.governor.snapshot()


def outcomes(found):
    return [each.judgement.answer if each.judgement else each.error.reason for each in found]


async def test_what_the_budget_does_not_pay_gets_its_error_and_is_not_asked(lm, encoder):
    engine = paying(lm, encoder)

    found = await capabilities.verify(
        engine, [log(f"disk {number}") for number in range(4)], soon(), proposals=["net"] * 4
    )

    assert outcomes(found) == ["net", "net", "BUDGET_EXHAUSTED", "BUDGET_EXHAUSTED"]
    assert [each.confirmed for each in found] == [True, True, None, None]
    assert {each.error.status for each in found[2:]} == {"RESOURCE_EXHAUSTED"}
    assert str(found[2].error).startswith("record 'disk 2': the budget of the large model is spent")
    assert [request.record_id for request in lm.requests] == ["disk 0", "disk 1"]
    assert (spent(engine).answers.calls, spent(engine).exhausted) == (2, 2)


async def test_each_record_is_shown_its_own_cases(lm, encoder):
    engine = paying(lm, encoder)

    await capabilities.verify(engine, [log("disk 1"), log("net 2")], soon())

    shown = {request.record_id: request.evidence[0].id for request in lm.requests}
    assert shown == {"disk 1": "case-disk", "net 2": "case-net"}


async def test_a_refused_record_is_not_paid_for(lm, encoder):
    engine = paying(lm, encoder)

    found = await capabilities.verify(engine, [log(" ", "blank"), log("disk 1")], soon())

    assert outcomes(found) == ["INPUT_INVALID", "net"]
    assert spent(engine).answers.calls == 1


async def test_a_call_costs_what_it_costs_and_not_what_it_may(lm, encoder):
    """10 tokens in at 1 dollar a million, 5 out at 2."""
    engine = paying(lm, encoder, BudgetLimits(usd_per_hour=1.0, audit_share=0.0))

    await capabilities.verify(engine, [log("disk 1")], soon())

    assert spent(engine).answers.usd == pytest.approx(20e-6)
    assert spent(engine).in_flight == 0


async def test_a_call_that_fails_stays_paid(lm, encoder):
    def refuse(request):
        raise LmRefusedError("llm", "no key", "Set it.")

    lm.decide = refuse
    engine = paying(lm, encoder)

    found = await capabilities.verify(engine, [log("disk 1")], soon())

    assert outcomes(found) == ["LARGE_MODEL_REFUSED"]
    assert (spent(engine).answers.calls, spent(engine).in_flight) == (1, 0)


async def test_what_a_cache_answers_is_given_back(lm, encoder):
    engine = paying(lm, encoder)
    for _ in range(3):
        found = await capabilities.verify(engine, [log("disk 1")], soon())

    assert (outcomes(found), len(lm.requests)) == (["net"], 1)
    assert spent(engine).answers.calls == 1


@pytest.mark.parametrize("allowed_s", [-1, 0])
async def test_what_is_too_late_to_be_sent_is_not_paid_for(lm, allowed_s):
    """Otherwise a caller without patience spends the budget of all."""
    engine = engine_of(classify(TinyEncoder()), gate(), verify(lm))
    engine.purse = Purse(Governor(TWO_CALLS))

    with pytest.raises(DeadlineError):
        await capabilities.verify(engine, [log("disk 1")], Deadline.after(allowed_s))

    assert (spent(engine).answers.calls, lm.requests) == (0, [])


async def test_one_callers_spent_budget_is_no_other_ones(lm, encoder):
    engine = paying(lm, encoder, BudgetLimits(), per_caller=ONE_CALL)

    async def ask(caller, text):
        return outcomes(await capabilities.verify(engine, [log(text)], soon(), caller=caller))

    assert await ask("greedy", "disk 1") == ["net"]
    assert await ask("greedy", "disk 2") == ["BUDGET_EXHAUSTED"]
    assert await ask("other", "disk 3") == ["net"]


async def test_a_caller_that_leaves_ends_its_calls_and_pays_for_them(lm, encoder):
    engine = paying(lm, encoder)
    asking = asyncio.create_task(capabilities.verify(engine, [log("held up")], soon()))
    while not lm.active:
        await asyncio.sleep(0)

    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert (lm.active, lm.cancelled) == (0, 1)
    assert (spent(engine).answers.calls, spent(engine).in_flight) == (1, 0)


# Audits


async def test_an_audit_asks_with_the_same_cases_and_pays_from_its_own_part(lm, encoder):
    engine = paying(lm, encoder)

    answer = await capabilities.audit(engine, log("disk 1"), soon())

    assert answer == "net"
    assert [hit.id for hit in lm.requests[0].evidence] == ["case-disk"]
    assert (spent(engine).audits.calls, spent(engine).answers.calls) == (1, 0)


async def test_an_audit_that_cannot_be_paid_is_not_made(lm, encoder):
    engine = paying(lm, encoder, TWO_AUDITS)

    answers = [await capabilities.audit(engine, log(f"disk {n}"), soon()) for n in range(4)]

    assert answers == ["net", "net", None, None]
    assert (len(lm.requests), spent(engine).refused_audits) == (2, 2)


async def test_an_audit_that_fails_has_no_answer(lm, encoder):
    lm.decide = lambda request: "no label"
    engine = paying(lm, encoder)

    assert await capabilities.audit(engine, log("disk 1"), soon()) is None
    assert (spent(engine).audits.calls, spent(engine).in_flight) == (1, 0)


async def test_an_audit_goes_on_without_cases_where_none_can_be_found(lm, encoder):
    assert await capabilities.audit(paying(lm, encoder), log("poison 1"), soon()) == "net"
    assert lm.requests[0].evidence == ()


async def test_an_audit_that_is_given_up_is_settled(lm, encoder):
    engine = paying(lm, encoder)
    auditing = asyncio.create_task(capabilities.audit(engine, log("held up"), soon()))
    while not lm.active:
        await asyncio.sleep(0)

    auditing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await auditing

    assert (spent(engine).audits.calls, spent(engine).in_flight) == (1, 0)


async def test_there_is_no_audit_without_a_large_model():
    with pytest.raises(NotFoundError, match="it has no verify stage"):
        await capabilities.audit(engine_of(classify(TinyEncoder())), log("disk"), soon())
