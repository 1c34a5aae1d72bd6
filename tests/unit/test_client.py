import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from fakes.canned_server import CannedServer
from headgate.client import Client
from headgate.errors import InputError, RemoteError, UnavailableError
from headgate.matches import GivenColumn, GivenTable
from headgate.types import (
    Candidate,
    CascadeSummary,
    Feedback,
    FeedbackOutcome,
    Hit,
    Judgement,
    Prediction,
    Record,
    Usage,
    Verification,
)
from headgate.v1.cascade_service_pb2 import CascadeSummary as SummaryMessage

SERVICES = Path(__file__).parents[2] / "services"
LATIN_1 = "Grüße".encode("latin-1")
TWO = (Record("a", {"log": "up"}), Record("b", {"log": "down"}))


@pytest.fixture
def server():
    with CannedServer() as running:
        yield running


@pytest.fixture
def client(server):
    with Client(f"127.0.0.1:{server.port}", timeout_s=10.0) as client:
        yield client


def run_python(program, *arguments):
    """Run `program` in a fresh interpreter and return what it prints."""
    return subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": str(SERVICES)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def detailed(reason):
    """Return a whole status whose details name `reason`."""
    info = any_pb2.Any()
    info.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="headgate"))
    return rpc_status.to_status(
        status_pb2.Status(code=code_pb2.NOT_FOUND, message="no cascade 'x'", details=[info])
    )


class TestCalls:
    def test_results_come_in_the_order_of_the_records(self, server, client):
        results = client.run_cascade(TWO, cascade="logs")

        assert [(result.record_id, result.answer) for result in results] == [
            ("a", "match"),
            ("b", "match"),
        ]
        assert server.requests[0].cascade == "logs"

    def test_streamed_results_carry_the_position_of_their_record(self, server, client):
        server.streamed = [1, 0]

        positions = [(index, result.record_id) for index, result in client.stream_cascade(TWO)]

        assert positions == [(1, "1"), (0, "0")]

    def test_explanations_are_one_a_record(self, client):
        assert [e.record_id for e in client.explain_cascade(TWO)] == ["a", "b"]

    def test_cascades_are_listed(self, client):
        assert client.list_cascades() == [CascadeSummary("logs", "")]

    def test_two_clients_of_one_process_have_a_connection_each(self, server, client):
        with Client(f"127.0.0.1:{server.port}", timeout_s=10.0) as another:
            another.list_cascades()
            client.list_cascades()
            client.list_cascades()

        assert len(server.peers) == 2

    def test_a_cascade_is_described(self, server, client):
        description = client.describe_cascade("logs")

        assert (description.operation, description.labels) == ("level", ("info",))
        assert server.requests[0].cascade == "logs"

    def test_logs_are_sent_with_typed_fields(self, server, client):
        record = Record("a", {"log": "boom", "description": "It broke."}, (Candidate("c", "Rust"),))

        (result,) = client.analyze_logs([record])

        (sent,) = server.requests[0].logs
        assert (sent.log, sent.description, sent.causes[0].text) == (b"boom", b"It broke.", b"Rust")
        assert result.record_id == "a"

    def test_tables_are_sent_in_the_form_they_are_given_in(self, server, client):
        sources = [
            GivenTable("a", csv=b"id\n1\n"),
            GivenTable("b", columns=(GivenColumn("id", ("1",), "Number"),)),
        ]

        matches = client.match_schemas(sources, GivenTable("t", arrow_ipc=b"ARROW1"), cascade="s")

        assert [(match.name, match.pairs) for match in matches] == [
            ("a", {"id": "order_id"}),
            ("b", {"id": "order_id"}),
        ]
        (sent,) = server.requests
        assert (sent.cascade, sent.target.arrow_ipc) == ("s", b"ARROW1")
        assert sent.sources[0].csv == b"id\n1\n"
        (column,) = sent.sources[1].columns.columns
        assert (column.description, list(column.values)) == (b"Number", [b"1"])

    def test_a_record_that_fails_alone_has_its_error_in_its_place(self, server, client):
        right, wrong = client.classify(TWO, cascade="logs", stage="triage")

        assert right == Prediction(("match",), (1.0,))
        assert isinstance(wrong, RemoteError)
        assert wrong.args == ("INTERNAL", "RECORD_FAILED", "no")
        assert server.requests[0].stage == "triage"

    def test_hits_are_returned_by_query(self, server, client):
        assert client.retrieve(["down"], top_k=3) == [(Hit("7", 0.5, "past"),)]
        assert (server.requests[0].queries, server.requests[0].top_k) == ([b"down"], 3)

    def test_rankings_are_returned_by_item(self, server, client):
        assert client.rerank([("down", [Candidate("y", "disk")])]) == [(("y", 2.0),)]
        (item,) = server.requests[0].items
        assert (item.query, item.candidates[0].text) == (b"down", b"disk")

    def test_proposals_are_confirmed(self, server, client):
        (verification,) = client.verify(TWO[:1], ["match"])

        judgement = Judgement("match", "", Usage(calls=1))
        assert verification == Verification("a", judgement, confirmed=True)
        assert server.requests[0].proposals == ["match"]


