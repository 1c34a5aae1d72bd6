import pytest

from fakes.canned_server import CannedServer
from headgate.client import Client
from headgate.errors import InputError, RemoteError
from headgate.questions import (
    Answered,
    GivenQuestion,
    PlanMade,
    QuestionAnswer,
    StepAnswer,
    StepDone,
)
from headgate.types import PlanStep
from headgate.v1.question_answering_service_pb2 import StreamAnswersResponse

LATIN_1 = "Grüße?".encode("latin-1")
TWO = (GivenQuestion("a", "Who?"), GivenQuestion("", "Where?"))
PLAN = StreamAnswersResponse(plan={"question_id": "a", "steps": [{"id": 1, "text": "Who?"}]})
STEP = StreamAnswersResponse(step={"question_id": "a", "answer": {"step": 1, "answer": "Ada"}})
FIRST = StreamAnswersResponse(answer={"id": "a", "answer": "Ada"})
SECOND = StreamAnswersResponse(answer={"id": "1", "answer": "Kiel"})
UNKNOWN = StreamAnswersResponse(revision="r1")
"""News of a kind that this client does not know."""


@pytest.fixture
def server():
    with CannedServer() as running:
        yield running


@pytest.fixture
def client(server):
    with Client(f"127.0.0.1:{server.port}", timeout_s=10.0) as client:
        yield client


def test_questions_are_answered_in_order(server, client):
    answers = client.answer_questions(TWO, cascade="q", request_id="r-1")

    assert answers == [QuestionAnswer("a", "1901"), QuestionAnswer("", "1901")]
    (sent,) = server.requests
    assert sent.cascade == "q"
    assert [(each.id, each.text) for each in sent.questions] == [("a", b"Who?"), ("", b"Where?")]
    assert server.metadata["x-request-id"] == "r-1"


def test_news_of_questions_is_streamed_as_it_comes(server, client):
    server.news = [PLAN, UNKNOWN, SECOND, STEP, FIRST]

    assert list(client.stream_answers(TWO, cascade="q", request_id="r-1")) == [
        PlanMade("a", (PlanStep(1, "Who?", needs_context=False),)),
        Answered(QuestionAnswer("1", "Kiel")),
        StepDone("a", StepAnswer(1, answer="Ada")),
        Answered(QuestionAnswer("a", "Ada")),
    ]
    assert server.requests[0].cascade == "q"
    assert server.metadata["x-request-id"] == "r-1"


@pytest.mark.parametrize(
    ("news", "problem"),
    [
        pytest.param([FIRST], "no answer to 1 of 2 questions", id="too-few"),
        pytest.param([FIRST, FIRST], "news of question 'a', answered", id="twice"),
        pytest.param([FIRST, PLAN], "news of question 'a', answered", id="a-plan-too-late"),
        pytest.param(
            [StreamAnswersResponse(answer={"id": "z"})], "news of question 'z'", id="unasked"
        ),
    ],
)
def test_a_stream_that_does_not_answer_each_question_once_is_an_error(
    server, client, news, problem
):
    server.news = news

    with pytest.raises(RemoteError, match=problem):
        list(client.stream_answers(TWO))


def test_closing_the_iterator_cancels_the_call(server, client):
    server.news = [PLAN] * 1_000_000
    events = client.stream_answers(TWO)
    next(events)

    events.close()

    assert server.stream_ended.wait(10.0)


@pytest.mark.parametrize("method", ["answer_questions", "stream_answers"])
def test_a_question_that_is_not_utf_8_arrives_unharmed(server, client, method):
    server.news = [StreamAnswersResponse(answer={"id": "a"})]
    text = LATIN_1.decode(errors="surrogateescape")

    list(getattr(client, method)([GivenQuestion("a", text)]))

    assert server.requests[0].questions[0].text == LATIN_1


@pytest.mark.parametrize("method", ["answer_questions", "stream_answers"])
def test_an_id_that_cannot_be_sent_is_refused_before_anything_is_sent(server, client, method):
    with pytest.raises(InputError, match="not valid Unicode"):
        list(getattr(client, method)([GivenQuestion("\ud800", "Who?")]))

    assert server.requests == []
