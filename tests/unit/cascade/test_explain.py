import pytest

from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import classify, engine_of, gate, retrieve, says_net, soon, verify
from fakes.tiny_models import TinyEncoder, log, ngram_classifier
from headgate.cascade.explain import explain
from headgate.errors import InputError, StageError
from headgate.types import Deadline, Decision, Tier, Usage


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
