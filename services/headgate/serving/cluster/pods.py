"""Groups of pods that models with replicas of their own fit into.

needs of the deployments, a group for CPUs, a group for GPUs -> one group for each kind of machine

The autoscaler starts a pod only for a replica that fits into one: a group that is too small, or
does not say which accelerator and labels it has, would leave the model waiting for ever.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from headgate.serving.cluster.needs import Need

Group: TypeAlias = dict[str, Any]
_Kind: TypeAlias = tuple[bool, str, tuple[tuple[str, str], ...]]
"""Whether it has GPUs, which accelerator, and its labels."""

_GIB = 1024**3
_OWN_GIB = 2
"""Of Ray itself, in the memory of each pod."""
MOST_PODS = 64


def groups_of(needs: Sequence[Need], cpu: Group, gpu: Group) -> list[Group]:
    """Return the group for CPUs and one for each other kind of machine, each large enough.

    Args:
        needs: What replicas reserve; those of gateways are not among them.
        cpu: The group for CPUs as it is shipped; it is there without any need, too.
        gpu: The one for GPUs.
    """
    plain: _Kind = (False, "", ())
    kinds: dict[_Kind, list[Need]] = {plain: []}
    for need in needs:
        kinds.setdefault(_kind(need), []).append(need)
    found = []
    for place, kind in enumerate(sorted(kinds)):
        group = copy.deepcopy(gpu if kind[0] else cpu)
        if place:
            group["groupName"] = _name(kind, place)
        found.append(_sized(_marked(group, kind), kinds[kind]))
    return found


def _kind(need: Need) -> _Kind:
    gpus = bool(need.resources.get("GPU") or need.accelerator)
    return gpus, need.accelerator or "", tuple(sorted(need.labels.items()))


def _name(kind: _Kind, place: int) -> str:
    """Return a name that no other group has."""
    gpus, accelerator, labels = kind
    if labels:
        return f"{'gpu' if gpus else 'cpu'}-{place}"
    accelerator = "".join(sign if sign.isalnum() else "-" for sign in accelerator.lower())
    return f"gpu-{accelerator}".strip("-")


def _marked(group: Group, kind: _Kind) -> Group:
    """Tell Ray, and Kubernetes, what the machines of the group have."""
    _, accelerator, labels = kind
    if accelerator:
        # A machine says so by itself, but none is there before the first pod.
        group["resources"] = {f"accelerator_type:{accelerator}": "1"}
    if labels:
        group["labels"] = dict(labels)
        group["template"]["spec"]["nodeSelector"] = dict(labels)
    return group


def _sized(group: Group, needs: Sequence[Need]) -> Group:
    """Make the group's pods as large as the largest replica, and as many as there are replicas."""
    if not needs:
        return group
    container = group["template"]["spec"]["containers"][0]
    wanted = _largest(needs)
    limits: dict[str, str] = dict(container["resources"]["limits"])
    limits["cpu"] = str(max(int(limits["cpu"]), wanted["CPU"]))
    memory = max(int(limits["memory"].removesuffix("Gi")), wanted["memory"] + _OWN_GIB)
    limits["memory"] = f"{memory}Gi"
    if "nvidia.com/gpu" in limits:
        limits["nvidia.com/gpu"] = str(max(1, wanted["GPU"]))
    container["resources"] = {"requests": limits, "limits": dict(limits)}
    group["maxReplicas"] = min(sum(need.most for need in needs), MOST_PODS)
    return group


def _largest(needs: Sequence[Need]) -> Mapping[str, int]:
    """Return the most that one replica asks for; memory in GiB."""
    units = {"CPU": 1, "GPU": 1, "memory": _GIB}
    return {
        name: math.ceil(max(need.resources.get(name, 0.0) for need in needs) / unit)
        for name, unit in units.items()
    }
