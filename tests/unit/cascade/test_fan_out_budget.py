"""What becomes of columns when the large model has a budget. Its clock stands still here."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.certificates import certificate
from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import soon
from fakes.tiny_models import TinyEncoder
from fakes.tiny_tables import matching, one_column, tables
from headgate.cascade.guarantee import Guarantee
from headgate.cascade.payment import Purse
from headgate.domains.schemas.match_record import NO_MATCH
from headgate.errors import BudgetError, LmRefusedError
from headgate.gate.budget import BURST_CALLS, BudgetLimits, Governor, Spending
from headgate.types import Deadline, GuaranteeState, Origin, Tier

ONE_CALL_USD = 20e-6
"""Ten tokens in and five out, at 1 and 2 dollars a million."""
SPENT = {"llm_share": 0.0}
"""A budget that pays for nothing."""
EXHAUSTED = (NO_MATCH, Tier.SMALL, "BUDGET_EXHAUSTED")


def paid(engine, *, rejects=False, **limits):
    """Give the engine of columns a purse with these limits; return that of tables."""
    budget = BudgetLimits(audit_share=0.0, **limits)
    engine.units.purse = Purse(Governor(budget, now_s=lambda: 0.0), rejects=rejects)
    return engine


def certified(lm=None, **options):
    """Return an engine that has to ask about what its gate sends on."""
    return matching(lm, guarantee=Guarantee(certificate()), **options)


def spent(engine):
    return engine.units.purse.governor.snapshot().answers


async def bound_usd(engine, name="pump_c"):
    """Return the most that asking about a column can cost."""
    (progress,) = await engine.units.advance([one_column(name)], soon())
    return engine.asking.largest_cost_usd(progress.record, progress.shown(engine.asking.inputs))


def told(result):
    return [(part.answer, part.tier, part.degraded) for part in result.parts]


def refuses(item):
    raise LmRefusedError("llm", "no key", "Set it.")


# A budget that is spent


async def test_without_budget_the_small_model_ranks_degraded_and_nobody_is_asked():
    lm = ScriptedLm()
    engine = paid(certified(lm), **SPENT)

    (result,) = await engine.run([tables("disk_a", "pump_c")], soon())

    assert told(result) == [("disk_x", Tier.SMALL, ""), EXHAUSTED]
    assert (result.degraded, result.guarantee) == (
        "BUDGET_EXHAUSTED",
        GuaranteeState.UNCERTIFIED,
    )
    assert (lm.requests, spent(engine)) == ([], Spending())


async def test_a_budget_that_rejects_leaves_the_columns_error_and_no_pair_for_it():
    engine = paid(certified(), rejects=True, **SPENT)

    (result,) = await engine.run([tables("disk_a", "pump_c")], soon())

    rejected = result.parts[1]
    assert (type(rejected.error), rejected.answer, rejected.ranking) == (BudgetError, "", ())
    assert (result.answer, result.degraded) == ('{"disk_a": "disk_x"}', "BUDGET_EXHAUSTED")


async def test_without_a_certificate_a_column_that_is_not_worth_its_price_is_kept():
    """Nothing was promised, so nothing is degraded, of the column or of its table."""
    lm = ScriptedLm()
    engine = paid(matching(lm), **SPENT)

    (result,) = await engine.run([tables("disk_a", "pump_c")], soon())

    assert told(result) == [("disk_x", Tier.SMALL, ""), (NO_MATCH, Tier.SMALL, "")]
    assert result.parts[1].path[-1].detail == "a call is not worth its price now"
    assert (result.tier, result.degraded, lm.requests) == (Tier.SMALL, "", [])


async def test_part_of_a_budget_pays_for_part_of_the_columns():
    engine = certified()
    paid(engine, usd_per_hour=1.0, burst_usd=1.5 * await bound_usd(engine))

    (result,) = await engine.run([tables("pump_c", "pump_d")], soon())

    assert told(result) == [("pump_x", Tier.LARGE, ""), EXHAUSTED]


async def test_every_column_earns_its_share_whoever_answers_it():
    engine = paid(certified(), llm_share=0.5)
    await engine.run([tables("pump_c")], soon())

    await engine.run([tables("disk_a", "net_b")], soon())

    assert engine.units.purse.governor.snapshot().calls.level == BURST_CALLS


async def test_callers_pay_for_their_own_columns():
    own = BudgetLimits(llm_share=0.0, audit_share=0.0)
    engine = certified()
    engine.units.purse = Purse(Governor(BudgetLimits(), per_caller=own))

    (result,) = await engine.run([tables("pump_c")], soon(), origin=Origin("request", "one"))

    assert told(result) == [EXHAUSTED]


# What prompts cost


async def test_a_shared_prompt_is_paid_once_and_borne_by_its_columns():
    engine = paid(certified(items_per_prompt=4), llm_share=1.0, usd_per_hour=6.0)

    (result,) = await engine.run([tables("pump_c", "pump_d", "pump_e")], soon())

    assert [part.usage.calls for part in result.parts].count(1) == 1
    assert spent(engine) == Spending(3, pytest.approx(ONE_CALL_USD))


async def test_a_prompt_that_was_asked_before_gives_all_calls_back():
    engine = paid(certified(items_per_prompt=2), llm_share=1.0, usd_per_hour=6.0)
    await engine.run([tables("pump_c", "pump_d", record_id="a")], soon())

    await engine.run([tables("pump_c", "pump_d", record_id="b")], soon())

    assert spent(engine) == Spending(2, pytest.approx(ONE_CALL_USD))


async def test_a_prompt_that_failed_stays_paid():
    engine = paid(certified(ScriptedLm(rank=refuses), items_per_prompt=2), usd_per_hour=6.0)
    bound = await bound_usd(engine)

    await engine.run([tables("pump_c", "pump_d")], soon())

    assert spent(engine) == Spending(2, pytest.approx(2 * bound))


async def test_a_prompt_that_nobody_waited_for_stays_paid():
    engine = paid(certified(), usd_per_hour=6.0)
    stream = engine.stream([tables("held_d"), tables("disk_a")], soon())
    assert (await anext(stream))[0] == 1
    rest = asyncio.ensure_future(anext(stream))
    async with asyncio.timeout(5):
        while spent(engine).calls < 1:
            await asyncio.sleep(0)

    rest.cancel()
    await asyncio.wait([rest])
    await stream.aclose()

    assert spent(engine) == Spending(1, pytest.approx(await bound_usd(engine, "held_d")))
    assert engine.units.purse.governor.snapshot().in_flight == 0


@dataclass(frozen=True, slots=True)
class OverOnceEmbedded(Deadline):
    """A deadline that comes as soon as the small model has read the columns."""

    encoder: TinyEncoder

    def remaining_s(self) -> float:
        """Return a minute, then next to nothing."""
        return 1e-9 if self.encoder.calls else 60.0


async def test_prompts_that_are_not_started_cost_nothing():
    """How long four columns take is known and how long one takes is not: no call is sent."""
    lm, encoder = ScriptedLm(), TinyEncoder()
    engine = paid(certified(lm, encoder=encoder), usd_per_hour=6.0)
    record = tables("pump_c", "pump_d", "pump_e", "pump_f")
    for _ in range(20):
        await engine.run([record], soon())
    before, asked = spent(engine), len(lm.requests)
    encoder.calls.clear()

    (result,) = await engine.run([record], OverOnceEmbedded(0.0, encoder))

    assert told(result) == [(NO_MATCH, Tier.SMALL, "DEADLINE")] * 4
    assert (spent(engine), len(lm.requests)) == (before, asked)


# Whatever comes

NAMES = st.lists(st.sampled_from(["disk", "pump", "held", "owner", "poison"]), max_size=5)
FATES = st.lists(st.sampled_from(["first", "nothing", "refuse", "nonsense"]), min_size=1)


def fated(fates):
    """Do with each column what its number says."""

    def rank(item):
        fate = fates[int(item.fields["source column"].split("_")[1]) % len(fates)]
        if fate == "refuse":
            refuses(item)
        best = item.candidates[0].id
        return {"first": {best: 0.9}, "nothing": {}, "nonsense": {best: 7.0}}[fate]

    lm = ScriptedLm(rank=rank)
    lm.may_answer.set()
    return lm


@settings(max_examples=25, deadline=None)
@given(
    st.lists(NAMES, min_size=1, max_size=4),
    FATES,
    st.integers(1, 4),
    st.floats(0.5, 20.0),
    st.booleans(),
)
def test_tables_at_once_never_spend_more_than_there_is(batches, fates, items, bounds, promised):
    """Money stands still, so all that may ever be spent is the burst."""
    lm = fated(fates)
    make = certified if promised else matching
    engine = make(lm, items_per_prompt=items)

    results, burst_usd = asyncio.run(_at_once(engine, batches, bounds))

    total, ledger = spent(engine), engine.asking.large_model.ledger.total()
    asked = {request.content_hash("llm") for request in lm.requests}
    assert [len(each.parts) for each in results] == [len(names) for names in batches]
    assert ledger.cost_usd <= total.usd + 1e-12
    assert total.usd <= burst_usd * (1 + 1e-9)
    assert len(asked) <= total.calls
    assert engine.units.purse.governor.snapshot().in_flight == 0


async def _at_once(engine, batches, bounds):
    """Run a table of each list of words at the same time, for that many bounds in dollars."""
    burst_usd = bounds * await bound_usd(engine, "pump_1")
    paid(engine, usd_per_hour=1.0, burst_usd=burst_usd)
    records = [
        tables(*(f"{word}_{place}" for place, word in enumerate(words)), record_id=str(number))
        for number, words in enumerate(batches)
    ]
    runs = await asyncio.gather(*(engine.run([record], soon()) for record in records))
    return [result for run in runs for result in run], burst_usd
