import pytest

from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import classify, engine_of, gate, retrieve, says_net, soon, verify
from fakes.tiny_models import TinyEncoder, log, ngram_classifier
from fakes.tiny_tables import matching, table, tables
from headgate.cascade.explain import explain
from headgate.errors import InputError, StageError
from headgate.types import Deadline, Decision, Record, Tier, Usage


@pytest.fixture
def lm():
    return ScriptedLm(says_net)


@pytest.fixture
def engine(lm):
    """Classify, gate, retrieve, verify."""
    stages = classify(TinyEncoder()), gate(), retrieve()
    return engine_of(*stages, verify(lm, evidence="similar"))


def ledger_of(engine):
    return engine.asking.large_model.ledger


async def test_the_large_model_is_never_asked(engine, lm):
    await explain(engine, [log("disk"), log("unsure"), log("poison"), log(" ")], soon())

    assert (lm.requests, ledger_of(engine).total()) == ([], Usage())


async def test_a_record_the_gate_keeps_is_the_small_models_and_costs_nothing(engine):
    (found,) = await explain(engine, [log("disk 1")], soon())

    assert (found.record_id, found.answer, found.tier) == ("disk 1", "disk", Tier.SMALL)
    assert found.confidence == pytest.approx(0.9)
    assert [(step.stage, step.decision) for step in found.path] == [
        ("triage", Decision.ANSWERED),
        ("keep", Decision.KEPT),
    ]
    assert (found.expected_usage, found.evidence, found.error) == (Usage(), (), None)


async def test_a_record_that_would_go_on_says_with_what_and_at_what_cost(engine):
    """The answer is still the small model's: the other one is not known."""
    (found,) = await explain(engine, [log("unsure 2")], soon())

    assert (found.answer, found.tier, found.confidence) == ("disk", Tier.LARGE, 0.5)
    assert [(step.stage, step.decision) for step in found.path] == [
        ("triage", Decision.ANSWERED),
        ("keep", Decision.ESCALATED),
        ("similar", Decision.RETRIEVED),
    ]
    assert [hit.id for hit in found.evidence] == ["case-unsure"]
    expected = found.expected_usage
    assert (expected.calls, expected.estimated) == (1, True)
    assert (expected.input_tokens > 50, expected.output_tokens) == (True, 50)
    wanted_usd = (expected.input_tokens + 2 * expected.output_tokens) / 1e6
    assert expected.cost_usd == pytest.approx(wanted_usd)


async def test_evidence_is_part_of_what_a_call_would_cost(lm):
    plain = engine_of(classify(TinyEncoder()), gate(), verify(lm))
    shown = engine_of(classify(TinyEncoder()), gate(), retrieve(), verify(lm, evidence="similar"))

    costs = [
        (await explain(each, [log("unsure")], soon()))[0].expected_usage.input_tokens
        for each in (plain, shown)
    ]

    assert costs[0] < costs[1]


async def test_what_is_expected_is_about_what_is_paid(engine):
    (expected,) = await explain(engine, [log("unsure 2")], soon())

    (result,) = await engine.run([log("unsure 2")], soon())

    assert (result.tier, result.evidence) == (expected.tier, expected.evidence)
    assert [step.stage for step in result.path] == [
        *(step.stage for step in expected.path),
        "decide",
    ]


async def test_a_record_kept_by_the_first_of_two_tiers_never_reaches_the_second(lm):
    engine = engine_of(
        classify(name="cheap", classifier=ngram_classifier()),
        gate(0.99, name="cheap_keep", of="cheap"),
        classify(TinyEncoder()),
        gate(),
        verify(lm),
    )

    found = await explain(engine, [log("disk"), log("net"), log("unsure")], soon())

    assert [each.tier for each in found] == [Tier.SMALL, Tier.SMALL, Tier.LARGE]
    assert [len(each.path) for each in found] == [2, 4, 4]
    assert [each.expected_usage.calls for each in found] == [0, 0, 1]


async def test_without_a_large_model_nothing_costs(lm):
    """The second tier answers what the gate sends on."""
    engine = engine_of(
        classify(name="cheap", classifier=ngram_classifier()),
        gate(0.99, name="cheap_keep", of="cheap"),
        classify(TinyEncoder()),
    )

    found = await explain(engine, [log("disk"), log("unsure")], soon())

    assert [(each.tier, each.expected_usage) for each in found] == [(Tier.SMALL, Usage())] * 2


async def test_errors_are_in_their_records_places(engine):
    records = [log("disk"), log(" ", "blank"), log("poison 2"), log("unsure")]

    found = await explain(engine, records, soon())

    assert [each.record_id for each in found] == ["disk", "blank", "poison 2", "unsure"]
    assert [type(each.error) for each in found] == [
        type(None),
        InputError,
        StageError,
        type(None),
    ]
    assert [each.tier for each in found] == [Tier.SMALL, None, None, Tier.LARGE]
    assert {each.expected_usage for each in found[1:3]} == {Usage()}


