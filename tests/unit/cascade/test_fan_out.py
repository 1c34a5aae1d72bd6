"""Tables through an engine of columns: parts, pairs, and what is told of each table."""

import asyncio
import json

import pytest

from fakes.certificates import certificate
from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import soon
from fakes.tiny_models import StandingDeadline, TinyEncoder
from fakes.tiny_tables import (
    TARGET,
    candidates,
    fan_out,
    keep,
    matching,
    rerank,
    table,
    tables,
    units_of,
)
from headgate.cascade.guarantee import Guarantee
from headgate.domains.schemas.match_record import NO_MATCH
from headgate.errors import InputError, LmRefusedError, StageError
from headgate.gate.threshold import KEEP_NOTHING
from headgate.types import Deadline, Decision, GuaranteeState, Origin, Record, Tier, Usage

DICTIONARY = json.dumps({name: {"values": []} for name in TARGET.ids})


def pairs_of(result):
    return json.loads(result.answer)


def told(result):
    """Return answer, tier and why it is degraded, of each part."""
    return [(part.answer, part.tier, part.degraded) for part in result.parts]


def refuses(item):
    raise LmRefusedError("llm", "no key", "Set it.")


def refuses_pumps(item):
    """Refuse what is asked about one column, and find the first candidate of the others."""
    if item.fields["source column"].startswith("pump"):
        refuses(item)
    return {item.candidates[0].id: 0.9}


# What comes of one table


async def test_each_column_has_a_part_and_the_table_its_pairs():
    (result,) = await matching().run([tables("disk_a", "pump_c", "owner_e", "net_b")], soon())

    assert pairs_of(result) == {"disk_a": "disk_x", "pump_c": "pump_x", "net_b": "net_x"}
    assert [part.record_id for part in result.parts] == [
        "t/disk_a",
        "t/pump_c",
        "t/owner_e",
        "t/net_b",
    ]
    assert told(result) == [
        ("disk_x", Tier.SMALL, ""),
        ("pump_x", Tier.LARGE, ""),
        (NO_MATCH, Tier.SMALL, ""),
        ("net_x", Tier.SMALL, ""),
    ]


async def test_the_table_is_told_of_its_parts_together():
    """Two pairs of 0.9 and one of 0.96; one of four columns was asked about."""
    (result,) = await matching().run([tables("disk_a", "pump_c", "owner_e", "net_b")], soon())

    assert result.confidence == pytest.approx((2 * 0.9 + 0.96) / 3, abs=0.001)
    assert result.usage == Usage(1, 10, 5, pytest.approx(20e-6))
    assert (result.tier, result.degraded, result.cached) == (Tier.LARGE, "", False)
    assert [(step.stage, step.kind, step.detail) for step in result.path] == [
        ("columns", "for_each", "4 columns, 1 by the large model"),
        ("match", "assign", ""),
    ]
    assert {step.decision for step in result.path} == {Decision.ANSWERED}


async def test_a_table_of_sure_columns_is_the_small_models():
    lm = ScriptedLm()

    (result,) = await matching(lm).run([tables("disk_a", "owner_e")], soon())

    assert (result.tier, result.usage, lm.requests) == (Tier.SMALL, Usage(), [])


async def test_two_columns_with_one_counterpart_do_not_share_it():
    """Both are 0.9 sure of the same column; one of them stays without."""
    (result,) = await matching().run([tables("disk_a", "disk_b")], soon())

    assert len(pairs_of(result)) == 1
    assert sorted(part.answer for part in result.parts) == [NO_MATCH, "disk_x"]


async def test_a_pair_that_is_less_likely_than_the_price_is_not_proposed():
    engine = fan_out(units_of([candidates()]), unmatched_price=0.95)

    (result,) = await engine.run([tables("disk_a")], soon())

    assert (result.answer, result.confidence) == ("{}", 0.0)
    assert told(result) == [(NO_MATCH, Tier.SMALL, "")]


async def test_a_column_in_doubt_loses_its_first_choice_to_one_that_is_sure():
    """Neither of the two is asked about here: 0.446 is below the price for both."""
    engine = fan_out(units_of([candidates()]), unmatched_price=0.4)

    (result,) = await engine.run([tables("pump_c", "pump_d")], soon())

    assert sorted(pairs_of(result).values()) == ["pump_x", "pump_y"]


async def test_tables_of_text_are_read():
    record = Record("r", {"source": "disk_a,pump_c\n1,2\n", "target": DICTIONARY})

    (result,) = await matching().run([record], soon())

    assert pairs_of(result) == {"disk_a": "disk_x", "pump_c": "pump_x"}
    assert [part.record_id for part in result.parts] == ["r/disk_a", "r/pump_c"]


