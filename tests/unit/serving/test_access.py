"""The line of each call: who it was, how it ended, how much and how long; never what was asked."""

import asyncio
import io
import json
import logging

import grpc
import pytest

from fakes.fitted_parts import part_records
from fakes.recorded_spans import RecordedSpan
from fakes.running_server import running
from headgate import wire
from headgate.serving.host import Host
from headgate.serving.limits import Limits
from headgate.serving.logs import formatter
from headgate.serving.server import GrpcServer
from headgate.serving.tracing import Tracing
from headgate.types import Record
from headgate.v1.cascade_service_pb2 import (
    ListCascadesRequest,
    RunCascadeRequest,
    StreamCascadeRequest,
)
from headgate.v1.retriever_service_pb2 import RetrieveRequest

RUN = "headgate.v1.CascadeService/RunCascade"
RECORDS = [wire.record_to_wire(each) for each in part_records()]
NAMED = ((wire.REQUEST_ID, "r-1"),)


@pytest.fixture
def lines():
    """Return the lines that were logged since the test began."""
    stream, ours = io.StringIO(), logging.getLogger("headgate")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(terminal=False))
    level = ours.level
    ours.addHandler(handler)
    ours.setLevel("INFO")
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    ours.removeHandler(handler)
    ours.setLevel(level)


def accesses(lines):
    return [line for line in lines() if line["event"] == "rpc"]


