import math

import pytest

from fakes.certificates import certificate, group
from fakes.tiny_cascade import (
    PAIRS,
    TWO_MODELS,
    TWO_TIERS,
    fitted_for,
    with_facts,
    write_artifact,
)
from fakes.tiny_tables import TABLES, write_tables_artifact
from headgate.cascade.fitted import (
    FittedGate,
    FittedHead,
    FittedMaps,
    FittedRung,
    classifier_names,
    facts_of,
    fit_key,
    read_fitted,
)
from headgate.errors import ArtifactError
from headgate.gate.head import Head
from headgate.gate.isotonic import ClassMaps, IsotonicMap
from headgate.gate.threshold import Gate

AGAIN = "Fit it again: headgate fit CASCADE --labels LABELS."


@pytest.fixture
def artifact(load):
    """Fitted for the cascade of two tiers."""
    return write_artifact(load(TWO_TIERS))


@pytest.fixture
def spec(load):
    return load(TWO_TIERS).spec


def test_what_was_fitted_comes_back(load, artifact):
    loaded = load(TWO_TIERS)

    fitted = read_fitted(artifact, loaded.spec)

    assert fitted == fitted_for(loaded)
    assert fitted.gates["keep"].threshold == 0.8
    assert facts_of(fitted) == artifact.facts


def test_whole_numbers_are_thresholds_and_shares_too(load):
    """As JSON has it when a gate keeps nothing, or all may go on."""
    loaded = load(TWO_TIERS.replace("0.25", "1.0"))
    artifact = write_artifact(loaded)
    gates = {name: {"score": "max_prob", "threshold": 2} for name in ("cheap_keep", "keep")}
    key = {**artifact.facts["key"], "llm_share": 1}

    fitted = read_fitted(with_facts(artifact, gates=gates, key=key), loaded.spec)

    assert fitted.gates["keep"].threshold == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("description: Which part", "description: What part", id="description"),
        pytest.param("max_size: 8", "max_size: 16", id="batch"),
        pytest.param("{kind: encoder,", "{kind: encoder, placement: deployment,", id="placement"),
        pytest.param("engine: replay,", "engine: replay, max_concurrency: 4,", id="large-model"),
        pytest.param("top_k: 2", "top_k: 3", id="hits"),
        pytest.param("artifact: fitted", "artifact: ./fitted", id="place"),
    ],
)
def test_what_does_not_shape_a_fit_may_change_after_it(load, artifact, old, new):
    assert old in TWO_TIERS

    assert read_fitted(artifact, load(TWO_TIERS.replace(old, new)).spec)


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        pytest.param("operation: level", "operation: module", "operation", id="operation"),
        pytest.param("[disk, net]", "[disk, net, fan]", "labels", id="a-label-more"),
        pytest.param("[disk, net]", "[net, disk]", "labels", id="order-of-labels"),
        pytest.param("buckets: 1024", "buckets: 2048", "models", id="n-gram-buckets"),
        pytest.param(
            "{kind: encoder,", "{kind: encoder, precision: float32,", "models", id="precision"
        ),
        pytest.param("{kind: encoder,", "{kind: encoder, max_tokens: 64,", "models", id="tokens"),
        pytest.param("{kind: encoder,", "{kind: encoder, source: ./other,", "models", id="source"),
        pytest.param("name: cheap_keep", "name: cheap_gate", "stages", id="name-of-a-gate"),
        pytest.param("score: max_prob", "score: margin", "score", id="score"),
        pytest.param("score: max_prob", "score: auto", "score", id="score-to-be-chosen"),
        pytest.param("llm_share: 0.25", "llm_share: 0.5", "llm_share", id="share"),
    ],
)
def test_what_shapes_a_fit_and_has_changed_is_named(load, artifact, old, new, name):
    assert old in TWO_TIERS
    changed = load(TWO_TIERS.replace(old, new)).spec

    with pytest.raises(ArtifactError) as caught:
        read_fitted(artifact, changed)

    assert caught.value.problem.startswith(f"it was fitted for another {name}: ")
    assert (caught.value.place, caught.value.remedy) == (artifact.place, AGAIN)


def test_both_values_of_a_mismatch_are_shown(load, artifact):
    changed = load(TWO_TIERS.replace("[disk, net]", "[disk, fan]")).spec

    with pytest.raises(ArtifactError) as caught:
        read_fitted(artifact, changed)

    assert caught.value.problem == (
        "it was fitted for another labels: ['disk', 'net'], "
        "and the cascade file says ['disk', 'fan']"
    )


def test_long_values_are_cut(load, artifact):
    labels = ", ".join(f"label{number:02}" for number in range(40))
    changed = load(TWO_TIERS.replace("disk, net", labels)).spec

    with pytest.raises(ArtifactError) as caught:
        read_fitted(artifact, changed)

    shown = caught.value.problem.partition("says ")[2]
    assert shown.startswith("['label00', ")
    assert (len(shown), shown[-1]) == (121, "…")


