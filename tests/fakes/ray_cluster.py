"""A Ray of several nodes on this machine, with a dashboard and without a driver.

[NodeKind] -> raylets on one machine -> dashboard address, nodes that can be killed
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headgate.serving.flags import SERVE_FLAGS

ROOT = Path(__file__).parents[2]
IMPORTED = (ROOT / "services", ROOT / "tests")
"""What processes of the cluster can import."""


@dataclass(frozen=True, slots=True)
class NodeKind:
    """What one node says it has; nothing of it needs to be there."""

    cpus: float = 2
    gpus: float = 0
    accelerator: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """Return how Ray is told of it."""
        custom = {f"accelerator_type:{self.accelerator}": 1} if self.accelerator else {}
        return {
            "num_cpus": self.cpus,
            "num_gpus": self.gpus,
            "resources": custom,
            "labels": dict(self.labels),
        }


@dataclass(frozen=True)
class RayNodes:
    """A running cluster."""

    dashboard: str
    """`http://host:port` of its dashboard."""
    cluster: Any
    nodes: list[Any]
    """Beside the head, in order."""

    def add(self, kind: NodeKind) -> None:
        """Start another node."""
        self.nodes.append(self.cluster.add_node(**kind.arguments()))

    def kill(self, place: int) -> str:
        """End all processes of a node at once, as a loss of power does; return its id."""
        node = self.nodes.pop(place)
        self.cluster.remove_node(node, allow_graceful=False)
        return str(node.node_id)


@contextlib.contextmanager
def ray_nodes(head: NodeKind, *others: NodeKind, **environment: str) -> Iterator[RayNodes]:
    """Run a cluster until the block is left.

    Args:
        head: The node that has the dashboard and Serve's controller.
        others: One by one.
        environment: Of its processes, on top of this one's.
    """
    from ray.cluster_utils import Cluster

    port = free_port()
    paths = os.pathsep.join(str(each) for each in IMPORTED)
    added = {**SERVE_FLAGS, "RAY_AUTH_MODE": "disabled", "PYTHONPATH": paths, **environment}
    with _environment(added), tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as folder:
        cluster = Cluster(shutdown_at_exit=True)
        try:
            cluster.add_node(
                **head.arguments(),
                include_dashboard=True,
                dashboard_port=port,
                temp_dir=folder,
            )
            found = RayNodes(f"http://127.0.0.1:{port}", cluster, [])
            for each in others:
                found.add(each)
            yield found
        finally:
            cluster.shutdown()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