async def test_replaced_bytes_are_told_of_the_table_and_of_its_columns():
    (result,) = await matching().run([tables("disk_a", lossy=True)], soon())

    assert (result.lossy_input, result.parts[0].lossy_input) == (True, True)


async def test_a_column_with_a_slash_in_its_name_keeps_its_own_id():
    (result,) = await matching().run([tables("disk_a/t/x", record_id="t/x")], soon())

    assert pairs_of(result) == {"disk_a/t/x": "disk_x"}


# Tables with nothing in them


async def test_a_table_without_columns_has_no_parts_and_no_pairs():
    lm = ScriptedLm()

    (result,) = await matching(lm).run([tables()], soon())

    assert (result.answer, result.parts, result.error, result.tier) == ("{}", (), None, None)
    assert (result.confidence, result.usage, result.cached) == (0.0, Usage(), False)
    assert lm.requests == []


async def test_columns_without_a_target_have_no_counterpart():
    lm, empty = ScriptedLm(), table(name="target")

    (result,) = await matching(lm).run([tables("disk_a", "pump_c", target=empty)], soon())

    assert (result.answer, result.error) == ("{}", None)
    assert told(result) == [(NO_MATCH, Tier.SMALL, "")] * 2
    assert lm.requests == []


async def test_a_batch_of_empty_tables_is_answered_to_the_last():
    results = await matching().run([tables(record_id="a"), tables(record_id="b")], soon())

    assert [(each.record_id, each.answer) for each in results] == [("a", "{}"), ("b", "{}")]


async def test_no_tables_have_no_results():
    assert await matching().run([], soon()) == []


# One bad table, one bad column

