"""The one place where errors become gRPC statuses.

HeadgateError -> code, message, google.rpc details; anything else -> INTERNAL with an error id

Source: google.rpc error model (google/rpc/error_details.proto).
"""

from __future__ import annotations

import traceback
import uuid
from typing import NoReturn

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from headgate.errors import HeadgateError
from headgate.serving.logs import get_logger

DOMAIN = "headgate"
RETRY_AFTER_MS = 200
"""How long a caller that was refused for load should wait."""
MAX_TEXT_BYTES = 1000
"""Longest text in a status: it travels three times, in headers, of which clients take 8 KiB."""

log = get_logger(__name__)


def status_of(error: HeadgateError) -> status_pb2.Status:
    """Return the rich status of an error, with details for machines."""
    status = status_pb2.Status(code=code_pb2.Code.Value(error.status), message=_fit(str(error)))
    status.details.append(_packed(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)))
    detail = _detail(error)
    if detail is not None:
        status.details.append(_packed(detail))
    return status


def _detail(error: HeadgateError) -> Message | None:
    """Return the detail that belongs to the error's code."""
    match error.status:
        case "INVALID_ARGUMENT":
            text = f"{error.problem}. {error.remedy}"
            violation = error_details_pb2.BadRequest.FieldViolation(
                field=_fit(error.place), description=_fit(text)
            )
            return error_details_pb2.BadRequest(field_violations=[violation])
        case "NOT_FOUND":
            return error_details_pb2.ResourceInfo(
                resource_name=_fit(error.place), description=_fit(error.problem)
            )
        case "RESOURCE_EXHAUSTED" | "UNAVAILABLE":
            delay = duration_pb2.Duration(nanos=RETRY_AFTER_MS * 1_000_000)
            return error_details_pb2.RetryInfo(retry_delay=delay)
    return None


def _fit(text: str) -> str:
    """Return what a status can hold of a text, which may quote a name of any length."""
    data = text.encode("utf-8", "replace")
    if len(data) <= MAX_TEXT_BYTES:
        return data.decode()
    return data[:MAX_TEXT_BYTES].decode("utf-8", "ignore") + "…"


def _packed(detail: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed


def internal_error(error: Exception, method: str) -> HeadgateError:
    """Return what a caller may know of a bug, and log where it happened.

    The log has the error's type and the lines of code it passed; not its text, which may quote a
    record.
    """
    error_id = uuid.uuid4().hex[:12]
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("rpc_failed", id=error_id, method=method, type=type(error).__name__, traceback=frames)
    return HeadgateError(
        "server", f"an unexpected error, id {error_id}", "Report the id to the server's operator."
    )


async def abort(context: grpc.aio.ServicerContext, error: HeadgateError) -> NoReturn:
    """End the call with the error's status."""
    status = rpc_status.to_status(status_of(error))
    trailers = status.trailing_metadata
    if error.status == "RESOURCE_EXHAUSTED":
        # Given to abort with the details: it leaves out what was set before.
        trailers = (*trailers, ("grpc-retry-pushback-ms", str(RETRY_AFTER_MS)))
    await context.abort(status.code, status.details, trailers)
    raise AssertionError("abort returned. This is a bug.")
