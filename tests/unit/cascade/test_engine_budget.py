"""What becomes of records when the large model has a budget. Its clock stands still here."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.certificates import certificate
from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import (
    LARGE_NET,
    SMALL_DISK,
    SMALL_NET,
    cascade,
    classify,
    engine_of,
    gate,
    says_net,
    shown,
    soon,
    verify,
)
from fakes.tiny_models import StandingDeadline, TinyEncoder, broken_classifier, log
from headgate.cascade.guarantee import Guarantee
from headgate.cascade.payment import Purse
from headgate.errors import BudgetError, DeadlineError, LmRefusedError
from headgate.gate.budget import BURST_CALLS, BudgetLimits, Governor, Spending
from headgate.types import Deadline, Decision, GuaranteeState, Origin, Tier

ONE_CALL_USD = 20e-6
"""Ten tokens in and five out, at 1 and 2 dollars a million."""
EXHAUSTED = ("disk", Tier.SMALL, "BUDGET_EXHAUSTED")
SPENT = {"llm_share": 0.0}
"""A budget that pays for nothing."""


def paid(engine, *, rejects=False, per_caller=None, **limits):
    """Give the engine a purse with these limits, and return it."""
    own = None if per_caller is None else BudgetLimits(audit_share=0.0, **per_caller)
    budget = BudgetLimits(audit_share=0.0, **limits)
    engine.purse = Purse(Governor(budget, per_caller=own, now_s=lambda: 0.0), rejects=rejects)
    return engine


def certified(lm=None):
    """Return classify, gate, verify; what the gate sends on has to be asked."""
    return cascade(lm or ScriptedLm(says_net), guarantee=Guarantee(certificate()))


def spent(engine):
    return engine.purse.governor.snapshot().answers


def bound_usd(engine, text="unsure 1"):
    """Return the most that asking about a line can cost; lines of one length cost alike."""
    return engine.asking.largest_cost_usd(log(text), {})


def refuses(request):
    raise LmRefusedError("llm", "no key", "Set it.")


# A budget that is spent


async def test_without_budget_the_small_model_answers_degraded_and_nobody_is_asked():
    lm = ScriptedLm(says_net)
    engine = paid(certified(lm), **SPENT)

    results = await engine.run([log("net"), log("unsure")], soon())

    assert [shown(each) for each in results] == [SMALL_NET, EXHAUSTED]
    assert [each.guarantee for each in results] == [
        GuaranteeState.CERTIFIED,
        GuaranteeState.UNCERTIFIED,
    ]
    assert (results[1].certificate_id, results[1].error) == ("", None)
    assert [step.stage for step in results[1].path] == ["triage", "keep"]
    assert (lm.requests, spent(engine)) == ([], Spending())


async def test_a_budget_that_rejects_leaves_an_error_and_no_answer():
    lm = ScriptedLm(says_net)
    engine = paid(certified(lm), rejects=True, **SPENT)

    kept, rejected = await engine.run([log("net"), log("unsure")], soon())

    assert shown(kept) == SMALL_NET
    assert shown(rejected) == ("", None, "")
    assert isinstance(rejected.error, BudgetError)
    assert (rejected.confidence, rejected.guarantee) == (0.0, GuaranteeState.UNCERTIFIED)
    assert lm.requests == []


async def test_a_rejected_record_is_not_observed():
    engine = paid(certified(), rejects=True, **SPENT)
    seen = []
    engine.observer = seen.append

    await engine.run([log("net"), log("unsure")], soon())

    assert [each.record.id for each in seen] == ["net"]


async def test_without_a_small_model_a_spent_budget_is_the_records_error():
    engine = paid(engine_of(verify(ScriptedLm())), **SPENT)

    (result,) = await engine.run([log("disk")], soon())

    assert isinstance(result.error, BudgetError)


async def test_without_a_certificate_a_spent_budget_keeps_the_answer_and_says_so():
    """Nothing was promised, so nothing is degraded."""
    lm = ScriptedLm(says_net)
    engine = paid(cascade(lm), rejects=True, **SPENT)

    (result,) = await engine.run([log("unsure")], soon())

    assert shown(result) == SMALL_DISK
    assert (result.path[-1].stage, result.path[-1].decision) == ("budget", Decision.KEPT)
    assert result.path[-1].detail == "a call is not worth its price now"
    assert lm.requests == []


# What a call is worth


async def test_what_is_worth_less_than_the_price_is_kept_and_says_so():
    """After eight calls beyond what was earned, a call is asked about 0.4; 0.25 is not enough."""
    lm = ScriptedLm(says_net)
    engine = paid(cascade(lm), llm_share=0.01)
    await engine.run([log(f"unsure {number}") for number in range(8)], soon())

    likely, unsure = await engine.run([log("likely"), log("unsure 8")], soon())

    assert shown(likely) == SMALL_DISK
    assert likely.path[-1].detail == "a call is not worth its price now"
    assert likely.confidence == pytest.approx(0.75)
    assert shown(unsure) == LARGE_NET
    assert len(lm.requests) == 9


async def test_what_a_certificate_sends_on_is_asked_at_any_price():
    lm = ScriptedLm(says_net)
    engine = paid(certified(lm), llm_share=0.01)
    await engine.run([log(f"unsure {number}") for number in range(20)], soon())

    (likely,) = await engine.run([log("likely")], soon())

    assert shown(likely) == LARGE_NET


async def test_a_probability_that_is_no_number_is_worth_as_much_as_any():
    lm = ScriptedLm(says_net)
    broken = classify(TinyEncoder(), classifier=broken_classifier())
    engine = paid(engine_of(broken, gate(), verify(lm)), llm_share=0.01)

    (result,) = await engine.run([log("disk")], soon())

    assert (result.answer, result.tier) == ("net", Tier.LARGE)


async def test_every_record_earns_its_share_whoever_answers_it():
    engine = paid(certified(), llm_share=0.5)
    await engine.run([log("unsure")], soon())
    before = engine.purse.governor.snapshot().calls.level

    await engine.run([log("disk"), log("net")], soon())

    after = engine.purse.governor.snapshot().calls.level
    assert (before, after) == (BURST_CALLS - 1, BURST_CALLS)


# What a call costs


async def test_an_answer_is_settled_at_what_it_cost():
    engine = paid(certified(), usd_per_hour=6.0)

    (result,) = await engine.run([log("unsure")], soon())

    assert shown(result) == LARGE_NET
    assert spent(engine) == Spending(1, pytest.approx(ONE_CALL_USD))
    assert bound_usd(engine) > ONE_CALL_USD


async def test_a_cached_answer_gives_the_call_back():
    engine = paid(certified(), usd_per_hour=6.0)
    await engine.run([log("unsure", "r1")], soon())

    (again,) = await engine.run([log("unsure", "r2")], soon())

    assert (again.cached, again.tier) == (True, Tier.LARGE)
    assert spent(engine) == Spending(1, pytest.approx(ONE_CALL_USD))


async def test_equal_records_at_once_are_paid_once():
    engine = paid(certified(), usd_per_hour=6.0)

    await engine.run([log("unsure", f"r{number}") for number in range(5)], soon())

    assert spent(engine) == Spending(1, pytest.approx(ONE_CALL_USD))


async def test_a_second_attempt_is_paid_too():
    answers = iter(["sideways", "net"])
    engine = paid(certified(ScriptedLm(lambda _: next(answers))), usd_per_hour=6.0)

    await engine.run([log("unsure")], soon())

    assert spent(engine) == Spending(1, pytest.approx(2 * ONE_CALL_USD))


async def test_a_call_that_failed_stays_paid():
    """It may have been sent, and three times: nobody knows what the endpoint will ask for it."""
    engine = paid(certified(ScriptedLm(refuses)), usd_per_hour=6.0)

    (result,) = await engine.run([log("unsure 1")], soon())

    assert result.degraded == "LARGE_MODEL_REFUSED"
    assert spent(engine) == Spending(1, pytest.approx(bound_usd(engine)))


async def test_a_call_that_nobody_waited_for_stays_paid():
    engine = paid(certified(), usd_per_hour=6.0)

    (result,) = await engine.run([log("held 1")], Deadline.after(0.1))

    assert result.degraded == "DEADLINE"
    assert spent(engine) == Spending(1, pytest.approx(bound_usd(engine, "held 1")))
    assert engine.purse.governor.snapshot().in_flight == 0


async def test_a_call_that_is_not_started_costs_nothing():
    """A caller that leaves no time must not spend the budget of the others."""
    lm = ScriptedLm()
    engine = paid(engine_of(verify(lm)), usd_per_hour=6.0)

    (result,) = await engine.run([log("disk")], StandingDeadline(0.0))

    assert isinstance(result.error, DeadlineError)
    assert (lm.requests, spent(engine)) == ([], Spending())


async def test_a_reader_that_stops_early_leaves_no_call_unsettled():
    lm = ScriptedLm(says_net)
    engine = paid(certified(lm), usd_per_hour=6.0)
    stream = engine.stream([log("held 1"), log("unsure")], soon())
    assert (await anext(stream))[0] == 1

    await stream.aclose()

    now = engine.purse.governor.snapshot()
    assert (now.in_flight, now.answers.calls, lm.active) == (0, 2, 0)


# Many at once


async def started(lm, calls):
    """Wait until so many calls are under way."""
    async with asyncio.timeout(5):
        while lm.active < calls:
            await asyncio.sleep(0)


async def test_calls_under_way_are_paid_before_they_are_made():
    """Three and a half of the largest cost pay for three at once, however cheap they will be."""
    lm = ScriptedLm(says_net)
    engine = certified(lm)
    burst_usd = 3.5 * bound_usd(engine, "held 0")
    paid(engine, usd_per_hour=1.0, burst_usd=burst_usd)
    records = [log(f"held {number}") for number in range(9)]

    runs = [asyncio.create_task(engine.run(records[at : at + 3], soon())) for at in (0, 3, 6)]
    await started(lm, 3)
    under_way = spent(engine)
    lm.may_answer.set()
    results = [each for run in runs for each in await run]

    assert under_way == Spending(3, pytest.approx(3 * bound_usd(engine, "held 0")))
    assert under_way.usd <= burst_usd
    assert [shown(each) for each in results].count(LARGE_NET) == len(lm.requests) == 3
    assert [each.degraded for each in results].count("BUDGET_EXHAUSTED") == 6
    assert spent(engine) == Spending(3, pytest.approx(3 * ONE_CALL_USD))


BATCHES = st.lists(st.integers(0, 12), min_size=1, max_size=5)
FATES = st.sampled_from(["net", "refuse", "sideways"])


def fated(fates):
    """Do with each record what its number says."""

    def decide(request):
        fate = fates[int(request.record_id) % len(fates)]
        return refuses(request) if fate == "refuse" else fate

    return ScriptedLm(decide)


@settings(max_examples=25, deadline=None)
@given(
    BATCHES,
    st.lists(FATES, min_size=1, max_size=4),
    st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    st.floats(0.5, 40.0),
    st.booleans(),
)
def test_concurrent_records_never_spend_more_than_there_is(sizes, fates, share, bounds, promised):
    """Money stands still, so all that may ever be spent is the burst."""
    lm = fated(fates)
    engine = certified(lm) if promised else cascade(lm)
    burst_usd = bounds * bound_usd(engine, "unsure 10")
    paid(engine, llm_share=share, usd_per_hour=1.0, burst_usd=burst_usd)

    results = asyncio.run(_at_once(engine, sizes))

    total = spent(engine)
    asked = {request.record_id for request in lm.requests}
    earned = share * sum(sizes) + (BURST_CALLS if share else 0)
    assert len(results) == sum(sizes)
    assert len(asked) == total.calls <= earned
    assert engine.asking.large_model.ledger.total().cost_usd <= total.usd + 1e-12
    assert total.usd <= burst_usd * (1 + 1e-9)
    assert engine.purse.governor.snapshot().in_flight == 0
    unpaid = [each for each in results if each.tier is Tier.SMALL and each.record_id not in asked]
    assert {each.degraded for each in unpaid} <= {"BUDGET_EXHAUSTED" if promised else ""}


async def _at_once(engine, sizes):
    numbers = iter(range(10, 100))
    lines = [[next(numbers) for _ in range(size)] for size in sizes]
    batches = [[log(f"unsure {number}", str(number)) for number in each] for each in lines]
    runs = await asyncio.gather(*(engine.run(batch, soon()) for batch in batches))
    return [result for run in runs for result in run]


# Callers


async def test_what_one_caller_spent_the_others_still_have():
    """Failed calls stay paid, so one and a half of the largest cost pay for one a caller."""
    engine = certified(ScriptedLm(refuses))
    burst_usd = 1.5 * bound_usd(engine)
    paid(engine, per_caller={"usd_per_hour": 1.0, "burst_usd": burst_usd})

    told = []
    for number, caller in enumerate(["one", "one", "two", "", ""]):
        origin = Origin("request", caller)
        results = await engine.run([log(f"unsure {number}")], soon(), origin=origin)
        told += [(caller, each.degraded) for each in results]

    assert told == [
        ("one", "LARGE_MODEL_REFUSED"),
        ("one", "BUDGET_EXHAUSTED"),
        ("two", "LARGE_MODEL_REFUSED"),
        ("", "LARGE_MODEL_REFUSED"),
        ("", "BUDGET_EXHAUSTED"),
    ]


async def test_the_budget_of_all_holds_for_callers_that_have_their_own():
    engine = paid(certified(), per_caller={"usd_per_hour": 6.0}, **SPENT)

    (result,) = await engine.run([log("unsure")], soon(), origin=Origin("request", "one"))

    assert shown(result) == EXHAUSTED
