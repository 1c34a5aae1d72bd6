"""What every RPC has in common: parsing, admission, deadline, errors.

bytes -> message -> method(request, Call) -> message(s) -> bytes

Requests are parsed here and not by grpc, which answers garbage bytes with UNKNOWN and quotes
exceptions to the caller.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message

from headgate import wire
from headgate.errors import HeadgateError, InputError, LimitError
from headgate.serving.limits import Limits
from headgate.serving.status import abort, internal_error
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

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.in_flight = 0

    def __enter__(self) -> None:
        """Admit a call.

        Raises:
            LimitError: Too many are at work.
        """
        if self.in_flight >= self.limits.max_in_flight:
            raise LimitError(
                "server", f"{self.in_flight} calls are at work", "Try again in a moment."
            )
        self.in_flight += 1

    def __exit__(self, *failure: object) -> None:
        """Let the call go."""
        self.in_flight -= 1


def handler_of(service: Service, admission: Admission) -> grpc.GenericRpcHandler:
    """Return the grpc handler of all RPCs of a service."""
    methods = {
        method.name: _method_handler(service, method, admission)
        for method in service.descriptor.methods
    }
    return grpc.method_handlers_generic_handler(service.descriptor.full_name, methods)


def _method_handler(
    service: Service, method: MethodDescriptor, admission: Admission
) -> grpc.RpcMethodHandler:
    message_class = message_factory.GetMessageClass(method.input_type)
    run = getattr(service, method.name)
    if method.server_streaming:
        stream = _Stream(method.full_name, message_class, run, admission)
        return grpc.unary_stream_rpc_method_handler(stream.answer)
    unary = _Unary(method.full_name, message_class, run, admission)
    return grpc.unary_unary_rpc_method_handler(unary.answer)


@dataclass(frozen=True, slots=True)
class _Unary:
    """One request, one response."""

    name: str
    message_class: type[Message]
    run: Callable[[Any, Call], Awaitable[Message]]
    admission: Admission

    async def answer(self, data: bytes, context: Context) -> bytes:
        try:
            with self.admission:
                call = _call_of(context, self.admission.limits)
                response = await self.run(_parse(self.message_class, data), call)
                return bytes(response.SerializeToString())
        except HeadgateError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - nothing of a bug may reach the caller
            failure = internal_error(error, self.name)
        return await abort(context, failure)


@dataclass(frozen=True, slots=True)
class _Stream:
    """One request, many responses."""

    name: str
    message_class: type[Message]
    run: Callable[[Any, Call], AsyncGenerator[Message, None]]
    admission: Admission

    async def answer(self, data: bytes, context: Context) -> AsyncIterator[bytes]:
        try:
            with self.admission:
                call = _call_of(context, self.admission.limits)
                # Closed with the call: what it still waits for ends when the caller goes.
                async with aclosing(self.run(_parse(self.message_class, data), call)) as responses:
                    async for response in responses:
                        yield response.SerializeToString()
            return
        except HeadgateError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - nothing of a bug may reach the caller
            failure = internal_error(error, self.name)
        await abort(context, failure)


def _call_of(context: Context, limits: Limits) -> Call:
    """Return what the transport tells of a call.

    Raises:
        DeadlineError: Its time is over.
        InputError: The call's name or the caller's is too long, or not printable ASCII.
    """
    metadata = dict(context.invocation_metadata() or ())
    request_id = _name_in(metadata, wire.REQUEST_ID) or uuid.uuid4().hex
    caller = _name_in(metadata, wire.CALLER)
    return Call(limits.deadline(context.time_remaining()), request_id, caller)


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
