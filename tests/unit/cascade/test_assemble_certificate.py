"""What an assembled cascade may claim, and which of its stages run."""

import json
from dataclasses import replace

import pytest

from fakes.certificates import uncertified, with_certificate
from fakes.tiny_cascade import TWO_MODELS, TWO_TIERS, fitted_for, with_facts, write_artifact
from fakes.tiny_models import TinyEncoder, log
from headgate.cascade.assemble import Parts, assemble
from headgate.cascade.fitted import FittedGate, FittedHead, FittedMaps, FittedRung
from headgate.cascade.guarantee import Footing
from headgate.cascade.nodes import GateNode
from headgate.errors import ArtifactError
from headgate.gate.threshold import KEEP_NOTHING, Gate
from headgate.lm.large_model import LargeModel
from headgate.lm.replay import ReplayEngine
from headgate.lm.seam import RawAnswer
from headgate.types import Deadline, GuaranteeState, Tier

OWN = "  deferral: {score: max_prob, budget: {llm_share: 0.25}}\n"
CERTIFIED = "certificate: {kind: agree, epsilon: 0.02}"


def with_deferral(text):
    assert OWN in TWO_TIERS
    return TWO_TIERS.replace(OWN, f"  deferral: {{{text}}}\n")


@pytest.fixture
def loaded(load):
    return load(with_deferral(CERTIFIED))


def parts():
    """Return one encoder, and a large model that says "net" of three records."""
    answer = RawAnswer(json.dumps({"label": "net", "reason": "because"}), 10, 5)
    replay = ReplayEngine(dict.fromkeys(["disk", "net", "unsure"], answer))
    return Parts({"slm": TinyEncoder()}, {"llm": LargeModel(replay)})


async def results(engine):
    return await engine.run([log("disk"), log("net"), log("unsure")], Deadline.after(5))


def gates(engine):
    return [node for node in engine.nodes if isinstance(node, GateNode)]


# Certificates


async def test_a_certificate_of_these_files_is_in_every_answer(loaded):
    artifact = with_certificate(write_artifact(loaded), loaded)

    engine = assemble(loaded, artifact, parts())

    held = engine.guarantee
    assert (held.state, held.problem) == (GuaranteeState.CERTIFIED, "")
    found = await results(engine)
    assert [each.tier for each in found] == [Tier.SMALL, Tier.SMALL, Tier.LARGE]
    assert {each.certificate_id for each in found} == {held.certificate.id}
    assert held.summary().certified


async def test_another_prompt_than_the_certified_one_sends_everything_on(load, loaded, folder):
    artifact = with_certificate(write_artifact(loaded), loaded)
    (folder / "prompts" / "decide.md").write_text("Another question.", encoding="utf-8")
    changed = load(with_deferral(CERTIFIED))

    engine = assemble(changed, artifact, parts())

    held = engine.guarantee
    assert held.problem.startswith("prompt of 'decide' has the hash ")
    assert (held.state, held.footing) == (GuaranteeState.UNCERTIFIED, Footing.NOTHING)
    found = await results(engine)
    assert {(each.tier, each.certificate_id) for each in found} == {(Tier.LARGE, "")}
    assert held.summary().problem == held.problem


async def test_another_prompt_leaves_the_gates_alone_where_the_file_wants_that(load, folder):
    text = with_deferral(f"{CERTIFIED}, on_uncertified: run_uncertified")
    artifact = with_certificate(write_artifact(load(text)), load(text))
    (folder / "prompts" / "decide.md").write_text("Another question.", encoding="utf-8")

    engine = assemble(load(text), artifact, parts())

    found = await results(engine)
    assert [each.tier for each in found] == [Tier.SMALL, Tier.SMALL, Tier.LARGE]
    assert {each.certificate_id for each in found} == {""}


def test_another_classifier_than_the_certified_one_is_named(loaded):
    artifact = write_artifact(loaded)
    hashes = {"classifier 'triage'": "f" * 64}

    engine = assemble(loaded, with_certificate(artifact, loaded, hashes=hashes), parts())

    found = artifact.manifest.files["cheap.safetensors"].sha256[:12]
    assert engine.guarantee.problem == (
        f"classifier 'cheap' has the hash {found}, and none was certified"
    )


def test_too_few_labels_are_the_problem_that_is_told(loaded):
    few = uncertified()
    artifact = with_facts(write_artifact(loaded), certificate=few.model_dump(mode="json"))

    engine = assemble(loaded, artifact, parts())

    assert engine.guarantee.problem == "12 certification units do not prove it"
    assert engine.guarantee.summary().labels_needed == 149


def test_a_cascade_without_a_certificate_has_no_guarantee(load):
    loaded = load(TWO_TIERS)

    engine = assemble(loaded, write_artifact(loaded), parts())

    assert (engine.guarantee.certificate, engine.guarantee.demands) == (None, False)


