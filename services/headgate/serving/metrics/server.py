"""The port that Prometheus reads.

host, `host:port` -> the first free of 16 ports -> HTTP server in a thread -> what stops it
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from threading import Thread
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server

from headgate.serving.logs import get_logger
from headgate.serving.metrics.collector import HostCollector

if TYPE_CHECKING:
    from headgate.serving.host import Host

PORTS = 16
"""So many gateways of a node find a port, the one that is asked for and those after it."""

log = get_logger(__name__)


def serve_metrics(host: Host, address: str) -> Callable[[], None]:
    """Serve the metrics of a host; return what stops it.

    A second gateway of a node finds the port taken, and takes the next free one. When there is
    none, it logs that and goes on without.

    Args:
        host: The cascades.
        address: `host:port` to listen on.
    """
    name, _, first = address.rpartition(":")
    registry = CollectorRegistry()
    registry.register(HostCollector(host))
    try:
        server, thread = _start(registry, name.strip("[]"), int(first))
    except OSError as error:
        log.error("metrics_not_served", address=address, error=type(error).__name__)
        return lambda: None
    if server.server_port != int(first):
        log.warning("metrics_moved", asked=address, port=server.server_port)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop


def _start(registry: CollectorRegistry, name: str, first: int) -> tuple[WSGIServer, Thread]:
    """Start on the first free port, and return the server and its thread.

    Raises:
        OSError: There is none, or the address is none of this machine.
    """
    last = min(first + PORTS - 1, 2**16 - 1)
    for port in range(first, last):
        try:
            return start_http_server(port, name, registry)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return start_http_server(last, name, registry)
