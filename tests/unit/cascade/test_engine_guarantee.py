"""What answers claim, and which thresholds are in force while they may claim it."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.certificates import certificate, uncertified
from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import (
    HALF_WAY,
    LARGE_NET,
    SMALL_DISK,
    SMALL_NET,
    agreeing,
    cascade,
    classify,
    engine_of,
    gate,
    says_net,
    shown,
    soon,
    verify,
)
from fakes.tiny_models import TinyEncoder, broken_classifier, log, ngram_classifier
from headgate.cascade.explain import explain
from headgate.cascade.fitted import FittedRung
from headgate.cascade.guarantee import Guarantee
from headgate.cascade.nodes import GateNode
from headgate.errors import LmRefusedError
from headgate.gate.threshold import KEEP_ALL, KEEP_NOTHING, Gate
from headgate.types import Alternative, Deadline, GuaranteeState, Origin, Tier

CERTIFIED, SUSPECT, VOID, UNCERTIFIED = GuaranteeState
ISSUED = certificate()
NOTHING = ("", UNCERTIFIED)


def claims(result):
    return result.certificate_id, result.guarantee


def refuses(request):
    raise LmRefusedError("llm", "no key", "Set it.")


# Claims


async def test_kept_and_decided_answers_claim_the_certificate():
    engine = cascade(ScriptedLm(says_net), guarantee=Guarantee(ISSUED))

    results = await engine.run([log("disk"), log("unsure")], soon())

    assert [shown(each) for each in results] == [SMALL_DISK, LARGE_NET]
    assert [claims(each) for each in results] == [(ISSUED.id, CERTIFIED)] * 2


async def test_without_a_certificate_no_answer_claims_anything():
    results = await cascade().run([log("disk"), log("unsure")], soon())

    assert [claims(each) for each in results] == [NOTHING] * 2


@pytest.mark.parametrize("state", [SUSPECT, VOID])
async def test_an_answer_says_in_which_state_the_certificate_was(state):
    engine = cascade(guarantee=Guarantee(ISSUED))
    (before,) = await engine.run([log("unsure 1")], soon())
    engine.guarantee.take(state)

    (after,) = await engine.run([log("unsure 2")], soon())

    assert (claims(before), claims(after)) == ((ISSUED.id, CERTIFIED), (ISSUED.id, state))


async def test_a_degraded_answer_claims_nothing():
    engine = cascade(ScriptedLm(refuses), guarantee=Guarantee(ISSUED))

    kept, degraded = await engine.run([log("disk"), log("unsure")], soon())

    assert (claims(kept), claims(degraded)) == ((ISSUED.id, CERTIFIED), NOTHING)
    assert shown(degraded) == ("disk", Tier.SMALL, "LARGE_MODEL_REFUSED")


async def test_a_record_without_an_answer_claims_nothing():
    engine = cascade(guarantee=Guarantee(ISSUED))

    results = await engine.run([log(" ", "blank"), log("poison")], soon())

    assert [claims(each) for each in results] == [NOTHING] * 2
    assert all(each.error is not None for each in results)


# Thresholds


def guarded(lm, guarantee, *, tightened=HALF_WAY):
    """Return a cascade that keeps 0.75 and 0.9, and while it is void as much as is given."""
    strict = None if tightened is None else Gate("max_prob", tightened)
    keep = GateNode("keep", "triage", Gate("max_prob", 0.6), tightened=strict)
    return engine_of(classify(TinyEncoder()), keep, verify(lm), guarantee=guarantee)


RECORDS = [log("disk"), log("likely"), log("unsure")]


@pytest.mark.parametrize(
    ("state", "tightens", "tightened", "asked"),
    [
        pytest.param(CERTIFIED, True, HALF_WAY, ["unsure"], id="certified"),
        pytest.param(SUSPECT, True, HALF_WAY, ["unsure"], id="suspect"),
        pytest.param(VOID, True, HALF_WAY, ["likely", "unsure"], id="void"),
        pytest.param(VOID, True, None, ["disk", "likely", "unsure"], id="void-with-nothing-left"),
        pytest.param(VOID, False, HALF_WAY, ["unsure"], id="void-and-only-reported"),
    ],
)
async def test_a_void_certificate_keeps_what_a_stricter_one_would(
    state, tightens, tightened, asked
):
    lm = ScriptedLm(says_net)
    engine = guarded(lm, Guarantee(ISSUED, tightens=tightens), tightened=tightened)
    engine.guarantee.take(state)

    results = await engine.run(RECORDS, soon())

    assert sorted(request.record_id for request in lm.requests) == asked
    assert [claims(each) for each in results] == [(ISSUED.id, state)] * 3


async def test_a_lifted_alarm_brings_the_threshold_back():
    lm = ScriptedLm(says_net)
    engine = guarded(lm, Guarantee(ISSUED))
    engine.guarantee.take(VOID)
    engine.guarantee.take(CERTIFIED)

    await engine.run([log("likely")], soon())

    assert lm.requests == []


@pytest.mark.parametrize(
    ("pass_through", "asked"),
    [
        pytest.param(True, ["disk", "likely", "unsure"], id="pass-through"),
        pytest.param(False, ["unsure"], id="run-uncertified"),
    ],
)
async def test_a_certificate_of_other_files_sends_everything_on_unless_it_shall_not(
    pass_through, asked
):
    lm = ScriptedLm(says_net)
    broken = Guarantee(ISSUED, problem="the prompt differs", pass_through=pass_through)

    results = await guarded(lm, broken).run(RECORDS, soon())

    assert sorted(request.record_id for request in lm.requests) == asked
    assert [claims(each) for each in results] == [NOTHING] * 3
    assert not [each for each in results if each.degraded or each.error]


async def test_too_few_labels_leave_the_thresholds_that_the_fit_chose():
    lm = ScriptedLm(says_net)

    results = await guarded(lm, Guarantee(uncertified(), problem="too few")).run(RECORDS, soon())

    assert [request.record_id for request in lm.requests] == ["unsure"]
    assert [claims(each) for each in results] == [NOTHING] * 3


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        pytest.param("", VOID, id="void"),
        pytest.param("the prompt differs", CERTIFIED, id="other-files"),
    ],
)
async def test_thresholds_of_single_labels_are_tightened_too(problem, told):
    lm = ScriptedLm(says_net)
    keep = Gate("max_prob", KEEP_NOTHING, {"disk": KEEP_ALL, "net": KEEP_ALL})
    engine = engine_of(
        classify(TinyEncoder()),
        GateNode("keep", "triage", keep),
        verify(lm),
        guarantee=Guarantee(ISSUED, problem=problem),
    )
    engine.guarantee.take(told)

    await engine.run([log("disk"), log("net")], soon())

    assert sorted(request.record_id for request in lm.requests) == ["disk", "net"]


async def test_a_label_without_a_threshold_of_its_own_has_that_of_the_gate():
    lm = ScriptedLm(says_net)
    own = Gate("max_prob", KEEP_NOTHING, {"disk": KEEP_ALL})
    engine = engine_of(classify(TinyEncoder()), GateNode("keep", "triage", own), verify(lm))

    results = await engine.run([log("unsure"), log("net")], soon())

    assert [each.tier for each in results] == [Tier.SMALL, Tier.LARGE]


async def test_an_explanation_names_the_threshold_in_force_and_other_epsilons():
    rungs = (FittedRung(epsilon=0.01, certified=False, threshold=KEEP_NOTHING),
             FittedRung(epsilon=0.05, certified=True, threshold=0.5))  # fmt: skip
    keep = GateNode("keep", "triage", Gate("max_prob", HALF_WAY), ladder=rungs)
    broken = Guarantee(ISSUED, problem="the prompt differs")
    engine = engine_of(classify(TinyEncoder()), keep, verify(ScriptedLm()), guarantee=broken)

    (found,) = await explain(engine, [log("unsure")], soon())

    (told,) = found.gates
    assert (told.gate, told.predicted, told.kept) == ("keep", "disk", False)
    assert (told.raw_score, told.confidence) == (0.5, 0.5)
    assert told.threshold == KEEP_NOTHING
    assert told.alternatives == (
        Alternative(0.01, certified=False, threshold=KEEP_NOTHING, kept=False),
        Alternative(0.05, certified=True, threshold=0.5, kept=True),
    )


# A second model


@pytest.fixture
def lm():
    return ScriptedLm(says_net)


def knows_disk():
    """Return a second model that is sure of "disk" and knows nothing else."""
    return classify(name="second-ngram", classifier=ngram_classifier())


async def test_the_gate_reads_the_second_model_and_nobody_else_does(lm):
    """Of "net" the first is 0.9 sure and the second 0.5, so 0.7 together."""
    engine = engine_of(classify(TinyEncoder()), agreeing(knows_disk()), verify(lm))

    results = await engine.run([log("disk"), log("net")], soon())

    assert [shown(each) for each in results] == [SMALL_DISK, LARGE_NET]
    assert [step.stage for step in results[1].path] == ["triage", "keep", "decide"]
    assert [results[0].path[1].score, results[1].path[1].score] == pytest.approx(
        [0.95, 0.7], abs=1e-4
    )
    assert results[0].confidence == pytest.approx(0.9)


async def test_the_second_model_is_not_asked_about_what_was_kept_before(lm):
    second = TinyEncoder()
    engine = engine_of(
        classify(name="cheap", classifier=ngram_classifier()),
        gate(0.99, name="cheap_keep", of="cheap"),
        classify(TinyEncoder()),
        agreeing(classify(second, name="second-slm")),
        verify(lm),
    )

    results = await engine.run([log("disk"), log("net")], soon())

    assert [shown(each) for each in results] == [SMALL_DISK, SMALL_NET]
    assert second.calls == [["net"]]


async def test_what_the_second_model_fails_on_goes_to_the_large_one(lm):
    """Whatever the threshold: a certificate says nothing of what only one model answered."""
    first = classify(classifier=ngram_classifier())
    second = classify(TinyEncoder(), name="second-slm")
    engine = engine_of(first, agreeing(second, KEEP_ALL), verify(lm))

    results = await engine.run([log("poison disk"), log("disk")], soon())

    assert [shown(each) for each in results] == [LARGE_NET, SMALL_DISK]
    assert [request.record_id for request in lm.requests] == ["poison disk"]


async def test_a_second_model_that_is_too_slow_keeps_nothing(lm):
    slow = classify(TinyEncoder(may_answer=asyncio.Event()), name="second-slm")
    engine = engine_of(classify(TinyEncoder()), agreeing(slow, KEEP_ALL), verify(lm))

    (result,) = await engine.run([log("disk")], Deadline.after(0.1))

    assert shown(result) == ("disk", Tier.SMALL, "DEADLINE")


async def test_warming_up_reaches_the_second_model():
    second = TinyEncoder()

    await engine_of(
        classify(TinyEncoder()), agreeing(classify(second, name="second-slm"))
    ).warm_up()

    assert len(second.calls) == 1


# No numbers


@pytest.mark.parametrize("score", ["max_prob", "margin"])
async def test_probabilities_that_are_no_numbers_are_never_kept(lm, score):
    keep = GateNode("keep", "triage", Gate(score, KEEP_ALL))
    broken = classify(TinyEncoder(), classifier=broken_classifier())

    (result,) = await engine_of(broken, keep, verify(lm)).run([log("disk")], soon())

    assert (result.answer, result.tier) == ("net", Tier.LARGE)


async def test_a_second_model_without_numbers_keeps_nothing(lm):
    broken = classify(TinyEncoder(), name="second-slm", classifier=broken_classifier())
    engine = engine_of(classify(TinyEncoder()), agreeing(broken, KEEP_ALL), verify(lm))

    (result,) = await engine.run([log("disk")], soon())

    assert result.tier is Tier.LARGE


# What is observed


async def test_the_observer_is_told_of_every_record_that_a_gate_judged(lm):
    engine = cascade(lm)
    seen = []
    engine.observer = seen.append
    origin = Origin("request-1", "someone")

    await engine.run(
        [log("disk"), log("unsure"), log(" ", "blank"), log("poison")], soon(), origin=origin
    )

    assert [(each.record.id, each.kept, each.reference) for each in seen] == [
        ("disk", True, None),
        ("unsure", False, "net"),
    ]
    assert {each.origin for each in seen} == {origin}


async def test_the_observer_is_told_of_degraded_answers_too():
    engine = cascade(ScriptedLm(refuses))
    seen = []
    engine.observer = seen.append

    await engine.run([log("unsure")], soon())

    assert [(each.small_answer, each.reference, each.kept) for each in seen] == [
        ("disk", None, False)
    ]


async def test_an_explanation_is_not_observed():
    engine = cascade()
    seen = []
    engine.observer = seen.append

    await explain(engine, [log("disk"), log("unsure")], soon())

    assert seen == []


# Whatever comes

WORDS = st.sampled_from(["disk 1", "net 2", "likely 3", "unsure 4", "poison 5", ""])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(WORDS, max_size=8),
    st.sampled_from(list(GuaranteeState)),
    st.booleans(),
    st.booleans(),
)
def test_no_answer_claims_more_than_the_guarantee_does(lines, state, holds, answers):
    lm = ScriptedLm(says_net if answers else refuses)
    held = Guarantee(ISSUED, problem="" if holds else "the prompt differs")
    held.take(state)

    results = asyncio.run(guarded(lm, held).run([log(line, "r") for line in lines], soon()))

    own = (held.claim.certificate_id, held.claim.state)
    for result in results:
        undisturbed = not result.error and not result.degraded
        assert claims(result) == (own if undisturbed else NOTHING)
    assert holds or not [each for each in results if claims(each) != NOTHING]
