"""Spans of calls, sent to an OpenTelemetry collector in batches, beside the calls.

traceparent -> span of the call -> spans below it -> queue -> thread -> OTLP over gRPC

A collector that is down, slow or silent costs no call anything: the queue is bounded, what does not
fit is dropped, and the log says once that nothing arrives.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from headgate import __version__
from headgate.serving.logs import get_logger
from headgate.serving.tracing import Tracing
from headgate.spans import Fact, Facts, Span

SERVICE = "headgate"
"""The name of the service, where OTEL_SERVICE_NAME gives no other."""
FLUSH_S = 2.0
"""Longest time for the spans that are left when a gateway stops."""
TRACEPARENT = "traceparent"
_LONGEST_TRACEPARENT = 64
_NOISY = (
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.sdk._shared_internal",
)
"""Loggers that say at every batch that it did not arrive; `_Exporter` says it once."""

log = get_logger(__name__)


@dataclass(slots=True)
class OtlpSpan:
    """A span as OpenTelemetry has it."""

    tracer: trace.Tracer
    span: trace.Span
    shared: dict[str, Fact] = field(default_factory=dict)
    """Facts that spans below it have, too."""

    @property
    def recording(self) -> bool:
        """Return whether it is sampled."""
        return self.span.is_recording()

    @property
    def trace_id(self) -> str:
        """Return the 32 hexadecimal digits of its trace."""
        return trace.format_trace_id(self.span.get_span_context().trace_id)

    def child(self, name: str, facts: Facts, *, outgoing: bool = False) -> Span:
        """Begin a span below it; itself where it is not sampled, as those below are not either."""
        if not self.recording:
            return self
        kind = trace.SpanKind.CLIENT if outgoing else trace.SpanKind.INTERNAL
        context = trace.set_span_in_context(self.span, Context())
        begun = self.tracer.start_span(name, context, kind, {**self.shared, **facts})
        return OtlpSpan(self.tracer, begun, dict(self.shared))

    def note(self, facts: Facts) -> None:
        """Add facts."""
        self.span.set_attributes(facts)

    def share(self, facts: Facts) -> None:
        """Add facts to it and to those that are begun below it from now on."""
        self.note(facts)
        self.shared.update(facts)

    def fail(self, reason: str) -> None:
        """Mark it as failed."""
        self.span.set_attribute("error.type", reason)
        self.span.set_status(trace.StatusCode.ERROR)

    def end(self) -> None:
        """Note its end, and queue it."""
        self.span.end()


class OtlpTracing(Tracing):
    """Traces calls until it is closed."""

    def __init__(self, endpoint: str) -> None:
        """Prepare; nothing is sent before the first spans have ended.

        Args:
            endpoint: The collector's URL, as OpenTelemetry reads it from the environment, too.

        Raises:
            Exception: A variable of OpenTelemetry says what it cannot mean, such as a time-out
                that is no number.
        """
        for name in _NOISY:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._exporter = _Exporter(OTLPSpanExporter(endpoint=endpoint), _host_of(endpoint))
        # Neither global nor closed at exit: Ray traces in this process, too, if it is told to, and
        # the gateway closes us itself, within its own time.
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer(SERVICE, __version__)
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, method: str, metadata: Mapping[str, str]) -> Span:
        """Begin the span of a call, in the trace of its caller or in a new one."""
        facts = {"rpc.system.name": "grpc", "rpc.method": method}
        context = self._continued(metadata.get(TRACEPARENT, ""))
        span = self._tracer.start_span(method, context, trace.SpanKind.SERVER, facts)
        return OtlpSpan(self._tracer, span)

    def _continued(self, traceparent: str) -> Context:
        """Return the caller's context; an empty one when it is not well-formed.

        A `tracestate` is not read: it is for those that call on, and holds what callers like.
        """
        if not 0 < len(traceparent) <= _LONGEST_TRACEPARENT:
            return Context()
        return self._propagator.extract({TRACEPARENT: traceparent}, Context())

    def close(self) -> None:
        """Hand over what is left, for at most `FLUSH_S`, and give up the rest."""
        # In a thread of its own: a provider waits 30 s for a collector that does not answer.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(FLUSH_S)
        self._exporter.shutdown()


class _Exporter(SpanExporter):
    """Says once that spans cannot be handed over, and once that they can again."""

    def __init__(self, inner: OTLPSpanExporter, host: str) -> None:
        self._inner = inner
        self._host = host
        self._failing = self._closed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed is not self._failing and not self._closed:
            event = "traces_not_exported" if failed else "traces_exported_again"
            log.warning(event, collector=self._host)
        self._failing = failed
        return result

    def shutdown(self) -> None:
        """Give up what is being sent; a second time it does nothing."""
        if not self._closed:
            self._closed = True
            self._inner.shutdown()


def _resource() -> Resource:
    """Return what is told of this process once, with the name of the service."""
    found = Resource.create({"service.version": __version__})
    if str(found.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return found.merge(Resource({SERVICE_NAME: SERVICE}))
    return found


def _host_of(endpoint: str) -> str:
    """Return host and port of a URL, without a name or a password in it."""
    return urlsplit(endpoint if "//" in endpoint else f"//{endpoint}").netloc.rpartition("@")[2]
