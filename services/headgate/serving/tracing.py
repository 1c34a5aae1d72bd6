"""Whether calls are traced, as the variables of OpenTelemetry say, and by whom.

OTEL_* -> Tracing;  method, metadata of a call -> its span, below that of the caller

Nothing of OpenTelemetry is loaded, and nothing told, where no endpoint is named.
"""

from __future__ import annotations

from collections.abc import Mapping

from headgate.serving.logs import get_logger
from headgate.spans import NO_SPAN, Span

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")

log = get_logger(__name__)


class Tracing:
    """Begins the span of each call. This one tells nobody."""

    def begin(self, method: str, metadata: Mapping[str, str]) -> Span:
        """Begin the span of a call.

        Args:
            method: Its full name, `package.Service/Method`.
            metadata: What came with it; a `traceparent` in it is continued.
        """
        del method, metadata
        return NO_SPAN

    def close(self) -> None:
        """Hand over what is left, for a few seconds at most. It blocks."""


def open_tracing(environment: Mapping[str, str]) -> Tracing:
    """Return what traces as the environment says; what cannot be done is logged and left out.

    Args:
        environment: The process's own: OpenTelemetry reads there what is not read here, such as
            OTEL_TRACES_SAMPLER and the headers, certificates and time-outs of the exporter.
    """
    endpoint = _first(environment, ENDPOINTS)
    if not endpoint or _is_off(environment):
        return Tracing()
    protocol = _first(environment, PROTOCOLS)
    if protocol not in ("", "grpc"):
        log.error("traces_not_exported", problem="protocol", known=["grpc"])
        return Tracing()
    from headgate.serving.otlp import OtlpTracing

    try:
        return OtlpTracing(endpoint)
    except Exception as error:  # noqa: BLE001 - OpenTelemetry's own variables are checked nowhere
        log.error("traces_not_exported", problem="settings", type=type(error).__name__)
        return Tracing()


def _is_off(environment: Mapping[str, str]) -> bool:
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporters = environment.get("OTEL_TRACES_EXPORTER", "").lower().split(",")
    return disabled or not {"", "otlp"} & {each.strip() for each in exporters}


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    """Return the first of these variables that says something; empty when none does."""
    return next(filter(None, (environment.get(name, "").strip() for name in names)), "")
