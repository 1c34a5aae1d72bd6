import json
import math

import pytest

from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import classify, engine_of, gate, says_net, verify
from fakes.tiny_models import LEVEL, TinyEncoder, broken_classifier, log, ngram_classifier
from fakes.tiny_tables import matching, tables
from headgate.domains.rows import LabelledRecord
from headgate.domains.schemas.match_record import NO_MATCH, column_records
from headgate.errors import InputError, NotFoundError
from headgate.evaluation.evaluate import CHUNK, LATENCY_SAMPLE, evaluate
from headgate.lm.large_model import LargeModel
from headgate.lm.ledger import Price
from headgate.lm.replay import ReplayEngine
from headgate.lm.seam import RawAnswer
from headgate.stages.catalog import Verify
from headgate.types import Usage

# "disk" and "net" are kept, "likely" (0.75) and "unsure" (0.5) go on; see fakes.tiny_models.
#
#   row        right  small  sent  large  cascade
#   disk 1     disk   disk   no    disk   disk
#   net 2      disk   net    no    disk   net
#   likely 3   net    disk   yes   net    net
#   unsure 4   disk   disk   yes   net    net
#   unsure 5   net    disk   yes   -      disk, degraded: nothing was recorded
#   poison 7   disk   -      no    disk   -, failed: the encoder cannot read it
#   (blank)    disk   -      no    -      -, failed: there is nothing to read
ROWS = [
    LabelledRecord(log("disk 1"), "disk"),
    LabelledRecord(log("net 2"), "disk"),
    LabelledRecord(log("likely 3"), "net"),
    LabelledRecord(log("unsure 4"), "disk"),
    LabelledRecord(log("unsure 5"), "net"),
    LabelledRecord(log("poison 7"), "disk"),
    LabelledRecord(log(" ", "blank"), "disk"),
]
RECORDED = {
    "disk 1": ("disk", 10, 1),
    "net 2": ("disk", 20, 2),
    "likely 3": ("net", 40, 4),
    "unsure 4": ("net", 80, 8),
    "poison 7": ("disk", 160, 16),
}
IN_CASCADE = Usage(calls=2, input_tokens=120, output_tokens=12, cost_usd=144e-6)
"""Rows 3 and 4, at 1 and 2 dollars for a million tokens in and out."""
ALONE = Usage(calls=5, input_tokens=310, output_tokens=31, cost_usd=372e-6)
"""All that are recorded."""


def replay():
    answers = {
        name: RawAnswer(json.dumps({"label": label, "reason": "because"}), tokens_in, tokens_out)
        for name, (label, tokens_in, tokens_out) in RECORDED.items()
    }
    return ReplayEngine(answers)


def large_model(lm, cache_entries=10_000):
    price = Price(1.0, 2.0)
    return LargeModel(lm, price=price, cache_entries=cache_entries, backoff_s=(0, 0))


def cascade(model):
    decide = Verify(
        "decide", "llm", task=LEVEL, large_model=model, instruction="Sort.", evidence=None
    )
    return engine_of(classify(TinyEncoder()), gate(), decide)


def calls(model):
    return model.ledger.account(model.name).usage.calls


@pytest.mark.parametrize("large_alone", [True, False])
async def test_the_figures_of_the_cascade_are_those_worked_out_above(large_alone):
    found = await evaluate(cascade(large_model(replay())), ROWS, large_alone=large_alone)

    assert found.rows == 7
    assert found.small_accuracy == pytest.approx(2 / 7)
    assert found.cascade_accuracy == pytest.approx(2 / 7)
    assert found.llm_share == pytest.approx(3 / 7)
    assert found.degraded == {"REPLAY_MISS": 1}
    assert found.failed == {"RECORD_FAILED": 1, "INPUT_INVALID": 1}
    assert counts(found.usage) == counts(IN_CASCADE)
    assert found.usage.cost_usd == pytest.approx(IN_CASCADE.cost_usd)


def counts(usage):
    return usage.calls, usage.input_tokens, usage.output_tokens, usage.estimated


@pytest.mark.parametrize("cache_entries", [10_000, 0], ids=["cache", "no-cache"])
async def test_the_large_model_alone_is_asked_about_every_row(cache_entries):
    """What it already told the cascade is part of what it would cost alone."""
    engine = cascade(large_model(replay(), cache_entries))

    found = await evaluate(engine, ROWS, large_alone=True)

    assert found.large_accuracy == pytest.approx(4 / 7)
    assert found.oracle_accuracy == pytest.approx(5 / 7)
    assert counts(found.large_usage) == counts(ALONE)
    assert found.large_usage.cost_usd == pytest.approx(ALONE.cost_usd)


async def test_equal_rows_are_paid_for_once_in_both_bills():
    model = large_model(ScriptedLm(says_net))
    rows = [LabelledRecord(log("likely a", f"{n}"), "net") for n in range(3)] + [
        LabelledRecord(log("disk b", f"b{n}"), "disk") for n in range(2)
    ]

    found = await evaluate(cascade(model), rows, large_alone=True)

    assert (found.llm_share, found.usage.calls, found.large_usage.calls) == (3 / 5, 1, 2)
    assert calls(model) == 2


