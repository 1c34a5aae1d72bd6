"""The node types of a file for Ray's cluster launcher (`ray up`).

ray_cluster.yaml -> Source -> every mistake, with its line | Cluster
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from headgate.cascade.mistakes import KeyPath, Mistake, described, did_you_mean, quoted
from headgate.cascade.source import read_source
from headgate.serving.cluster.nodes import Cluster, NodeType

Keys: TypeAlias = Mapping[str, Any]

DEFAULT_MAX_WORKERS = 2
"""Workers that the launcher starts at most where the file says nothing."""

_TYPE_KEYS = (
    "docker",
    "idle_timeout_s",
    "initialization_commands",
    "labels",
    "max_workers",
    "min_workers",
    "node_config",
    "priority",
    "resources",
    "worker_setup_commands",
)
_TYPES = "available_node_types"
_EXAMPLE = "Write it, such as `resources: {CPU: 8, GPU: 1}`."


def read_cluster(path: Path) -> Cluster:
    """Return the node types of the file.

    Raises:
        SpecFileError: It is no such file, or does not say what a node has; every mistake found.
    """
    source = read_source(path)
    mistakes = [*source.mistakes, *_mistakes(source.values)]
    if mistakes or not isinstance(source.values, dict):
        raise source.errors(mistakes)
    return _cluster(source.values)


def _cluster(values: Keys) -> Cluster:
    most = int(values.get("max_workers", DEFAULT_MAX_WORKERS))
    head = values["head_node_type"]
    types = [_type(name, keys, most, head=name == head) for name, keys in values[_TYPES].items()]
    return Cluster(tuple(types), most, live=False)


def _type(name: str, keys: Keys, max_workers: int, *, head: bool) -> NodeType:
    """Return one type; the head is a node beside the workers of its type."""
    least, most = keys.get("min_workers", 0), keys.get("max_workers", 0 if head else max_workers)
    resources = {each: float(amount) for each, amount in keys["resources"].items()}
    labels = dict(keys.get("labels") or {})
    return NodeType(name, resources, labels, least + head, most + head, head)


def _mistakes(values: object) -> Iterator[Mistake]:
    types = values.get(_TYPES) if isinstance(values, dict) else None
    if not isinstance(values, dict) or not isinstance(types, dict) or not types:
        remedy = "Name a file for `ray up` that has them, or a running cluster with --address."
        yield Mistake((), f"the file names no {_TYPES}", remedy)
        return
    head = values.get("head_node_type")
    if head not in types:
        problem = f"head_node_type is {described(head, ())}, and there is no such type"
        yield Mistake((), problem, did_you_mean(str(head), types, "Name one of the types."))
    yield from _count_mistakes(values, (), ("max_workers",))
    for name, keys in types.items():
        yield from _type_mistakes(keys, (_TYPES, name))
    yield from _sum_mistakes(values, [each for each in types.values() if isinstance(each, dict)])


def _type_mistakes(keys: object, here: KeyPath) -> Iterator[Mistake]:
    if not isinstance(keys, dict):
        yield Mistake(here, f"expected a mapping, found {described(keys, here)}", _EXAMPLE)
        return
    for key in keys:
        if key not in _TYPE_KEYS:
            remedy = did_you_mean(key, _TYPE_KEYS, "Remove it; Ray refuses it, too.")
            yield Mistake((*here, key), f"unknown key {quoted(key)}", remedy)
    yield from _count_mistakes(keys, here, ("min_workers", "max_workers"))
    if _count(keys, "min_workers", 0) > _count(keys, "max_workers", 2**31):
        yield Mistake((*here, "min_workers"), "it is more than max_workers", "Raise max_workers.")
    yield from _resource_mistakes(keys.get("resources"), (*here, "resources"))
    yield from _label_mistakes(keys.get("labels") or {}, (*here, "labels"))


def _resource_mistakes(resources: object, here: KeyPath) -> Iterator[Mistake]:
    if not resources:
        problem = "no resources are written, and only the cloud knows what its machines have"
        yield Mistake(here[:-1], problem, _EXAMPLE)
    elif not isinstance(resources, dict):
        yield Mistake(here, f"expected a mapping, found {described(resources, here)}", _EXAMPLE)
    else:
        yield from _count_mistakes(resources, here, tuple(resources))


def _label_mistakes(labels: object, here: KeyPath) -> Iterator[Mistake]:
    if not isinstance(labels, dict):
        yield Mistake(here, f"expected a mapping, found {described(labels, here)}", "Change it.")
        return
    for name, value in labels.items():
        if not isinstance(value, str):
            path = (*here, name)
            yield Mistake(
                path, f"expected text, found {described(value, path)}", "Put it in quotes."
            )


def _count_mistakes(keys: Keys, here: KeyPath, names: Sequence[str]) -> Iterator[Mistake]:
    for name in names:
        value = keys.get(name, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            path = (*here, name)
            problem = f"expected a whole number of at least 0, found {described(value, path)}"
            yield Mistake(path, problem, "Change the value.")


def _sum_mistakes(values: Keys, types: Sequence[Keys]) -> Iterator[Mistake]:
    total = sum(_count(keys, "min_workers", 0) for keys in types)
    most = _count(values, "max_workers", DEFAULT_MAX_WORKERS)
    if total > most:
        problem = f"min_workers of all types are {total}, and the cluster's max_workers are {most}"
        at = () if "max_workers" not in values else ("max_workers",)
        yield Mistake(at, problem, f"Write `max_workers: {total}`.")


def _count(keys: Keys, name: str, default: int) -> int:
    """Return a count; the default in the place of what is none, which is said elsewhere."""
    value = keys.get(name, default)
    return value if isinstance(value, int) else default
