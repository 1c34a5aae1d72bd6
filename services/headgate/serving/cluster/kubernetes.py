"""A kustomization that runs cascades on Kubernetes, for KubeRay.

cascades, KubernetesOptions -> body of the Serve applications -> serveConfigV2
                            -> what they reserve              -> groups of pods
deploy/kubernetes/base, with both put in -> ray-service.yaml and the files beside it

`python -m headgate.serving.cluster.kubernetes` puts what runs without cascades into
deploy/kubernetes/base.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate import __version__
from headgate.cascade.load import LoadedCascade
from headgate.errors import InputError
from headgate.serving.cluster.body import GATEWAY_APP, JsonObject, cluster_body
from headgate.serving.cluster.needs import needs_of
from headgate.serving.cluster.pod_files import PodFiles, pod_files
from headgate.serving.cluster.pods import groups_of
from headgate.serving.cluster.settings import PORT, GatewaySettings
from headgate.serving.host import check_names

HEADER = (
    "# Made by `headgate export kubernetes`. Change it in an overlay: the next export replaces it."
)
"""First line of every file that is written."""
ADDRESS = f"0.0.0.0:{PORT}"
"""Where each gateway listens; a policy says who may call."""
STATE_DIR = "/var/lib/headgate"
METRICS_ADDRESS = "0.0.0.0:9464"
"""Where Prometheus finds each gateway's metrics."""
GATEWAY_RESOURCE = "headgate_gateway"
"""Of which each pod for gateways has one: a gateway takes it, so there is one in each."""

MOST_BYTES = 1_000_000
"""Of what runs; etcd takes one and a half million for the whole object."""

_CPU_IMAGE, _GPU_IMAGE = "headgate-cpu", "headgate-gpu"
_IMAGE = re.compile(
    r"(?P<name>[^@\s]+?)(:(?P<tag>[\w][\w.-]{0,127}))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class KubernetesOptions:
    """What is not in the cascade files."""

    namespace: str = "headgate"
    """Where everything is created."""
    image: str = f"{_CPU_IMAGE}:{__version__}"
    """Image of pods without a GPU, with a tag or a digest."""
    gpu_image: str = f"{_GPU_IMAGE}:{__version__}"
    """Image of pods with one."""
    gateways: int = 2
    """How many gateways there are, each in a pod of its own."""
    artifacts: str = "/artifacts"
    """Where pods see the volume of artifacts."""
    artifacts_claim: str = "headgate-artifacts"
    """Its claim; it is mounted only if a cascade names a local file."""
    state_claim: str | None = None
    """Claim of decisions and states of certificates; None keeps them as long as their pod."""


@dataclass(frozen=True, slots=True)
class Export:
    """What is to be written, and what has to be copied."""

    files: Mapping[str, str]
    """Text of each file by its path below the directory."""
    copies: Mapping[str, str]
    """Path in the pods of each local path that they read."""


def export(cascades: Sequence[LoadedCascade], options: KubernetesOptions) -> Export:
    """Return the files of a kustomization for these cascades and no others.

    The same cascades give the same text, wherever their files are.

    Raises:
        InputError: An option is none that Kubernetes takes, two cascades have one name, or a file
            cannot be had in pods.
        ArtifactError: A cascade is not fitted, or for another file.
    """
    _check(options)
    check_names(cascades)
    found = pod_files(cascades, options.artifacts)
    files = {path.name: path.read_text() for path in manifests("base").glob("*.yaml")}
    service = parsed(files["ray-service.yaml"])
    _fill(service["spec"], pod_body(found, options.gateways), options, local=bool(found.paths))
    files["ray-service.yaml"] = to_yaml(service)
    files["kustomization.yaml"] = to_yaml(_kustomization(files["kustomization.yaml"], options))
    texts = {path: f"{HEADER}\n{files[path]}" for path in sorted(files)}
    return Export(texts, found.paths)


def without_cascades() -> str:
    """Return base/ray-service.yaml as it is to be in the repository."""
    from ruamel.yaml.scalarstring import LiteralScalarString

    service = parsed((manifests("base") / "ray-service.yaml").read_text())
    body = pod_body(PodFiles((), {}), KubernetesOptions().gateways)
    service["spec"]["serveConfigV2"] = LiteralScalarString(serve_config(body))
    return to_yaml(service)


def pod_body(found: PodFiles, gateways: int) -> JsonObject:
    """Return the body of the Serve applications, with the paths of the pods."""
    settings = GatewaySettings(ADDRESS, STATE_DIR, METRICS_ADDRESS, gateways)
    body = _renamed(cluster_body(found.cascades, settings), found.paths)
    for application in body["applications"]:
        if application["name"] == GATEWAY_APP:
            options = {"num_cpus": 0, "resources": {GATEWAY_RESOURCE: 1}}
            application["deployments"][0]["ray_actor_options"] = options
    return dict(body)


def manifests(folder: str) -> Path:
    """Return a folder of deploy/kubernetes, which is installed beside this file."""
    link = Path(__file__).parent / "manifests"
    # A checkout may not keep links; then it is a file that says where the folder is.
    root = link if link.is_dir() else Path(__file__).parents[4] / "deploy" / "kubernetes"
    return root / folder


def _check(options: KubernetesOptions) -> None:
    """Refuse what Kubernetes would refuse, or would run another day as something else."""
    claims = {"--artifacts-claim": options.artifacts_claim, "--state-claim": options.state_claim}
    for option, name in {"--namespace": options.namespace, **claims}.items():
        if name is not None and not _NAME.fullmatch(name):
            problem = f"{name!r} is no name in Kubernetes"
            raise InputError(option, problem, "Use lower-case letters, digits and '-', at most 63.")
    if not re.fullmatch(r"(/[\w.-]+)+", options.artifacts):
        problem = f"{options.artifacts!r} is no absolute directory"
        raise InputError("--artifacts", problem, "Write it like /artifacts.")
    _image(_CPU_IMAGE, "--image", options.image)
    _image(_GPU_IMAGE, "--gpu-image", options.gpu_image)


def _image(name: str, option: str, reference: str) -> JsonObject:
    """Return what kustomize puts in the place of an image of ours.

    Raises:
        InputError: It has neither tag nor digest, or one that moves.
    """
    found = _IMAGE.fullmatch(reference)
    if found is None or not (found["digest"] or found["tag"]) or found["tag"] == "latest":
        problem = f"{reference!r} does not say which image for good"
        raise InputError(option, problem, f"Give it a tag, such as {name}:{__version__}.")
    version = {"digest": found["digest"]} if found["digest"] else {"newTag": found["tag"]}
    return {"name": name, "newName": found["name"], **version}


def _kustomization(base: str, options: KubernetesOptions) -> JsonObject:
    images = [
        _image(_CPU_IMAGE, "--image", options.image),
        _image(_GPU_IMAGE, "--gpu-image", options.gpu_image),
    ]
    resources = parsed(base)["resources"]
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return {**head, "namespace": options.namespace, "resources": resources, "images": images}


def _fill(spec: JsonObject, body: JsonObject, options: KubernetesOptions, *, local: bool) -> None:
    """Put in what runs, and pods that are large enough for it."""
    from ruamel.yaml.scalarstring import LiteralScalarString

    spec["serveConfigV2"] = LiteralScalarString(serve_config(body))
    cluster = spec["rayClusterConfig"]
    gateway, cpu = cluster["workerGroupSpecs"]
    gateway["replicas"] = gateway["minReplicas"] = options.gateways
    gateway["maxReplicas"] = 2 * options.gateways
    gpu = parsed((manifests("components/gpu") / "gpu-workers.yaml").read_text())[0]["value"]
    needs = [need for need in needs_of(body["applications"]) if need.app != GATEWAY_APP]
    cluster["workerGroupSpecs"] = [gateway, *groups_of(needs, cpu, gpu)]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        _mount(group["template"]["spec"], options, local=local)


def serve_config(body: JsonObject) -> str:
    """Return the body as JSON that a block of YAML holds as it is.

    What YAML takes for a line end, or does not take at all, is escaped.

    Raises:
        InputError: It is longer than Kubernetes keeps.
    """
    text = json.dumps(body, indent=1, ensure_ascii=False) + "\n"
    if len(text.encode()) > MOST_BYTES:
        problem = f"they make {len(text.encode()):,} bytes, and Kubernetes keeps {MOST_BYTES:,}"
        raise InputError(
            "cascades", problem, "Deploy fewer together, or each in a namespace of its own."
        )
    hidden = r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]"
    return re.sub(hidden, lambda sign: f"\\u{ord(sign[0]):04x}", text)


