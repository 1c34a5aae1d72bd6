"""Does a gateway answer at its port, with cascades that can answer?

host:port -> TCP -> grpc.health.v1 -> ListCascades -> [Finding]
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import TypeAlias

from headgate.errors import RemoteError
from headgate.serving.cluster.doctor.finding import Finding, Level, ok
from headgate.types import CascadeSummary, GuaranteeState

Ask: TypeAlias = Callable[[str], Sequence[CascadeSummary]]
"""Returns the cascades of the server at `host:port`, or raises RemoteError."""

TIMEOUT_S = 3.0


def gateway(address: str, ask: Ask, *, wanted: bool) -> list[Finding]:
    """Return what answers at the port of a gateway.

    Args:
        address: `host:port`.
        ask: Calls ListCascades there.
        wanted: Whether there has to be a gateway; otherwise a free port is fine.
    """
    if not _is_taken(address):
        if wanted:
            mend = "headgate serve FILE, or headgate deploy FILE --address URL"
            return [Finding(Level.ERROR, f"nothing answers at {address}", mend)]
        return ok(f"{address} is free")
    health = _health(address)
    if health is not None:
        return [health]
    try:
        cascades = ask(address)
    except RemoteError as error:
        return [_foreign(address, f"a gRPC server that is not Headgate ({error.status})")]
    findings = [each for cascade in cascades for each in _of_cascade(cascade)]
    names = ", ".join(cascade.name for cascade in cascades) or "no cascade"
    return findings or ok(f"{address} serves {names}")


def _is_taken(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=TIMEOUT_S):
            return True
    except OSError:
        return False


def _health(address: str) -> Finding | None:
    """Return what is wrong with the server as a whole; None when it serves."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(address, options=[("grpc.enable_retries", 0)]) as channel:
        try:
            stub = health_pb2_grpc.HealthStub(channel)
            reply = stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            return _unhealthy(address, error.code().name)
    if reply.status == health_pb2.HealthCheckResponse.SERVING:
        return None
    what = f"the server at {address} says that it does not serve now"
    return Finding(Level.WARNING, what, "It starts or stops; look again in a moment.")


def _unhealthy(address: str, status: str) -> Finding:
    if status == "UNIMPLEMENTED":
        return _foreign(address, "a gRPC server that is not Headgate")
    if status == "DEADLINE_EXCEEDED":
        return _foreign(address, f"something that did not speak gRPC within {TIMEOUT_S:g} s")
    return _foreign(address, "something that does not speak gRPC")


def _foreign(address: str, what: str) -> Finding:
    port = address.rpartition(":")[2]
    mend = f"ss -ltnp 'sport = :{port}' names it; end it, or choose another --port"
    return Finding(Level.ERROR, f"{what} answers at {address}", mend)


def _of_cascade(cascade: CascadeSummary) -> list[Finding]:
    """Return what is wrong with a served cascade: it cannot answer, or its certificate is void."""
    name = f"the served cascade {cascade.name!r}"
    if not cascade.ready:
        what = f"{name} cannot answer: {cascade.problem.rstrip('.')}"
        return [Finding(Level.ERROR, what, "Correct that, and deploy or serve it again.")]
    certificate = cascade.certificate
    if certificate is None:
        return []
    match certificate.state:
        case GuaranteeState.VOID:
            what = f"audits voided the certificate of {name}: it keeps fewer answers"
            return [Finding(Level.ERROR, what, "headgate recertify FILE, or fit it on new labels")]
        case GuaranteeState.SUSPECT:
            what = f"scores of {name} have drifted from those that were certified"
            return [Finding(Level.WARNING, what, "headgate recertify FILE once audits are in")]
        case GuaranteeState.UNCERTIFIED:
            reason = f": {certificate.problem.rstrip('.')}" if certificate.problem else ""
            what = f"{name} runs without a certificate{reason}"
            return [Finding(Level.WARNING, what, "headgate fit FILE --labels LABELS")]
    return []