def test_a_fit_that_never_noted_what_it_depends_on_is_refused(artifact, spec):
    with pytest.raises(ArtifactError, match="fitted for another operation: None"):
        read_fitted(with_facts(artifact, key={}), spec)


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"gates": None}, id="one-missing"),
        pytest.param({"extra": 1}, id="one-too-many"),
        pytest.param({"data_sha256": 7}, id="wrong-type"),
        pytest.param({"metrics": {"small_accuracy": "0.9"}}, id="a-number-as-text"),
        pytest.param({"gates": {"keep": {"score": "luck", "threshold": 0.8}}}, id="unknown-score"),
        pytest.param({"gates": {"keep": {"score": "margin"}}}, id="no-threshold"),
        pytest.param({"classifiers": {"cheap": {"file": "f", "inputs": "image"}}}, id="inputs"),
    ],
)
def test_facts_of_something_else_are_refused_without_being_shown(artifact, spec, facts):
    with pytest.raises(ArtifactError) as caught:
        read_fitted(with_facts(artifact, **facts), spec)

    assert caught.value.args == (
        artifact.place,
        "its facts are not those of a fitted cascade",
        "Fit it again.",
    )


@pytest.mark.parametrize("part", ["classifiers", "gates", "encoders"])
@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_an_artifact_that_has_other_parts_than_the_flow_needs_is_refused(
    artifact, spec, part, change
):
    """An encoder that is not listed would otherwise not be compared with the one that runs."""
    parts = dict(artifact.facts[part])
    first = next(iter(parts))
    if change == "missing":
        del parts[first]
    else:
        parts["unknown"] = parts[first]

    with pytest.raises(ArtifactError, match=f"it has the {part} .*, and the cascade file needs"):
        read_fitted(with_facts(artifact, **{part: parts}), spec)


def test_the_key_names_all_that_a_fit_depends_on(spec):
    assert fit_key(spec) == {
        "operation": "level",
        "labels": ["disk", "net"],
        "models": {
            "ngram": ["ngrams", 1024],
            "slm": ["encoder", "embedded", "", "int8", 256],
        },
        "stages": [
            ["cheap", "classify", "ngram"],
            ["cheap_keep", "gate", ""],
            ["triage", "classify", "slm"],
            ["keep", "gate", ""],
            ["similar", "retrieve", ""],
        ],
        "score": "max_prob",
        "second_model": "",
        "certificate": None,
        "groups": [],
        "on_uncertified": "pass_through",
        "llm_share": 0.25,
    }


OWN = "  deferral: {score: max_prob, budget: {llm_share: 0.25}}\n"
CERTIFIED = "certificate: {kind: agree, epsilon: 0.1}"


def with_deferral(text):
    assert OWN in TWO_TIERS
    return TWO_TIERS.replace(OWN, f"  deferral: {{{text}}}\n")


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        pytest.param("epsilon: 0.1", "epsilon: 0.2", "certificate", id="epsilon"),
        pytest.param("epsilon: 0.1", "epsilon: 0.1, delta: 0.01", "certificate", id="delta"),
        pytest.param("kind: agree", "kind: regret", "certificate", id="kind"),
        pytest.param(
            CERTIFIED, f"{CERTIFIED}, on_uncertified: run_uncertified", "on_uncertified", id="few"
        ),
        pytest.param(CERTIFIED, "", "certificate", id="no-certificate"),
    ],
)
def test_a_certificate_that_asks_for_something_else_needs_another_fit(load, old, new, name):
    artifact = write_artifact(load(with_deferral(CERTIFIED)))
    changed = load(with_deferral(CERTIFIED.replace(old, new))).spec

    with pytest.raises(ArtifactError, match=f"fitted for another {name}: "):
        read_fitted(artifact, changed)


@pytest.mark.parametrize(
    "more",
    [
        pytest.param("budget: {llm_share: 0.3}", id="a-limit"),
        pytest.param("budget: {llm_share: 0.3, on_exhausted: reject}", id="when-it-is-spent"),
        pytest.param("audits: {share: 0.02}", id="audits"),
        pytest.param("audits: {}, monitor: {on_alarm: report}", id="monitor"),
    ],
)
def test_limits_and_watches_of_a_certificate_may_change_after_the_fit(load, more):
    artifact = write_artifact(load(with_deferral(CERTIFIED)))

    assert read_fitted(artifact, load(with_deferral(f"{CERTIFIED}, {more}")).spec)


@pytest.mark.parametrize(
    ("deferral", "share"),
    [
        pytest.param("", 0.15, id="nothing"),
        pytest.param("budget: {llm_share: 0.3}", 0.3, id="a-share"),
        pytest.param(CERTIFIED, None, id="an-epsilon"),
        pytest.param(f"{CERTIFIED}, budget: {{llm_share: 0.3}}", None, id="an-epsilon-and-a-limit"),
        pytest.param(f"{CERTIFIED}, on_uncertified: run_uncertified", 0.15, id="if-all-else-fails"),
    ],
)
def test_a_share_is_fitted_for_where_it_sets_a_threshold(load, deferral, share):
    assert fit_key(load(with_deferral(deferral)).spec)["llm_share"] == share


