"""Counts the calls of a gateway, and how long each took.

method, handler -> handler that counts -> code and seconds of each call
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import TypeAlias

import grpc
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import Metric

Context: TypeAlias = grpc.aio.ServicerContext
Unary: TypeAlias = Callable[[bytes, Context], Awaitable[bytes]]
Stream: TypeAlias = Callable[[bytes, Context], AsyncGenerator[bytes, None]]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
"""Up to the longest time that a call may take."""

_CODES: dict[int | None, str] = {code.value[0]: code.name for code in grpc.StatusCode}


class CallCounts:
    """What came of the calls of one gateway."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self.in_flight = Gauge("headgate_in_flight", "Calls at work.", registry=None)
        self.refused = Counter(
            "headgate_refused", "Calls refused since too many were at work.", registry=None
        )
        self._calls = Counter(
            "headgate_rpcs", "Calls that ended, by status code.", ["method", "code"], registry=None
        )
        self._seconds = Histogram(
            "headgate_rpc_duration_seconds",
            "Seconds that a call took, until its last message was handed over.",
            ["method"],
            buckets=SECONDS,
            registry=None,
        )

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        for metric in (self.in_flight, self.refused, self._calls, self._seconds):
            yield from metric.collect()

    def unary(self, method: str, answer: Unary) -> Unary:
        """Return the handler of a method with one response, counted."""

        async def counted(data: bytes, context: Context) -> bytes:
            with self._counting(method, context):
                return await answer(data, context)

        return counted

    def stream(self, method: str, answer: Stream) -> Stream:
        """Return the handler of a method with many responses, counted."""

        async def counted(data: bytes, context: Context) -> AsyncGenerator[bytes, None]:
            with self._counting(method, context):
                # Closed with us: a caller that goes ends what its call still waits for.
                async with aclosing(answer(data, context)) as responses:
                    async for response in responses:
                        yield response

        return counted

    @contextmanager
    def _counting(self, method: str, context: Context) -> Iterator[None]:
        started = time.perf_counter()
        code = "CANCELLED"  # also when the caller's own deadline ends it
        try:
            yield
            code = "OK"
        except grpc.aio.AbortError:
            code = _name(context.code())
            raise
        finally:
            self._calls.labels(method, code).inc()
            self._seconds.labels(method).observe(time.perf_counter() - started)


def _name(code: grpc.StatusCode | int | None) -> str:
    """Return the name of a code as grpc tells it of a call that was ended with it."""
    number = code.value[0] if isinstance(code, grpc.StatusCode) else code
    return _CODES.get(number, "UNKNOWN")