BAD = {
    "missing": Record("bad", {"source": "disk_a\n1\n"}),
    "blank": Record("bad", {"source": " ", "target": DICTIONARY}),
    "broken": Record("bad", {"source": "disk_a\n1\n", "target": '{"a": '}),
    "other-field": Record("bad", {"source": "a\n1\n", "target": DICTIONARY, "log": "x"}),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_table_that_cannot_be_read_has_its_error_and_the_others_are_answered(name, place):
    records = [tables("disk_a", record_id="a"), tables("pump_c", record_id="b")]
    records.insert(place, BAD[name])

    results = await matching().run(records, soon())

    bad = results.pop(place)
    assert (bad.record_id, type(bad.error), bad.parts) == ("bad", InputError, ())
    assert (bad.answer, bad.tier, bad.path) == ("", None, ())
    assert "'bad'" in bad.error.place
    assert [pairs_of(each) for each in results] == [{"disk_a": "disk_x"}, {"pump_c": "pump_x"}]


async def test_a_bad_table_whose_bytes_were_replaced_says_so():
    (result,) = await matching().run([Record("bad", {}, lossy=True)], soon())

    assert (type(result.error), result.lossy_input) == (InputError, True)


async def test_a_column_whose_stage_fails_has_its_error_and_no_partner():
    (result,) = await matching().run([tables("disk_a", "poison_f", "net_b")], soon())

    failed = result.parts[1]
    assert pairs_of(result) == {"disk_a": "disk_x", "net_b": "net_x"}
    assert (type(failed.error), failed.answer, failed.ranking) == (StageError, "", ())
    assert (result.error, result.degraded) == (None, "RECORD_FAILED")
    assert "poison" not in str(failed.error)


async def test_a_table_whose_columns_all_fail_is_nobodys_answer():
    (result,) = await matching().run([tables("poison_f", "poison_g")], soon())

    assert (result.answer, result.tier, result.confidence) == ("{}", None, 0.0)
    assert (result.degraded, result.error) == ("RECORD_FAILED", None)


async def test_a_large_model_that_fails_leaves_the_small_models_ranking():
    """Without it the first of two equal candidates is too unlikely to be proposed."""
    (result,) = await matching(ScriptedLm(rank=refuses)).run([tables("pump_c", "disk_a")], soon())

    assert told(result) == [
        (NO_MATCH, Tier.SMALL, "LARGE_MODEL_REFUSED"),
        ("disk_x", Tier.SMALL, ""),
    ]
    assert [option for option, _ in result.parts[0].ranking[:2]] == ["pump_x", "pump_y"]
    assert (result.degraded, result.error) == ("LARGE_MODEL_REFUSED", None)


# Many tables


async def test_results_and_parts_come_in_the_order_of_the_request():
    records = [
        tables("pump_c", "disk_a", record_id="a"),
        tables("net_b", record_id="b"),
        tables("owner_e", "pump_d", "disk_a", record_id="c"),
    ]

    results = await matching(items_per_prompt=2).run(records, soon())

    assert [each.record_id for each in results] == ["a", "b", "c"]
    assert [[part.record_id for part in each.parts] for each in results] == [
        ["a/pump_c", "a/disk_a"],
        ["b/net_b"],
        ["c/owner_e", "c/pump_d", "c/disk_a"],
    ]
    assert [pairs_of(each) for each in results] == [
        {"pump_c": "pump_x", "disk_a": "disk_x"},
        {"net_b": "net_x"},
        {"pump_d": "pump_x", "disk_a": "disk_x"},
    ]


async def test_two_tables_with_one_target_do_not_compete_for_its_columns():
    records = [tables("disk_a", record_id="a"), tables("disk_b", record_id="b")]

    results = await matching().run(records, soon())

    assert [pairs_of(each) for each in results] == [{"disk_a": "disk_x"}, {"disk_b": "disk_x"}]


async def test_one_target_is_embedded_once_for_all_tables():
    encoder = TinyEncoder()

    await matching(encoder=encoder).run([tables("disk_a"), tables("net_b")], soon())

    assert sum("pump x" in text or "pump_x" in text for call in encoder.calls for text in call) == 1


async def test_tables_with_one_id_are_not_mixed_up():
    results = await matching().run([tables("disk_a"), tables("net_b"), tables("disk_a")], soon())

    assert [pairs_of(each) for each in results] == [
        {"disk_a": "disk_x"},
        {"net_b": "net_x"},
        {"disk_a": "disk_x"},
    ]


async def test_a_table_is_final_with_its_last_column_and_does_not_wait_for_others():
    lm = ScriptedLm()
    records = [tables("disk_a", "held_d"), tables("net_b", "disk_a"), tables()]
    stream = matching(lm).stream(records, soon())

    assert [(await anext(stream))[0], (await anext(stream))[0]] == [2, 1]
    assert lm.requests == []

    lm.may_answer.set()
    assert [index async for index, _ in stream] == [0]


# Who stops


async def started(lm, calls):
    """Wait until so many calls are under way."""
    async with asyncio.timeout(5):
        while lm.active < calls:
            await asyncio.sleep(0)


async def test_a_reader_that_stops_early_ends_the_calls_to_the_large_model():
    lm = ScriptedLm()
    stream = matching(lm).stream([tables("held_d", "held_e"), tables("disk_a")], soon())
    assert (await anext(stream))[0] == 1
    rest = asyncio.ensure_future(anext(stream))
    await started(lm, 2)

    rest.cancel()
    await asyncio.wait([rest])
    await stream.aclose()

    assert (lm.active, lm.cancelled) == (0, 2)


async def test_a_reader_that_stops_before_the_large_model_is_asked_never_asks_it():
    lm = ScriptedLm()
    stream = matching(lm).stream([tables("held_d"), tables("disk_a")], soon())
    assert (await anext(stream))[0] == 1

    async with asyncio.timeout(5):
        await stream.aclose()

    assert lm.requests == []


async def test_a_caller_that_is_cancelled_ends_the_calls_to_the_large_model():
    lm = ScriptedLm()
    run = asyncio.create_task(matching(lm).run([tables("held_d", "held_e")], soon()))
    await started(lm, 2)

    run.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait([run])

    assert run.cancelled()
    assert (lm.active, lm.cancelled) == (0, 2)


# Deadlines


async def test_columns_that_are_late_keep_the_small_models_answer():
    lm = ScriptedLm()

    (result,) = await matching(lm).run([tables("held_d", "disk_a")], Deadline.after(0.2))

    assert told(result) == [(NO_MATCH, Tier.SMALL, "DEADLINE"), ("disk_x", Tier.SMALL, "")]
    assert (result.degraded, result.error) == ("DEADLINE", None)
    assert pairs_of(result) == {"disk_a": "disk_x"}
    assert (lm.active, lm.cancelled) == (0, 1)


async def test_a_late_prompt_does_not_take_the_others_answers():
    lm = ScriptedLm()

    (result,) = await matching(lm).run([tables("held_d", "pump_c")], Deadline.after(0.2))

    assert told(result)[1] == ("pump_x", Tier.LARGE, "")
    assert result.parts[0].degraded == "DEADLINE"


@pytest.mark.parametrize("left_s", [0.0, -1.0])
async def test_without_time_no_column_is_answered_and_the_table_says_why(left_s):
    lm, encoder = ScriptedLm(), TinyEncoder()
    records = [tables("disk_a", "pump_c"), tables()]

    late, empty = await matching(lm, encoder=encoder).run(records, StandingDeadline(left_s))

    assert [part.error.reason for part in late.parts] == ["DEADLINE_EXCEEDED"] * 2
    assert (late.answer, late.tier, late.degraded) == ("{}", None, "DEADLINE")
    assert (empty.answer, empty.degraded) == ("{}", "")
    assert (lm.requests, encoder.calls) == ([], [])


# Certificates


CERTIFIED = (certificate().id, GuaranteeState.CERTIFIED)
NO_CLAIM = ("", GuaranteeState.UNCERTIFIED)


def claim(result):
    return result.certificate_id, result.guarantee


async def test_a_table_claims_what_all_its_columns_claim():
    engine = matching(guarantee=Guarantee(certificate()))

    (result,) = await engine.run([tables("disk_a", "pump_c", "owner_e")], soon())

    assert [claim(part) for part in result.parts] == [CERTIFIED] * 3
    assert claim(result) == CERTIFIED


@pytest.mark.parametrize("odd", ["pump_c", "poison_f"])
async def test_one_column_that_claims_nothing_leaves_its_table_without_a_claim(odd):
    lm = ScriptedLm(rank=refuses)
    engine = matching(lm, guarantee=Guarantee(certificate()))

    (result,) = await engine.run([tables("disk_a", odd)], soon())

    assert [claim(part) for part in result.parts] == [CERTIFIED, NO_CLAIM]
    assert claim(result) == NO_CLAIM


async def test_a_table_without_columns_claims_nothing():
    (result,) = await matching(guarantee=Guarantee(certificate())).run([tables()], soon())

    assert claim(result) == NO_CLAIM


async def test_the_state_of_a_certificate_is_one_for_tables_and_columns():
    engine = matching(guarantee=Guarantee(certificate()))
    engine.units.guarantee.take(GuaranteeState.SUSPECT)

    (result,) = await engine.run([tables("disk_a")], soon())

    assert engine.guarantee.state is GuaranteeState.SUSPECT
    assert claim(result) == (certificate().id, GuaranteeState.SUSPECT)


async def test_while_the_certificate_is_void_every_column_goes_on():
    lm = ScriptedLm()
    engine = matching(lm, guarantee=Guarantee(certificate()))
    engine.units.guarantee.take(GuaranteeState.VOID)

    (result,) = await engine.run([tables("disk_a", "net_b")], soon())

    assert [part.tier for part in result.parts] == [Tier.LARGE] * 2
    assert len(lm.requests) == 2


# What is noted


async def test_the_observer_is_told_of_columns_and_never_of_tables():
    engine = matching()
    seen, wholes = [], []
    engine.units.observer, engine.observer = seen.append, wholes.append

    await engine.run(
        [tables("disk_a", "pump_c", "poison_f"), tables(), BAD["missing"]],
        soon(),
        origin=Origin("request", "one"),
    )

    assert [each.record.id for each in seen] == ["t/disk_a", "t/pump_c"]
    assert [(each.kept, each.small_answer, each.reference) for each in seen] == [
        (True, "disk_x", None),
        (False, "pump_x", "pump_x"),
    ]
    assert {each.origin for each in seen} == {Origin("request", "one")}
    assert wholes == []


async def test_a_fan_out_is_about_the_same_cascade_as_its_units():
    engine = matching()

    assert (engine.name, engine.revision) == (engine.units.name, engine.units.revision)
    assert engine.units.units is engine.units
    assert engine.asking is engine.units.asking
    assert (engine.task.fields, engine.units.task.fields) == (("source", "target"), ())


async def test_warming_up_reaches_the_small_model_and_no_large_one():
    encoder, lm = TinyEncoder(), ScriptedLm()

    await matching(lm, encoder=encoder).warm_up()

    assert len(encoder.calls) > 0
    assert lm.requests == []


# Prompts that columns share


async def test_columns_that_share_a_prompt_share_its_failure_and_no_other():
    lm = ScriptedLm(rank=refuses_pumps)
    engine = fan_out(units_of([candidates(), keep(KEEP_NOTHING), rerank(lm, items_per_prompt=2)]))

    (result,) = await engine.run([tables("pump_c", "disk_a", "net_b", "owner_e")], soon())

    assert [part.degraded for part in result.parts] == [
        "LARGE_MODEL_REFUSED",
        "LARGE_MODEL_REFUSED",
        "",
        "",
    ]
    assert [len(request.items) for request in lm.requests] == [2, 2]
    assert (result.degraded, result.usage.calls) == ("LARGE_MODEL_REFUSED", 1)


async def test_a_table_is_cached_when_all_its_columns_are():
    engine = matching()

    (first,) = await engine.run([tables("pump_c")], soon())
    (again,) = await engine.run([tables("pump_c", record_id="other")], soon())

    assert (first.cached, again.cached) == (False, True)
    assert again.usage == Usage()
