import pytest

from fakes.tiny_cascade import PAIRS, TWO_TIERS, fitted_for, with_facts, write_artifact
from headgate.cascade.fitted import facts_of, fit_key, read_fitted
from headgate.errors import ArtifactError

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


def test_a_cascade_without_a_large_model_needs_no_gates(load):
    loaded = load(PAIRS)

    fitted = read_fitted(write_artifact(loaded), loaded.spec)

    assert (fitted.gates, fitted.classifiers["triage"].inputs) == ({}, "pair")
