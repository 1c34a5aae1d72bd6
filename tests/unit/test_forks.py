import os
import subprocess
import sys

import pytest

BUSY = """
import asyncio, subprocess
from headgate.client import Client
import grpc

async def echo(request, context):
    return request

async def main():
    server = grpc.aio.server()
    echoes = {"Echo": grpc.unary_unary_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("e.E", echoes),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask = channel.unary_unary("/e.E/Echo")

        async def keep_asking():
            while True:
                await ask(b"x")

        asking = asyncio.create_task(keep_asking())
        ended = [await asyncio.to_thread(started) for _ in range(60)]
        asking.cancel()
    await server.stop(0)
    print(sum(code != 0 for code in ended))

def started():
    # Ray starts its processes with a function of its own between fork and exec, too.
    return subprocess.Popen(["true"], preexec_fn=lambda: None).wait()

asyncio.run(main())
"""


@pytest.mark.slow
def test_processes_that_a_busy_grpc_process_starts_live():
    unset = {
        name: value for name, value in os.environ.items() if name != "GRPC_ENABLE_FORK_SUPPORT"
    }
    found = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", BUSY],
        capture_output=True,
        check=True,
        env=unset,
        text=True,
        timeout=60,
    )

    assert found.stdout.split() == ["0"]
