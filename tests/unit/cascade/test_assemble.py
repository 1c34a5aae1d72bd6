import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.tiny_cascade import PAIRS, TWO_TIERS, fitted_for, write_artifact
from fakes.tiny_models import TinyEncoder, described, log
from fakes.tiny_tables import TABLES, tables, write_tables_artifact
from headgate.artifact import Artifact
from headgate.cascade.assemble import Parts, assemble, task_of, unit_task_of
from headgate.cascade.fan_out import FanOut
from headgate.cascade.fitted import KIND
from headgate.cascade.nodes import GateNode
from headgate.domains.logs import LogTask
from headgate.domains.schemas.match_task import MatchTask, TableTask
from headgate.errors import ArtifactError
from headgate.gate.threshold import KEEP_NOTHING, Gate
from headgate.lm.large_model import LargeModel
from headgate.lm.replay import ReplayEngine
from headgate.stages.catalog import Candidates, Classify, Rerank, Retrieve, Verify
from headgate.types import Deadline, Tier


@pytest.fixture
def loaded(load):
    return load(TWO_TIERS)


def parts_of(loaded, encoder=None):
    """Return one encoder, and the recordings that the cascade names."""
    row = {"id": "unsure 3", "answer": json.dumps({"label": "net", "reason": "because"})}
    Path(loaded.base_dir / "answers.jsonl").write_text(json.dumps(row), encoding="utf-8")
    replay = ReplayEngine.load(loaded.base_dir / "answers.jsonl")
    return Parts({"slm": encoder or TinyEncoder()}, {"llm": LargeModel(replay)})


async def test_an_assembled_cascade_answers_with_all_its_tiers(loaded):
    engine = assemble(loaded, write_artifact(loaded), parts_of(loaded))

    await engine.warm_up()
    results = await engine.run([log("disk"), log("net 2"), log("unsure 3")], Deadline.after(5))

    assert [(each.answer, each.tier) for each in results] == [
        ("disk", Tier.SMALL),
        ("net", Tier.SMALL),
        ("net", Tier.LARGE),
    ]
    assert [len(each.path) for each in results] == [2, 4, 6]
    assert [hit.id for hit in results[2].evidence] == ["case-unsure", "case-disk"]


async def test_an_assembled_cascade_of_pairs_compares_texts(load):
    loaded = load(PAIRS)
    engine = assemble(loaded, write_artifact(loaded), Parts({"slm": TinyEncoder()}, {}))

    results = await engine.run([described("disk 1", "disk"), described("disk 1", "net")], soon())

    assert [each.answer for each in results] == ["match", "mismatch"]


def soon():
    return Deadline.after(5)


def test_the_nodes_are_those_of_the_file_in_its_order(loaded):
    engine = assemble(loaded, write_artifact(loaded), parts_of(loaded))

    assert [(type(node), node.name) for node in engine.nodes] == [
        (Classify, "cheap"),
        (GateNode, "cheap_keep"),
        (Classify, "triage"),
        (GateNode, "keep"),
        (Retrieve, "similar"),
        (Verify, "decide"),
    ]
    assert engine.nodes[3] == GateNode(
        "keep", "triage", Gate("max_prob", 0.8), tightened=Gate("max_prob", KEEP_NOTHING)
    )
    assert [getattr(node, "model", "") for node in engine.nodes] == [
        "ngram",
        "",
        "slm",
        "",
        "slm",
        "llm",
    ]
    assert (engine.nodes[4].top_k, engine.nodes[5].inputs) == (2, ("similar",))


def test_the_engine_carries_what_a_description_tells(loaded):
    artifact = write_artifact(loaded)

    engine = assemble(loaded, artifact, parts_of(loaded))

    about = engine.about
    assert (about.name, about.description) == ("sorting", "Which part of the machine?")
    assert about.revision == f"{loaded.revision}-{artifact.revision}"
    assert (about.llm_share, about.metrics) == (0.25, {"small_accuracy": 0.9})
    assert (engine.name, engine.revision) == (about.name, about.revision)
    assert engine.task == task_of(loaded) == LogTask("level", ("disk", "net"))


def test_a_cascade_without_a_description_has_an_empty_one(load):
    loaded = load(PAIRS)

    engine = assemble(loaded, write_artifact(loaded), Parts({"slm": TinyEncoder()}, {}))

    assert engine.about.description == ""


async def test_the_large_model_gets_the_prompt_of_the_files_folder(loaded):
    engine = assemble(loaded, write_artifact(loaded), parts_of(loaded))

    request = engine.asking.request(log("disk"), {})

    assert request.instruction == "Does it fit?\n"


async def test_calls_are_gathered_as_the_file_says(loaded):
    """Ten records at once with at most eight a call."""
    encoder = TinyEncoder()
    engine = assemble(loaded, write_artifact(loaded), parts_of(loaded, encoder))

    await engine.run([log(f"net {number}") for number in range(10)], soon())

    assert sorted(len(call) for call in encoder.calls) == [2, 8]


