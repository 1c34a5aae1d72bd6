"""The gateway: our own gRPC server inside a Serve replica.

user_config (cascades) -> Host -> GrpcServer on one port, until Serve stops the replica

Serve starts, places and restarts it, and never sees its calls; Serve's own gRPC proxy has no TLS,
no health protocol, no deadlines and no limits, and costs nine times the CPU.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Mapping
from typing import Any

from headgate.serving.host import Host
from headgate.serving.limits import Limits
from headgate.serving.log_files import configure_replica_logs
from headgate.serving.logs import get_logger
from headgate.serving.metrics import serve_metrics
from headgate.serving.server import GrpcServer
from headgate.serving.tracing import open_tracing
from headgate.serving.watchers import ActorWatcher

DRAIN_S = 15.0
"""Longest time for calls at work when the replica stops; shorter than Serve's own 20 s."""

log = get_logger(__name__)


class Gateway:
    """One replica: the engines of all cascades behind one port."""

    def __init__(self, address: str, state_dir: str = "", metrics_address: str = "") -> None:
        """Prepare; nothing listens before the first configuration.

        All arguments are constant, for a change would restart the app.

        Args:
            address: `host:port` to listen on.
            state_dir: Where decisions and states of certificates are kept.
            metrics_address: `host:port` of the metrics; none are served when it is empty.
        """
        configure_replica_logs("gateway")
        self._host = Host(open_watcher=ActorWatcher, state_dir=state_dir)
        self._metrics_address = metrics_address
        self._stop_metrics: Callable[[], None] = lambda: None
        tracing = open_tracing(os.environ)
        self._server = GrpcServer(self._host, Limits(), address=address, tracing=tracing)
        self._started = False
        self._in_force: object = None

    async def reconfigure(self, user_config: Mapping[str, Any]) -> None:
        """Serve these cascades from now on, in place.

        Only the cascades and the revisions of their artifacts count; what else is in there is for
        whoever deploys next. Serve kills a replica whose reconfiguration raises. So the last good
        one stays in force when a later one is wrong; the first one may fail, as there is nothing
        to fall back on.
        """
        wanted = (user_config.get("cascades"), user_config.get("artifacts"))
        if wanted == self._in_force and all(each.engine for each in self._host.hosted):
            return
        try:
            await self._host.configure(user_config["cascades"])
        except Exception as error:
            if not self._started:
                raise
            log.error("reconfigure_refused", type=type(error).__name__)
            return
        self._in_force = wanted
        # What is loaded now stays: the garbage collector need not look at it at every pass. First
        # it takes what the configuration before left.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        if not self._started:
            await self._server.start()
            self._started = True
            if self._metrics_address:
                self._stop_metrics = serve_metrics(self._host, self._metrics_address)

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Return the calls at work, which Serve does not see by itself."""
        return {"in_flight": float(self._server.in_flight)}

    async def __del__(self) -> None:
        """Drain; Serve awaits it at a graceful stop."""
        if self._started:
            self._stop_metrics()
            await self._server.stop(DRAIN_S)
            await self._host.close()
