"""The server itself: health, reflection, its port, and how it stops."""

import asyncio
import socket

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from fakes.fitted_parts import live_parts, part_records
from fakes.openai_endpoint import FakeEndpoint, hangs, says_label, waits_for
from fakes.running_server import running
from headgate import wire
from headgate.errors import UnavailableError
from headgate.serving.host import Host
from headgate.serving.limits import Limits
from headgate.serving.server import GrpcServer
from headgate.v1.cascade_service_pb2 import RunCascadeRequest

SERVICES = [
    "headgate.v1.CascadeService",
    "headgate.v1.LogAnalysisService",
    "headgate.v1.SchemaMatchingService",
    "headgate.v1.QuestionAnsweringService",
    "headgate.v1.NewsAdvisingService",
    "headgate.v1.ClassifierService",
    "headgate.v1.RetrieverService",
    "headgate.v1.RerankerService",
    "headgate.v1.VerifierService",
]
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNSURE = wire.record_to_wire(part_records()[2])


def health_of(server):
    return health_pb2_grpc.HealthStub(server.channel)


def check(service):
    return health_pb2.HealthCheckRequest(service=service)


@pytest.mark.parametrize("service", ["", *SERVICES])
async def test_each_service_says_that_it_serves(server, service):
    reply = await health_of(server).Check(check(service))

    assert reply.status == SERVING


async def test_the_health_of_an_unknown_service_is_not_found(server):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health_of(server).Check(check("headgate.v1.Nothing"))

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_reflection_lists_our_services_and_health(server):
    stub = reflection_pb2_grpc.ServerReflectionStub(server.channel)
    requests = iter([reflection_pb2.ServerReflectionRequest(list_services="")])

    replies = [reply async for reply in stub.ServerReflectionInfo(requests)]

    names = {service.name for service in replies[0].list_services_response.service}
    assert names >= {*SERVICES, "grpc.health.v1.Health"}


async def test_reflection_hands_out_the_contract(server):
    stub = reflection_pb2_grpc.ServerReflectionStub(server.channel)
    symbol = reflection_pb2.ServerReflectionRequest(
        file_containing_symbol="headgate.v1.CascadeService"
    )

    replies = [reply async for reply in stub.ServerReflectionInfo(iter([symbol]))]

    assert b"RunCascade" in replies[0].file_descriptor_response.file_descriptor_proto[0]


async def test_a_stopping_server_says_so_ends_what_it_began_and_takes_nothing_new(parts, tmp_path):
    may_answer = asyncio.Event()
    async with (
        FakeEndpoint(waits_for(may_answer, says_label("disk"))) as endpoint,
        running(live_parts(tmp_path, parts, endpoint.base_url)) as server,
    ):
        watch = health_of(server).Watch(check(""))
        assert (await watch.read()).status == SERVING
        begun = server.rpc("RunCascade")(RunCascadeRequest(records=[UNSURE]))
        await asyncio.wait_for(endpoint.until_requests(1), 10)

        stopping = asyncio.create_task(server.server.stop(30))

        assert (await watch.read()).status == NOT_SERVING
        watch.cancel()
        await refuses_connections(server.server.port)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.rpc("RunCascade")(RunCascadeRequest(records=[UNSURE]), timeout=10)
        assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        assert not stopping.done()
        may_answer.set()
        reply = await begun
        await asyncio.wait_for(stopping, 10)
    assert reply.results[0].answer == "disk"
    assert server.server.in_flight == 0


async def refuses_connections(port):
    """Return once nothing listens on the port any more."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            return
        writer.close()
        await asyncio.sleep(0.001)


async def test_a_stop_does_not_wait_longer_than_its_grace(parts, tmp_path):
    async with (
        FakeEndpoint(hangs) as endpoint,
        running(live_parts(tmp_path, parts, endpoint.base_url)) as server,
    ):
        begun = server.rpc("RunCascade")(RunCascadeRequest(records=[UNSURE]))
        await asyncio.wait_for(endpoint.until_requests(1), 10)

        await asyncio.wait_for(server.server.stop(0.05), 10)

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await begun
        assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        await asyncio.wait_for(endpoint.until_idle(), 10)


async def test_a_port_that_is_taken_is_said_to_be():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        server = GrpcServer(Host(), Limits(), address=address)

        with pytest.raises(UnavailableError) as caught:
            await server.start()
    assert caught.value.place == address


async def test_nothing_is_served_before_the_start(parts):
    server = GrpcServer(Host(), Limits(), address="127.0.0.1:0")

    assert (server.port, server.in_flight) == (0, 0)
