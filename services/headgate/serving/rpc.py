"""What every RPC has in common: parsing, admission, deadline, errors.

bytes -> message -> method(request, Call) -> message(s) -> bytes;  all of it -> span, access line

Requests are parsed here and not by grpc, which answers garbage bytes with UNKNOWN and quotes
exceptions to the caller.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableSequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message

from headgate import wire
from headgate.errors import HeadgateError, InputError, LimitError
from headgate.serving.access import Access, accessed
from headgate.serving.limits import Limits
from headgate.serving.metrics.calls import CallCounts
from headgate.serving.status import abort, internal_error
from headgate.serving.tracing import Tracing
from headgate.types import Deadline

Context: TypeAlias = grpc.aio.ServicerContext


@dataclass(frozen=True, slots=True)
class Call:
    """What a method knows of its call beside the request."""

    deadline: Deadline
    request_id: str
    """Names the call in feedback; the caller's own where it gave one."""
    caller: str
    """Empty when the caller did not name itself."""


class Service(Protocol):
    """A gRPC service: its descriptor, and a method of the RPC's name for each RPC."""

    descriptor: ServiceDescriptor


class Admission:
    """Counts calls at work and refuses those beyond the limit."""

    def __init__(self, limits: Limits, counts: CallCounts | None = None) -> None:
        """Start without calls.

        Args:
            limits: What is accepted.
            counts: Where calls are counted for metrics; nobody reads them when absent.
        """
        self.limits = limits
        self.counts = counts or CallCounts()
        self.in_flight = 0

    def __enter__(self) -> None:
        """Admit a call.

        Raises:
            LimitError: Too many are at work.
        """
        if self.in_flight >= self.limits.max_in_flight:
            self.counts.refused.inc()
            raise LimitError(
                "server", f"{self.in_flight} calls are at work", "Try again in a moment."
            )
        self.in_flight += 1
        self.counts.in_flight.set(self.in_flight)

    def __exit__(self, *failure: object) -> None:
        """Let the call go."""
        self.in_flight -= 1
        self.counts.in_flight.set(self.in_flight)


def handler_of(
    service: Service, admission: Admission, tracing: Tracing | None = None
) -> grpc.GenericRpcHandler:
    """Return the grpc handler of all RPCs of a service; nobody traces them when none is given."""
    told = tracing or Tracing()
    methods = {
        method.name: _method_handler(service, _Rpc.of(method, admission, told), method)
        for method in service.descriptor.methods
    }
    return grpc.method_handlers_generic_handler(service.descriptor.full_name, methods)


def _method_handler(service: Service, rpc: _Rpc, method: MethodDescriptor) -> grpc.RpcMethodHandler:
    run, counts = getattr(service, method.name), rpc.admission.counts
    if method.server_streaming:
        stream = _Stream(rpc, run)
        return grpc.unary_stream_rpc_method_handler(counts.stream(method.name, stream.answer))
    unary = _Unary(rpc, run)
    return grpc.unary_unary_rpc_method_handler(counts.unary(method.name, unary.answer))


@dataclass(frozen=True, slots=True)
class _Rpc:
    """What is the same for all calls of one RPC."""

    name: str
    """`package.Service/Method`."""
    message_class: type[Message]
    items: str
    """The field with what is to be answered; empty when there is none."""
    admission: Admission
    tracing: Tracing

    @classmethod
    def of(cls, method: MethodDescriptor, admission: Admission, tracing: Tracing) -> _Rpc:
        """Return what is known of an RPC from the contract."""
        message_class = message_factory.GetMessageClass(method.input_type)
        blank, fields = message_class(), [field.name for field in method.input_type.fields]
        many = [each for each in fields if isinstance(getattr(blank, each), MutableSequence)]
        name = f"{method.containing_service.full_name}/{method.name}"
        return cls(name, message_class, next(iter(many), ""), admission, tracing)

    def call(self, access: Access, context: Context) -> Call:
        """Return what the transport tells of a call.

        Raises:
            DeadlineError: Its time is over.
            InputError: The call's name or the caller's is too long, or not printable ASCII.
        """
        request_id = _name_in(access.metadata, wire.REQUEST_ID) or uuid.uuid4().hex
        access.name(request_id)
        caller = _name_in(access.metadata, wire.CALLER)
        deadline = self.admission.limits.deadline(context.time_remaining())
        return Call(deadline, request_id, caller)

    def request(self, access: Access, data: bytes) -> Message:
        """Return the message of a call.

        Raises:
            InputError: The bytes are none.
        """
        request = _parse(self.message_class, data)
        access.count(len(getattr(request, self.items)) if self.items else None)
        return request


@dataclass(frozen=True, slots=True)
class _Unary:
    """One request, one response."""

    rpc: _Rpc
    run: Callable[[Any, Call], Awaitable[Message]]

    async def answer(self, data: bytes, context: Context) -> bytes:
        with accessed(self.rpc.tracing, self.rpc.name, context) as access:
            try:
                call = self.rpc.call(access, context)
                with self.rpc.admission:
                    response = await self.run(self.rpc.request(access, data), call)
                    return bytes(response.SerializeToString())
            except HeadgateError as error:
                failure = error
            except Exception as error:  # noqa: BLE001 - nothing of a bug may reach the caller
                failure = internal_error(error, self.rpc.name)
            access.fail(failure)
        return await abort(context, failure)


@dataclass(frozen=True, slots=True)
class _Stream:
    """One request, many responses."""

    rpc: _Rpc
    run: Callable[[Any, Call], AsyncGenerator[Message, None]]

    async def answer(self, data: bytes, context: Context) -> AsyncGenerator[bytes, None]:
        with accessed(self.rpc.tracing, self.rpc.name, context) as access:
            try:
                call = self.rpc.call(access, context)
                with self.rpc.admission:
                    request = self.rpc.request(access, data)
                    # Closed with the call: what it still waits for ends when the caller goes.
                    async with aclosing(self.run(request, call)) as responses:
                        async for response in responses:
                            yield response.SerializeToString()
                return
            except HeadgateError as error:
                failure = error
            except Exception as error:  # noqa: BLE001 - nothing of a bug may reach the caller
                failure = internal_error(error, self.rpc.name)
            access.fail(failure)
        await abort(context, failure)


def _name_in(metadata: Mapping[str, str], key: str) -> str:
    """Return the name under a key; empty when there is none."""
    return wire.check_call_name(key, metadata[key]) if key in metadata else ""


def _parse(message_class: type[Message], data: bytes) -> Message:
    try:
        return message_class.FromString(data)
    except DecodeError:
        raise InputError(
            "request",
            f"the bytes are no {message_class.DESCRIPTOR.full_name}, or a text is not UTF-8",
            "Send a message of the published contract.",
        ) from None
