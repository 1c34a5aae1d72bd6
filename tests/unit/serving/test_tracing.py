"""Traces of calls, as a collector receives them: nested, continued, and without what was asked."""

import asyncio
import logging
import logging.handlers
import os
import queue
import socket
import threading

import grpc
import pytest

from fakes.fitted_parts import RECORDED, live_parts, part_records
from fakes.openai_endpoint import FakeEndpoint, hangs
from fakes.otlp_collector import collecting
from fakes.running_server import running
from headgate import wire
from headgate.serving.tracing import Tracing, open_tracing
from headgate.types import Record
from headgate.v1.cascade_service_pb2 import (
    ListCascadesRequest,
    RunCascadeRequest,
    StreamCascadeRequest,
)
from headgate.v1.classifier_service_pb2 import ClassifyRequest

RUN = "headgate.v1.CascadeService/RunCascade"
STREAM = "headgate.v1.CascadeService/StreamCascade"
SERVER, CLIENT, INTERNAL = 2, 3, 1
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{PARENT}-01"
RECORDS = [wire.record_to_wire(each) for each in part_records()]


@pytest.fixture(autouse=True)
def untold(monkeypatch):
    """No variable of OpenTelemetry is set, and no logger is left as a test made it."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    noisy = (
        "opentelemetry.exporter.otlp.proto.grpc.exporter",
        "opentelemetry.sdk._shared_internal",
    )
    levels = {name: logging.getLogger(name).level for name in noisy}
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def settings(monkeypatch):
    """Set variables of OpenTelemetry, and return what traces as they say."""

    def open_with(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(f"OTEL_{name}", value)
        return open_tracing(os.environ)

    return open_with


@pytest.fixture
def collector():
    with collecting() as running_collector:
        yield running_collector


@pytest.fixture
def traced(parts, settings, collector):
    """Serve "parts" with traces; they have arrived when the block is left."""

    def serve(*cascades, **variables):
        tracing = settings(EXPORTER_OTLP_ENDPOINT=collector.url, **variables)
        return running(*(cascades or (parts,)), tracing=tracing)

    return serve


async def test_a_call_has_a_span_each_stage_one_below_it_and_each_question_one_below_that(
    traced, collector
):
    async with traced() as server:
        await server.rpc("RunCascade")(RunCascadeRequest(records=RECORDS))

    call, decide = collector.span(RUN), collector.span("decide")
    stages = [span for span in collector.spans if span.parent_id == call.span_id]
    asked = [span for span in collector.spans if span.parent_id == decide.span_id]
    assert [span.name for span in stages] == ["triage", "keep", "decide"]
    assert {span.kind for span in stages} == {INTERNAL}
    assert len(asked) == len(collector.spans) - 4 == 2
    assert {span.kind for span in asked} == {CLIENT}
    assert {span.trace_id for span in collector.spans} == {call.trace_id}
    assert (call.kind, call.parent_id, call.failed) == (SERVER, "", False)


async def test_a_span_tells_call_cascade_stage_and_numbers(traced, collector):
    async with traced() as server:
        reply = await server.rpc("RunCascade")(
            RunCascadeRequest(records=RECORDS), metadata=((wire.REQUEST_ID, "r-1"),)
        )

    assert collector.span(RUN).attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": RUN,
        "rpc.response.status_code": "OK",
        "headgate.request_id": "r-1",
        "headgate.records": 4,
        "headgate.cascade": "parts",
        "headgate.revision": reply.revision,
    }
    assert collector.span("keep").attributes == {
        "headgate.cascade": "parts",
        "headgate.revision": reply.revision,
        "headgate.stage": "keep",
        "headgate.kind": "gate",
        "headgate.records": 4,
        "headgate.kept": 2,
        "headgate.sent_on": 2,
    }
    decide = collector.span("decide").attributes
    assert (decide["headgate.asked"], decide["headgate.failed"]) == (2, 1)
    assert (decide["headgate.input_tokens"], decide["headgate.output_tokens"]) == (20, 5)
    answered = [span for span in collector.spans if "gen_ai.usage.input_tokens" in span.attributes]
    assert [span.attributes["gen_ai.usage.output_tokens"] for span in answered] == [5]


async def test_the_callers_trace_is_continued(traced, collector):
    async with traced() as server:
        await server.rpc("RunCascade")(
            RunCascadeRequest(records=RECORDS), metadata=(("traceparent", SAMPLED),)
        )

    assert {span.trace_id for span in collector.spans} == {TRACE}
    assert collector.span(RUN).parent_id == PARENT


async def test_a_caller_that_does_not_sample_is_answered_and_nothing_is_sent(traced, collector):
    async with traced() as server:
        reply = await server.rpc("RunCascade")(
            RunCascadeRequest(records=RECORDS),
            metadata=(("traceparent", f"00-{TRACE}-{PARENT}-00"),),
        )

    assert len(reply.results) == 4
    assert collector.spans == []


@pytest.mark.parametrize(
    "traceparent",
    [
        pytest.param("canary", id="a-word"),
        pytest.param("", id="nothing"),
        pytest.param(SAMPLED.replace("00-", "ff-", 1), id="a-version-that-is-none"),
        pytest.param(f"00-{'0' * 32}-{PARENT}-01", id="no-trace"),
        pytest.param(f"00-{TRACE}-{'0' * 16}-01", id="no-span"),
        pytest.param(SAMPLED.upper(), id="capitals"),
        pytest.param(f"{SAMPLED}-canary", id="more-behind-it"),
        pytest.param(SAMPLED + "0" * 2000, id="a-long-one"),
    ],
)
async def test_a_malformed_traceparent_begins_a_new_trace(traced, collector, traceparent, caplog):
    async with traced() as server:
        reply = await server.rpc("RunCascade")(
            RunCascadeRequest(records=RECORDS[:1]), metadata=(("traceparent", traceparent),)
        )

    assert reply.results[0].answer == "disk"
    call = collector.span(RUN)
    assert (call.parent_id, call.trace_id == TRACE) == ("", False)
    assert b"canary" not in collector.raw
    assert caplog.records == []


async def test_concurrent_calls_keep_their_spans_apart(traced, collector):
    async def call(server, name):
        metadata = ((wire.REQUEST_ID, name),)
        await server.rpc("RunCascade")(RunCascadeRequest(records=RECORDS), metadata=metadata)

    async with traced() as server:
        await asyncio.gather(*(call(server, f"r-{number}") for number in range(8)))

    calls = {span.span_id: span.trace_id for span in collector.spans if span.name == RUN}
    stages = [span for span in collector.spans if span.name == "triage"]
    assert len(set(calls.values())) == len(calls) == len(stages) == 8
    assert {span.parent_id: span.trace_id for span in stages} == calls


async def test_a_stream_has_the_same_spans(traced, collector):
    async with traced() as server:
        request = StreamCascadeRequest(records=RECORDS)
        sent = [each async for each in server.rpc("StreamCascade")(request)]

    assert len(sent) == 4
    parents = {span.name: span.parent_id for span in collector.spans}
    call = collector.span(STREAM).span_id
    assert [parents[name] for name in ("triage", "keep", "decide")] == [call] * 3


@pytest.mark.parametrize("method", ["RunCascade", "StreamCascade"])
async def test_a_call_whose_caller_goes_has_ended_spans(traced, collector, parts, tmp_path, method):
    async with (
        FakeEndpoint(hangs) as endpoint,
        traced(live_parts(tmp_path, parts, endpoint.base_url)) as server,
    ):
        waiting = server.rpc(method)(RunCascadeRequest(records=RECORDS[2:3]))
        reading = asyncio.ensure_future(waiting if method == "RunCascade" else waiting.read())
        await asyncio.wait_for(endpoint.until_requests(1), 10)

        waiting.cancel()

        await asyncio.wait_for(endpoint.until_idle(), 10)
        await asyncio.gather(reading, return_exceptions=True)
    call = collector.span(RUN if method == "RunCascade" else STREAM)
    assert call.attributes["rpc.response.status_code"] == "CANCELLED"
    assert not call.failed
    assert collector.names == [call.name, "triage", "keep", "decide", "chat m"]


async def test_a_call_that_is_refused_has_a_span_with_its_code_alone(traced, collector):
    async with traced() as server:
        for request in (RunCascadeRequest(cascade="canary"), RunCascadeRequest()):
            with pytest.raises(grpc.aio.AioRpcError):
                await server.rpc("RunCascade")(request)

    codes = [span.attributes["rpc.response.status_code"] for span in collector.spans]
    assert codes == ["NOT_FOUND", "INVALID_ARGUMENT"]
    assert not any(span.failed for span in collector.spans)  # the server did what it should
    assert b"canary" not in collector.raw


async def test_a_bug_fails_the_span_without_its_text(traced, collector):
    async with traced() as server:
        engine = server.host.engine("parts")

        def broken(record):
            raise RuntimeError(f"canary {record}")

        engine.task = type("Broken", (), {"check": staticmethod(broken)})()
        with pytest.raises(grpc.aio.AioRpcError):
            await server.rpc("RunCascade")(RunCascadeRequest(records=RECORDS))

    assert collector.span(RUN).failed
    assert collector.span(RUN).attributes["rpc.response.status_code"] == "INTERNAL"
    assert b"canary" not in collector.raw


async def test_nothing_that_was_asked_or_answered_is_sent(traced, collector):
    records = [
        Record(f"canary-{number}", {"log": f"{line} canary"})
        for number, line in enumerate(["sda write failed", "eth0 link down", "reset"])
    ]
    wired = [wire.record_to_wire(each) for each in records]
    metadata = ((wire.CALLER, "canary"), ("tracestate", "canary=canary"), ("x-canary", "canary"))
    async with traced() as server:
        await server.rpc("RunCascade")(RunCascadeRequest(records=wired), metadata=metadata)
        await server.rpc("Classify")(ClassifyRequest(records=wired), metadata=metadata)

    assert len(collector.spans) > 4
    for hidden in (b"canary", b"sda", b"eth0", RECORDED.encode(), b"as recorded", b"Which part"):
        assert hidden not in collector.raw


async def test_other_methods_have_a_span_alone(traced, collector):
    async with traced() as server:
        await server.rpc("ListCascades")(ListCascadesRequest())

    assert collector.names == ["headgate.v1.CascadeService/ListCascades"]
    assert "headgate.records" not in collector.spans[0].attributes


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        pytest.param({}, "headgate", id="ours"),
        pytest.param({"SERVICE_NAME": "triage"}, "triage", id="the-operators"),
        pytest.param(
            {"RESOURCE_ATTRIBUTES": "service.name=desk,team=ops"}, "desk", id="among-attributes"
        ),
    ],
)
async def test_the_service_is_named(traced, collector, variables, name):
    async with traced(**variables) as server:
        await server.rpc("ListCascades")(ListCascadesRequest())

    (resource,) = collector.resources
    assert resource["service.name"] == name
    assert resource["service.version"]


async def test_a_sampler_of_the_operator_is_obeyed(traced, collector):
    async with traced(TRACES_SAMPLER="always_off") as server:
        reply = await server.rpc("RunCascade")(RunCascadeRequest(records=RECORDS))

    assert len(reply.results) == 4
    assert collector.spans == []


# A collector that does not do its part


async def test_a_collector_that_is_down_costs_no_answer_and_one_line(parts, settings, caplog):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    tracing = settings(
        EXPORTER_OTLP_ENDPOINT=f"http://name:canary@127.0.0.1:{port}",
        EXPORTER_OTLP_TIMEOUT="0.2",
        BSP_SCHEDULE_DELAY="20",
    )
    async with running(parts, tracing=tracing) as server:
        for _ in range(20):
            reply = await server.rpc("RunCascade")(RunCascadeRequest(records=RECORDS[:2]))
            assert [each.answer for each in reply.results] == ["disk", "net"]

    said = [each.getMessage() for each in caplog.records]
    assert said == [f"traces_not_exported collector=127.0.0.1:{port}"]


@pytest.mark.slow
async def test_a_collector_that_hangs_holds_up_neither_calls_nor_the_stop(parts, settings):
    released = threading.Event()
    with collecting(before=lambda: released.wait(60)) as silent:
        tracing = settings(EXPORTER_OTLP_ENDPOINT=silent.url, BSP_SCHEDULE_DELAY="1")
        async with running(parts, tracing=tracing) as server:
            await server.rpc("RunCascade")(RunCascadeRequest(records=RECORDS[:2]))
            assert await asyncio.to_thread(silent.asked.wait, 10)
            reply = await server.rpc("RunCascade")(RunCascadeRequest(records=RECORDS[:2]))
            assert [each.answer for each in reply.results] == ["disk", "net"]

            await asyncio.wait_for(server.server.stop(0), 15)
        assert not released.is_set()
        released.set()


def test_a_collector_that_comes_back_is_said_and_gets_what_is_new(settings):
    lines: queue.Queue[str] = queue.Queue()
    told = logging.handlers.QueueHandler(lines)
    logging.getLogger("headgate.serving.otlp").addHandler(told)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    tracing = settings(
        EXPORTER_OTLP_ENDPOINT=url, EXPORTER_OTLP_TIMEOUT="0.5", BSP_SCHEDULE_DELAY="10"
    )
    try:
        tracing.begin("lost", {}).end()
        assert "traces_not_exported" in lines.get(timeout=10).getMessage()
        with collecting(port=port) as collector:
            tracing.begin("kept", {}).end()
            assert "traces_exported_again" in lines.get(timeout=10).getMessage()
            tracing.close()
    finally:
        logging.getLogger("headgate.serving.otlp").removeHandler(told)
    assert collector.names == ["kept"]


# Whether there are traces


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({}, id="no-endpoint"),
        pytest.param({"EXPORTER_OTLP_ENDPOINT": " "}, id="a-blank-endpoint"),
        pytest.param(
            {"EXPORTER_OTLP_ENDPOINT": "http://localhost:4317", "SDK_DISABLED": "TRUE"},
            id="disabled",
        ),
        pytest.param(
            {"EXPORTER_OTLP_ENDPOINT": "http://localhost:4317", "TRACES_EXPORTER": "none"},
            id="no-exporter",
        ),
    ],
)
def test_nobody_traces_where_the_operator_did_not_ask_for_it(settings, variables, caplog):
    tracing = settings(**variables)

    assert type(tracing) is Tracing
    tracing.close()
    assert caplog.records == []


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        pytest.param({"EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "problem=protocol", id="http"),
        pytest.param({"EXPORTER_OTLP_TIMEOUT": "canary"}, "type=ValueError", id="no-number"),
        pytest.param(
            {"EXPORTER_OTLP_COMPRESSION": "canary"},
            "type=InvalidCompressionValueException",
            id="no-compression",
        ),
    ],
)
def test_what_cannot_be_done_is_said_and_serves_without_traces(
    settings, variables, problem, caplog
):
    tracing = settings(EXPORTER_OTLP_ENDPOINT="http://localhost:4317", **variables)

    assert type(tracing) is Tracing
    (line,) = caplog.records
    assert line.getMessage().startswith("traces_not_exported")
    assert problem in line.getMessage()
    assert "canary" not in line.getMessage()
