"""Every RPC through a real channel, on real engines."""

import asyncio
from dataclasses import replace

import grpc
import pytest

from fakes.fitted_parts import RECORDED, live_parts, part_records
from fakes.openai_endpoint import FakeEndpoint, hangs, says_label
from fakes.running_server import running
from fakes.tiny_models import TinyEncoder
from headgate import wire
from headgate.cascade import capabilities
from headgate.cascade.explain import explain
from headgate.client import Client
from headgate.errors import UnavailableError
from headgate.serving.limits import Limits
from headgate.types import Candidate, Deadline, Record, Result, Tier
from headgate.v1.cascade_service_pb2 import (
    DescribeCascadeRequest,
    ExplainCascadeRequest,
    ListCascadesRequest,
    RunCascadeRequest,
    StreamCascadeRequest,
)
from headgate.v1.classifier_service_pb2 import ClassifyRequest
from headgate.v1.log_analysis_service_pb2 import AnalyzeLogsRequest
from headgate.v1.reranker_service_pb2 import RerankItem, RerankRequest
from headgate.v1.retriever_service_pb2 import RetrieveRequest
from headgate.v1.verifier_service_pb2 import VerifyRequest

RECORDS = part_records()
SENT = [wire.record_to_wire(record) for record in RECORDS]


def soon() -> Deadline:
    return Deadline.after(30)


def timeless(result: Result) -> Result:
    """Return the result without times, and its error as a client sees it."""
    path = tuple(replace(step, elapsed_ms=0) for step in result.path)
    return replace(wire.result_from_wire(wire.result_to_wire(result)), path=path)


async def test_run_cascade_answers_what_the_engine_answers_in_process(server):
    reply = await server.rpc("RunCascade")(RunCascadeRequest(cascade="parts", records=SENT))

    engine = server.host.engine("parts")
    expected = await engine.run(RECORDS, soon())
    results = [wire.result_from_wire(each) for each in reply.results]
    # The recorded answer was paid for by the first of the two runs.
    expected = [
        replace(each, cached=False, usage=results[i].usage) for i, each in enumerate(expected)
    ]
    assert list(map(timeless, results)) == list(map(timeless, expected))
    assert reply.revision == engine.revision
    assert [(each.answer, each.tier, each.degraded) for each in results] == [
        ("disk", Tier.SMALL, ""),
        ("net", Tier.SMALL, ""),
        ("net", Tier.LARGE, ""),
        (results[3].answer, Tier.SMALL, "REPLAY_MISS"),
    ]


async def test_stream_cascade_sends_kept_records_first_and_each_record_once(server):
    request = StreamCascadeRequest(records=SENT)

    replies = [reply async for reply in server.rpc("StreamCascade")(request)]

    assert {reply.index for reply in replies[:2]} == {0, 1}
    assert sorted(reply.index for reply in replies) == [0, 1, 2, 3]
    assert all(RECORDS[reply.index].id == reply.result.record_id for reply in replies)
    assert {reply.revision for reply in replies} == {server.host.engine("").revision}


async def test_list_cascades_names_all_by_name(parts, pairs):
    async with running(parts, pairs) as server:
        reply = await server.rpc("ListCascades")(ListCascadesRequest())

    assert [(each.name, each.ready, each.problem) for each in reply.cascades] == [
        ("pairs", True, ""),
        ("parts", True, ""),
    ]
    assert reply.cascades[1].description == "Which part of the machine?"


async def test_describe_cascade_tells_what_it_reads_answers_and_is_made_of(server):
    reply = await server.rpc("DescribeCascade")(DescribeCascadeRequest())

    description = wire.description_from_wire(reply)
    assert description.summary.name == "parts"
    assert (description.operation, description.fields) == ("level", ("log",))
    assert description.labels == ("disk", "net")
    assert [(stage.name, stage.kind, stage.model) for stage in description.stages] == [
        ("triage", "classify", "fast"),
        ("keep", "gate", ""),
        ("decide", "verify", "llm"),
    ]
    assert description.stages[0].threshold is None
    assert 0.5 < (description.stages[1].threshold or 0) < 1
    assert description.llm_share == 0.25
    assert description.development_metrics["train_rows"] == 60


async def test_explain_cascade_calls_no_large_model(server):
    reply = await server.rpc("ExplainCascade")(ExplainCascadeRequest(records=SENT))

    expected = await explain(server.host.engine(""), RECORDS, soon())
    found = [wire.explanation_from_wire(each) for each in reply.explanations]
    assert [each.tier for each in found] == [each.tier for each in expected]
    assert [each.tier for each in found] == [Tier.SMALL, Tier.SMALL, Tier.LARGE, Tier.LARGE]
    assert [each.expected_usage.calls for each in found] == [0, 0, 1, 1]
    assert found[2].expected_usage == expected[2].expected_usage
    assert {step.kind for each in found for step in each.path} == {"classify", "gate"}


