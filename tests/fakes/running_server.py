"""A gateway's server without a cluster: real sockets, real engines.

cascades -> Host -> GrpcServer on a free port of 127.0.0.1 -> channel, stubs, raw bytes
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from headgate.cascade.load import LoadedCascade, inline
from headgate.client import CHANNEL_OPTIONS
from headgate.serving.host import Host, OpenEncoder, open_encoder
from headgate.serving.limits import Limits
from headgate.serving.server import GrpcServer
from headgate.serving.tracing import Tracing
from headgate.v1 import (
    cascade_service_pb2_grpc,
    classifier_service_pb2_grpc,
    log_analysis_service_pb2_grpc,
    reranker_service_pb2_grpc,
    retriever_service_pb2_grpc,
    schema_matching_service_pb2_grpc,
    verifier_service_pb2_grpc,
)

STUBS = (
    cascade_service_pb2_grpc.CascadeServiceStub,
    classifier_service_pb2_grpc.ClassifierServiceStub,
    log_analysis_service_pb2_grpc.LogAnalysisServiceStub,
    reranker_service_pb2_grpc.RerankerServiceStub,
    retriever_service_pb2_grpc.RetrieverServiceStub,
    schema_matching_service_pb2_grpc.SchemaMatchingServiceStub,
    verifier_service_pb2_grpc.VerifierServiceStub,
)


@dataclass
class Running:
    """A server that runs, and a channel to it."""

    host: Host
    server: GrpcServer
    channel: grpc.aio.Channel

    @property
    def target(self) -> str:
        """Where the server listens."""
        return f"127.0.0.1:{self.server.port}"

    def rpc(self, name: str) -> Any:
        """Return the call of that name; names are unique over all services."""
        return next(getattr(stub, name) for stub in map(self._stub, STUBS) if hasattr(stub, name))

    def _stub(self, stub: Any) -> Any:
        return stub(self.channel)

    async def send(self, path: str, data: bytes, **call: Any) -> bytes:
        """Send these bytes to `service/Method` and return the reply's."""
        return await self.channel.unary_unary(f"/headgate.v1.{path}")(data, **call)


@asynccontextmanager
async def running(
    *cascades: LoadedCascade,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    open_encoder: OpenEncoder = open_encoder,
    state_dir: str = "",
    tracing: Tracing | None = None,
) -> AsyncIterator[Running]:
    """Serve these cascades until the block is left.

    Args:
        cascades: What to serve.
        limits: What is accepted.
        open_encoder: How encoders are made.
        state_dir: Where decisions are kept, for cascades with audits.
        tracing: Told of each call, and closed with the server.
    """
    host = Host(open_encoder, state_dir=state_dir)
    await host.configure([inline(loaded) for loaded in cascades])
    server = GrpcServer(host, limits, address="127.0.0.1:0", tracing=tracing)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(
            f"127.0.0.1:{server.port}", options=[*CHANNEL_OPTIONS, ("grpc.enable_retries", 0)]
        ) as channel:
            yield Running(host, server, channel)
    finally:
        await server.stop(0)
        await host.close()
