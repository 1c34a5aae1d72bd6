"""What `headgate export kubernetes` writes, for cascades that a real fit made."""

import json
from dataclasses import replace
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from fakes.fitted_parts import write_parts
from fakes.manifests import container, groups, kustomized, mistakes, ray_service
from headgate.cascade.load import from_inline
from headgate.cli.export import app
from headgate.errors import ArtifactError, InputError
from headgate.serving.cluster.exporting import write_export
from headgate.serving.cluster.kubernetes import HEADER, KubernetesOptions, export, serve_config
from headgate.serving.cluster.pod_files import pod_files

pytestmark = pytest.mark.slow  # some 250 lines of YAML are read and written, comments and all


def served(made):
    """What is to run, as KubeRay reads it of the exported file."""
    service = yaml.safe_load(made.files["ray-service.yaml"])
    return yaml.safe_load(service["spec"]["serveConfigV2"])


def gateway_config(made):
    (deployment,) = served(made)["applications"][0]["deployments"]
    return deployment["user_config"]


def written(made, directory):
    write_export(made.files, directory)
    return directory


@pytest.fixture
def weights(parts, tmp_path):
    """The fitted cascade with a large model of its own weights, which asks for much."""
    model = (
        "{kind: lm, engine: transformers, source: ./weights, max_concurrency: 1,"
        " replicas: {max: 3}, resources: {cpu: 6, memory_mb: 20480}}"
    )
    (tmp_path / "weights").mkdir()
    return write_parts(tmp_path, "weights", artifact=parts.artifact, large_model=model)


def test_kustomize_builds_it_and_every_object_is_valid(parts, tmp_path):
    options = KubernetesOptions(namespace="answers", state_claim="decisions")

    objects = kustomized(written(export([parts], options), tmp_path / "out"))

    assert mistakes(ray_service(objects)) == []
    for each in objects:
        if each["kind"] != "RayService":
            kubernetes_validate.validate(each, "1.37", strict=True)
        home = each["metadata"].get("namespace", each["metadata"]["name"])
        assert home == "answers"


def test_images_are_those_that_are_named(weights, tmp_path):
    digest = "sha256:" + "0" * 64
    options = KubernetesOptions(image=f"registry.example:5000/headgate@{digest}", gpu_image="x:1")

    objects = kustomized(written(export([weights], options), tmp_path / "out"))

    images = {container(each)["image"] for each in groups(objects).values()}
    assert images == {f"registry.example:5000/headgate@{digest}"}


def test_gateways_get_the_cascade_as_it_is_in_the_pods(parts):
    made = export([parts], KubernetesOptions())

    loaded = from_inline(gateway_config(made)["cascades"][0])
    assert loaded.spec == parts.spec
    assert loaded.revision == parts.revision
    assert loaded.artifact == "/artifacts/fitted"
    assert dict(loaded.recordings) == {"llm": "/artifacts/files/parts/answers.jsonl"}


def test_what_has_to_be_copied_is_told(parts):
    made = export([parts], KubernetesOptions(artifacts="/srv/fitted"))

    assert dict(made.copies) == {
        parts.artifact: "/srv/fitted/fitted",
        parts.recordings["llm"]: "/srv/fitted/files/parts/answers.jsonl",
    }
    for group in groups([yaml.safe_load(made.files["ray-service.yaml"])]).values():
        places = {each["name"]: each["mountPath"] for each in container(group)["volumeMounts"]}
        assert places["artifacts"] == "/srv/fitted"


def test_no_path_of_this_machine_is_written(parts, weights, tmp_path):
    made = export([parts, weights], KubernetesOptions())

    text = "".join(made.files.values())
    assert str(tmp_path) not in text
    assert str(parts.base_dir) not in text


def test_the_same_cascades_make_the_same_text(parts, tmp_path):
    elsewhere = replace(parts, path=tmp_path / "a" / parts.path.name, base_dir=tmp_path / "b")

    assert export([parts], KubernetesOptions()) == export([elsewhere], KubernetesOptions())


def test_a_local_artifact_is_mounted_from_the_claim_and_state_from_its_own(parts):
    options = KubernetesOptions(artifacts_claim="models", state_claim="decisions")
    service = yaml.safe_load(export([parts], options).files["ray-service.yaml"])

    for group in groups([service]).values():
        volumes = {each["name"]: each for each in group["template"]["spec"]["volumes"]}
        claims = {name: each.get("persistentVolumeClaim") for name, each in volumes.items()}
        assert claims["artifacts"] == {"claimName": "models", "readOnly": True}
        assert claims["state"] == {"claimName": "decisions", "readOnly": False}
        assert claims["tmp"] is claims["cache"] is None


