"""Why replicas find no place, and what would change that.

Fit, needs, Cluster  ->  [Misfit]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headgate.serving.cluster.fit import (
    Fit,
    Wanted,
    fit,
    holds,
    smallest_holding,
    suits,
    without_limits,
)
from headgate.serving.cluster.needs import Need
from headgate.serving.cluster.nodes import Cluster, NodeType, counted, shown


@dataclass(frozen=True, slots=True)
class Misfit:
    """Replicas of one deployment without a place."""

    need: Need
    replicas: int
    """How many find none."""
    wanted: int
    """How many there are to be."""
    problem: str
    """Without a final period."""
    remedy: str


def misfits(wanted: Wanted, cluster: Cluster, found: Fit) -> list[Misfit]:
    """Return why each deployment with replicas left over found no place for them.

    Args:
        wanted: What `fit` was asked to place.
        cluster: On what.
        found: What it found.
    """
    return [
        Misfit(need, found.missing[need.name], count, *_why(need, wanted, cluster))
        for need, count in wanted
        if need.name in found.missing
    ]


def _why(need: Need, wanted: Wanted, cluster: Cluster) -> tuple[str, str]:
    """Return problem and remedy."""
    suiting = [kind for kind in cluster.types if suits(kind, need)]
    if not suiting:
        return _no_such_node(need, cluster)
    if not any(holds(kind, need) for kind in suiting):
        return _too_large(need, suiting)
    return _no_room(need, wanted, cluster)


def _no_such_node(need: Need, cluster: Cluster) -> tuple[str, str]:
    nodes = "node of the cluster" if cluster.live else "node type"
    kind, gpus = need.accelerator, need.resources.get("GPU", 0.0)
    if kind is not None and not any(each.has_accelerator(kind) for each in cluster.types):
        what = counted(gpus, "GPU") if gpus else "an accelerator"
        remedy = "Add one, or name another accelerator in the cascade file."
        return f"needs {what} of type {kind}; no {nodes} has one", remedy
    marks = [f"{name}={value}" for name, value in need.labels.items()]
    wish = " and ".join([*marks, *([f"an accelerator of type {kind}"] if kind else [])])
    remedy = "Label nodes so, or change the labels in the cascade file."
    return f"needs a node with {wish}; no {nodes} has that", remedy


def _too_large(need: Need, suiting: Sequence[NodeType]) -> tuple[str, str]:
    """Return which amount no suiting node has, or that none has all of them together."""
    remedy = "Add larger nodes, or lower what the cascade file reserves."
    # Of nodes that lack the labels or the accelerator, nothing is said.
    which = "that suits it " if need.labels or need.accelerator else ""
    for name, amount in need.resources.items():
        largest = max(kind.resources.get(name, 0.0) for kind in suiting)
        if not largest:
            return f"needs {shown({name: amount})}; no node {which}has any", remedy
        if largest < amount:
            has = f"the largest node {which}has {shown({name: largest})}"
            return f"needs {shown({name: amount})}; {has}", remedy
    return f"needs {shown(need.resources)} on one node; no node {which}has all of it", remedy


def _no_room(need: Need, wanted: Wanted, cluster: Cluster) -> tuple[str, str]:
    """Return how many more nodes, of the smallest type that holds it, would do."""
    kind = smallest_holding((each for each in cluster.types if not _is_one_head(each)), need)
    problem = "fits alone, but not beside the others"
    if kind is None:
        return f"{problem} on the head node", f"Add worker nodes with {shown(need.resources)}."
    most = kind.least + sum(count for _, count in wanted)
    counts = fit(wanted, without_limits(cluster, kind, most)).nodes
    if cluster.live:
        nodes = counted(counts[kind.name] - kind.least, "node")
        return problem, f"Add {nodes} like {kind.name!r} ({shown(kind.resources)})."
    return problem, _raised(kind, counts, cluster)


def _is_one_head(kind: NodeType) -> bool:
    return kind.head and kind.most == 1


def _raised(kind: NodeType, counts: Mapping[str, int], cluster: Cluster) -> str:
    """Return which limits of the launcher's file are to be raised, and to what."""
    heads = sum(each.head for each in cluster.types)
    workers, total = counts[kind.name] - kind.head, sum(counts.values()) - heads
    limits = [f"max_workers of {kind.name} to {workers}"] if counts[kind.name] > kind.most else []
    if total > cluster.max_workers:
        limits.append(f"max_workers of the cluster to {total}")
    return f"Raise {' and '.join(limits)}."