@pytest.mark.parametrize("cache_entries", [10_000, 0], ids=["cache", "no-cache"])
async def test_without_large_alone_only_what_the_cascade_sends_is_asked(cache_entries):
    """Each record passes the cascade once: neither timing nor the small models' figure costs."""
    lm = ScriptedLm()
    model = large_model(lm, cache_entries)

    found = await evaluate(cascade(model), ROWS, large_alone=False)

    assert sorted(request.record_id for request in lm.requests) == [
        "likely 3",
        "unsure 4",
        "unsure 5",
    ]
    assert calls(model) == found.usage.calls == 3
    assert (found.large_accuracy, found.oracle_accuracy, found.large_usage) == (
        None,
        None,
        Usage(),
    )


async def test_a_cascade_of_small_models_alone_is_evaluated_too():
    engine = engine_of(classify(TinyEncoder()))

    found = await evaluate(engine, ROWS[:4], large_alone=False)

    assert (found.small_accuracy, found.cascade_accuracy, found.llm_share) == (0.5, 0.5, 0)
    assert (found.usage, found.degraded, found.failed) == (Usage(), {}, {})


async def test_there_is_no_large_model_alone_in_a_cascade_without_one():
    with pytest.raises(NotFoundError, match="it has no verify stage"):
        await evaluate(engine_of(classify(TinyEncoder())), ROWS, large_alone=True)


async def test_no_rows_have_no_figures():
    with pytest.raises(InputError) as caught:
        await evaluate(cascade(large_model(replay())), [], large_alone=False)

    assert caught.value.args == ("labels", "there are no rows", "Give at least one.")


async def test_a_large_model_that_always_fails_leaves_the_small_models_figures():
    """Every record that goes on is degraded; none is lost."""
    engine = cascade(large_model(ReplayEngine({})))

    found = await evaluate(engine, ROWS[:5], large_alone=True)

    assert (found.cascade_accuracy, found.small_accuracy) == (0.4, 0.4)
    assert (found.large_accuracy, found.oracle_accuracy) == (0, 0.4)
    assert (found.degraded, found.failed) == ({"REPLAY_MISS": 3}, {})
    assert (found.usage, found.large_usage) == (Usage(), Usage())


@pytest.mark.slow
async def test_many_rows_are_counted_over_all_batches_and_every_step_ends_at_its_total():
    """The first rows pass one by one, the others in batches."""
    count = LATENCY_SAMPLE + CHUNK + 10
    rows = [LabelledRecord(log(f"{'net' if n % 2 else 'unsure'} {n}"), "net") for n in range(count)]
    told = []
    lm = ScriptedLm(says_net)

    found = await evaluate(
        cascade(large_model(lm)), rows, large_alone=True, report=lambda *step: told.append(step)
    )

    assert (found.rows, found.small_accuracy, found.cascade_accuracy) == (count, 0.5, 1)
    assert (found.llm_share, found.large_accuracy, len(lm.requests)) == (0.5, 1, count)
    alone = [("cascade", number + 1, count) for number in range(LATENCY_SAMPLE)]
    assert told == [
        ("small models alone", CHUNK, count),
        ("small models alone", count, count),
        *alone,
        ("cascade", LATENCY_SAMPLE + CHUNK, count),
        ("cascade", count, count),
        ("large model alone", CHUNK, count),
        ("large model alone", count, count),
    ]


async def test_one_record_alone_is_timed_in_milliseconds():
    """The encoder pauses 2 ms at each call, which no record can beat."""
    engine = engine_of(classify(TinyEncoder(pause_s=0.002)), gate(), verify(ScriptedLm()))

    found = await evaluate(engine, ROWS[:5], large_alone=False)

    assert 1 < found.p50_ms <= found.p95_ms
    assert found.seconds > 0


# Row by row


async def test_outcomes_hold_what_each_tier_said_of_each_row_and_what_it_cost():
    slices = {"system": ["a", "b", "a", "b", "a", "b", "a"]}

    found = await evaluate(cascade(large_model(replay())), ROWS, large_alone=True, slices=slices)

    outcomes = found.outcomes
    assert outcomes.ids == tuple(row.record.id for row in ROWS)
    assert outcomes.gold == ("disk", "disk", "net", "disk", "net", "disk", "disk")
    assert outcomes.small == ("disk", "net", "disk", "disk", "disk", "", "")
    assert outcomes.large == ("disk", "disk", "net", "net", "", "disk", "")
    assert outcomes.kept.tolist() == [True, True, False, False, False, True, True]
    assert outcomes.scores[:5].tolist() == pytest.approx([0.9, 0.9, 0.75, 0.5, 0.5])
    assert outcomes.scores[5:].tolist() == [-math.inf, -math.inf]
    assert outcomes.large_cost_usd.tolist() == pytest.approx(
        [12e-6, 24e-6, 48e-6, 96e-6, 0, 192e-6, 0]
    )
    assert outcomes.small_cost_usd.tolist() == [0] * 7
    assert outcomes.slices == {"system": ("a", "b", "a", "b", "a", "b", "a")}
    assert outcomes.groups[:2] == ("disk #", "net #")