def test_another_encoder_than_the_fitted_one_is_refused(loaded):
    artifact = write_artifact(loaded)

    with pytest.raises(ArtifactError) as caught:
        assemble(loaded, artifact, parts_of(loaded, TinyEncoder(fingerprint="tiny-2")))

    assert caught.value.args == (
        artifact.place,
        "encoder 'slm' is tiny-2, and it was fitted with tiny-1",
        "Fit it again with the encoder that is installed here.",
    )


def test_a_case_store_of_another_encoder_is_refused(loaded):
    artifact = write_artifact(loaded, cases_by="tiny-2")

    with pytest.raises(ArtifactError, match="built with the encoder 'tiny-2', not 'tiny-1'"):
        assemble(loaded, artifact, parts_of(loaded))


def test_an_artifact_of_another_file_is_refused(load, loaded):
    artifact = write_artifact(loaded)
    other = load(TWO_TIERS.replace("[disk, net]", "[disk, fan]"))

    with pytest.raises(ArtifactError, match="fitted for another labels"):
        assemble(other, artifact, parts_of(other))


def test_a_classifier_that_is_not_in_the_artifact_is_refused(loaded):
    artifact = write_artifact(loaded)
    files = dict(artifact.manifest.files)
    del files["triage.safetensors"]
    thinner = replace(artifact, manifest=replace(artifact.manifest, files=files))

    with pytest.raises(ArtifactError, match=r"has no file 'triage\.safetensors'"):
        assemble(loaded, thinner, parts_of(loaded))


def test_an_altered_classifier_is_refused_before_it_is_read(loaded):
    artifact = write_artifact(loaded, fitted_for(loaded))
    path = artifact.path("triage.safetensors")
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    with pytest.raises(ArtifactError, match=r"triage.safetensors: was altered"):
        Artifact.open(loaded.artifact, kind=KIND)


# Cascades of tables


def table_parts(loaded, encoder=None):
    """Return one encoder, and a recorded ranking of one column."""
    matches = {"matches": [{"id": "pump_y", "score": 0.9}]}
    row = {"id": "t/pump_c", "answer": json.dumps(matches)}
    Path(loaded.base_dir / "answers.jsonl").write_text(json.dumps(row), encoding="utf-8")
    replay = ReplayEngine.load(loaded.base_dir / "answers.jsonl")
    return Parts({"slm": encoder or TinyEncoder()}, {"llm": LargeModel(replay)})


async def test_an_assembled_cascade_of_tables_answers_with_both_models(load):
    loaded = load(TABLES)
    engine = assemble(loaded, write_tables_artifact(loaded), table_parts(loaded))

    await engine.warm_up()
    (result,) = await engine.run([tables("disk_a", "pump_c", "owner_e")], soon())

    assert json.loads(result.answer) == {"disk_a": "disk_x", "pump_c": "pump_y"}
    assert [part.tier for part in result.parts] == [Tier.SMALL, Tier.LARGE, Tier.SMALL]
    assert [step.stage for step in result.path] == ["columns", "match"]


def test_a_cascade_of_tables_is_a_fan_out_around_its_nested_flow(load):
    loaded = load(TABLES)

    engine = assemble(loaded, write_tables_artifact(loaded), table_parts(loaded))

    assert isinstance(engine, FanOut)
    assert [(type(node), node.name) for node in engine.units.nodes] == [
        (Candidates, "candidates"),
        (GateNode, "keep"),
        (Rerank, "judge"),
    ]
    assert (engine.units.nodes[0].top_k, engine.asking.of) == (10, "candidates")
    assert (engine.assign.name, engine.assign.unmatched_price) == ("match", 0.3)
    assert (engine.task, engine.units.task) == (TableTask(), MatchTask())
    assert (task_of(loaded), unit_task_of(loaded)) == (TableTask(), MatchTask())


def test_cascades_of_one_process_share_what_is_kept_of_targets(load):
    loaded, encoder = load(TABLES), TinyEncoder()
    artifact, parts = write_tables_artifact(loaded), table_parts(loaded, encoder)

    for _ in range(2):
        asyncio.run(assemble(loaded, artifact, parts).run([tables("disk_a")], soon()))

    assert [call for call in encoder.calls if len(call) > 1] == encoder.calls[:1]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({}, id="nothing"),
        pytest.param([1, 2], id="a-list"),
        pytest.param({"weights": [0.0] * 4, "bias": 0.0, "lookalike_weight": 0.0}, id="no-weight"),
        pytest.param({"weights": ["a"], "bias": 0.0, "lookalike_weight": 0.0}, id="text"),
    ],
)
def test_a_file_that_holds_no_matcher_is_refused(load, content):
    loaded = load(TABLES)
    artifact = write_tables_artifact(loaded, content)

    with pytest.raises(ArtifactError, match=r"its file 'candidates\.json' holds no matcher"):
        assemble(loaded, artifact, table_parts(loaded))


def test_assembling_twice_gives_two_engines_that_answer_alike(loaded):
    artifact = write_artifact(loaded)

    answers = [
        asyncio.run(_answers(assemble(loaded, artifact, parts_of(loaded)))) for _ in range(2)
    ]

    assert answers[0] == answers[1] == ["disk", "disk"]


async def _answers(engine):
    results = await engine.run([log("disk"), log("likely")], soon())
    return [each.answer for each in results]
