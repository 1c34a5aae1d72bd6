import asyncio

import pytest

from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import classify, engine_of, gate, retrieve, says_net, soon, verify
from fakes.tiny_models import (
    RANK,
    TinyEncoder,
    caused,
    log,
    ngram_classifier,
    pair_classifier,
)
from headgate.cascade import capabilities
from headgate.errors import DeadlineError, InputError, LmAnswerError, NotFoundError, StageError
from headgate.types import Candidate, Deadline, Prediction, Record


@pytest.fixture
def lm():
    return ScriptedLm(says_net)


@pytest.fixture
def encoder():
    return TinyEncoder()


@pytest.fixture
def engine(lm, encoder):
    """All kinds of stages."""
    stages = classify(encoder), gate(), retrieve(encoder)
    return engine_of(*stages, verify(lm, evidence="similar"))


@pytest.fixture
def two_tiers(lm, encoder):
    return engine_of(
        classify(name="cheap", classifier=ngram_classifier()),
        gate(0.99, name="cheap_keep", of="cheap"),
        classify(encoder),
        gate(),
        verify(lm),
    )


# Stages by name


ASK = {
    "classify": lambda engine, stage: capabilities.classify(
        engine, [log("disk")], soon(), stage=stage
    ),
    "retrieve": lambda engine, stage: capabilities.retrieve(engine, ["disk"], soon(), stage=stage),
    "verify": lambda engine, stage: capabilities.verify(engine, [log("disk")], soon(), stage=stage),
}


@pytest.mark.parametrize("kind", ASK)
@pytest.mark.parametrize("name", ["nobody", "keep", "Triage"])
async def test_an_unknown_stage_is_refused_with_what_there_is(engine, kind, name):
    with pytest.raises(NotFoundError) as caught:
        await ASK[kind](engine, name)

    assert caught.value.args == (
        "cascade 'sorting'",
        f"it has no {kind} stage {name!r}",
        "It has: triage, keep, similar, decide.",
    )


@pytest.mark.parametrize(("kind", "other"), [("retrieve", "triage"), ("verify", "similar")])
async def test_a_stage_of_another_kind_is_not_found(engine, kind, other):
    with pytest.raises(NotFoundError, match=f"it has no {kind} stage '{other}'"):
        await ASK[kind](engine, other)


@pytest.mark.parametrize("kind", ["retrieve", "verify"])
async def test_a_cascade_without_such_a_stage_says_so(kind):
    with pytest.raises(NotFoundError, match=f"it has no {kind} stage. It has: triage."):
        await ASK[kind](engine_of(classify(TinyEncoder())), "")


# Classify


async def test_the_small_model_answers_without_a_gate(engine, lm):
    disk, unsure = await capabilities.classify(engine, [log("disk 1"), log("unsure")], soon())

    assert (disk.answer, disk.confidence) == ("disk", pytest.approx(0.9))
    assert unsure == Prediction(("disk", "net"), (0.5, 0.5))
    assert lm.requests == []


async def test_the_last_classifier_answers_unless_another_is_named(two_tiers, encoder):
    (last,) = await capabilities.classify(two_tiers, [log("net")], soon())
    (named,) = await capabilities.classify(two_tiers, [log("net")], soon(), stage="cheap")

    assert last.confidence == pytest.approx(0.9)
    assert named.confidence == pytest.approx(0.5)
    assert encoder.calls == [["net"]]


async def test_errors_of_classified_records_are_in_their_places(engine, encoder):
    records = [log("disk"), log(" ", "blank"), log("poison"), Record("x", {"lgo": "y"}), log("net")]

    found = await capabilities.classify(engine, records, soon())

    assert [type(each) for each in found] == [
        Prediction,
        InputError,
        StageError,
        InputError,
        Prediction,
    ]
    assert encoder.calls[0] == ["disk", "poison", "net"]


# Retrieve


async def test_cases_are_found_by_any_text(engine):
    disk, unknown = await capabilities.retrieve(engine, ["disk full", "fan"], soon())

    assert [(hit.id, hit.similarity) for hit in disk] == [("case-disk", pytest.approx(1))]
    assert [hit.similarity for hit in unknown] == [pytest.approx(0)]


@pytest.mark.parametrize(("top_k", "count"), [(0, 1), (1, 1), (2, 2), (50, 3)])
async def test_the_number_of_cases_is_the_stages_unless_the_caller_wants_another(
    engine, top_k, count
):
    (hits,) = await capabilities.retrieve(engine, ["disk"], soon(), top_k=top_k)

    assert len(hits) == count


