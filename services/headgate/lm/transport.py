"""The one way out to an endpoint: fixed headers, plain bytes, at most 1 MiB of reply.

request  ->  headers on the list only  ->  endpoint  ->  reply, cut off when it is too large
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

from headgate.lm.faults import AnswerFault, invalid_answer

MAX_REPLY_BYTES = 1024 * 1024
"""Longest reply that is read."""

# The SDK adds headers from OPENAI_* variables and about this machine; none of them leaves.
_SENT_HEADERS = frozenset(
    {"host", "authorization", "content-type", "content-length", "accept", "connection"}
    | {"user-agent"}  # some gateways refuse a request without one
)


class _CappedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        room = MAX_REPLY_BYTES
        async for part in self._stream:
            room -= len(part)
            if room < 0:
                raise invalid_answer(AnswerFault.TOO_LARGE)
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


class CappedTransport(httpx2.AsyncHTTPTransport):
    """An HTTP transport that neither an endpoint nor the environment can stretch.

    Compression is not asked for and not read, so the cap counts what is held in memory.
    """

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send `request` and return the reply with a capped body.

        Raises:
            LmAnswerError: The reply is compressed; or, while it is read, larger than the cap.
            httpx2.TransportError: The endpoint cannot be reached or breaks off.
        """
        for name in set(request.headers) - _SENT_HEADERS:
            del request.headers[name]
        request.headers["Accept-Encoding"] = "identity"
        response = await super().handle_async_request(request)
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            await response.aclose()
            raise invalid_answer(AnswerFault.ENCODED)
        assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - for the types
        response.stream = _CappedStream(response.stream)
        return response