async def test_analyze_logs_answers_as_run_cascade(server):
    logs = [wire.log_record_to_wire(record) for record in RECORDS]

    typed = await server.rpc("AnalyzeLogs")(AnalyzeLogsRequest(logs=logs))

    plain = await server.rpc("RunCascade")(RunCascadeRequest(records=SENT))
    assert [each.answer for each in typed.results] == [each.answer for each in plain.results]
    assert [each.record_id for each in typed.results] == [record.id for record in RECORDS]


async def test_analyze_logs_passes_descriptions_on(parts, pairs):
    records = [
        Record("a", {"log": "fan stopped 7", "description": "fan stopped 7"}),
        Record("b", {"log": "fan stopped 7"}),
    ]
    logs = [wire.log_record_to_wire(record) for record in records]
    async with running(parts, pairs) as server:
        reply = await server.rpc("AnalyzeLogs")(AnalyzeLogsRequest(cascade="pairs", logs=logs))
        (expected,) = await server.host.engine("pairs").run(records[:1], soon())

    assert reply.results[0].answer == expected.answer
    assert reply.results[1].error.code == "INVALID_ARGUMENT"
    assert "'description' is missing" in reply.results[1].error.message


async def test_classify_alone_gives_the_small_models_probabilities(server):
    reply = await server.rpc("Classify")(ClassifyRequest(stage="triage", records=SENT))

    expected = await capabilities.classify(server.host.engine(""), RECORDS, soon())
    assert [each.answer for each in reply.classifications] == [each.answer for each in expected]
    assert [each.record_id for each in reply.classifications] == [each.id for each in RECORDS]
    first = reply.classifications[0]
    assert [option.option for option in first.options] == ["disk", "net"]
    assert sum(option.probability for option in first.options) == pytest.approx(1)


async def test_verify_alone_asks_the_large_model_and_confirms_or_not(server):
    request = VerifyRequest(records=[SENT[2], SENT[3]], proposals=["disk", "disk"])

    recorded, missed = (await server.rpc("Verify")(request)).verifications

    assert (recorded.record_id, recorded.answer) == (RECORDED, "net")
    assert recorded.HasField("confirmed")
    assert not recorded.confirmed
    assert (recorded.usage.input_tokens, recorded.usage.output_tokens) == (20, 5)
    assert (missed.error.code, missed.error.reason) == ("FAILED_PRECONDITION", "REPLAY_MISS")


async def test_verify_alone_is_paid_for_by_the_cascades_budget(server):
    """25 calls are saved up; asking costs, although nothing was recorded for these records."""
    asked = [{"id": f"r{number}", "fields": {"log": b"reset"}} for number in range(28)]

    verifications = (await server.rpc("Verify")(VerifyRequest(records=asked))).verifications

    reasons = [each.error.reason for each in verifications]
    assert reasons == ["REPLAY_MISS"] * 25 + ["BUDGET_EXHAUSTED"] * 3
    assert {each.error.code for each in verifications[25:]} == {"RESOURCE_EXHAUSTED"}


async def test_rerank_alone_orders_by_the_pair_classifier(pairs):
    candidates = (Candidate("x", "eth0 link down 3"), Candidate("y", "fan stopped 3"))
    item = RerankItem(
        query=b"fan stopped 3", candidates=[wire.candidate_to_wire(each) for each in candidates]
    )
    async with running(pairs) as server:
        reply = await server.rpc("Rerank")(RerankRequest(items=[item, item]))
        expected = await capabilities.rerank(
            server.host.engine(""), [("fan stopped 3", candidates)], soon()
        )

    rankings = [wire.ranking_from_wire(ranking) for ranking in reply.rankings]
    assert [each.id for each in reply.rankings[0].candidates] == ["y", "x"]
    assert rankings == [*expected, *expected]