@pytest.mark.parametrize(
    ("on_alarm", "footing"), [("tighten", Footing.TIGHTENED), ("report", Footing.NORMAL)]
)
def test_the_file_says_whether_an_alarm_tightens_the_gates(load, on_alarm, footing):
    loaded = load(with_deferral(f"{CERTIFIED}, audits: {{}}, monitor: {{on_alarm: {on_alarm}}}"))
    engine = assemble(loaded, with_certificate(write_artifact(loaded), loaded), parts())

    engine.guarantee.take(GuaranteeState.VOID)

    assert engine.guarantee.footing is footing


@pytest.mark.parametrize(
    ("deferral", "share"),
    [
        pytest.param("", 0.15, id="the-default"),
        pytest.param("budget: {llm_share: 0.3}", 0.3, id="stated"),
        pytest.param(f"{CERTIFIED}, budget: {{llm_share: 0.3}}", 0.3, id="a-limit"),
        pytest.param(CERTIFIED, 1.0, id="a-certificate-alone-limits-none"),
    ],
)
def test_the_share_that_is_told_is_the_one_that_limits(load, deferral, share):
    loaded = load(with_deferral(deferral))

    assert assemble(loaded, write_artifact(loaded), parts()).about.llm_share == share


# Plans


def planned(loaded, **gates):
    """Return what was fitted, with the gates that are given."""
    fitted = fitted_for(loaded)
    return fitted.model_copy(update={"gates": {**fitted.gates, **gates}})


async def test_a_tier_that_the_plan_leaves_out_does_not_run(loaded):
    left_out = FittedGate(score="max_prob", threshold=KEEP_NOTHING, planned=False)
    artifact = write_artifact(loaded, planned(loaded, cheap_keep=left_out))

    engine = assemble(loaded, artifact, parts())

    assert [node.name for node in engine.nodes] == ["triage", "keep", "similar", "decide"]
    assert [len(each.path) for each in await results(engine)] == [2, 2, 4]


def test_a_tier_that_is_left_out_is_certified_all_the_same(loaded):
    """Its file is compared although it is not read."""
    left_out = FittedGate(score="max_prob", threshold=KEEP_NOTHING, planned=False)
    artifact = write_artifact(loaded, planned(loaded, cheap_keep=left_out))
    signed = with_certificate(artifact, loaded)
    files = {name: file for name, file in signed.manifest.files.items() if "cheap" not in name}
    thinner = replace(signed, manifest=replace(signed.manifest, files=files))

    assert assemble(loaded, signed, parts()).guarantee.problem == ""
    assert "classifier 'cheap' has the hash none" in (
        assemble(loaded, thinner, parts()).guarantee.problem
    )


def test_a_gate_has_the_thresholds_and_the_ladder_of_the_fit(loaded):
    rung = FittedRung(epsilon=0.05, certified=True, threshold=0.75)
    own = FittedGate(
        score="margin",
        threshold=0.7,
        class_thresholds={"disk": 0.6},
        tightened=0.95,
        ladder=(rung,),
    )

    engine = assemble(loaded, write_artifact(loaded, planned(loaded, keep=own)), parts())

    assert gates(engine)[1] == GateNode(
        "keep",
        "triage",
        Gate("margin", 0.7, {"disk": 0.6}),
        tightened=Gate("margin", 0.95),
        ladder=(rung,),
    )


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"maps": FittedMaps(pooled=[[], []], by_class={})}, id="maps"),
        pytest.param(
            {"head": FittedHead(mean=[0.0], scale=[1.0], weights=[], bias=0.0)}, id="head"
        ),
    ],
)
def test_a_gate_that_no_fit_writes_is_refused(loaded, wrong):
    gate = FittedGate(score="max_prob", threshold=0.8, **wrong)
    artifact = write_artifact(loaded, planned(loaded, keep=gate))

    with pytest.raises(ArtifactError) as caught:
        assemble(loaded, artifact, parts())

    assert caught.value.args == (
        artifact.place,
        "its gate 'keep' is not one of a fit",
        "Fit it again.",
    )


# A second model


async def test_a_gate_on_two_models_reads_both(load):
    """Of "net" the second, which knows "disk" only, is 0.5 sure: 0.7 together."""
    loaded = load(TWO_MODELS)

    engine = assemble(loaded, write_artifact(loaded), parts())

    (keep,) = gates(engine)
    assert (keep.second.name, keep.second.model) == ("second-ngram", "ngram")
    found = await results(engine)
    assert [each.tier for each in found] == [Tier.SMALL, Tier.LARGE, Tier.LARGE]


def test_the_second_models_classifier_is_certified_too(load):
    text = TWO_MODELS.replace("second_model: ngram}", f"second_model: ngram, {CERTIFIED}}}")
    loaded = load(text)
    signed = with_certificate(write_artifact(loaded), loaded)

    engine = assemble(loaded, signed, parts())

    assert "classifier 'second-ngram'" in engine.guarantee.certificate.hashes
    assert engine.guarantee.problem == ""