@pytest.mark.parametrize("cache_entries", [10_000, 0], ids=["cache", "no-cache"])
async def test_costs_of_rows_add_up_to_those_of_the_large_model_alone(cache_entries):
    engine = cascade(large_model(replay(), cache_entries))

    found = await evaluate(engine, ROWS, large_alone=True)

    assert found.outcomes.large_cost_usd.sum() == pytest.approx(found.large_usage.cost_usd)


async def test_the_surest_of_two_gates_is_a_rows_score():
    """The first tier knows "disk" alone; of "net" the second is 0.9 sure."""
    engine = engine_of(
        classify(name="cheap", classifier=ngram_classifier()),
        gate(0.99, name="cheap_keep", of="cheap"),
        classify(TinyEncoder()),
        gate(),
        verify(ScriptedLm(says_net)),
    )

    found = await evaluate(engine, ROWS[:2], large_alone=True)

    assert found.outcomes.scores.tolist() == pytest.approx([1.0, 0.9], abs=1e-4)


async def test_without_every_answer_of_the_large_model_there_are_no_outcomes():
    found = await evaluate(cascade(large_model(replay())), ROWS, large_alone=False)

    assert found.outcomes is None


async def test_a_gate_without_numbers_is_as_unsure_as_can_be():
    broken = classify(TinyEncoder(), classifier=broken_classifier())
    engine = engine_of(broken, gate(), verify(ScriptedLm(says_net)))

    found = await evaluate(engine, ROWS[:1], large_alone=True)

    assert found.outcomes.scores.tolist() == [-math.inf]
    assert found.outcomes.kept.tolist() == [False]


# Tables. Of fakes.tiny_tables, 0.8 is asked for:
#
#   table  column     right    small         sent  cascade
#   a      disk_a     disk_x   disk_x 0.9    no    disk_x
#          pump_b     pump_y   pump_x 0.45   yes   pump_y
#          owner_c    none     none   0.99   no    none
#   b      net_a      disk_x   net_x  0.9    no    net_x
#          poison_b   net_x    -             no    -, failed
TABLES = {
    "a": {"disk_a": "disk_x", "pump_b": "pump_y", "owner_c": NO_MATCH},
    "b": {"net_a": "disk_x", "poison_b": "net_x"},
}


def labelled_tables():
    return [
        LabelledRecord(record, right, group=name)
        for name, matches in TABLES.items()
        for record, right in zip(
            column_records(tables(*matches, record_id=name)), matches.values(), strict=True
        )
    ]


def second_is_right(item):
    return {item.candidates[1].id: 0.9}


async def test_figures_of_tables_are_of_their_columns():
    found = await evaluate(
        matching(ScriptedLm(rank=second_is_right)), labelled_tables(), large_alone=True
    )

    assert found.rows == 5
    assert found.small_accuracy == pytest.approx(2 / 5)
    assert found.cascade_accuracy == pytest.approx(3 / 5)
    assert found.llm_share == pytest.approx(1 / 5)
    assert found.failed == {"RECORD_FAILED": 1}
    assert found.outcomes.ids == ("a/disk_a", "a/pump_b", "a/owner_c", "b/net_a", "b/poison_b")
    assert found.outcomes.groups[0] == found.outcomes.groups[2] != found.outcomes.groups[3]


async def test_figures_of_whole_tables_are_worked_out_beside_them():
    """Of table a the large model puts the second right column first; of b nothing is right."""
    found = await evaluate(
        matching(ScriptedLm(rank=second_is_right)), labelled_tables(), large_alone=False
    )

    small, cascade = found.matching["small"], found.matching["cascade"]
    assert (small.tables, cascade.tables) == (2, 2)
    assert cascade.mrr - small.mrr == pytest.approx((1 - 1 / 2) / 2 / 2)
    assert cascade.one_to_one_f1 == pytest.approx((1 + 0) / 2)
    assert cascade.recall_at_truth == pytest.approx((1 + 0) / 2)


async def test_a_table_passes_as_a_whole():
    """Both columns in doubt share the prompt, as they would in service."""
    lm = ScriptedLm(rank=second_is_right)
    rows = [
        LabelledRecord(record, NO_MATCH) for record in column_records(tables("pump_a", "held_b"))
    ]

    found = await evaluate(matching(lm, items_per_prompt=2), rows, large_alone=False)

    assert (found.usage.calls, len(lm.requests)) == (1, 1)


async def test_rows_of_logs_have_no_figures_of_tables():
    found = await evaluate(cascade(large_model(replay())), ROWS, large_alone=False)

    assert found.matching == {}
