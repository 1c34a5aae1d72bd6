"""An OpenAI-compatible endpoint on a real socket that does, call by call, what a script says.

script of replies  ->  FakeEndpoint: base_url  ->  POST /v1/chat/completions  ->  requests seen

    async with FakeEndpoint(busy(retry_after="1"), says_label("wrong")) as endpoint:
        ...  # the client talks to endpoint.base_url; the last reply repeats for ever
    assert len(endpoint.requests) == 2

A reply is a function of one `Exchange`; it writes what it likes to the socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request as it arrived."""

    at_s: float
    """Seconds on `time.monotonic`."""
    path: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: Mapping[str, Any]

    @property
    def system(self) -> str:
        """Return the text of the system turn."""
        return self._turn("system")

    @property
    def user(self) -> str:
        """Return the text of the user turn."""
        return self._turn("user")

    @property
    def options(self) -> list[str]:
        """Return the labels that the response schema allows."""
        schema = self.body["response_format"]["json_schema"]["schema"]
        return list(schema["properties"]["label"]["enum"])

    def _turn(self, role: str) -> str:
        turns: list[dict[str, str]] = self.body["messages"]
        return next(turn["content"] for turn in turns if turn["role"] == role)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the socket on which to answer it."""

    request: SeenRequest
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(
        self,
        body: bytes,
        *,
        status: str = "200 OK",
        content_type: str = JSON_TYPE,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Write a whole response."""
        fields = {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}
        self.writer.write(head(status, fields) + body)
        await self.writer.drain()


Reply = Callable[[Exchange], Awaitable[None]]


def head(status: str, fields: Mapping[str, str]) -> bytes:
    """Return a status line and header block."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def chat_completion(content: str | None, **choice: Any) -> dict[str, Any]:
    """Return a chat completion with ten tokens in and five out; `choice` overrides its parts."""
    message = {"role": "assistant", "content": content, **choice.pop("message", {})}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "fake",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def sends(body: bytes | str, **response: Any) -> Reply:
    """Reply with these bytes; see `Exchange.send` for the rest."""
    raw = body.encode("utf-8") if isinstance(body, str) else body

    async def reply(exchange: Exchange) -> None:
        await exchange.send(raw, **response)

    return reply


def sends_json(value: Any) -> Reply:
    """Reply with `value` as JSON."""
    return sends(json.dumps(value))


def says(content: str | None, **choice: Any) -> Reply:
    """Reply with a chat completion whose text is `content`."""
    return sends_json(chat_completion(content, **choice))


def says_label(label: str, reason: str = "because") -> Reply:
    """Reply with a well-formed decision."""
    return says(json.dumps({"reason": reason, "label": label}))


def decides(choose: Callable[[SeenRequest], str]) -> Reply:
    """Reply with the label that `choose` makes of the request, as a model would."""

    async def reply(exchange: Exchange) -> None:
        await says_label(choose(exchange.request))(exchange)

    return reply


def fails(status: str, body: str = "{}", **headers: str) -> Reply:
    """Reply with an error status such as `500 Internal Server Error`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return sends(body, status=status, headers=named)


def busy(*, retry_after: str = "") -> Reply:
    """Reply with 429, and `Retry-After` if given."""
    headers = {"Retry_After": retry_after} if retry_after else {}
    return fails("429 Too Many Requests", **headers)


def redirects(url: str) -> Reply:
    """Reply with a redirect that keeps the method."""
    return fails("307 Temporary Redirect", Location=url)


def waits_for(event: asyncio.Event, then: Reply) -> Reply:
    """Reply with `then` once `event` is set."""

    async def reply(exchange: Exchange) -> None:
        await event.wait()
        await then(exchange)

    return reply


async def hangs(exchange: Exchange) -> None:
    """Never reply; end when the client goes away."""
    await exchange.reader.read()


def drips_body(interval_s: float) -> Reply:
    """Send the header block, then one byte of JSON at a time, without end."""

    async def reply(exchange: Exchange) -> None:
        exchange.writer.write(head("200 OK", {"Content-Type": JSON_TYPE}))
        await _drip(exchange.writer, b" ", interval_s)

    return reply


def drips_headers(interval_s: float) -> Reply:
    """Send the status line, then one byte of a header at a time, without end."""

    async def reply(exchange: Exchange) -> None:
        exchange.writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        await _drip(exchange.writer, b"a", interval_s)

    return reply


async def _drip(writer: asyncio.StreamWriter, byte: bytes, interval_s: float) -> None:
    while not writer.is_closing():
        writer.write(byte)
        await writer.drain()
        await asyncio.sleep(interval_s)


async def resets(exchange: Exchange) -> None:
    """Break the connection with a TCP reset."""
    sock = exchange.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.writer.transport.abort()


async def half_closes(exchange: Exchange) -> None:
    """Say that nothing more will come, without having said anything."""
    exchange.writer.write_eof()
    await exchange.reader.read()


async def breaks_off(exchange: Exchange) -> None:
    """Promise a long body, send a little of it and hang up."""
    exchange.writer.write(head("200 OK", {"Content-Type": JSON_TYPE, "Content-Length": "9999"}))
    exchange.writer.write(b'{"choices": [')
    await exchange.writer.drain()
    exchange.writer.close()


def floods(size_bytes: int) -> Reply:
    """Send a chunked body of `size_bytes` blanks, or as much as the client takes."""
    blanks = b" " * 65_536
    chunk = f"{len(blanks):x}\r\n".encode() + blanks + b"\r\n"

    async def reply(exchange: Exchange) -> None:
        fields = {"Content-Type": JSON_TYPE, "Transfer-Encoding": "chunked"}
        exchange.writer.write(head("200 OK", fields))
        for _ in range(size_bytes // len(blanks)):
            exchange.writer.write(chunk)
            await exchange.writer.drain()
        exchange.writer.write(b"0\r\n\r\n")
        await exchange.writer.drain()

    return reply


def gzip_bomb(size_bytes: int) -> Reply:
    """Send a small gzip body that unpacks to `size_bytes` blanks."""
    return sends(gzip.compress(b" " * size_bytes), headers={"Content-Encoding": "gzip"})


class FakeEndpoint:
    """The endpoint itself; an asynchronous context manager."""

    def __init__(self, *script: Reply) -> None:
        """Play `script`, one reply a call; the last one repeats."""
        self.requests: list[SeenRequest] = []
        self.base_url = ""
        self._script = script
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> FakeEndpoint:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.base_url = f"http://127.0.0.1:{port}/v1"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def until_requests(self, count: int) -> None:
        """Return once `count` requests have arrived."""
        while len(self.requests) < count:
            await asyncio.sleep(0.001)

    async def until_idle(self) -> None:
        """Return once no connection is open."""
        while self._connections:
            await asyncio.wait(self._connections)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: asyncio logs the cancellation of the one it would make.
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, EOFError):
            while not writer.is_closing():
                request = await _read_request(reader)
                self.requests.append(request)
                await self._next_reply()(Exchange(request, reader, writer))

    def _next_reply(self) -> Reply:
        return self._script[min(len(self.requests), len(self._script)) - 1]


async def _read_request(reader: asyncio.StreamReader) -> SeenRequest:
    """Return the next request; EOFError when the client has closed the connection."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    path = lines[0].split(" ")[1]
    return SeenRequest(time.monotonic(), path, headers, json.loads(body or b"{}"))
