"""The grpc.aio server of a gateway: our services, health and reflection on one port.

Host, Limits, address -> running server -> drained and stopped
"""

from __future__ import annotations

import asyncio

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from headgate.errors import UnavailableError
from headgate.serving.host import Host
from headgate.serving.limits import Limits
from headgate.serving.rpc import Admission, Service, handler_of
from headgate.serving.services import all_services
from headgate.serving.tracing import Tracing

MAX_METADATA_BYTES = 16 * 1024
MAX_CONNECTION_AGE_MS = 5 * 60 * 1000
"""Connections are renewed, so that long-lived ones spread over the replicas of a port again."""


class GrpcServer:
    """A server that says NOT_SERVING until it is started and from the moment it stops."""

    def __init__(
        self, host: Host, limits: Limits, *, address: str, tracing: Tracing | None = None
    ) -> None:
        """Prepare the server.

        Args:
            host: The cascades.
            limits: What is accepted.
            address: `host:port`; port 0 takes a free one.
            tracing: Told of each call, and closed with the server; nobody is told when absent.
        """
        self.port = 0
        self._address = address
        self._health = health.aio.HealthServicer()
        self._services = all_services(host, limits)
        self._admission = Admission(limits, host.calls)
        self._tracing = tracing or Tracing()
        self._server = self._build(limits)

    @property
    def in_flight(self) -> int:
        """Return the number of calls at work."""
        return self._admission.in_flight

    def _build(self, limits: Limits) -> grpc.aio.Server:
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", limits.max_message_bytes),
                ("grpc.max_send_message_length", -1),  # replies are as long as requests allow
                ("grpc.max_metadata_size", MAX_METADATA_BYTES),
                # Between the two limits grpc refuses some calls and lets others pass, by chance.
                ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
                ("grpc.max_connection_age_ms", MAX_CONNECTION_AGE_MS),
                ("grpc.max_connection_age_grace_ms", int(limits.max_deadline_s * 1000)),
                ("grpc.so_reuseport", 1),
            ],
        )
        handlers = tuple(self._handler(service) for service in self._services)
        server.add_generic_rpc_handlers(handlers)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = [*self._names(), health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(names, server)
        return server

    def _handler(self, service: Service) -> grpc.GenericRpcHandler:
        return handler_of(service, self._admission, self._tracing)

    def _names(self) -> list[str]:
        return [service.descriptor.full_name for service in self._services]

    async def start(self) -> None:
        """Bind the port and serve.

        Raises:
            UnavailableError: The port is taken.
        """
        try:
            self.port = self._server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise UnavailableError(
                self._address, "the port cannot be bound", "Stop what uses it, or take another."
            ) from error
        await self._server.start()
        for name in ("", *self._names()):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, grace_s: float) -> None:
        """Say NOT_SERVING, let calls at work end, and stop.

        Args:
            grace_s: Longest time for the calls at work, in seconds.
        """
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)
        await asyncio.to_thread(self._tracing.close)