async def fails(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def test_a_call_has_one_line(server, lines):
    await server.rpc("RunCascade")(RunCascadeRequest(records=RECORDS), metadata=NAMED)

    (line,) = lines()
    assert line.pop("elapsed_ms") > 0
    assert line.pop("timestamp")
    assert line == {
        "level": "info",
        "event": "rpc",
        "logger": "headgate.serving.access",
        "request_id": "r-1",
        "cascade": "parts",
        "method": RUN,
        "code": "OK",
        "records": 4,
    }


async def test_a_call_that_names_itself_nothing_gets_the_name_of_its_reply(server, lines):
    reply = await server.rpc("RunCascade")(RunCascadeRequest(records=RECORDS))

    (line,) = lines()
    assert line["request_id"] == reply.request_id


async def test_names_of_concurrent_calls_are_not_mixed_up(server, lines):
    async def call(number):
        records = RECORDS[:1] if number % 2 else RECORDS[:2]
        metadata = ((wire.REQUEST_ID, f"r-{number}"),)
        await server.rpc("RunCascade")(RunCascadeRequest(records=records), metadata=metadata)

    await asyncio.gather(*map(call, range(10)))

    told = {line["request_id"]: line["records"] for line in accesses(lines)}
    assert told == {f"r-{number}": 1 if number % 2 else 2 for number in range(10)}


async def test_a_stream_has_one_line_when_it_has_ended(server, lines):
    stream = server.rpc("StreamCascade")(StreamCascadeRequest(records=RECORDS), metadata=NAMED)
    assert len([each async for each in stream]) == 4

    (line,) = accesses(lines)
    assert (line["code"], line["records"], line["request_id"]) == ("OK", 4, "r-1")


@pytest.mark.parametrize(
    ("method", "request_", "told"),
    [
        pytest.param("ListCascades", ListCascadesRequest(), {"code": "OK"}, id="asks-for-nothing"),
        pytest.param(
            "RunCascade",
            RunCascadeRequest(),
            {"code": "INVALID_ARGUMENT", "reason": "INPUT_INVALID", "records": 0},
            id="no-records",
        ),
        pytest.param(
            "RunCascade",
            RunCascadeRequest(cascade="canary"),
            {"code": "NOT_FOUND", "reason": "NOT_FOUND", "records": 0},
            id="no-such-cascade",
        ),
        pytest.param(
            "Retrieve",
            RetrieveRequest(queries=[b"canary", b"b"]),
            {"code": "NOT_FOUND", "reason": "NOT_FOUND", "records": 2, "cascade": "parts"},
            id="no-such-stage",
        ),
    ],
)
async def test_a_line_tells_how_a_call_ended_and_why(server, lines, method, request_, told):
    call = server.rpc(method)(request_, metadata=NAMED)
    await (call if told["code"] == "OK" else fails(call))

    (line,) = accesses(lines)
    assert {name: line.get(name) for name in told} == told
    assert line["request_id"] == "r-1"
    assert ("records" in line) is ("records" in told)
    assert "canary" not in json.dumps(lines())


async def test_bytes_that_are_no_message_have_a_line_without_a_number(server, lines):
    await fails(server.send("CascadeService/RunCascade", b"\xff\xff", metadata=NAMED))

    (line,) = accesses(lines)
    assert (line["code"], line["request_id"]) == ("INVALID_ARGUMENT", "r-1")
    assert "records" not in line


async def test_a_name_that_is_refused_is_not_logged(server, lines):
    metadata = ((wire.REQUEST_ID, "canary" * 40),)
    await fails(server.rpc("ListCascades")(ListCascadesRequest(), metadata=metadata))

    (line,) = accesses(lines)
    assert line["code"] == "INVALID_ARGUMENT"
    assert "request_id" not in line
    assert "canary" not in json.dumps(lines())


async def test_a_call_too_many_has_its_name_and_its_reason(parts, lines):
    async with running(parts, limits=Limits(max_in_flight=0)) as server:
        await fails(server.rpc("RunCascade")(RunCascadeRequest(records=RECORDS), metadata=NAMED))

    (line,) = accesses(lines)
    assert (line["code"], line["reason"]) == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED")
    assert line["request_id"] == "r-1"


@pytest.mark.parametrize("method", ["RunCascade", "StreamCascade"])
@pytest.mark.parametrize(
    ("goes", "code"),
    [
        pytest.param(True, "CANCELLED", id="the-caller-goes"),
        pytest.param(False, "DEADLINE_EXCEEDED", id="its-time-is-over"),
    ],
)
async def test_a_call_that_nobody_waits_for_any_more_has_a_line(server, lines, method, goes, code):
    begun, ended = asyncio.Event(), asyncio.Event()

    async def never(records, deadline, *, origin):
        begun.set()
        try:
            yield await asyncio.Event().wait()
        finally:
            ended.set()

    server.host.engine("parts").stream = never
    request = RunCascadeRequest(records=RECORDS)
    waiting = server.rpc(method)(request, metadata=NAMED, timeout=None if goes else 0.1)
    reading = asyncio.ensure_future(waiting if method == "RunCascade" else waiting.read())
    await asyncio.wait_for(begun.wait(), 10)
    if goes:
        waiting.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await asyncio.wait_for(ended.wait(), 10)
    await server.server.stop(0)

    (line,) = accesses(lines)
    assert (line["code"], line["request_id"], line["records"]) == (code, "r-1", 4)


class BrokenHost(Host):
    """A host with a bug that quotes what it should not."""

    def engine(self, name):
        raise RuntimeError(f"canary {name}\nforged")


@pytest.mark.parametrize("method", ["RunCascade", "StreamCascade"])
async def test_the_id_of_a_bug_is_in_the_log_with_its_place_and_the_calls_name(lines, method):
    server = GrpcServer(BrokenHost(), Limits(), address="127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        path = f"/headgate.v1.CascadeService/{method}"
        data = RunCascadeRequest(cascade="canary").SerializeToString()
        if method == "StreamCascade":
            error = await fails(channel.unary_stream(path)(data, metadata=NAMED).read())
        else:
            error = await fails(channel.unary_unary(path)(data, metadata=NAMED))
    await server.stop(0)

    error_id = error.details().split("id ")[1].split(".")[0]
    bug, access = lines()
    assert (bug["event"], bug["id"], bug["type"]) == ("rpc_failed", error_id, "RuntimeError")
    assert bug["request_id"] == access["request_id"] == "r-1"
    assert "test_access.py" in bug["traceback"]
    assert (access["code"], access["reason"]) == ("INTERNAL", "HEADGATE")
    assert "test_access" not in str(error)
    assert "canary" not in json.dumps([bug, access]).replace('raise RuntimeError(f\\"canary', "")


class OneTrace(Tracing):
    """Begins spans that are remembered."""

    def begin(self, method, metadata):
        return RecordedSpan(method)


async def test_lines_have_the_trace_of_their_call(parts, lines):
    async with running(parts, tracing=OneTrace()) as server:
        await server.rpc("RunCascade")(RunCascadeRequest(records=RECORDS))
        await fails(server.rpc("RunCascade")(RunCascadeRequest(cascade="none")))

    assert [line["trace_id"] for line in accesses(lines)] == ["t" * 32] * 2


async def test_nothing_that_was_asked_or_who_asked_is_logged(server, lines):
    record = Record("canary-id", {"log": "canary\n{}", "canary-field": "canary"})
    metadata = (*NAMED, (wire.CALLER, "canary"), ("x-canary", "canary"))
    request = RunCascadeRequest(records=[wire.record_to_wire(record)])

    await server.rpc("RunCascade")(request, metadata=metadata)
    await fails(server.rpc("RunCascade")(RunCascadeRequest(records=[*request.records] * 2)))

    assert len(lines()) == 2
    assert "canary" not in json.dumps(lines())