async def test_fewer_than_one_case_is_refused(engine):
    with pytest.raises(InputError, match="top_k: is -1"):
        await capabilities.retrieve(engine, ["disk"], soon(), top_k=-1)


# Rerank


PAIRS = {"classifier": pair_classifier(), "task": RANK}
CANDIDATES = [Candidate("x", "net loop"), Candidate("y", "disk worn"), Candidate("z", "net")]


def pair_engine():
    return engine_of(classify(TinyEncoder(), **PAIRS), task=RANK)


async def test_candidates_are_ordered_by_how_well_they_fit():
    """The pair classifier gives 0.9 to the same first word and 0.1 to others; log-odds ±ln 9."""
    found = await capabilities.rerank(
        pair_engine(), [("disk slow", CANDIDATES), ("net 7", CANDIDATES[:2])], soon()
    )

    assert [[name for name, _ in ranking] for ranking in found] == [["y", "x", "z"], ["x", "y"]]
    assert [score for _, score in found[0]] == pytest.approx([2.1972, -2.1972, -2.1972], abs=1e-3)


async def test_a_cascade_of_single_texts_orders_by_cosine(engine):
    (found,) = await capabilities.rerank(engine, [("disk slow", CANDIDATES)], soon())

    assert [(name, round(score, 3)) for name, score in found] == [("y", 1), ("x", 0), ("z", 0)]


@pytest.mark.parametrize("texts", [["disk"], ["disk", "net"] * 20, ["same"] * 3])
async def test_a_ranking_is_a_permutation_with_falling_scores(texts):
    candidates = [Candidate(f"c{place}", text) for place, text in enumerate(texts)]

    (found,) = await capabilities.rerank(pair_engine(), [("disk", candidates)], soon())

    assert sorted(name for name, _ in found) == sorted(each.id for each in candidates)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)


async def test_equally_good_candidates_stay_in_the_callers_order():
    candidates = [Candidate(name, "net") for name in "cab"]

    (found,) = await capabilities.rerank(pair_engine(), [("disk", candidates)], soon())

    assert [name for name, _ in found] == ["c", "a", "b"]


async def test_each_item_is_ranked_by_its_own_text():
    """Lists of different lengths side by side."""
    words = ["disk", "net", "likely", "unsure"]
    items = [
        (word, [Candidate(other, other) for other in words[: 2 + place]])
        for place, word in enumerate(words[:3])
    ]

    found = await capabilities.rerank(pair_engine(), items, soon())

    assert [ranking[0][0] for ranking in found] == ["disk", "net", "likely"]
    assert [len(ranking) for ranking in found] == [2, 3, 4]


async def test_no_items_have_no_rankings():
    assert await capabilities.rerank(pair_engine(), [], soon()) == []


@pytest.mark.parametrize(
    "candidates",
    [
        pytest.param([], id="none"),
        pytest.param([Candidate("", "x")], id="blank-id"),
        pytest.param([Candidate("x", "a"), Candidate("x", "b")], id="repeated-id"),
    ],
)
async def test_candidates_that_cannot_be_ranked_are_refused_with_the_item(candidates):
    items = [("disk", CANDIDATES), ("net", candidates)]

    with pytest.raises(InputError) as caught:
        await capabilities.rerank(pair_engine(), items, soon())

    assert caught.value.place == "items[1].candidates"
    assert caught.value.remedy == "Send at least one, with different ids."


async def test_a_classifier_of_ngrams_of_single_texts_has_nothing_to_compare_with():
    engine = engine_of(classify(classifier=ngram_classifier()))

    with pytest.raises(NotFoundError, match="it has no encoder to compare texts with"):
        await capabilities.rerank(engine, [("disk", CANDIDATES)], soon())


# Verify


async def test_the_large_model_decides_although_the_small_one_is_sure(engine, lm):
    (found,) = await capabilities.verify(engine, [log("disk 1")], soon())

    assert (found.record_id, found.judgement.answer, found.confirmed) == ("disk 1", "net", None)
    assert found.judgement.usage.calls == 1
    assert [hit.id for hit in lm.requests[0].evidence] == ["case-disk"]


