"""One channel to a server: its retries, deadlines and errors.

stub method, request  ->  reply | RemoteError
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

import grpc

from headgate import __version__, wire
from headgate.errors import InputError, RemoteError

_Stub = TypeVar("_Stub")
_Reply = TypeVar("_Reply")
_Item_co = TypeVar("_Item_co", covariant=True)

_MIB = 2**20
# A server takes messages of 4 MiB; the slack lets it refuse what is just over that in its own
# words. A reply may be larger than its request: each result brings evidence and a rationale.
_MAX_SEND_BYTES = 5 * _MIB
_MAX_RECEIVE_BYTES = 32 * _MIB

# A stopping server answers CANCELLED. Every call may be repeated: none changes what is answered,
# and the same feedback counts once.
_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
}

CHANNEL_OPTIONS: tuple[tuple[str, str | int], ...] = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.max_send_message_length", _MAX_SEND_BYTES),
    ("grpc.max_receive_message_length", _MAX_RECEIVE_BYTES),
    # Otherwise all clients of a process share a connection, and so one gateway of many.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.primary_user_agent", f"headgate/{__version__}"),
)
"""What every channel to a Headgate server should be opened with: retries, sizes, user agent."""


class _StreamCall(Protocol[_Item_co]):
    """A call with several replies."""

    def __iter__(self) -> Iterator[_Item_co]: ...

    def cancel(self) -> object: ...


class Connection:
    """A channel with a default deadline and the metadata of every call."""

    def __init__(
        self,
        target: str,
        *,
        tls: grpc.ChannelCredentials | None,
        timeout_s: float,
        metadata: Sequence[tuple[str, str]],
    ) -> None:
        self._timeout_s = _checked_timeout_s(timeout_s)
        self._metadata = tuple(metadata)
        self._channel = (
            grpc.insecure_channel(target, options=CHANNEL_OPTIONS)
            if tls is None
            else grpc.secure_channel(target, tls, options=CHANNEL_OPTIONS)
        )

    def close(self) -> None:
        """Close the channel; calls that are still running end."""
        self._channel.close()

    def stub(self, make_stub: Callable[[grpc.Channel], _Stub]) -> _Stub:
        """Return the stub of one service."""
        return make_stub(self._channel)

    def call(
        self,
        method: Callable[..., _Reply],
        request: object,
        timeout_s: float | None = None,
        *,
        request_id: str = "",
        wait_for_ready: bool = False,
    ) -> _Reply:
        """Return the reply to `request`.

        Args:
            method: Of a stub, with one reply.
            request: Its request message.
            timeout_s: Seconds until the call is given up; the connection's own when None.
            request_id: Names the call; empty lets the server name it.
            wait_for_ready: Wait for the server instead of failing while nothing listens.

        Raises:
            InputError: `timeout_s` is not a positive, finite number, or `request_id` is no name.
            RemoteError: The call failed; with the server's status and reason.
        """
        metadata = self._metadata_of(request_id)
        with _as_remote_error():
            return method(
                request,
                timeout=self._deadline_s(timeout_s),
                metadata=metadata,
                wait_for_ready=wait_for_ready,
            )

    def stream(
        self,
        method: Callable[..., _StreamCall[_Reply]],
        request: object,
        timeout_s: float | None = None,
        *,
        request_id: str = "",
    ) -> Generator[_Reply, None, None]:
        """Yield the replies to `request`; closing the generator cancels the call.

        Raises:
            InputError: `timeout_s` is not a positive, finite number, or `request_id` is no name.
            RemoteError: The call failed; with the server's status and reason.
        """
        deadline_s = self._deadline_s(timeout_s)
        metadata = self._metadata_of(request_id)
        with _as_remote_error():
            call = method(request, timeout=deadline_s, metadata=metadata)
            try:
                yield from call
            finally:
                call.cancel()

    def _metadata_of(self, request_id: str) -> tuple[tuple[str, str], ...]:
        if not request_id:
            return self._metadata
        # Of two with one key the server takes the last.
        return (*self._metadata, (wire.REQUEST_ID, wire.check_call_name("request_id", request_id)))

    def _deadline_s(self, timeout_s: float | None) -> float:
        return self._timeout_s if timeout_s is None else _checked_timeout_s(timeout_s)


def _checked_timeout_s(timeout_s: float) -> float:
    if not 0 < timeout_s < math.inf:
        raise InputError(
            "timeout_s", f"{timeout_s!r} is no deadline", "Give a positive number of seconds."
        )
    return timeout_s


@contextmanager
def _as_remote_error() -> Iterator[None]:
    """Turn gRPC's errors into ours, at the border."""
    try:
        yield
    except grpc.RpcError as error:
        status = error.code().name
        reason = _reason(error.trailing_metadata() or ()) or status
        raise RemoteError(status, reason, error.details() or "no details") from error


def _reason(trailers: Sequence[tuple[str, str | bytes]]) -> str:
    """Return the `google.rpc.ErrorInfo.reason` of a failed call; empty when there is none."""
    details = dict(trailers).get("grpc-status-details-bin", b"")
    try:
        # Only some installations have googleapis-common-protos; the status alone is enough.
        from google.protobuf.message import DecodeError
        from google.rpc import error_details_pb2, status_pb2
    except ImportError:
        return ""
    info = error_details_pb2.ErrorInfo()
    try:
        found = any(detail.Unpack(info) for detail in status_pb2.Status.FromString(details).details)
    except DecodeError:
        return ""
    return str(info.reason) if found else ""