async def test_retrieve_alone_finds_the_nearest_cases(write_sorting):
    def tiny(loaded, artifact, name):
        return TinyEncoder()

    request = RetrieveRequest(queries=[b"net 7", b"disk"], top_k=1)
    async with running(write_sorting(), open_encoder=tiny) as server:
        reply = await server.rpc("Retrieve")(request)
        by_default = await server.rpc("Retrieve")(RetrieveRequest(queries=[b"net 7"]))

    assert [[hit.id for hit in each.hits] for each in reply.retrievals] == [
        ["case-net"],
        ["case-disk"],
    ]
    assert reply.retrievals[0].hits[0].similarity == pytest.approx(1)
    assert len(by_default.retrievals[0].hits) == 2


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        pytest.param("Retrieve", RetrieveRequest(queries=[b"a"]), id="no-index"),
        pytest.param(
            "Rerank",
            RerankRequest(items=[RerankItem(query=b"a", candidates=[{"id": "x", "text": b"b"}])]),
            id="no-encoder-to-compare-with",
        ),
        pytest.param("Classify", ClassifyRequest(stage="x", records=SENT), id="no-such-stage"),
        pytest.param("Verify", VerifyRequest(stage="keep", records=SENT), id="another-kind"),
    ],
)
async def test_a_capability_that_the_cascade_lacks_is_not_found(server, method, request_):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.rpc(method)(request_)

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_an_empty_name_means_the_only_cascade_and_none_of_two(server, parts, pairs):
    alone = await server.rpc("RunCascade")(RunCascadeRequest(records=SENT))
    assert len(alone.results) == 4

    async with running(parts, pairs) as both:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await both.rpc("RunCascade")(RunCascadeRequest(records=SENT))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert "pairs, parts" in caught.value.details()


async def test_the_typed_client_reaches_every_call(parts, pairs):
    async with running(parts, pairs) as server:
        answers = await asyncio.to_thread(use_client, server.target)

    assert answers["ready"] is None
    assert [each.answer for each in answers["run"][:3]] == ["disk", "net", "net"]
    assert sorted(index for index, _ in answers["stream"]) == [0, 1, 2, 3]
    assert answers["explain"][2].tier is Tier.LARGE
    assert answers["classify"][0].answer == "disk"
    assert answers["verify"][0].confirmed is True
    assert answers["rerank"][0][0][0] == "y"
    assert answers["describe"].operation == "level"
    assert [each.name for each in answers["list"]] == ["pairs", "parts"]
    assert [each.answer for each in answers["logs"][:3]] == ["disk", "net", "net"]


def use_client(target):
    candidates = [Candidate("x", "eth0 link down 3"), Candidate("y", "fan stopped 3")]
    with Client(target, timeout_s=30) as client:
        return {
            "ready": client.wait_until_ready(30),
            "run": client.run_cascade(RECORDS, cascade="parts"),
            "stream": list(client.stream_cascade(RECORDS, cascade="parts")),
            "explain": client.explain_cascade(RECORDS, cascade="parts"),
            "classify": client.classify(RECORDS, cascade="parts"),
            "verify": client.verify([RECORDS[2]], ["net"], cascade="parts"),
            "rerank": client.rerank([("fan stopped 3", candidates)], cascade="pairs"),
            "describe": client.describe_cascade("parts"),
            "list": client.list_cascades(),
            "logs": client.analyze_logs(RECORDS, cascade="parts"),
        }


async def test_bytes_that_are_not_utf8_are_answered_and_said_to_be_lossy(server):
    records = [{"id": "bad", "fields": {"log": b"sda write failed \xff\xfe"}}, SENT[0]]

    reply = await server.rpc("RunCascade")(RunCascadeRequest(records=records))

    assert [each.lossy_input for each in reply.results] == [True, False]
    assert [each.answer for each in reply.results] == ["disk", "disk"]


async def test_a_record_that_makes_a_model_fail_has_its_error_in_its_own_row(write_sorting):
    records = [
        {"id": text, "fields": {"log": text.encode()}}
        for text in ("net 1", "poison canary", "net 3")
    ]
    async with running(write_sorting(), open_encoder=lambda *_: TinyEncoder()) as server:
        alone = await server.rpc("Classify")(ClassifyRequest(stage="triage", records=records))
        whole = await server.rpc("RunCascade")(RunCascadeRequest(records=records))

    assert [each.answer for each in alone.classifications] == ["net", "", "net"]
    error = alone.classifications[1].error
    assert (error.code, error.reason) == ("INTERNAL", "RECORD_FAILED")
    assert "canary" not in error.message
    # The n-gram tier before it has an answer to fall back on.
    assert [each.degraded for each in whole.results] == ["", "RECORD_FAILED", ""]


class LeavingEncoder(TinyEncoder):
    """An encoder whose replicas are gone when a text says so."""

    async def encode(self, texts):
        if "gone" in texts:
            raise UnavailableError("application 'encoder-1'", "two replicas died", "Try again.")
        return await super().encode(texts)


