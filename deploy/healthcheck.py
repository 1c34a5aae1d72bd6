#!/usr/bin/env python3
"""Asks a gateway whether it serves: exit 0 when it says SERVING within four seconds, else 1.

host:port -> grpc.health.v1.Health/Check -> exit code
"""

from __future__ import annotations

import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

TIMEOUT_S = 4.0
"""Shorter than the time that Docker gives the check."""


def serves(address: str) -> bool:
    """Return whether the server at `host:port` says that it serves."""
    with grpc.insecure_channel(address) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S
            )
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


if __name__ == "__main__":
    sys.exit(0 if serves(sys.argv[1]) else 1)