def test_gateways_are_as_many_as_asked_for(parts):
    made = export([parts], KubernetesOptions(gateways=3))

    gateway = groups([yaml.safe_load(made.files["ray-service.yaml"])])["gateway"]
    (deployment,) = served(made)["applications"][0]["deployments"]
    assert (gateway["replicas"], gateway["minReplicas"], gateway["maxReplicas"]) == (3, 3, 6)
    assert deployment["num_replicas"] == 3


def test_a_large_model_gets_pods_that_it_fits_into(weights):
    made = export([weights], KubernetesOptions())

    group = groups([yaml.safe_load(made.files["ray-service.yaml"])])["cpu"]
    assert container(group)["resources"]["limits"] == {"cpu": "6", "memory": "22Gi"}
    assert group["maxReplicas"] == 3
    (model,) = [each for each in served(made)["applications"] if each["name"] != "headgate"]
    assert model["args"]["source"] == "/artifacts/files/weights/weights"


def test_a_url_and_a_hub_id_stay_as_they_are(parts):
    sources = {"small": "embedded", "hub": "org/name", "own": "/home/me/weights"}

    found = pod_files(
        [replace(parts, artifact="s3://bucket/fitted", sources=sources)], "/artifacts"
    )

    (loaded,) = found.cascades
    assert loaded.artifact == "s3://bucket/fitted"
    assert loaded.sources == {**sources, "own": "/artifacts/files/parts/weights"}
    assert set(found.paths) == {parts.recordings["llm"], "/home/me/weights"}


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("s3://key:secret@bucket/fitted", "its URL holds a user, a password or a signature"),
        ("https://host/fitted?sig=abc", "its URL holds a user, a password or a signature"),
        ("file:///srv/fitted", "file:///srv/fitted is on this machine only"),
        ("memory://fitted", "memory://fitted is on this machine only"),
    ],
)
def test_an_artifact_that_pods_cannot_read_is_refused(parts, url, problem):
    with pytest.raises(InputError) as raised:
        export([replace(parts, artifact=url)], KubernetesOptions())

    assert raised.value.place == "artifact of 'parts'"
    assert raised.value.problem == problem
    assert "secret" not in str(raised.value)


def test_two_artifacts_of_one_name_are_refused(parts, pairs):
    with pytest.raises(InputError) as raised:
        export([parts, pairs], KubernetesOptions())

    assert raised.value.place == pairs.artifact
    assert raised.value.problem == (
        f"in the pods it would be /artifacts/fitted, as {parts.artifact} is"
    )


def test_cascades_may_share_an_artifact(parts, weights):
    """The second one names it by another path."""
    odd = replace(weights, artifact=str(Path(parts.artifact) / ".." / Path(parts.artifact).name))

    made = export([parts, odd], KubernetesOptions())

    assert {each["artifact"] for each in gateway_config(made)["cascades"]} == {"/artifacts/fitted"}


def test_two_cascades_of_one_name_are_refused(parts):
    with pytest.raises(InputError, match="its name 'parts' is that of"):
        export([parts, parts], KubernetesOptions())


def test_a_cascade_that_is_not_fitted_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="there is no artifact here"):
        export([write_parts(tmp_path)], KubernetesOptions())


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"namespace": "Answers"}, "--namespace"),
        ({"namespace": "a" * 64}, "--namespace"),
        ({"artifacts_claim": "my claim"}, "--artifacts-claim"),
        ({"state_claim": "-"}, "--state-claim"),
        ({"artifacts": "artifacts"}, "--artifacts"),
        ({"artifacts": "/artifacts/"}, "--artifacts"),
        ({"artifacts": "/a b"}, "--artifacts"),
        ({"image": "headgate"}, "--image"),
        ({"image": "headgate:latest"}, "--image"),
        ({"image": "registry:5000/headgate"}, "--image"),
        ({"image": "headgate:1 --privileged"}, "--image"),
        ({"gpu_image": "headgate@sha256:12"}, "--gpu-image"),
    ],
)
def test_an_option_that_kubernetes_would_refuse_is_refused_here(parts, options, place):
    with pytest.raises(InputError) as raised:
        export([parts], KubernetesOptions(**options))

    assert raised.value.place == place


