"""The nodes of a cluster, those that are alike taken together.

rows of Ray's list of nodes  ->  Cluster ([NodeType], most workers)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Row: TypeAlias = Mapping[str, Any]

ACCELERATOR_LABEL = "ray.io/accelerator-type"
ACCELERATOR_RESOURCE = "accelerator_type:"
_GROUP_LABEL = "ray.io/node-group"
_OWN_LABELS = ("ray.io/node-id",)
"""Labels that no two nodes share."""
_OWN_RESOURCES = ("node:", "object_store_memory")
"""Starts of what each node has of its own, and no replica asks for."""
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class NodeType:
    """Nodes that are alike."""

    name: str
    resources: Mapping[str, float]
    """By the name that Ray gives it: `CPU`, `GPU`, `memory` in bytes, or a custom one."""
    labels: Mapping[str, str]
    least: int
    """Fewest nodes that are there."""
    most: int
    """Most nodes that there may be."""
    head: bool = False
    """Whether the cluster's head is one of them."""

    @property
    def gpus(self) -> float:
        """Return the GPUs of one node."""
        return self.resources.get("GPU", 0.0)

    def has_accelerator(self, kind: str) -> bool:
        """Return whether a node has this kind of accelerator, as its name or its label says."""
        named = f"{ACCELERATOR_RESOURCE}{kind}" in self.resources
        return named or self.labels.get(ACCELERATOR_LABEL) == kind


@dataclass(frozen=True, slots=True)
class Cluster:
    """The nodes that replicas may be placed on."""

    types: tuple[NodeType, ...]
    max_workers: int
    """Most nodes beside the head, of all types together."""
    live: bool
    """Whether these are nodes that run; else Ray starts and ends them as they are needed."""


def live_cluster(rows: Sequence[Row]) -> Cluster:
    """Return the nodes that are alive, those with the same resources and labels as one type.

    Memory is not compared, since no two machines report the same; a type has that of its smallest.

    Args:
        rows: Of Ray's list of nodes: `state`, `is_head_node`, `resources_total`, `labels`.
    """
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        if row.get("state", "ALIVE") == "ALIVE":
            groups.setdefault(_likeness(row), []).append(row)
    types: list[NodeType] = []
    for group in groups.values():
        types.append(_live_type(group, {each.name for each in types}))
    return Cluster(tuple(types), sum(each.least for each in types if not each.head), live=True)


def _likeness(row: Row) -> tuple[object, ...]:
    resources = {name: each for name, each in _resources(row).items() if name != "memory"}
    labels = sorted(_labels(row).items())
    return bool(row.get("is_head_node")), tuple(sorted(resources.items())), tuple(labels)


def _live_type(rows: Sequence[Row], taken: set[str]) -> NodeType:
    resources, labels = _resources(rows[0]), _labels(rows[0])
    head = bool(rows[0].get("is_head_node"))
    if "memory" in resources:
        resources["memory"] = min(_resources(row).get("memory", 0.0) for row in rows)
    # Without memory, so that a list of prices need not follow every change of it.
    size = shown({each: amount for each, amount in resources.items() if each != "memory"})
    name = "head" if head else labels.get(_GROUP_LABEL) or size
    name = next(each for each in _numbered(name, len(taken) + 1) if each not in taken)
    return NodeType(name, resources, labels, len(rows), len(rows), head)


def _numbered(name: str, most: int) -> list[str]:
    return [name, *(f"{name} ({number})" for number in range(2, most + 2))]


def _resources(row: Row) -> dict[str, float]:
    total: Mapping[str, float] = row.get("resources_total") or {}
    return {
        name: float(each) for name, each in total.items() if not name.startswith(_OWN_RESOURCES)
    }


def _labels(row: Row) -> dict[str, str]:
    labels: Mapping[str, str] = row.get("labels") or {}
    return {name: each for name, each in labels.items() if name not in _OWN_LABELS}


def shown(resources: Mapping[str, float]) -> str:
    """Return amounts for a person, such as `4 CPUs, 1 GPU, 8 GiB`; `nothing` for none."""
    words = [_amount(name, each) for name, each in resources.items() if each]
    return ", ".join(words) or "nothing"


def _amount(name: str, amount: float) -> str:
    if name.startswith(ACCELERATOR_RESOURCE):
        return name.removeprefix(ACCELERATOR_RESOURCE)  # its amount says nothing
    if name == "memory":
        return f"{amount / _GIB:.3g} GiB"
    return counted(amount, name) if name in ("CPU", "GPU") else f"{amount:g} {name}"


def counted(amount: float, noun: str) -> str:
    """Return how many of a thing, such as `1 node` or `0.5 GPUs`."""
    return f"{amount:g} {noun}" if amount == 1 else f"{amount:g} {noun}s"
