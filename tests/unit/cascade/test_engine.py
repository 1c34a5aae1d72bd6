import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from fakes.tiny_models import RANK, TinyEncoder, caused, log, ngram_classifier, pair_classifier
from headgate.errors import InputError, LmRefusedError, StageError
from headgate.gate.threshold import KEEP_ALL, KEEP_NOTHING
from headgate.types import Deadline, Decision, Record, Tier, Usage

# What a gate does


async def test_sure_answers_are_the_small_models_and_the_others_the_large_ones():
    lm = ScriptedLm(says_net)

    results = await cascade(lm).run(
        [log("disk 1"), log("unsure 2"), log("net 3"), log("likely 4")], soon()
    )

    assert [shown(each) for each in results] == [SMALL_DISK, LARGE_NET, SMALL_NET, LARGE_NET]
    assert [request.record_id for request in lm.requests] == ["unsure 2", "likely 4"]


@pytest.mark.parametrize(
    ("threshold", "asked"),
    [
        pytest.param(KEEP_ALL, 0, id="keeps-all"),
        pytest.param(0.5, 0, id="keeps-what-is-as-sure-as-asked"),
        pytest.param(0.6, 1, id="sends-the-least-sure"),
        pytest.param(0.8, 2, id="sends-some"),
        pytest.param(KEEP_NOTHING, 3, id="keeps-nothing"),
    ],
)
async def test_the_threshold_alone_decides_who_goes_on(threshold, asked):
    lm = ScriptedLm()

    results = await cascade(lm, threshold=threshold).run(
        [log("disk"), log("likely"), log("unsure")], soon()
    )

    assert len(lm.requests) == asked
    assert [each.tier for each in results].count(Tier.LARGE) == asked


async def test_what_the_first_tier_is_sure_of_never_reaches_the_second():
    encoder, lm = TinyEncoder(), ScriptedLm(says_net)
    engine = engine_of(
        classify(name="cheap", classifier=ngram_classifier()),
        gate(0.99, name="cheap_keep", of="cheap"),
        classify(encoder),
        gate(),
        verify(lm),
    )

    results = await engine.run([log("disk 1"), log("net 2"), log("unsure 3")], soon())

    assert [shown(each) for each in results] == [SMALL_DISK, SMALL_NET, LARGE_NET]
    assert encoder.calls == [["net 2", "unsure 3"]]
    assert [len(each.path) for each in results] == [2, 4, 5]


async def test_a_flow_without_a_gate_ends_with_the_small_models_answers():
    results = await engine_of(classify(TinyEncoder())).run([log("net"), log("unsure")], soon())

    assert [shown(each) for each in results] == [SMALL_NET, SMALL_DISK]


async def test_candidates_are_answered_with_their_ids_by_both_tiers():
    lm = ScriptedLm(lambda request: request.candidates[-1].id)
    engine = engine_of(
        classify(TinyEncoder(), classifier=pair_classifier(), task=RANK),
        gate(),
        verify(lm, task=RANK),
        task=RANK,
    )

    results = await engine.run(
        [
            caused("disk slow", "net loop", "disk worn"),
            caused("fan slow", "net loop", "disk worn"),
        ],
        soon(),
    )

    assert [(each.answer, each.tier) for each in results] == [
        ("c1", Tier.SMALL),
        ("c1", Tier.LARGE),
    ]


# Order, places and streams


async def test_a_record_the_task_cannot_answer_has_its_error_in_its_place():
    encoder = TinyEncoder()

    results = await cascade(encoder=encoder).run(
        [log("disk"), log("  ", "blank"), log("net"), Record("other", {"line": "x"})], soon()
    )

    assert [each.record_id for each in results] == ["disk", "blank", "net", "other"]
    assert [type(each.error) for each in results] == [
        type(None),
        InputError,
        type(None),
        InputError,
    ]
    assert [each.path for each in results if each.error] == [(), ()]
    assert encoder.calls == [["disk", "net"]]


async def test_a_stream_yields_refused_then_kept_then_decided_records():
    records = [log("unsure"), log("disk"), log("", "blank"), log("net")]

    order = [index async for index, _ in cascade().stream(records, soon())]

    assert order == [2, 1, 3, 0]


async def test_a_kept_answer_does_not_wait_for_the_large_model():
    lm = ScriptedLm()
    stream = cascade(lm).stream([log("held back"), log("disk")], soon())

    index, result = await anext(stream)
    assert (index, shown(result)) == (1, SMALL_DISK)
    assert lm.requests == []

    lm.may_answer.set()
    assert [index async for index, _ in stream] == [0]


