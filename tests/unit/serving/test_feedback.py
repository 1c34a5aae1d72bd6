"""Right answers that come after the fact, through a real channel."""

import asyncio
from dataclasses import replace

import grpc
import pytest

from fakes.running_server import running
from headgate.cascade.load import inline
from headgate.client import Client
from headgate.errors import InputError, NotFoundError, RemoteError
from headgate.serving.host import Host
from headgate.serving.limits import Limits
from headgate.serving.server import GrpcServer
from headgate.types import Feedback, FeedbackOutcome
from headgate.v1.cascade_service_pb2 import SubmitFeedbackRequest

GIVEN = {"record_id": "a", "label": "disk"}


class Notebook:
    """A keeper that takes the labels it knows and notes all it was told."""

    def __init__(self, *labels):
        self.labels = labels
        self.told = []

    async def feedback(self, feedback):
        self.told += feedback
        error = InputError("label", "it is not one of the task's", "Give one of them.")
        return [
            FeedbackOutcome(each.record_id, None if each.label in self.labels else error)
            for each in feedback
        ]


class KeepingHost(Host):
    """A host whose cascades all keep their decisions in one notebook."""

    def __init__(self, notebook):
        super().__init__()
        self.notebook = notebook

    async def _open(self, loaded):
        return replace(await super()._open(loaded), keeper=self.notebook)


@pytest.fixture
async def keeping(parts):
    host = KeepingHost(Notebook("disk", "net"))
    await host.configure([inline(parts)])
    yield host
    await host.close()


def tell(target, feedback):
    with Client(target, timeout_s=30) as client:
        return client.submit_feedback(feedback, cascade="parts")


async def test_the_typed_client_reaches_the_keeper_of_the_cascade(keeping):
    feedback = [Feedback("a", "disk", "r-1"), Feedback("b", "fan"), Feedback("a", "net")]
    server = GrpcServer(keeping, Limits(), address="127.0.0.1:0")
    await server.start()
    outcomes = await asyncio.to_thread(tell, f"127.0.0.1:{server.port}", feedback)
    await server.stop(0)

    assert keeping.notebook.told == feedback
    assert [outcome.record_id for outcome in outcomes] == ["a", "b", "a"]
    assert (outcomes[0].error, outcomes[2].error) == (None, None)
    assert isinstance(outcomes[1].error, RemoteError)
    assert outcomes[1].error.status == "INVALID_ARGUMENT"


async def test_a_cascade_that_keeps_no_decisions_takes_none_and_says_so_for_each(server):
    request = SubmitFeedbackRequest(feedback=[GIVEN, {"record_id": "b", "label": "net"}])

    reply = await server.rpc("SubmitFeedback")(request)

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


async def test_a_thousand_pieces_are_taken(keeping):
    outcomes = await keeping.feedback("", [Feedback(str(n), "disk") for n in range(1000)])

    assert [outcome.record_id for outcome in outcomes] == [str(n) for n in range(1000)]
    assert all(outcome.error is None for outcome in outcomes)


async def test_feedback_on_a_cascade_that_is_not_served_is_refused(keeping):
    with pytest.raises(NotFoundError, match="Served: parts"):
        await keeping.feedback("other", [Feedback("a", "disk")])

    assert keeping.notebook.told == []


async def test_an_empty_name_is_not_one_of_two(parts, pairs):
    async with running(parts, pairs) as server:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.rpc("SubmitFeedback")(SubmitFeedbackRequest(feedback=[GIVEN]))

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
