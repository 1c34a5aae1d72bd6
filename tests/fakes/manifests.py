"""Manifests as Kubernetes and KubeRay would read them.

directory -> kubectl kustomize -> [object];  RayService -> mistakes against a strict schema
"""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

REPOSITORY = Path(__file__).parents[2]
KUBERNETES = REPOSITORY / "deploy" / "kubernetes"


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """Return the schema of an object that has no other keys than these."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


_COUNT = {"type": "integer", "minimum": 0}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_TEMPLATE = _object(("spec",), metadata={"type": "object"}, spec={"type": "object"})
_GROUP = {"rayStartParams": _TEXTS, "resources": _TEXTS, "labels": _TEXTS, "template": _TEMPLATE}
_WORKERS = _object(
    ("groupName", "minReplicas", "maxReplicas", "template"),
    groupName={"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
    replicas=_COUNT,
    minReplicas=_COUNT,
    maxReplicas=_COUNT,
    idleTimeoutSeconds=_COUNT,
    **_GROUP,
)
_AUTOSCALER = _object(
    version={"enum": ["v1", "v2"]},
    idleTimeoutSeconds=_COUNT,
    upscalingMode={"enum": ["Default", "Aggressive", "Conservative"]},
    resources={"type": "object"},
    securityContext={"type": "object"},
    volumeMounts={"type": "array"},
)
_CLUSTER = _object(
    ("rayVersion", "authOptions", "headGroupSpec"),
    rayVersion={"type": "string"},
    authOptions=_object(("mode",), mode={"enum": ["disabled", "token"]}),
    enableInTreeAutoscaling={"type": "boolean"},
    autoscalerOptions=_AUTOSCALER,
    headGroupSpec=_object(("template",), **_GROUP),
    workerGroupSpecs={"type": "array", "items": _WORKERS},
)
RAY_SERVICE = _object(
    ("apiVersion", "kind", "metadata", "spec"),
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayService"},
    metadata={"type": "object"},
    spec=_object(
        ("rayClusterConfig", "serveConfigV2"),
        upgradeStrategy=_object(
            type={"enum": ["NewCluster", "NewClusterWithIncrementalUpgrade", "None"]}
        ),
        rayClusterDeletionDelaySeconds=_COUNT,
        excludeHeadPodFromServeSvc={"type": "boolean"},
        serveConfigV2={"type": "string"},
        rayClusterConfig=_CLUSTER,
    ),
)
"""What we use of KubeRay's RayService (v1), and nothing else of it."""


def mistakes(service: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a RayService, each with its place."""
    found = Draft202012Validator(RAY_SERVICE).iter_errors(service)
    return sorted(f"{each.json_path}: {each.message}" for each in found)


def kustomized(directory: Path) -> list[dict[str, Any]]:
    """Return what `kubectl kustomize` makes of a directory; skips the test where it is not."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    made = subprocess.run(  # noqa: S603 - a program of this machine
        [kubectl, "kustomize", str(directory)], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return list(yaml.load_all(made.stdout, yaml.CSafeLoader))


@functools.cache
def shipped(folder: str) -> list[dict[str, Any]]:
    """Return the objects of a folder of deploy/kubernetes."""
    return kustomized(KUBERNETES / folder)


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return the objects of one kind."""
    return [each for each in objects if each["kind"] == kind]


def ray_service(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the one RayService."""
    (service,) = of_kind(objects, "RayService")
    return service


def groups(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return head and groups of workers by name."""
    cluster = ray_service(objects)["spec"]["rayClusterConfig"]
    workers = {each["groupName"]: each for each in cluster["workerGroupSpecs"]}
    return {"head": cluster["headGroupSpec"], **workers}


def container(group: Mapping[str, Any]) -> dict[str, Any]:
    """Return the container that runs Ray."""
    first: dict[str, Any] = group["template"]["spec"]["containers"][0]
    return first