class TestFeedback:
    def test_what_was_taken_and_what_was_not_come_in_the_order_of_the_feedback(
        self, server, client
    ):
        server.untaken.add("b")
        feedback = [Feedback("a", "match", "r-1"), Feedback("b", "mismatch")]

        taken, untaken = client.submit_feedback(feedback, cascade="logs")

        assert taken == FeedbackOutcome("a")
        assert untaken.record_id == "b"
        assert isinstance(untaken.error, RemoteError)
        assert untaken.error.args == ("NOT_FOUND", "NOT_FOUND", "no such record")
        (request,) = server.requests
        assert request.cascade == "logs"
        assert [(each.record_id, each.request_id, each.label) for each in request.feedback] == [
            ("a", "r-1", "match"),
            ("b", "", "mismatch"),
        ]

    def test_a_label_that_cannot_be_sent_is_refused_before_anything_is_sent(self, server, client):
        with pytest.raises(InputError, match="not valid Unicode"):
            client.submit_feedback([Feedback("a", "\ud800")])

        assert server.requests == []

    @pytest.mark.parametrize("method", ["run_cascade", "stream_cascade", "analyze_logs"])
    def test_a_caller_names_its_request(self, server, client, method):
        list(getattr(client, method)(TWO, request_id="r-1"))

        assert server.metadata["x-request-id"] == "r-1"

    def test_the_name_of_a_request_goes_before_that_of_every_call(self, server):
        metadata = [("x-request-id", "every"), ("x-headgate-caller", "billing")]
        with Client(f"127.0.0.1:{server.port}", metadata=metadata) as client:
            client.run_cascade(TWO, request_id="this")

        assert server.metadata["x-request-id"] == "this"
        assert server.metadata["x-headgate-caller"] == "billing"

    def test_a_request_without_a_name_is_sent_without_one(self, server, client):
        client.run_cascade(TWO)

        assert "x-request-id" not in server.metadata

    @pytest.mark.parametrize("method", ["run_cascade", "stream_cascade", "analyze_logs"])
    def test_a_name_that_no_server_takes_is_refused_before_anything_is_sent(
        self, server, client, method
    ):
        with pytest.raises(InputError, match="request_id: it is not 1 to 128 printable ASCII"):
            list(getattr(client, method)(TWO, request_id="r\n1"))

        assert server.requests == []