def test_a_certificate_comes_back_as_it_was_issued(load, artifact):
    loaded = load(TWO_TIERS)
    issued = certificate(groups=(group("disk"),))

    fitted = read_fitted(
        with_facts(artifact, certificate=issued.model_dump(mode="json")), loaded.spec
    )

    assert (fitted.certificate, fitted.certificate.id) == (issued, issued.id)


def test_a_gate_with_all_its_parts_comes_back(load):
    """A scale without spread is infinite, which JSON cannot say."""
    loaded = load(TWO_TIERS)
    maps = ClassMaps(IsotonicMap((0.5, 0.9), (0.4, 0.8)), {1: IsotonicMap((0.7,), (0.6,))})
    head = Head((0.5, 0.0, 0.0), (1.0, math.inf, 1.0), (1.0, 2.0, 3.0), 0.5)
    gate = FittedGate(
        score="head",
        threshold=0.7,
        class_thresholds={"disk": 0.8},
        tightened=0.9,
        maps=FittedMaps.model_validate(maps.to_json()),
        head=FittedHead.model_validate(head.to_json()),
        ladder=(FittedRung(epsilon=0.05, certified=True, threshold=0.75),),
        planned=False,
    )
    wanted = fitted_for(loaded).model_copy(
        update={"gates": {"cheap_keep": gate, "keep": gate}},
    )

    fitted = read_fitted(write_artifact(loaded, wanted), loaded.spec)

    assert fitted == wanted
    assert fitted.gates["keep"].gate(0.7, {"disk": 0.8}) == Gate(
        "head", 0.7, {"disk": 0.8}, maps, head
    )


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"maps": FittedMaps(pooled=[[], []], by_class={})}, id="map-of-nothing"),
        pytest.param(
            {"maps": FittedMaps(pooled=[[2.0, 1.0], [0.1, 0.2]], by_class={})}, id="unordered-map"
        ),
        pytest.param(
            {"maps": FittedMaps(pooled=[[1.0], [0.1]], by_class={"disk": [[1.0], [0.1]]})},
            id="map-by-a-name",
        ),
        pytest.param(
            {"head": FittedHead(mean=[0.0], scale=[1.0], weights=[], bias=0.0)}, id="uneven-head"
        ),
    ],
)
def test_parts_of_a_gate_that_no_fit_writes_are_refused(parts):
    with pytest.raises(ValueError, match=r"map|head|invalid literal"):
        FittedGate(score="max_prob", threshold=0.8, **parts).gate(0.8, {})


def test_a_second_model_has_a_classifier_that_no_stage_could_have(load):
    spec = load(TWO_MODELS).spec

    assert classifier_names(spec) == ["triage", "second-ngram"]


def test_a_cascade_without_a_large_model_needs_no_gates(load):
    loaded = load(PAIRS)

    fitted = read_fitted(write_artifact(loaded), loaded.spec)

    assert (fitted.gates, fitted.classifiers["triage"].inputs) == ({}, "pair")


# Cascades of tables


def test_a_fit_of_columns_comes_back(load):
    loaded = load(TABLES)

    fitted = read_fitted(write_tables_artifact(loaded), loaded.spec)

    assert classifier_names(loaded.spec) == ["candidates"]
    assert fitted.classifiers["candidates"].inputs == "columns"
    assert list(fitted.gates) == ["keep"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("unmatched_price: 0.3", "unmatched_price: 0.5", id="price-of-a-pair"),
        pytest.param("name: match", "name: pairs", id="name-of-the-assign"),
        pytest.param(
            "of: candidates}\n    -", "of: candidates, items_per_prompt: 2}\n    -", id="items"
        ),
        pytest.param("max_size: 8", "max_size: 16", id="batch"),
    ],
)
def test_what_does_not_shape_a_fit_of_columns_may_change_after_it(load, old, new):
    artifact = write_tables_artifact(load(TABLES))
    assert old in TABLES

    assert read_fitted(artifact, load(TABLES.replace(old, new)).spec)


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        pytest.param("top_k: 10", "top_k: 11", "stages", id="candidates"),
        pytest.param("index: target,", "index: target, model: slm,", "stages", id="model"),
        pytest.param("name: keep", "name: sure", "stages", id="name-of-a-gate"),
        pytest.param(
            "{kind: encoder,",
            "{kind: encoder, tuning: {augmentation: answers.jsonl},",
            "models",
            id="tuning",
        ),
    ],
)
def test_what_shapes_a_fit_of_columns_and_has_changed_is_named(load, old, new, name):
    artifact = write_tables_artifact(load(TABLES))
    assert old in TABLES

    with pytest.raises(ArtifactError, match=f"it was fitted for another {name}: "):
        read_fitted(artifact, load(TABLES.replace(old, new)).spec)


def test_what_tunes_an_encoder_shapes_a_fit(load):
    tunings = ("", " tuning: {augmentation: answers.jsonl},")
    texts = [TABLES.replace("{kind: encoder,", f"{{kind: encoder,{tuning}") for tuning in tunings]

    keys = [str(fit_key(load(text).spec)["models"]) for text in texts]

    assert len(set(keys)) == 2
