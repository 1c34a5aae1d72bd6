"""Right answers that come after the fact, through a real channel."""

import asyncio

import grpc
import pytest

from fakes.running_server import running
from fakes.watched_cascade import served_records
from headgate.cascade.decision_log import read_decisions
from headgate.client import Client
from headgate.errors import NotFoundError, RemoteError
from headgate.types import Feedback
from headgate.v1.cascade_service_pb2 import SubmitFeedbackRequest

GIVEN = {"record_id": "a", "label": "disk"}
RECORDS = served_records(3)
FIRST, SECOND, THIRD = (record.id for record in RECORDS)


@pytest.fixture
async def keeping(watched, parts, tmp_path):
    """A server of a cascade that keeps its decisions, and of one that keeps none."""
    async with running(watched, parts, state_dir=str(tmp_path)) as started:
        yield started


def answered(target, *names):
    """Ask about the records, in a call of each name."""
    with Client(target, timeout_s=30) as client:
        for name in names:
            client.run_cascade(RECORDS, cascade="made_up", request_id=name)


def tell(target, feedback, cascade="made_up"):
    with Client(target, timeout_s=30) as client:
        return client.submit_feedback(feedback, cascade=cascade)


async def test_the_typed_client_reaches_the_log_of_the_cascade(keeping, watched, tmp_path):
    await asyncio.to_thread(answered, keeping.target, "call-1", "call-2")

    outcomes = await asyncio.to_thread(
        tell,
        keeping.target,
        [
            Feedback(FIRST, "error"),
            Feedback(SECOND, "info", "call-1"),
            Feedback(THIRD, "fan"),
            Feedback("r9", "info"),
        ],
    )

    assert [outcome.record_id for outcome in outcomes] == [FIRST, SECOND, THIRD, "r9"]
    assert [outcome.error is None for outcome in outcomes] == [True, True, False, False]
    assert isinstance(outcomes[2].error, RemoteError)
    assert [each.error.status for each in outcomes[2:]] == ["NOT_FOUND"] * 2
    assert [each.error.reason for each in outcomes[2:]] == ["FEEDBACK_NOT_TAKEN"] * 2
    (summary,) = [each for each in keeping.host.hosted if each.name == "made_up"]
    log = read_decisions(tmp_path / "made_up", summary.guard.settings.certificate_id)
    assert {(each.request_id, each.record_id): each.gold for each in log if each.gold} == {
        ("call-2", FIRST): "error",
        ("call-1", SECOND): "info",
    }


async def test_a_cascade_that_keeps_no_decisions_takes_none_and_says_so_for_each(keeping):
    request = SubmitFeedbackRequest(
        cascade="parts", feedback=[GIVEN, {"record_id": "b", "label": "net"}]
    )

    reply = await keeping.rpc("SubmitFeedback")(request)

    assert [outcome.record_id for outcome in reply.outcomes] == ["a", "b"]
    assert {outcome.error.code for outcome in reply.outcomes} == {"NOT_FOUND"}
    assert reply.outcomes[0].error.message.startswith("cascade 'parts': it keeps no decisions.")


@pytest.mark.parametrize(
    ("feedback", "place"),
    [
        pytest.param([], "feedback", id="none"),
        pytest.param([GIVEN] * 1001, "feedback", id="1001"),
        pytest.param([GIVEN, {"label": "disk"}], "feedback[1].record_id", id="of-no-record"),
        pytest.param([GIVEN, {"record_id": "b"}], "feedback[1].label", id="without-a-label"),
        pytest.param([{"record_id": "a" * 65536, "label": "x"}], "feedback[0]", id="over-64-kib"),
    ],
)
async def test_wrong_feedback_is_refused_as_a_whole_by_its_place(server, feedback, place):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.rpc("SubmitFeedback")(SubmitFeedbackRequest(feedback=feedback))

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details().startswith(f"{place}: ")


async def test_a_thousand_pieces_are_taken_in_order(keeping):
    await asyncio.to_thread(answered, keeping.target, "call-1")
    feedback = [Feedback(RECORDS[n % 3].id, "info" if n % 2 else "fan") for n in range(1000)]

    outcomes = await keeping.host.feedback("made_up", feedback)

    assert [outcome.record_id for outcome in outcomes] == [each.record_id for each in feedback]
    assert [outcome.error is None for outcome in outcomes] == [n % 2 == 1 for n in range(1000)]


async def test_feedback_on_a_cascade_that_is_not_served_is_refused(keeping):
    with pytest.raises(NotFoundError, match="Served: made_up, parts"):
        await keeping.host.feedback("other", [Feedback("a", "disk")])


async def test_an_empty_name_is_not_one_of_two(keeping):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await keeping.rpc("SubmitFeedback")(SubmitFeedbackRequest(feedback=[GIVEN]))

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