async def test_a_large_model_that_is_shown_no_cases_is_asked_without(lm, encoder):
    engine = engine_of(classify(encoder), gate(), verify(lm))

    await capabilities.verify(engine, [log("disk")], soon())

    assert (lm.requests[0].evidence, encoder.calls) == ((), [])


async def test_proposals_are_confirmed_or_not(engine):
    records = [log("disk 1"), log("disk 2"), log("disk 3"), log("disk 4")]

    found = await capabilities.verify(
        engine, records, soon(), proposals=["net", "disk", "", "no such label"]
    )

    assert [each.confirmed for each in found] == [True, False, None, False]
    assert {each.judgement.answer for each in found} == {"net"}


@pytest.mark.parametrize("count", [1, 3])
async def test_another_number_of_proposals_than_records_is_refused(engine, lm, count):
    with pytest.raises(InputError) as caught:
        await capabilities.verify(
            engine, [log("disk"), log("net")], soon(), proposals=["net"] * count
        )

    assert caught.value.args == (
        "proposals",
        f"{count} proposals for 2 records",
        "Send one a record, or none.",
    )
    assert lm.requests == []


async def test_errors_of_verified_records_are_in_their_places(engine, lm):
    """A record without cases, since the encoder cannot read it, is decided all the same."""
    lm.decide = lambda request: "no label" if request.record_id == "net" else "net"
    records = [log("disk"), log(" ", "blank"), log("poison"), log("net")]

    found = await capabilities.verify(engine, records, soon(), proposals=["net"] * 4)

    assert [each.record_id for each in found] == ["disk", "blank", "poison", "net"]
    assert [type(each.error) for each in found] == [
        type(None),
        InputError,
        type(None),
        LmAnswerError,
    ]
    assert [each.confirmed for each in found] == [True, None, True, None]
    assert [request.evidence for request in lm.requests if request.record_id == "poison"] == [()]


async def test_ranked_candidates_are_decided_by_their_ids(lm):
    lm.decide = lambda request: request.candidates[1].id
    engine = engine_of(classify(TinyEncoder(), **PAIRS), gate(), verify(lm, task=RANK), task=RANK)

    (found,) = await capabilities.verify(
        engine, [caused("disk slow", "net", "fan")], soon(), proposals=["c1"]
    )

    assert (found.judgement.answer, found.confirmed) == ("c1", True)


async def test_no_records_need_no_large_model(engine, lm):
    assert (await capabilities.verify(engine, [], soon()), lm.requests) == ([], [])


# Deadlines


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(
            lambda engine, late: capabilities.classify(engine, [log("disk")], late), id="classify"
        ),
        pytest.param(
            lambda engine, late: capabilities.retrieve(engine, ["disk"], late), id="retrieve"
        ),
        pytest.param(
            lambda engine, late: capabilities.rerank(engine, [("disk", CANDIDATES)], late),
            id="rerank",
        ),
        pytest.param(
            lambda engine, late: capabilities.verify(engine, [log("disk"), log("net")], late),
            id="verify",
        ),
    ],
)
@pytest.mark.parametrize("allowed_s", [-1, 0, 0.02], ids=["passed", "now", "while-at-work"])
async def test_too_late_is_the_calls_error(lm, ask, allowed_s):
    encoder = TinyEncoder(may_answer=asyncio.Event())
    engine = engine_of(classify(encoder), gate(), retrieve(encoder), verify(lm, evidence="similar"))

    with pytest.raises(DeadlineError):
        await ask(engine, Deadline.after(allowed_s))
    assert lm.requests == []


async def test_answers_that_came_in_time_are_kept_when_others_are_late(lm):
    """They are paid for; the late one has its error."""
    engine = engine_of(classify(TinyEncoder()), gate(), verify(lm))

    found = await capabilities.verify(
        engine, [log("disk"), log("held up"), log("net")], Deadline.after(0.2)
    )

    assert [each.judgement.answer if each.judgement else None for each in found] == [
        "net",
        None,
        "net",
    ]
    assert found[1].error.reason == "DEADLINE_EXCEEDED"
    assert lm.cancelled == 1


async def test_a_refused_record_does_not_make_late_ones_the_calls_error(lm):
    engine = engine_of(classify(TinyEncoder()), gate(), verify(lm))

    found = await capabilities.verify(
        engine, [log("held up"), log(" ", "blank")], Deadline.after(0.05)
    )

    assert [each.error.reason for each in found] == ["DEADLINE_EXCEEDED", "INPUT_INVALID"]