async def test_decided_records_come_as_the_large_model_answers_them():
    lm = ScriptedLm()
    stream = cascade(lm).stream([log("held 1"), log("unsure 2")], soon())

    assert (await anext(stream))[0] == 1
    lm.may_answer.set()
    assert [index async for index, _ in stream] == [0]


async def test_records_with_one_id_are_not_mixed_up():
    results = await cascade(ScriptedLm(says_net)).run(
        [log("unsure", "r"), log("disk", "r"), log("", "r"), log("net", "r")], soon()
    )

    assert [each.answer for each in results] == ["net", "disk", "", "net"]
    assert [each.tier for each in results] == [Tier.LARGE, Tier.SMALL, None, Tier.SMALL]


async def test_an_empty_batch_has_no_results_and_asks_nobody():
    encoder, lm = TinyEncoder(), ScriptedLm()

    assert await cascade(lm, encoder=encoder).run([], soon()) == []
    assert (encoder.calls, lm.requests) == ([], [])


async def test_a_reader_that_stops_early_ends_the_calls_to_the_large_model():
    lm = ScriptedLm()
    records = [log("held 1"), log("unsure 2"), log("held 3")]
    stream = cascade(lm).stream(records, Deadline.after(60))
    assert (await anext(stream))[0] == 1

    async with asyncio.timeout(5):
        await stream.aclose()

    assert (lm.active, lm.cancelled) == (0, 2)


async def test_a_caller_that_is_cancelled_ends_the_calls_to_the_large_model():
    lm = ScriptedLm()
    records = [log("held 1"), log("held 2")]
    run = asyncio.create_task(cascade(lm).run(records, Deadline.after(60)))
    while lm.active < 2:
        await asyncio.sleep(0)

    run.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait([run])

    assert run.cancelled()

    assert (lm.active, lm.cancelled) == (0, 2)


# What a result tells


async def test_the_path_names_each_stage_in_the_order_of_the_flow():
    lm = ScriptedLm(says_net)
    engine = engine_of(classify(TinyEncoder()), gate(), retrieve(), verify(lm, evidence="similar"))

    kept, decided = await engine.run([log("disk"), log("unsure")], soon())

    assert [(step.stage, step.kind, step.decision) for step in decided.path] == [
        ("triage", "classify", Decision.ANSWERED),
        ("keep", "gate", Decision.ESCALATED),
        ("similar", "retrieve", Decision.RETRIEVED),
        ("decide", "verify", Decision.ANSWERED),
    ]
    assert [step.score for step in decided.path] == [
        pytest.approx(0.5),
        pytest.approx(0.5),
        None,
        None,
    ]
    assert [step.detail for step in decided.path] == ["", "threshold 0.8000", "", ""]
    assert [step.decision for step in kept.path] == [Decision.ANSWERED, Decision.KEPT]
    assert all(step.elapsed_ms >= 0 for step in decided.path)


async def test_the_cases_that_the_large_model_saw_are_in_the_result():
    lm = ScriptedLm()
    engine = engine_of(classify(TinyEncoder()), gate(), retrieve(), verify(lm, evidence="similar"))

    kept, decided = await engine.run([log("disk"), log("unsure")], soon())

    assert [hit.id for hit in decided.evidence] == ["case-unsure"]
    assert lm.requests[0].evidence == decided.evidence
    assert kept.evidence == ()


@pytest.mark.parametrize(("says", "confidence"), [("disk", 0.75), ("net", 0.25)])
async def test_confidence_is_the_small_models_probability_of_the_answer_returned(says, confidence):
    (result,) = await cascade(ScriptedLm(lambda _: says)).run([log("likely")], soon())

    assert result.answer == says
    assert result.confidence == pytest.approx(confidence)


async def test_the_result_tells_what_the_large_model_said_and_cost():
    (result,) = await cascade().run([log("unsure")], soon())

    assert result.usage == Usage(1, 10, 5, pytest.approx(20e-6))
    assert (result.rationale, result.cached) == ("because", False)


async def test_a_second_attempt_is_added_to_what_the_answer_cost():
    answers = iter(["sideways", "net"])

    (result,) = await cascade(ScriptedLm(lambda _: next(answers))).run([log("unsure")], soon())

    assert shown(result) == LARGE_NET
    assert result.usage == Usage(2, 20, 10, pytest.approx(40e-6))