class TestBytes:
    def test_a_log_that_is_not_utf_8_arrives_unharmed(self, server, client):
        log = LATIN_1.decode(errors="surrogateescape")

        client.run_cascade([Record("a", {"log": log}, (Candidate("c", log),))])
        client.analyze_logs([Record("a", {"log": log})])
        client.retrieve([log])
        client.rerank([(log, [Candidate("y", log)])])

        run, analyze, retrieve, rerank = server.requests
        assert run.records[0].fields["log"] == LATIN_1
        assert run.records[0].candidates[0].text == LATIN_1
        assert analyze.logs[0].log == LATIN_1
        assert retrieve.queries[0] == LATIN_1
        assert rerank.items[0].query == LATIN_1

    def test_a_bad_record_is_refused_before_anything_is_sent(self, server, client):
        with pytest.raises(InputError):
            client.run_cascade([Record("\ud800", {"log": "x"})])

        assert server.requests == []


class TestRetries:
    @pytest.mark.slow
    @pytest.mark.parametrize("status", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
    def test_a_server_that_comes_back_is_asked_again(self, server, client, status):
        server.failures.extend([status, status])

        assert len(client.run_cascade(TWO)) == 2
        assert len(server.requests) == 3

    @pytest.mark.slow
    def test_it_stops_after_four_attempts(self, server, client):
        server.failures.extend([grpc.StatusCode.UNAVAILABLE] * 5)

        with pytest.raises(RemoteError) as caught:
            client.run_cascade(TWO)

        assert caught.value.status == "UNAVAILABLE"
        assert len(server.requests) == 4

    @pytest.mark.parametrize(
        "status", [grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL]
    )
    def test_other_failures_are_not_repeated(self, server, client, status):
        server.failures.append(status)

        with pytest.raises(RemoteError):
            client.run_cascade(TWO)

        assert len(server.requests) == 1


class TestErrors:
    def test_a_failed_call_has_the_servers_status_reason_and_words(self, server, client):
        server.failures.append(detailed("NO_SUCH_CASCADE"))

        with pytest.raises(RemoteError) as caught:
            client.run_cascade(TWO)

        assert caught.value.args == ("NOT_FOUND", "NO_SUCH_CASCADE", "no cascade 'x'")

    def test_without_details_the_reason_is_the_status(self, server, client):
        server.failures.append(grpc.StatusCode.PERMISSION_DENIED)

        with pytest.raises(RemoteError) as caught:
            list(client.stream_cascade(TWO))

        assert caught.value.args == ("PERMISSION_DENIED", "PERMISSION_DENIED", "not now")

    def test_details_that_cannot_be_read_do_not_hide_the_status(self, server, client):
        status = detailed("X")
        broken = status._replace(trailing_metadata=(("grpc-status-details-bin", b"\xff"),))
        server.failures.append(broken)

        with pytest.raises(RemoteError) as caught:
            client.run_cascade(TWO)

        assert caught.value.reason == "NOT_FOUND"

    def test_without_googleapis_the_reason_is_the_status(self, server):
        server.failures.append(detailed("NO_SUCH_CASCADE"))
        program = (
            "import sys; sys.modules['google.rpc'] = None\n"
            "from headgate.client import Client\n"
            "from headgate.errors import RemoteError\n"
            "try: Client(sys.argv[1]).list_cascades()\n"
            "except RemoteError as error: print(error.status, error.reason)"
        )

        assert run_python(program, f"127.0.0.1:{server.port}") == "NOT_FOUND NOT_FOUND"

    def test_a_call_ends_with_its_deadline(self, server, client):
        server.hangs = True

        with pytest.raises(RemoteError) as caught:
            client.run_cascade(TWO, timeout_s=0.05)

        assert caught.value.status == "DEADLINE_EXCEEDED"

    def test_a_stream_ends_with_its_deadline(self, server, client):
        server.hangs = True

        with pytest.raises(RemoteError) as caught:
            next(client.stream_cascade(TWO, timeout_s=0.05))

        assert caught.value.status == "DEADLINE_EXCEEDED"

    @pytest.mark.parametrize("timeout_s", [0, -1.0, float("nan"), float("inf")])
    def test_there_is_no_call_without_a_deadline(self, client, timeout_s):
        with pytest.raises(InputError, match="timeout_s"):
            client.run_cascade(TWO, timeout_s=timeout_s)
        with pytest.raises(InputError, match="timeout_s"):
            Client("127.0.0.1:1", timeout_s=timeout_s)

    def test_a_batch_too_large_for_one_message_is_refused(self, server, client):
        with pytest.raises(RemoteError) as caught:
            client.run_cascade([Record("a", {"log": "x" * 6_000_000})])

        assert caught.value.status == "RESOURCE_EXHAUSTED"
        assert server.requests == []

    def test_fewer_answers_than_records_are_an_error(self, client):
        with pytest.raises(RemoteError, match="1 answers to 2 questions"):
            client.retrieve(["up", "down"])

    @pytest.mark.parametrize(
        ("streamed", "problem"),
        [
            pytest.param([0], "nothing for 1 of 2", id="missing"),
            pytest.param([0, 0], "position 0 twice", id="twice"),
            pytest.param([0, 2], "position 2 twice or unasked", id="unasked"),
        ],
    )
    def test_a_stream_that_loses_or_repeats_a_record_is_an_error(
        self, server, client, streamed, problem
    ):
        server.streamed = streamed

        with pytest.raises(RemoteError, match=problem):
            list(client.stream_cascade(TWO))


class TestChannel:
    def test_closing_the_iterator_cancels_the_call(self, server, client):
        server.streamed = [0] + [1] * 1_000_000
        results = client.stream_cascade(TWO)
        next(results)

        results.close()

        assert server.stream_ended.wait(10.0)

    def test_metadata_and_user_agent_go_with_every_call(self, server):
        target = f"127.0.0.1:{server.port}"
        with Client(target, metadata=[("x-api-key", "canary")]) as client:
            client.list_cascades()

        assert server.metadata["x-api-key"] == "canary"
        assert server.metadata["user-agent"].startswith("headgate/")

    def test_tls_does_not_talk_to_a_plain_server(self, server):
        target = f"127.0.0.1:{server.port}"
        tls = grpc.ssl_channel_credentials()
        with Client(target, tls=tls) as client, pytest.raises(RemoteError):
            client.list_cascades(timeout_s=0.2)

        assert server.requests == []


class TestReadiness:
    def test_a_ready_server_is_not_waited_for(self, server, client):
        client.wait_until_ready(10.0)

        assert len(server.requests) == 1

    @pytest.mark.slow
    def test_a_cascade_that_becomes_ready_is_waited_for(self, server, client):
        unready = [SummaryMessage(name="logs", problem="loading")]
        server.lists.extendleft([unready, []])

        client.wait_until_ready(10.0)

        assert len(server.requests) == 3

    def test_what_is_not_ready_in_time_is_named(self, server, client):
        unready = SummaryMessage(name="logs", problem="not fitted")
        server.lists[0] = [unready]

        with pytest.raises(UnavailableError, match=r"not ready after 0\.05 s: logs: not fitted"):
            client.wait_until_ready(0.05)

    def test_a_server_that_is_not_there_is_named(self):
        problem = r"127\.0\.0\.1:1: not ready after"
        with Client("127.0.0.1:1") as client, pytest.raises(UnavailableError, match=problem):
            client.wait_until_ready(0.1)

    def test_a_refusal_is_not_waited_for(self, server, client):
        server.failures.append(grpc.StatusCode.UNAUTHENTICATED)

        with pytest.raises(RemoteError, match="UNAUTHENTICATED"):
            client.wait_until_ready(10.0)

    def test_no_deadline_is_refused(self, client):
        with pytest.raises(InputError, match="timeout_s"):
            client.wait_until_ready(0)


def test_the_client_needs_neither_models_nor_a_cluster():
    program = (
        "import headgate.client, sys\n"
        "print(sorted({'ray', 'torch', 'numpy', 'pydantic', 'google.rpc', 'grpc_status'}"
        " & set(sys.modules)))"
    )

    assert run_python(program) == "[]"
