"""By which names calls and callers are known."""

from contextlib import asynccontextmanager

import grpc
import pytest

from fakes.fitted_parts import part_records
from headgate import wire
from headgate.serving.host import Host
from headgate.serving.limits import Limits
from headgate.serving.rpc import Admission, handler_of
from headgate.serving.services import CascadeService
from headgate.v1.cascade_service_pb2 import (
    ListCascadesRequest,
    RunCascadeRequest,
    RunCascadeResponse,
    StreamCascadeRequest,
)
from headgate.v1.cascade_service_pb2_grpc import CascadeServiceStub
from headgate.v1.log_analysis_service_pb2 import AnalyzeLogsRequest

RECORDS = part_records()[:2]
SENT = [wire.record_to_wire(record) for record in RECORDS]
LOGS = [wire.log_record_to_wire(record) for record in RECORDS]


class Listener(CascadeService):
    """Notes the calls it gets."""

    def __init__(self):
        super().__init__(Host(), Limits())
        self.calls = []

    async def RunCascade(self, request, call):  # noqa: N802 - as in the contract
        self.calls.append(call)
        return RunCascadeResponse()


@asynccontextmanager
async def heard(listener):
    """Yield a RunCascade that `listener` answers."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handler_of(listener, Admission(Limits())),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield CascadeServiceStub(channel).RunCascade
    await server.stop(0)


async def names_heard(*metadata):
    """Return the request id and the caller that a method is told."""
    listener = Listener()
    async with heard(listener) as run_cascade:
        await run_cascade(RunCascadeRequest(), metadata=metadata)
    (call,) = listener.calls
    return call.request_id, call.caller


async def test_a_method_is_told_how_the_call_and_the_caller_are_named():
    names = await names_heard(("x-request-id", "r 1~"), ("x-headgate-caller", "billing"))

    assert names == ("r 1~", "billing")


async def test_of_two_names_of_a_call_the_last_one_holds():
    """A proxy puts its own in front of, or behind, the caller's."""
    request_id, _ = await names_heard(("x-request-id", "first"), ("x-request-id", "last"))

    assert request_id == "last"


async def test_a_call_without_names_gets_a_new_one_and_no_caller():
    first, second = await names_heard(), await names_heard()

    assert first[0] != second[0]
    assert all(len(request_id) == 32 and int(request_id, 16) for request_id, _ in (first, second))
    assert (first[1], second[1]) == ("", "")


@pytest.mark.parametrize("key", ["x-request-id", "x-headgate-caller"])
@pytest.mark.parametrize("name", [pytest.param("", id="empty"), pytest.param("x" * 129, id="long")])
@pytest.mark.parametrize("method", ["ListCascades", "StreamCascade"])
async def test_a_name_that_is_none_is_refused_by_its_key(server, method, key, name):
    request = ListCascadesRequest() if method == "ListCascades" else StreamCascadeRequest()
    call = server.rpc(method)(request, metadata=((key, name),))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await (call.read() if method == "StreamCascade" else call)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details().startswith(f"{key}: it is not 1 to 128 printable ASCII")


async def answers_of(server, metadata):
    """Return what the three calls that answer records say, one reply each."""
    run = await server.rpc("RunCascade")(RunCascadeRequest(records=SENT), metadata=metadata)
    logs = await server.rpc("AnalyzeLogs")(AnalyzeLogsRequest(logs=LOGS), metadata=metadata)
    stream = server.rpc("StreamCascade")(StreamCascadeRequest(records=SENT), metadata=metadata)
    streamed = [reply async for reply in stream]
    return [run, logs, *streamed]


async def test_an_answer_repeats_the_name_of_its_call(server):
    replies = await answers_of(server, (("x-request-id", "r-1"),))

    assert [reply.request_id for reply in replies] == ["r-1"] * 4


async def test_an_answer_tells_the_name_that_the_server_made(server):
    run, logs, *streamed = await answers_of(server, ())

    made = {run.request_id, logs.request_id, *(reply.request_id for reply in streamed)}
    assert len(made) == 3
    assert {len(request_id) for request_id in made} == {32}