def _mount(pod: JsonObject, options: KubernetesOptions, *, local: bool) -> None:
    claims = {"artifacts": options.artifacts_claim if local else None, "state": options.state_claim}
    for place, volume in enumerate(pod["volumes"]):
        if claim := claims.get(volume["name"]):
            claimed = {"claimName": claim, "readOnly": volume["name"] == "artifacts"}
            pod["volumes"][place] = {"name": volume["name"], "persistentVolumeClaim": claimed}
    for mount in pod["containers"][0]["volumeMounts"]:
        if mount["name"] == "artifacts":
            mount["mountPath"] = options.artifacts


def _renamed(value: Any, paths: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON of any shape
    """Return the value with the paths of the pods in the place of local ones."""
    match value:
        case str():
            return paths.get(value, value)
        case dict():
            return {key: _renamed(each, paths) for key, each in value.items()}
        case list() | tuple():
            return [_renamed(each, paths) for each in value]
    return value


def parsed(text: str) -> Any:  # noqa: ANN401 - YAML of any shape
    """Return the value of a manifest of ours; it is written again with its comments."""
    from ruamel.yaml import YAML

    reader = YAML(typ="rt", pure=True)
    reader.preserve_quotes = True
    return reader.load(text)


def to_yaml(value: object) -> str:
    """Return a value as YAML, in its own order, with the comments it was read with."""
    from ruamel.yaml import YAML

    writer = YAML(typ="rt", pure=True)
    writer.default_flow_style = False
    writer.width = 100_000
    writer.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    writer.dump(value, text)
    return text.getvalue()


if __name__ == "__main__":
    (manifests("base") / "ray-service.yaml").write_text(without_cascades())