async def test_evidence_that_cannot_be_found_leaves_the_record_to_the_large_model(lm):
    """The classifier reads the line, the search for cases cannot."""
    engine = engine_of(
        classify(classifier=ngram_classifier()), gate(), retrieve(), verify(lm, evidence="similar")
    )

    (found,) = await explain(engine, [log("poison 1")], soon())

    assert (found.tier, found.evidence, found.error) == (Tier.LARGE, (), None)
    assert found.path[-1].decision is Decision.FAILED
    assert found.expected_usage.calls == 1


async def test_a_deadline_that_has_passed_is_each_records_error(engine, lm):
    found = await explain(engine, [log("disk"), log("unsure")], Deadline.after(-1))

    assert [each.error.reason for each in found] == ["DEADLINE_EXCEEDED"] * 2
    assert [each.expected_usage for each in found] == [Usage()] * 2


async def test_no_records_need_no_explanation(engine):
    assert await explain(engine, [], soon()) == []


# Tables


async def test_a_table_is_explained_by_its_columns_without_asking_the_large_model(lm):
    """The pairs themselves are not known, since the large model's scores are not."""
    engine = matching(lm)

    (found,) = await explain(engine, [tables("disk_a", "pump_c", "owner_e")], soon())

    assert [part.record_id for part in found.parts] == ["t/disk_a", "t/pump_c", "t/owner_e"]
    assert [(part.answer, part.tier) for part in found.parts] == [
        ("disk_x", Tier.SMALL),
        ("pump_x", Tier.LARGE),
        ("(none)", Tier.SMALL),
    ]
    assert (found.record_id, found.answer, found.tier, found.error) == ("t", "", Tier.LARGE, None)
    assert (lm.requests, ledger_of(engine).total()) == ([], Usage())


async def test_a_column_says_how_its_gate_came_to_its_decision(lm):
    (found,) = await explain(matching(lm), [tables("pump_c")], soon())

    (gate_of_it,) = found.parts[0].gates
    assert (gate_of_it.gate, gate_of_it.predicted, gate_of_it.kept) == ("keep", "pump_x", False)
    assert gate_of_it.confidence == pytest.approx(0.446, abs=0.001)
    assert [hit.id for hit in found.parts[0].evidence[:2]] == ["pump_x", "pump_y"]


async def test_a_table_is_expected_to_consume_what_its_columns_do(lm):
    engine = matching(lm)

    one, two = await explain(
        engine,
        [tables("pump_c", "disk_a", record_id="a"), tables("pump_c", "pump_d", record_id="b")],
        soon(),
    )

    assert (one.expected_usage.calls, two.expected_usage.calls) == (1, 2)
    assert one.expected_usage == one.parts[0].expected_usage
    assert two.expected_usage.input_tokens == sum(
        part.expected_usage.input_tokens for part in two.parts
    )
    assert one.expected_usage.cost_usd > 0


async def test_tables_that_cannot_be_read_or_are_empty_are_explained_in_their_places(lm):
    records = [tables("disk_a", record_id="a"), Record("bad", {}), tables(record_id="c")]

    found = await explain(matching(lm), records, soon())

    assert [each.record_id for each in found] == ["a", "bad", "c"]
    assert [type(each.error) for each in found] == [type(None), InputError, type(None)]
    assert [len(each.parts) for each in found] == [1, 0, 0]
    assert [each.tier for each in found] == [Tier.SMALL, None, None]


async def test_a_column_that_fails_is_nobodys_answer(lm):
    (mixed, broken) = await explain(
        matching(lm), [tables("poison_f", "disk_a"), tables("poison_f")], soon()
    )

    assert [type(part.error) for part in mixed.parts] == [StageError, type(None)]
    assert (mixed.tier, mixed.error) == (Tier.SMALL, None)
    assert (broken.tier, broken.expected_usage) == (None, Usage())


async def test_columns_without_a_target_would_not_be_asked_about(lm):
    (found,) = await explain(matching(lm), [tables("pump_c", target=table())], soon())

    assert (found.parts[0].answer, found.tier) == ("(none)", Tier.SMALL)
    assert found.expected_usage == Usage()


async def test_a_deadline_that_has_passed_is_each_columns_error(lm):
    (found,) = await explain(matching(lm), [tables("disk_a", "pump_c")], Deadline.after(-1))

    assert [part.error.reason for part in found.parts] == ["DEADLINE_EXCEEDED"] * 2
    assert (found.tier, found.error) == (None, None)


async def test_no_tables_need_no_explanation(lm):
    assert await explain(matching(lm), [], soon()) == []
