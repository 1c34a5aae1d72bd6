"""One call as its span and its line in the log tell it: what was asked for, and how it ended.

method, metadata -> span -> name, cascade, number of records -> code -> end of the span, one line

Whatever is logged during the call has its names, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from structlog.contextvars import bind_contextvars

from headgate import spans
from headgate.cascade.engine import Engine
from headgate.errors import HeadgateError
from headgate.serving.logs import get_logger
from headgate.serving.tracing import Tracing
from headgate.spans import Span

CANCELLED = "CANCELLED"
TOO_LATE = "DEADLINE_EXCEEDED"
LATE_S = 0.05
"""A caller's clock ends a call before ours does, by the time that the call was on its way."""
# The others are the caller's doing: the server did what it should.
_OUR_FAULT = {"UNKNOWN", TOO_LATE, "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}

log = get_logger(__name__)


@dataclass(slots=True)
class Access:
    """What is told of one call."""

    method: str
    """Its full name, `package.Service/Method`."""
    span: Span
    metadata: Mapping[str, str]
    """What came with it."""
    started: float = field(default_factory=time.perf_counter)
    names: dict[str, str] = field(default_factory=dict)
    """Of the call and of its trace."""
    records: int | None = None
    """Things to be answered; None when it asks for none, or cannot be read."""
    code: str = "OK"
    reason: str = ""
    """Why it failed, from a closed set."""

    def name(self, request_id: str) -> None:
        """Give every line that is logged from now on in this call its name."""
        self.names["request_id"] = request_id
        bind_contextvars(request_id=request_id)
        self.span.note({"headgate.request_id": request_id})

    def count(self, records: int | None) -> None:
        """Take how many things are to be answered."""
        self.records = records
        if records is not None:
            self.span.note({"headgate.records": records})

    def fail(self, error: HeadgateError) -> None:
        """Take the error that it ends with."""
        self.code, self.reason = error.status, error.reason

    def close(self) -> None:
        """End the span, and log one line."""
        self.span.note({"rpc.response.status_code": self.code})
        if self.code in _OUR_FAULT:
            self.span.fail(self.reason or self.code)
        self.span.end()
        told: dict[str, object] = {"method": self.method, "code": self.code, **self.names}
        if self.reason:
            told["reason"] = self.reason
        if self.records is not None:
            told["records"] = self.records
        log.info("rpc", **told, elapsed_ms=round((time.perf_counter() - self.started) * 1000, 3))


@contextmanager
def accessed(tracing: Tracing, method: str, context: grpc.aio.ServicerContext) -> Iterator[Access]:
    """Begin what is told of a call, and tell it when the block is left, whatever ends it."""
    metadata = dict(context.invocation_metadata() or ())
    span = tracing.begin(method, metadata)
    access = Access(method, span, metadata)
    if span.trace_id:
        access.names["trace_id"] = span.trace_id
        bind_contextvars(trace_id=span.trace_id)
    try:
        with spans.entered(access.span):
            yield access
    except BaseException:
        # Nobody waits any more: grpc cancels a call when its caller goes, or its time is over.
        remaining_s = context.time_remaining()
        late = remaining_s is not None and remaining_s <= LATE_S
        access.code = TOO_LATE if late else CANCELLED
        raise
    finally:
        access.close()


def tell_engine(engine: Engine) -> None:
    """Give what is logged and traced from now on in this call the cascade that answers it."""
    bind_contextvars(cascade=engine.name)
    spans.current().share({"headgate.cascade": engine.name, "headgate.revision": engine.revision})
