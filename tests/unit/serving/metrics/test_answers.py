"""What is counted of results: worked out by hand on engines of tiny models."""

import math

import pytest

from fakes.exposition import told_by
from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import cascade as sorting
from fakes.tiny_engine import says_net, soon
from fakes.tiny_models import log
from fakes.tiny_questions import CHAIN, EASY, NONE
from fakes.tiny_questions import cascade as questions
from fakes.tiny_tables import matching, tables
from headgate.errors import LmError, RemoteError
from headgate.serving.metrics.answers import AnswerCounts
from headgate.types import Decision, Record, Result, Step, Tier, Usage


@pytest.fixture
def counts():
    return AnswerCounts()


def counted(counts, prefix=""):
    """Return what is not zero, by short name and labels without the cascade's."""
    found = told_by(counts.collect())
    short = {name.removeprefix("headgate_"): value for name, value in found.items()}
    return {name: value for name, value in short.items() if name.startswith(prefix)}


async def run(counts, engine, *records):
    counts.listen(engine)
    return await engine.run(records, soon())


# Records


async def test_records_are_counted_by_the_tier_that_answered_and_the_gates_decisions(counts):
    """Two are kept at 0.9; 0.5 is sent on, and the large model says what it says."""
    engine = sorting(ScriptedLm(says_net))

    await run(counts, engine, log("disk"), log("net"), log("unsure"))

    assert counted(counts) == {
        "requests_total{sorting,triage,answered}": 2,
        "requests_total{sorting,decide,answered}": 1,
        "tier_decisions_total{sorting,triage,kept}": 2,
        "tier_decisions_total{sorting,triage,sent_on}": 1,
        "tier_duration_seconds_count{sorting,triage}": 3,
        "tier_duration_seconds_count{sorting,decide}": 1,
        "score_count{sorting}": 3,
        "llm_calls_total{sorting}": 1,
        "llm_tokens_total{sorting,input}": 10,
        "llm_tokens_total{sorting,output}": 5,
        "llm_cost_dollars_total{sorting}": pytest.approx(20e-6),
        "cache_events_total{sorting,miss}": 1,
    }


async def test_what_was_asked_before_costs_nothing_and_is_a_hit(counts):
    engine = sorting(ScriptedLm(says_net))

    await run(counts, engine, log("unsure"))
    await engine.run([log("unsure")], soon())

    assert counted(counts, "llm_calls") == {"llm_calls_total{sorting}": 1}
    assert counted(counts, "cache") == {
        "cache_events_total{sorting,miss}": 1,
        "cache_events_total{sorting,hit}": 1,
    }


async def test_a_degraded_answer_is_counted_with_its_reason_under_the_tier_that_gave_it(counts):

    def fails(request):
        raise LmError("llm", "it is down", "Wait.")

    engine = sorting(ScriptedLm(fails))

    await run(counts, engine, log("unsure"))

    assert counted(counts, "requests") == {"requests_total{sorting,triage,degraded}": 1}
    assert counted(counts, "degraded") == {"degraded_total{sorting,LARGE_MODEL_FAILED}": 1}
    assert counted(counts, "llm") == {}


async def test_a_record_without_an_answer_is_counted_by_the_code_of_its_error(counts):
    """One breaks the model, the other has no text."""
    engine = sorting()

    results = await run(counts, engine, log("poison"), log(""))

    codes = {result.error.status for result in results}
    assert counted(counts, "requests") == {
        f"requests_total{{sorting,none,{code}}}": [each.error.status for each in results].count(
            code
        )
        for code in codes
    }
    assert counted(counts, "score") == {}


async def test_what_will_be_counted_is_there_from_the_start_in_the_order_of_the_flow(counts):
    """A rate needs a first value, and a reader of tiers their order."""
    counts.listen(sorting())

    names = [
        (sample.name, *sample.labels.values())
        for metric in counts.collect()
        for sample in metric.samples
        if sample.name in ("headgate_requests_total", "headgate_tier_decisions_total")
    ]
    assert names == [
        ("headgate_requests_total", "sorting", "triage", "answered"),
        ("headgate_requests_total", "sorting", "triage", "degraded"),
        ("headgate_requests_total", "sorting", "decide", "answered"),
        ("headgate_requests_total", "sorting", "decide", "degraded"),
        ("headgate_tier_decisions_total", "sorting", "triage", "kept"),
        ("headgate_tier_decisions_total", "sorting", "triage", "sent_on"),
    ]