def test_more_than_kubernetes_keeps_is_refused():
    with pytest.raises(InputError, match="and Kubernetes keeps 1,000,000"):
        serve_config({"prompt": "a" * 1_000_000})


@pytest.mark.parametrize("sign", ["\u2028", "\x85", "\ufeff", "\x7f", "\U0001f6b0", "é", "\\", "#"])
def test_any_text_of_a_prompt_survives_the_block_of_yaml(sign):
    text = serve_config({"prompt": f"a{sign}b"})
    block = "serveConfigV2: |\n" + "".join(f"  {line}\n" for line in text.splitlines())

    assert yaml.safe_load(yaml.safe_load(block)["serveConfigV2"]) == {"prompt": f"a{sign}b"}
    assert json.loads(text) == {"prompt": f"a{sign}b"}


def test_an_export_replaces_an_earlier_one(tmp_path):
    write_export({"a.yaml": f"{HEADER}\n1\n", "b.yaml": f"{HEADER}\n2\n"}, tmp_path)

    write_export({"a.yaml": f"{HEADER}\n3\n"}, tmp_path)

    assert [each.name for each in tmp_path.iterdir()] == ["a.yaml"]
    assert (tmp_path / "a.yaml").read_text() == f"{HEADER}\n3\n"


@pytest.mark.parametrize("name", ["a.yaml", "notes.txt", "deeper/a.yaml"])
def test_what_no_export_made_is_not_touched(tmp_path, name):
    write_export({"a.yaml": f"{HEADER}\n1\n"}, tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")

    with pytest.raises(InputError) as raised:
        write_export({"a.yaml": f"{HEADER}\n2\n"}, tmp_path)

    assert raised.value.problem == f"{name} is there, and no export made it"
    assert (tmp_path / name).read_text() == "mine"


def command(*arguments):
    """Run the verb; an error of ours comes out as it is."""
    return app(["kubernetes", *map(str, arguments)], standalone_mode=False)


def test_the_verb_writes_says_what_to_copy_and_how_to_apply(parts, tmp_path, capsys):
    command(parts.path, "--output", tmp_path / "out")

    said = capsys.readouterr()
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == [
        "disruption-budget.yaml",
        "kustomization.yaml",
        "namespace.yaml",
        "network-policies.yaml",
        "ray-service.yaml",
        "service-account.yaml",
        "services.yaml",
    ]
    assert f"{parts.artifact}  " in said.out
    assert said.out.rstrip().endswith("/artifacts/fitted")
    assert said.err == (
        f"parts -> {tmp_path}/out; to run it: kubectl apply --server-side -k {tmp_path}/out\n"
    )


def test_the_verb_tells_programs_what_to_copy(parts, tmp_path, capsys):
    command(parts.path, "--output", tmp_path / "out", "--output-format", "json", "--quiet")

    said = capsys.readouterr()
    assert {"from": parts.artifact, "to": "/artifacts/fitted"} in json.loads(said.out)["copy"]
    assert said.err == ""


def test_the_verb_names_the_keys_that_pods_need(parts, tmp_path, capsys):
    model = "{kind: lm, engine: openai, model: m, base_url: 'http://h/v1', api_key: %s}"
    keys = {"env": "{env: MODEL_KEY}", "file": "{file: /run/key}"}
    files = [
        write_parts(tmp_path / name, name, artifact=parts.artifact, large_model=model % key).path
        for name, key in keys.items()
    ]

    command(*files, "--output", tmp_path / "out")

    said = capsys.readouterr().err
    assert "pods read MODEL_KEY from the Secret headgate-environment\n" in said
    assert "pods read a key from /run/key: mount it there\n" in said


def test_audits_without_a_claim_are_told(watched, tmp_path, capsys):
    command(watched.path, "--output", tmp_path / "a")
    assert "give a --state-claim" in capsys.readouterr().err

    command(watched.path, "--output", tmp_path / "b", "--state-claim", "decisions")
    assert "--state-claim" not in capsys.readouterr().err


def test_nothing_is_written_when_a_cascade_is_wrong(tmp_path):
    loaded = write_parts(tmp_path / "parts")

    with pytest.raises(ArtifactError):
        command(loaded.path, "--output", tmp_path / "out")

    assert not (tmp_path / "out").exists()
