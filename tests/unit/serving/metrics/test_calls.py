"""What is counted of calls, over a real channel."""

import asyncio

import grpc
import pytest

from fakes.exposition import told_by
from fakes.fitted_parts import live_parts, part_records
from fakes.openai_endpoint import FakeEndpoint, hangs
from fakes.running_server import running
from headgate import wire
from headgate.serving.host import Host
from headgate.serving.limits import Limits
from headgate.v1.cascade_service_pb2 import RunCascadeRequest, StreamCascadeRequest

SENT = [wire.record_to_wire(record) for record in part_records()]
UNSURE = SENT[2:3]


def counted(server):
    """Return what is not zero, by short name and labels."""
    found = told_by(server.host.calls.collect())
    return {name.removeprefix("headgate_"): value for name, value in found.items()}


async def until_idle(server):
    async with asyncio.timeout(10):
        while server.server.in_flight:
            await asyncio.sleep(0.001)


async def fails_with(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code()


async def test_calls_are_counted_by_method_and_code_with_the_time_they_took(server):
    await server.rpc("RunCascade")(RunCascadeRequest(records=SENT))
    async for _ in server.rpc("StreamCascade")(StreamCascadeRequest(records=SENT)):
        pass
    codes = [
        await fails_with(server.rpc("RunCascade")(RunCascadeRequest(records=[]))),
        await fails_with(server.rpc("StreamCascade")(StreamCascadeRequest(cascade="x")).read()),
    ]
    await until_idle(server)

    assert codes == [grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND]
    assert counted(server) == {
        "rpcs_total{RunCascade,OK}": 1,
        "rpcs_total{RunCascade,INVALID_ARGUMENT}": 1,
        "rpcs_total{StreamCascade,OK}": 1,
        "rpcs_total{StreamCascade,NOT_FOUND}": 1,
        "rpc_duration_seconds_count{RunCascade}": 2,
        "rpc_duration_seconds_count{StreamCascade}": 2,
    }


async def test_a_bug_is_counted_as_internal_and_bytes_that_are_no_message_as_invalid(server):
    class BrokenHost(Host):
        def engine(self, name):
            raise RuntimeError(name)

    server.host.__class__ = BrokenHost
    await fails_with(server.rpc("RunCascade")(RunCascadeRequest(records=SENT)))
    await fails_with(server.send("CascadeService/RunCascade", b"\xff"))

    assert counted(server) == {
        "rpcs_total{RunCascade,INTERNAL}": 1,
        "rpcs_total{RunCascade,INVALID_ARGUMENT}": 1,
        "rpc_duration_seconds_count{RunCascade}": 2,
    }


@pytest.mark.parametrize("method", ["RunCascade", "StreamCascade"])
async def test_calls_at_work_are_told_and_one_too_many_is_refused(parts, tmp_path, method):
    async with FakeEndpoint(hangs) as endpoint:
        live = live_parts(tmp_path, parts, endpoint.base_url)
        async with running(live, limits=Limits(max_in_flight=1)) as server:
            rpc = server.rpc(method)
            waiting = rpc(RunCascadeRequest(records=UNSURE))
            await asyncio.wait_for(endpoint.until_requests(1), 10)
            second = rpc(RunCascadeRequest(records=UNSURE))
            code = await fails_with(second.read() if method == "StreamCascade" else second)
            meanwhile = counted(server)
            waiting.cancel()
            await until_idle(server)
            after = counted(server)

    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert meanwhile == {
        "in_flight{}": 1,
        "refused_total{}": 1,
        f"rpcs_total{{{method},RESOURCE_EXHAUSTED}}": 1,
        f"rpc_duration_seconds_count{{{method}}}": 1,
    }
    assert after == {
        "refused_total{}": 1,
        f"rpcs_total{{{method},RESOURCE_EXHAUSTED}}": 1,
        f"rpcs_total{{{method},CANCELLED}}": 1,
        f"rpc_duration_seconds_count{{{method}}}": 2,
    }
