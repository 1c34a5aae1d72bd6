"""Where replicas would be: first fit, the largest first, on the nodes of a cluster.

[(Need, replicas)], Cluster  ->  Fit (nodes by type, replicas by need and type, what is left over)

Ray places replicas one by one as they come, and spreads them. So this says whether there is a
placement; where memory or GPUs are tight, Ray may miss it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from headgate.serving.cluster.needs import Need
from headgate.serving.cluster.nodes import Cluster, NodeType

Wanted: TypeAlias = Sequence[tuple[Need, int]]
"""Deployments, each with how many replicas of it are to be placed."""

_ROUNDING = 1e-9
"""Sums of fractions of a CPU or GPU are off by less than this."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A placement, and what found no place."""

    nodes: Mapping[str, int]
    """Nodes of each type that run: those that are always there, and those that were needed."""
    replicas: Mapping[str, Mapping[str, int]]
    """By the name of the need: replicas on nodes of each type."""
    missing: Mapping[str, int]
    """By the name of the need: replicas without a place; only needs that have some."""


@dataclass(slots=True)
class _Node:
    """One node, and what is free of it."""

    kind: NodeType
    free: dict[str, float]
    replicas: Counter[str] = field(default_factory=Counter)

    @classmethod
    def empty(cls, kind: NodeType) -> _Node:
        return cls(kind, dict(kind.resources))

    def has_room(self, need: Need) -> bool:
        full = need.per_node is not None and self.replicas[need.name] >= need.per_node
        return not full and suits(self.kind, need) and has_amounts(self.free, need)

    def take(self, need: Need) -> None:
        for name, amount in need.resources.items():
            self.free[name] -= amount
        self.replicas[need.name] += 1


def suits(kind: NodeType, need: Need) -> bool:
    """Return whether nodes of this type have the labels and the accelerator."""
    labelled = all(kind.labels.get(name) == value for name, value in need.labels.items())
    return labelled and (need.accelerator is None or kind.has_accelerator(need.accelerator))


def has_amounts(free: Mapping[str, float], need: Need) -> bool:
    """Return whether one replica's resources are free."""
    return all(free.get(name, 0.0) + _ROUNDING >= each for name, each in need.resources.items())


def holds(kind: NodeType, need: Need) -> bool:
    """Return whether an empty node of this type has room for one replica."""
    return suits(kind, need) and has_amounts(kind.resources, need)


def fit(wanted: Wanted, cluster: Cluster) -> Fit:
    """Return where the replicas go.

    A replica that found a place keeps it when nodes are added behind the others. A node that is
    not there yet is started where none has room: the smallest type that holds the replica, and
    one with GPUs only for what needs them.
    """
    pool = _Pool(cluster)
    replicas: dict[str, Counter[str]] = {need.name: Counter() for need, _ in wanted}
    missing: Counter[str] = Counter()
    for need, count in _largest_first(wanted):
        for done in range(count):
            kind = pool.place(need)
            if kind is None:
                missing[need.name] += count - done
                break
            replicas[need.name][kind.name] += 1
    return Fit(pool.counts(), replicas, dict(missing))


def _largest_first(wanted: Wanted) -> list[tuple[Need, int]]:
    """Return what has few nodes to choose from before what has many, and large before small."""

    def size(item: tuple[Need, int]) -> tuple[float, ...]:
        need = item[0]
        amounts = (need.resources.get(name, 0.0) for name in ("GPU", "CPU", "memory"))
        gpus, cpus, memory = amounts
        return gpus, len(need.labels) + (need.accelerator is not None), cpus, memory

    return sorted(wanted, key=size, reverse=True)


class _Pool:
    """The nodes that run, and those that may be started."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        # Ray, too, puts what needs no GPU on nodes without one while there is room.
        kinds = sorted(cluster.types, key=lambda kind: kind.gpus > 0)
        self._nodes = [_Node.empty(kind) for kind in kinds for _ in range(kind.least)]

    def place(self, need: Need) -> NodeType | None:
        """Return the type of the node that takes one replica; None when there is no room."""
        node = next((each for each in self._nodes if each.has_room(need)), None)
        if node is None:
            node = self._started(need)
        if node is None:
            return None
        node.take(need)
        return node.kind

    def counts(self) -> dict[str, int]:
        """Return how many nodes of each type run."""
        found = Counter(node.kind.name for node in self._nodes)
        return {kind.name: found[kind.name] for kind in self._cluster.types}

    def _started(self, need: Need) -> _Node | None:
        heads = sum(kind.head for kind in self._cluster.types)
        if len(self._nodes) - heads >= self._cluster.max_workers:
            return None
        counts = self.counts()
        room = [kind for kind in self._cluster.types if counts[kind.name] < kind.most]
        kind = smallest_holding(room, need)
        if kind is None:
            return None
        self._nodes.append(_Node.empty(kind))
        return self._nodes[-1]


def smallest_holding(kinds: Iterable[NodeType], need: Need) -> NodeType | None:
    """Return the smallest type that holds one replica, without GPUs where it needs none."""
    found = [kind for kind in kinds if holds(kind, need)]
    return min(found, key=lambda each: (each.gpus, each.resources.get("CPU", 0.0)), default=None)


def without_limits(cluster: Cluster, raised: NodeType, most: int) -> Cluster:
    """Return the cluster with up to `most` nodes of one type, whatever the others take."""
    types = tuple(replace(kind, most=most) if kind is raised else kind for kind in cluster.types)
    return Cluster(types, max(cluster.max_workers, 2 * most), cluster.live)
