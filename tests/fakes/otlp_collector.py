"""A collector of OpenTelemetry's, on a real socket: it keeps the spans that are sent to it.

Export(ResourceSpans) -> Collected spans, with attributes as plain values
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


@dataclass(frozen=True)
class Collected:
    """One span as it arrived."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty of a span without a parent."""
    kind: int
    failed: bool
    attributes: dict[str, Any]


@dataclass
class Collector:
    """What one collector was sent."""

    port: int = 0
    spans: list[Collected] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    raw: bytes = b""
    """All messages as they were on the wire."""
    asked: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def names(self) -> list[str]:
        """Return the names of the spans in the order in which they began."""
        return [span.name for span in self.spans]

    def span(self, name: str) -> Collected:
        """Return the only span of that name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def take(self, request: trace_service_pb2.ExportTraceServiceRequest) -> None:
        """Keep the spans of one message."""
        self.raw += request.SerializeToString()
        for resource in request.resource_spans:
            self.resources.append(_plain(resource.resource.attributes))
            spans = [span for scope in resource.scope_spans for span in scope.spans]
            self.spans += map(_collected, sorted(spans, key=lambda span: span.start_time_unix_nano))


class _Service(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, collector: Collector, before: Callable[[], object]) -> None:
        self._collector, self._before = collector, before

    def Export(  # noqa: N802 - named by the protocol
        self,
        request: trace_service_pb2.ExportTraceServiceRequest,
        context: grpc.ServicerContext,
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        del context
        self._collector.asked.set()
        self._before()
        self._collector.take(request)
        return trace_service_pb2.ExportTraceServiceResponse()


@contextmanager
def collecting(
    before: Callable[[], object] = lambda: None, *, port: int = 0
) -> Iterator[Collector]:
    """Run a collector until the block is left.

    Args:
        before: Called before a message is taken, in a thread; may wait.
        port: Where to listen; a free one when 0.
    """
    collector = Collector()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Service(collector, before), server)
    collector.port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield collector
    finally:
        server.stop(0).wait()


def _collected(span: Any) -> Collected:
    return Collected(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.kind,
        span.status.code == span.status.STATUS_CODE_ERROR,
        _plain(span.attributes),
    )


def _plain(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)