async def test_another_engine_of_the_same_name_goes_on_counting(counts):
    for _ in range(2):
        await run(counts, sorting(), log("disk"))

    assert counted(counts, "requests") == {"requests_total{sorting,triage,answered}": 2}


# Labels are of closed sets


def told(counts, **fields):
    """Count a result of these fields."""
    engine = sorting()
    counts.listen(engine)
    engine.listener(Result("r", **fields))


def test_a_reason_and_a_code_that_are_not_ours_are_no_labels(counts):
    told(counts, answer="disk", tier=Tier.SMALL, degraded="canary")
    told(counts, error=RemoteError("CANARY", "canary", "canary"))

    text = str(counted(counts)).lower()
    assert "canary" not in text
    assert counted(counts, "degraded") == {"degraded_total{sorting,OTHER}": 1}
    assert counted(counts, "requests") == {
        "requests_total{sorting,none,degraded}": 1,
        "requests_total{sorting,none,INTERNAL}": 1,
    }


def test_a_score_that_is_no_number_counts_as_none_at_all(counts):
    """A sum with a NaN in it stays one for ever."""
    path = (Step("keep", "gate", Decision.ESCALATED, 1.0, score=math.nan),)
    told(counts, path=path)

    sums = [
        sample.value
        for metric in counts.collect()
        for sample in metric.samples
        if sample.name == "headgate_score_sum"
    ]
    assert sums == [0.0]
    assert counted(counts, "score") == {"score_count{sorting}": 1}


def test_a_result_that_cannot_be_counted_does_not_fail_its_reply(counts, caplog):
    told(counts, usage=Usage(calls=1, cost_usd=-1.0))

    assert "rpc_failed" in caplog.text
    assert "count sorting" in caplog.text


# What fans out


async def test_tables_are_counted_once_and_columns_where_gates_judge(counts):
    """Of three columns the large model is asked about pump_c alone; one table has none."""
    await run(
        counts,
        matching(ScriptedLm()),
        tables("disk_a", "pump_c", record_id="one"),
        tables("net_b", record_id="two"),
        tables(record_id="empty"),
        Record("unreadable", {"source": "disk_a"}),
    )

    assert counted(counts, "requests") == {
        "requests_total{matching,judge,answered}": 1,
        "requests_total{matching,candidates,answered}": 1,
        "requests_total{matching,none,answered}": 1,
        "requests_total{matching,none,INVALID_ARGUMENT}": 1,
    }
    assert counted(counts, "tier_decisions") == {
        "tier_decisions_total{matching,candidates,kept}": 2,
        "tier_decisions_total{matching,candidates,sent_on}": 1,
    }
    assert counted(counts, "llm_calls") == {"llm_calls_total{matching}": 1}


# Steps


async def test_questions_are_counted_and_of_their_steps_the_time_alone(counts):
    """Nothing is kept of the chain; its two steps are read, once each."""
    asked = questions(known=NONE, sure=NONE)
    counts.listen(asked.engine)

    (result,) = await asked.answer(CHAIN)

    assert len(result.parts) == 2
    assert counted(counts, "requests") == {"requests_total{questions,final,answered}": 1}
    assert counted(counts, "tier_decisions") == {
        "tier_decisions_total{questions,recall,sent_on}": 1,
        "tier_decisions_total{questions,direct,sent_on}": 1,
    }
    assert counted(counts, "tier_duration_seconds") == {
        "tier_duration_seconds_count{questions,recall}": 1,
        "tier_duration_seconds_count{questions,plan}": 1,
        "tier_duration_seconds_count{questions,direct}": 1,
        "tier_duration_seconds_count{questions,answer}": 2,
        "tier_duration_seconds_count{questions,final}": 1,
    }
    assert counted(counts, "score") == {"score_count{questions}": 1}
    assert counted(counts, "llm_calls") == {"llm_calls_total{questions}": result.usage.calls}


async def test_a_question_that_is_kept_early_is_of_the_tier_that_kept_it(counts):
    asked = questions()
    counts.listen(asked.engine)

    await asked.answer(EASY)

    assert counted(counts, "requests") == {"requests_total{questions,recall,answered}": 1}
