"""A typed client for backend systems; it needs grpcio and protobuf only.

[Record] -> v1 request -> gRPC, with retries and a deadline -> v1 reply -> [Result]

Logs are often not UTF-8. Decode them with `errors="surrogateescape"`, as in
`open(path, errors="surrogateescape")` or `data.decode(errors="surrogateescape")`: the client then
sends the very bytes of the file, and a result says in `lossy_input` whether the server had to
replace some.

The client is synchronous and may be shared between threads. In asyncio, call it through
`asyncio.to_thread`, or use the stubs of `headgate.v1` on a `grpc.aio` channel with
`CHANNEL_OPTIONS`.
"""

from headgate.client.client import Client
from headgate.client.connection import CHANNEL_OPTIONS

__all__ = ["CHANNEL_OPTIONS", "Client"]