async def test_a_call_that_finds_no_replica_is_unavailable_as_a_whole(write_sorting):
    """A client's retries see the call's status only, not that of its records."""
    request = ClassifyRequest(
        stage="triage", records=[{"id": each, "fields": {"log": b"gone"}} for each in "ab"]
    )
    async with running(write_sorting(), open_encoder=lambda *_: LeavingEncoder()) as server:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.rpc("Classify")(request)

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.slow
async def test_without_a_deadline_a_call_ends_at_the_servers_cap_with_the_best_answer(
    parts, tmp_path
):
    async with FakeEndpoint(hangs) as endpoint:
        loaded = live_parts(tmp_path, parts, endpoint.base_url)
        async with running(loaded, limits=Limits(max_deadline_s=0.5)) as server:
            reply = await server.rpc("RunCascade")(RunCascadeRequest(records=SENT[:3]))

    assert [each.degraded for each in reply.results] == ["", "", "DEADLINE"]
    assert reply.results[2].answer in ("disk", "net")


@pytest.mark.slow
async def test_a_callers_deadline_leaves_time_to_send_the_best_answer(parts, tmp_path):
    async with (
        FakeEndpoint(hangs) as endpoint,
        running(live_parts(tmp_path, parts, endpoint.base_url)) as server,
    ):
        reply = await server.rpc("RunCascade")(RunCascadeRequest(records=SENT[:3]), timeout=1)

    assert [each.degraded for each in reply.results] == ["", "", "DEADLINE"]


@pytest.mark.slow
async def test_a_call_fails_as_a_whole_when_no_record_has_an_answer_in_time(parts, tmp_path):
    async with FakeEndpoint(hangs) as endpoint:
        loaded = live_parts(tmp_path, parts, endpoint.base_url)
        async with running(loaded, limits=Limits(max_deadline_s=0.3)) as server:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await server.rpc("Verify")(VerifyRequest(records=SENT[2:]))

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_caller_that_hangs_up_ends_the_large_models_call(parts, tmp_path, caplog):
    async with (
        FakeEndpoint(hangs) as endpoint,
        running(live_parts(tmp_path, parts, endpoint.base_url)) as server,
    ):
        call = server.rpc("RunCascade")(RunCascadeRequest(records=SENT[2:]))
        await asyncio.wait_for(endpoint.until_requests(1), 10)
        assert server.server.in_flight == 1

        call.cancel()

        await asyncio.wait_for(endpoint.until_idle(), 10)
        await asyncio.wait_for(until_idle(server), 10)
    assert not caplog.records


async def test_a_reader_that_leaves_a_stream_ends_the_large_models_call(parts, tmp_path, caplog):
    async with (
        FakeEndpoint(hangs) as endpoint,
        running(live_parts(tmp_path, parts, endpoint.base_url)) as server,
    ):
        call = server.rpc("StreamCascade")(StreamCascadeRequest(records=SENT[:3]))
        assert (await call.read()).index in (0, 1)
        await asyncio.wait_for(endpoint.until_requests(1), 10)

        call.cancel()

        await asyncio.wait_for(endpoint.until_idle(), 10)
        await asyncio.wait_for(until_idle(server), 10)
    assert not caplog.records


@pytest.mark.slow
async def test_a_reader_that_takes_nothing_and_leaves_is_let_go(server, caplog):
    """The replies are larger than what the transport holds, so the server is stuck in one."""
    long_ids = [
        {"id": f"{number}".ljust(60_000), "fields": {"log": b"sda write failed"}}
        for number in range(60)
    ]
    call = server.rpc("StreamCascade")(StreamCascadeRequest(records=long_ids))
    await call.read()
    assert server.server.in_flight == 1

    call.cancel()

    await asyncio.wait_for(until_idle(server), 10)
    assert not caplog.records


async def until_idle(server):
    while server.server.in_flight:
        await asyncio.sleep(0.001)


async def test_equal_records_of_two_calls_share_one_call_of_the_large_model(parts, tmp_path):
    async with (
        FakeEndpoint(says_label("disk")) as endpoint,
        running(live_parts(tmp_path, parts, endpoint.base_url)) as server,
    ):
        run, request = server.rpc("RunCascade"), RunCascadeRequest(records=SENT[2:3])
        replies = await asyncio.gather(run(request), run(request))

    assert [reply.results[0].answer for reply in replies] == ["disk", "disk"]
    assert sorted(reply.results[0].usage.calls for reply in replies) == [0, 1]
    assert len(endpoint.requests) == 1
