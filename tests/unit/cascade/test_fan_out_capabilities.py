"""The stages of a cascade of tables, each called alone, on columns and on what is none."""

import pytest

from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import soon
from fakes.tiny_models import log
from fakes.tiny_tables import matching, one_column, tables
from headgate.cascade import capabilities
from headgate.cascade.payment import Purse
from headgate.domains.schemas.match_record import NO_MATCH
from headgate.errors import DeadlineError, InputError, LmRefusedError, NotFoundError, StageError
from headgate.gate.budget import BudgetLimits, Governor, Spending
from headgate.types import Candidate, Deadline


def refuses(item):
    raise LmRefusedError("llm", "no key", "Set it.")


def paid(engine, **limits):
    engine.units.purse = Purse(Governor(BudgetLimits(**limits), now_s=lambda: 0.0))
    return engine


def spent(engine):
    snapshot = engine.units.purse.governor.snapshot()
    return snapshot.answers, snapshot.audits


@pytest.fixture
def lm():
    return ScriptedLm()


@pytest.fixture(params=["tables", "columns"])
def engine(request, lm):
    """A FanOut, or the engine of columns in it: both are asked alike."""
    whole = matching(lm)
    return whole if request.param == "tables" else whole.units


# Verify


async def test_the_large_model_ranks_a_column_although_the_small_one_is_sure(engine, lm):
    (found,) = await capabilities.verify(engine, [one_column("disk_a")], soon())

    assert (found.record_id, found.judgement.answer) == ("t/disk_a", "disk_x")
    assert found.judgement.scores == {"disk_x": 0.9}
    assert lm.requests[0].items[0].candidates[0].id == "disk_x"


async def test_a_proposed_counterpart_is_confirmed_or_not(engine, lm):
    lm.rank = lambda item: {}
    records = [one_column("disk_a"), one_column("net_b"), one_column("pump_c")]

    found = await capabilities.verify(
        engine, records, soon(), proposals=["disk_x", NO_MATCH, ""], stage="judge"
    )

    assert [each.confirmed for each in found] == [False, True, None]


async def test_columns_are_paid_for_by_the_budget_of_columns(engine, lm):
    paid(engine, usd_per_hour=6.0, audit_share=0.5)

    await capabilities.verify(engine, [one_column("disk_a")], soon())

    assert spent(engine) == (Spending(1, pytest.approx(20e-6)), Spending())


async def test_a_column_that_cannot_be_paid_has_its_error(engine, lm):
    paid(engine, llm_share=0.0)

    (found,) = await capabilities.verify(engine, [one_column("disk_a")], soon())

    assert (found.error.reason, lm.requests) == ("BUDGET_EXHAUSTED", [])


async def test_what_is_no_column_is_refused_in_its_place_with_what_to_do(engine, lm):
    records = [log("disk"), one_column("disk_a"), tables("disk_a", record_id="whole")]

    found = await capabilities.verify(engine, records, soon())

    assert [type(each.error) for each in found] == [InputError, type(None), InputError]
    assert str(found[2].error) == (
        "record 'whole': it is no column of a table. Send tables to MatchSchemas."
    )
    assert [request.record_ids for request in lm.requests] == [("t/disk_a",)]


async def test_a_column_that_no_candidates_are_found_for_has_that_error(engine, lm):
    (found,) = await capabilities.verify(engine, [one_column("poison_f")], soon())

    assert (type(found.error), lm.requests) == (StageError, [])


# Classify, retrieve, rerank


async def test_a_cascade_of_tables_classifies_nothing(engine):
    with pytest.raises(NotFoundError, match=r"It has: candidates, keep, judge\."):
        await capabilities.classify(engine, [one_column("disk_a")], soon())


async def test_a_cascade_of_tables_finds_no_past_cases(engine):
    with pytest.raises(NotFoundError, match="has no retrieve stage 'candidates'"):
        await capabilities.retrieve(engine, ["disk"], soon(), stage="candidates")


async def test_a_cascade_of_tables_compares_no_texts(engine):
    with pytest.raises(NotFoundError, match="has no classify stage"):
        await capabilities.rerank(engine, [("disk", [Candidate("x", "net")])], soon())


@pytest.mark.parametrize("name", ["columns", "match", "keep", "candidates"])
async def test_only_the_stage_that_asks_the_large_model_verifies(engine, name):
    with pytest.raises(NotFoundError, match=f"it has no verify stage '{name}'"):
        await capabilities.verify(engine, [one_column("disk_a")], soon(), stage=name)


# Audits


async def test_an_audit_asks_about_a_column_and_pays_from_the_audits_part(engine, lm):
    paid(engine, usd_per_hour=6.0, audit_share=0.5)

    answer = await capabilities.audit(engine, one_column("disk_a"), soon())

    assert answer == "disk_x"
    assert spent(engine) == (Spending(), Spending(1, pytest.approx(20e-6)))


async def test_an_audit_that_cannot_be_paid_has_no_answer(engine, lm):
    paid(engine, usd_per_hour=6.0, audit_share=0.0)

    assert await capabilities.audit(engine, one_column("disk_a"), soon()) is None
    assert lm.requests == []


async def test_an_audit_whose_call_fails_has_no_answer(engine, lm):
    lm.rank = refuses

    assert await capabilities.audit(engine, one_column("disk_a"), soon()) is None


async def test_an_audit_that_finds_no_counterpart_says_so(engine, lm):
    lm.rank = lambda item: {}

    assert await capabilities.audit(engine, one_column("disk_a"), soon()) == NO_MATCH


async def test_too_late_for_every_column_is_the_calls_error(engine, lm):
    with pytest.raises(DeadlineError):
        await capabilities.verify(engine, [one_column("disk_a")], Deadline.after(-1))

    assert lm.requests == []