async def test_an_answer_somebody_else_paid_for_is_free_and_says_so():
    results = await cascade().run([log("unsure", "r1"), log("unsure", "r2")], soon())

    assert sorted(each.cached for each in results) == [False, True]
    assert sum((each.usage for each in results), Usage()).calls == 1


async def test_a_record_whose_bytes_were_replaced_says_so_to_the_end():
    lossy = Record("r", {"log": "disk \ufffd"}, lossy=True)
    refused = Record("r", {"log": ""}, lossy=True)

    results = await cascade().run([lossy, refused, log("disk")], soon())

    assert [each.lossy_input for each in results] == [True, True, False]


# An explanation's half of the flow


async def test_advancing_goes_as_far_as_the_large_model_and_never_asks_it():
    lm = ScriptedLm()
    engine = engine_of(classify(TinyEncoder()), gate(), retrieve(), verify(lm, evidence="similar"))
    records = [log("unsure"), log("disk"), log(" ", "blank"), log("poison")]

    advanced = await engine.advance(records, soon())

    assert [each.index for each in advanced] == [0, 1, 2, 3]
    assert [[step.decision for step in each.steps] for each in advanced] == [
        [Decision.ANSWERED, Decision.ESCALATED, Decision.RETRIEVED],
        [Decision.ANSWERED, Decision.KEPT],
        [],
        [Decision.FAILED],
    ]
    assert [type(each.problem) for each in advanced[2:]] == [InputError, StageError]
    assert lm.requests == []


async def test_advancing_through_small_models_alone_reaches_the_end():
    (progress,) = await engine_of(classify(TinyEncoder())).advance([log("net")], soon())

    assert shown(progress.result()) == SMALL_NET


def test_the_stage_that_asks_the_large_model_is_known_where_there_is_one():
    decide = verify(ScriptedLm())

    assert engine_of(classify(), decide).asking is decide
    assert engine_of(classify()).asking is None


async def test_warming_up_reaches_every_small_model_and_no_large_one():
    first, second, lm = TinyEncoder(), TinyEncoder(), ScriptedLm()

    await engine_of(classify(first), gate(), retrieve(second), verify(lm)).warm_up()

    assert (len(first.calls), len(second.calls), lm.requests) == (1, 1, [])


# Whatever comes

SMALL = {
    "disk": ("disk", 0.9),
    "net": ("net", 0.9),
    "likely": ("disk", 0.75),
    "unsure": ("disk", 0.5),
}
LINES = st.tuples(
    st.sampled_from([*SMALL, "poison", ""]),
    st.sampled_from(["disk", "net", "sideways", "refuse", "crash"]),
)


def large(request):
    """Do what the line's second word says."""
    wish = request.fields["log"].split()[1]
    if wish == "refuse":
        raise LmRefusedError("llm", "no key", "Set it.")
    if wish == "crash":
        raise ValueError("crash")
    return wish


FAILURES = {
    "sideways": "LARGE_MODEL_ANSWER_INVALID",
    "refuse": "LARGE_MODEL_REFUSED",
    "crash": "RECORD_FAILED",
}


def expected(line, threshold):
    """Return answer, tier, degraded, error of one line, worked out without an engine."""
    word, wish = line
    if word not in SMALL:
        return "", None, "", StageError if word else InputError
    answer, confidence = SMALL[word]
    if confidence + 1e-6 >= threshold:
        return answer, Tier.SMALL, "", type(None)
    if wish in FAILURES:
        return answer, Tier.SMALL, FAILURES[wish], type(None)
    return wish, Tier.LARGE, "", type(None)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(LINES, max_size=12),
    st.sampled_from([KEEP_ALL, 0.6, 0.8, KEEP_NOTHING]),
)
def test_every_record_has_exactly_one_result_and_it_is_the_one_it_gets_alone(lines, threshold):
    """Ids are all the same, so only places can keep the records apart."""
    records = [log(f"{word} {wish}" if word else "", "same") for word, wish in lines]

    results = asyncio.run(_collect(records, threshold))

    assert sorted(index for index, _ in results) == list(range(len(lines)))
    told = [
        (each.answer, each.tier, each.degraded, type(each.error))
        for _, each in sorted(results, key=lambda pair: pair[0])
    ]
    assert told == [expected(line, threshold) for line in lines]
    _check_stream_order(results)


async def _collect(records, threshold):
    stream = cascade(ScriptedLm(large), threshold=threshold).stream(records, soon())
    return [pair async for pair in stream]


def _check_stream_order(results):
    """Shorter paths are final earlier."""
    lengths = [len(result.path) for _, result in results]
    assert all(first <= second for first, second in pairwise(lengths))
