"""A cluster whose models are stubs; everything else is deployed as `headgate deploy` does it.

StubbedCascade, nodes -> StubbedCluster: deploys, tells of replicas, kills them
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fakes.ray_cluster import RayNodes
from fakes.stub_models import STUBBED, stubbed
from fakes.stubbed_cascade import StubbedCascade
from headgate.cascade.load import LoadedCascade
from headgate.cli.cluster import ask_gateway
from headgate.client import Client
from headgate.serving.cluster.deploying import Conduct, carry_out, deploy_change
from headgate.serving.cluster.rest import ClusterClient
from headgate.serving.cluster.settings import AskedSettings

HOST = "127.0.0.1"
DEPLOY_TIMEOUT_S = 120.0
POLL_S = 0.05
WAIT_S = 120.0
LOOKS = 20
"""Fresh connections that all have to see a change; several gateways share the port."""

_REAL = {stub: real for real, stub in STUBBED.items()}


class StubbedClient(ClusterClient):
    """Puts stubs where models would run, and tells of them as if they were these."""

    def put(self, body: Mapping[str, Any]) -> None:
        """Have the cluster run the body, with stubs."""
        super().put(stubbed(body))

    def applications(self) -> dict[str, Any]:
        """Return Serve's details."""
        details = super().applications()
        for each in details["applications"].values():
            config = each.get("deployed_app_config")
            if config is not None:
                config["import_path"] = _REAL.get(config["import_path"], config["import_path"])
        return details


@dataclass(frozen=True)
class StubbedCluster:
    """What a test or a benchmark does things to."""

    nodes: RayNodes
    client: StubbedClient
    cascade: StubbedCascade
    port: int
    say: Callable[[str], None]

    @property
    def address(self) -> str:
        """Return where the gateways are called."""
        return f"{HOST}:{self.port}"

    def deploy(self, loaded: LoadedCascade, gateways: int) -> None:
        """Deploy the cascade as it is now, and wait."""
        asked = AskedSettings(HOST, self.port, None, None, gateways, None)
        change = deploy_change(self.client, [loaded], asked, HOST)
        carry_out(self.client, change, Conduct(DEPLOY_TIMEOUT_S, self.say, ask_gateway))

    def revision(self) -> str:
        """Return what one gateway serves, over a connection of its own."""
        with Client(self.address, timeout_s=5) as client:
            return client.list_cascades()[0].revision

    def wait_for_revision(self, before: str) -> None:
        """Return once every look sees something else than before."""
        seen = 0
        while seen < LOOKS:
            seen = seen + 1 if self.revision() != before else 0

    def replicas(self, kind: str) -> list[dict[str, Any]]:
        """Return the running replicas of a kind: `Gateway`, `Encoder` or `LargeModel`."""
        return [
            replica
            for application in self.client.applications()["applications"].values()
            for name, deployment in application.get("deployments", {}).items()
            for replica in deployment.get("replicas", ())
            if name == kind and replica.get("state") == "RUNNING"
        ]

    def nodes_of(self, kind: str) -> set[str]:
        """Return the ids of the nodes where replicas of a kind run."""
        return {str(each["node_id"]) for each in self.replicas(kind)}

    def pids(self, kind: str) -> set[int]:
        """Return the processes of the running replicas of a kind."""
        return {int(each["pid"]) for each in self.replicas(kind)}

    def kill(self, kind: str) -> None:
        """End the process of one replica at once."""
        os.kill(min(self.pids(kind)), signal.SIGKILL)

    def wait_for(self, kind: str, count: int) -> float:
        """Wait until that many replicas of a kind run; return the seconds it took."""
        started = time.monotonic()
        while len(self.replicas(kind)) != count:
            if time.monotonic() - started > WAIT_S:
                found = len(self.replicas(kind))
                raise TimeoutError(f"{found} replicas of {kind} after {WAIT_S} s, not {count}")
            time.sleep(POLL_S)
        return time.monotonic() - started
