"""What of Ray do others reach on this machine?

[Listening] -> [Finding]

Ray binds its own ports to every interface and cannot be told otherwise: a firewall or a
NetworkPolicy closes them. What can be bound to this machine alone is to be.
"""

from __future__ import annotations

from collections.abc import Sequence

from headgate.serving.cluster.doctor.finding import Finding, Level, ok
from headgate.serving.cluster.doctor.sockets import Listening

DASHBOARD, SERVE_HTTP, SERVE_GRPC = 8265, 8000, 9000

_MENDS = {
    DASHBOARD: (
        "Ray's dashboard",
        "Start the head with: ray start --head --dashboard-host=127.0.0.1",
    ),
    SERVE_HTTP: (
        "the HTTP proxy of Ray Serve",
        "serve shutdown, then headgate deploy: it binds the proxy to 127.0.0.1",
    ),
    SERVE_GRPC: (
        "the gRPC proxy of Ray Serve, which nobody needs",
        "serve shutdown, then deploy again without grpc_options",
    ),
}
_MOST_SHOWN = 12


def open_ports(sockets: Sequence[Listening]) -> list[Finding]:
    """Return what others reach of Ray; ports of programs that are known not to be Ray's are fine.

    Args:
        sockets: Of this machine.
    """
    public = [each for each in sockets if not each.is_private and (each.is_ray or not each.program)]
    found = [_known(each) for each in public if each.port in _MENDS]
    others = sorted({each.port for each in public if each.is_ray and each.port not in _MENDS})
    if others:
        found.append(_others(others))
    return found or ok("no port of Ray is open to other machines")


def _known(socket: Listening) -> Finding:
    """Return the finding of a port that could be closed; a program we may not see is a guess."""
    what, mend = _MENDS[socket.port]
    place = (
        f"{socket.host}:{socket.port}"
        if ":" not in socket.host
        else f"[{socket.host}]:{socket.port}"
    )
    if socket.is_ray:
        return Finding(Level.ERROR, f"other machines reach {what} at {place}", mend)
    return Finding(Level.WARNING, f"other machines reach {place}, perhaps {what}", mend)


def _others(ports: Sequence[int]) -> Finding:
    shown = ", ".join(map(str, ports[:_MOST_SHOWN]))
    more = f" and {len(ports) - _MOST_SHOWN} more" if len(ports) > _MOST_SHOWN else ""
    what = f"Ray listens on every interface at {len(ports)} ports: {shown}{more}"
    mend = "Let a firewall or NetworkPolicy admit other machines to the gateway's port alone."
    return Finding(Level.NOTE, what, mend)
