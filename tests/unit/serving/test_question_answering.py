"""Questions through the service, on an engine that splits each in two."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from types import SimpleNamespace

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.one_engine import OneEngine
from headgate import wire
from headgate.client import Client
from headgate.domains.questions.answers import NO_ANSWER
from headgate.domains.questions.task import ANSWER_QUESTIONS, MOST_CHARS, QuestionTask
from headgate.errors import DeadlineError, HeadgateError, InputError, StageError
from headgate.questions import (
    Answered,
    AnswerEvent,
    GivenQuestion,
    PlanMade,
    QuestionAnswer,
    StepDone,
)
from headgate.serving.limits import Limits
from headgate.serving.question_answering import QuestionAnsweringService
from headgate.serving.rpc import Call
from headgate.serving.server import GrpcServer
from headgate.types import Deadline, Interim, Origin, PlanStep, Record, Result, Tier
from headgate.v1.question_answering_service_pb2 import (
    AnswerQuestionsRequest,
    Question,
    StreamAnswersRequest,
)
from headgate.v1.question_answering_service_pb2_grpc import QuestionAnsweringServiceStub

PLAN = (PlanStep(1, "Who?"), PlanStep(2, "When was #1 born?", refers_to=(1,)))
TWO = (Question(id="a", text=b"Who built it?"), Question(id="b", text=b"Where is it?"))


class TwoSteps:
    """An engine that splits each question in two; the last question is answered first."""

    name, revision = "questions", "r1"

    def __init__(self, operation: str = ANSWER_QUESTIONS, error: HeadgateError | None = None):
        self.task = SimpleNamespace(operation=operation)
        self.error = error
        self.asked: list[Record] = []
        self.origin = Origin()
        self.release = asyncio.Event()
        self.release.set()
        """Unset, no answer is given although plans and steps are told."""
        self.closed = asyncio.Event()

    async def run(
        self, records: Sequence[Record], deadline: Deadline, *, origin: Origin
    ) -> list[Result]:
        assert deadline.remaining_s() > 0
        self.asked, self.origin = list(records), origin
        return [self._result(record) for record in records]

    async def stream(
        self, records: Sequence[Record], deadline: Deadline, *, origin: Origin
    ) -> AsyncGenerator[tuple[int, Result], None]:
        assert deadline.remaining_s() > 0
        self.asked, self.origin = list(records), origin
        try:
            for index in reversed(range(len(records))):
                result = self._result(records[index])
                if result.parts:
                    origin.tell(Interim(result.record_id, plan=result.plan))
                for part in result.parts:
                    origin.tell(Interim(result.record_id, part=part))
                await self.release.wait()
                yield index, result
        finally:
            self.closed.set()

    def _result(self, record: Record) -> Result:
        try:
            QuestionTask().check(record)
        except InputError as error:
            return Result(record.id, error=error)
        if self.error is not None:
            return Result(record.id, error=self.error)
        if "unknown" in record.fields["question"]:
            return Result(record.id, NO_ANSWER, tier=Tier.LARGE)
        parts = tuple(Result(f"{record.id}#{step.id}", "Ada", asked=step.text) for step in PLAN)
        return Result(record.id, f"Answer {record.id}", plan=PLAN, parts=parts)


class Talkative(TwoSteps):
    """Tells of records that nobody asked about, and of a question that has its answer."""

    async def stream(
        self, records: Sequence[Record], deadline: Deadline, *, origin: Origin
    ) -> AsyncGenerator[tuple[int, Result], None]:
        origin.tell(Interim("a#1", plan=PLAN))
        async for indexed in super().stream(records, deadline, origin=origin):
            yield indexed
            origin.tell(Interim(indexed[1].record_id, plan=PLAN))
            origin.tell(Interim(indexed[1].record_id, part=Result("no step", "a")))


class Broken(TwoSteps):
    """Fails after its first answer."""

    async def stream(
        self, records: Sequence[Record], deadline: Deadline, *, origin: Origin
    ) -> AsyncGenerator[tuple[int, Result], None]:
        async for indexed in super().stream(records, deadline, origin=origin):
            yield indexed
            raise StageError("stage", "it broke", "Look at the log.")


def service_of(engine: TwoSteps) -> QuestionAnsweringService:
    return QuestionAnsweringService(OneEngine("questions", engine), Limits())  # type: ignore[arg-type]


def call() -> Call:
    return Call(Deadline.after(30), "r-1", "tests")


async def answered(*questions: Question, engine: TwoSteps | None = None) -> list[QuestionAnswer]:
    request = AnswerQuestionsRequest(questions=questions)
    reply = await service_of(engine or TwoSteps()).AnswerQuestions(request, call())
    return [wire.question_answer_from_wire(answer) for answer in reply.answers]


def streamed(*questions: Question, engine: TwoSteps | None = None):
    request = StreamAnswersRequest(questions=questions)
    return service_of(engine or TwoSteps()).StreamAnswers(request, call())


async def events_of(*questions: Question, engine: TwoSteps | None = None) -> list[AnswerEvent]:
    replies = [reply async for reply in streamed(*questions, engine=engine)]
    events = [wire.answer_event_from_wire(reply) for reply in replies]
    return [event for event in events if event is not None]


class TestAnswerQuestions:
    async def test_every_question_gets_its_answer_in_order(self):
        first, second = await answered(*TWO)

        assert (first.id, first.answer, first.plan) == ("a", "Answer a", PLAN)
        assert (second.id, second.answer) == ("b", "Answer b")
        assert [(each.step, each.question) for each in second.steps] == [
            (1, "Who?"),
            (2, "When was #1 born?"),
        ]

    async def test_the_engine_is_asked_in_the_name_of_the_caller(self):
        engine = TwoSteps()
        request = AnswerQuestionsRequest(cascade="questions", questions=[Question(text=b"Who?")])

        reply = await service_of(engine).AnswerQuestions(request, call())

        assert engine.asked == [Record("0", {"question": "Who?"})]
        assert engine.origin == Origin("r-1", "tests")
        assert (reply.revision, reply.request_id) == ("r1", "r-1")
        assert reply.answers[0].id == "0"

    async def test_no_answer_is_an_abstention(self):
        (answer,) = await answered(Question(text=b"What is unknown?"))

        assert (answer.answer, answer.abstained, answer.error) == ("", True, None)

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            pytest.param(b"", "missing or blank", id="empty"),
            pytest.param(b" \n\t", "missing or blank", id="blank"),
            pytest.param(b"a" * (MOST_CHARS + 1), "100001 characters", id="a-document"),
        ],
    )
    async def test_a_question_that_cannot_be_asked_has_its_error_in_its_place(self, text, problem):
        good, bad, other = await answered(TWO[0], Question(id="c", text=text), TWO[1])

        assert (good.error, other.error) == (None, None)
        assert (bad.id, bad.answer, bad.abstained) == ("c", "", False)
        assert bad.error is not None
        assert bad.error.status == "INVALID_ARGUMENT"
        assert problem in str(bad.error)

    async def test_bytes_that_are_not_utf_8_are_replaced_and_told(self):
        engine = TwoSteps()

        clean, lossy = await answered(
            TWO[0], Question(text="Grüße?".encode("latin-1")), engine=engine
        )

        assert (clean.lossy_input, lossy.lossy_input) == (False, True)
        assert engine.asked[1].fields == {"question": "Gr��e?"}

    async def test_a_call_that_reached_no_answer_fails_as_a_whole(self):
        with pytest.raises(DeadlineError):
            await answered(*TWO, engine=TwoSteps(error=DeadlineError("stage", "late", "Wait.")))

    async def test_a_call_of_blank_questions_only_is_answered(self):
        (answer,) = await answered(Question())

        assert answer.error is not None


class TestStreamAnswers:
    async def test_plan_and_steps_come_before_the_answer(self):
        events = await events_of(TWO[0])

        assert [type(event) for event in events] == [PlanMade, StepDone, StepDone, Answered]
        plan, first, second, last = events
        assert plan == PlanMade("a", PLAN)
        assert (first.answer.step, second.answer.step) == (1, 2)
        assert last.answer.steps == (first.answer, second.answer)

    async def test_every_question_has_exactly_one_answer(self):
        events = await events_of(*TWO)

        assert [event.answer.id for event in events if isinstance(event, Answered)] == ["b", "a"]
        assert [event.question_id for event in events] == ["b"] * 4 + ["a"] * 4

    async def test_a_question_that_is_answered_whole_has_no_plan(self):
        (event,) = await events_of(Question(id="c", text=b"What is unknown?"))

        assert event == Answered(QuestionAnswer("c", abstained=True, tier=Tier.LARGE))

    async def test_each_reply_says_who_answers_and_in_which_request(self):
        replies = [reply async for reply in streamed(*TWO)]

        assert {(reply.revision, reply.request_id) for reply in replies} == {("r1", "r-1")}

    async def test_the_engine_is_asked_in_the_name_of_the_caller(self):
        engine = TwoSteps()

        await events_of(TWO[0], engine=engine)

        assert (engine.origin.request_id, engine.origin.caller) == ("r-1", "tests")

    async def test_what_is_known_is_sent_while_the_rest_is_still_asked(self):
        engine = TwoSteps()
        engine.release.clear()
        replies = streamed(TWO[0], engine=engine)

        early = [await asyncio.wait_for(anext(replies), 10) for _ in range(3)]
        engine.release.set()
        late = [reply async for reply in replies]

        assert [reply.WhichOneof("event") for reply in early] == ["plan", "step", "step"]
        assert [reply.WhichOneof("event") for reply in late] == ["answer"]

    async def test_a_reader_that_goes_away_ends_what_is_asked(self):
        engine = TwoSteps()
        engine.release.clear()
        replies = streamed(*TWO, engine=engine)
        await asyncio.wait_for(anext(replies), 10)

        await asyncio.wait_for(replies.aclose(), 10)

        assert engine.closed.is_set()

    async def test_a_reader_that_is_cancelled_ends_what_is_asked(self):
        engine = TwoSteps()
        engine.release.clear()
        replies = streamed(*TWO, engine=engine)
        reading = asyncio.create_task(_read_all(replies))
        while not engine.asked:
            await asyncio.sleep(0)

        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

        assert engine.closed.is_set()

    async def test_news_of_other_records_and_of_answered_questions_is_not_sent(self):
        events = await events_of(*TWO, engine=Talkative())

        assert [event.question_id for event in events] == ["b"] * 4 + ["a"] * 4
        assert sum(isinstance(event, Answered) for event in events) == 2

    async def test_an_engine_that_fails_ends_the_call_after_what_it_told(self):
        replies = streamed(*TWO, engine=Broken())

        kinds = [(await anext(replies)).WhichOneof("event") for _ in range(4)]
        with pytest.raises(StageError):
            await anext(replies)

        assert kinds == ["plan", "step", "step", "answer"]

    async def test_questions_out_of_time_have_their_errors_in_their_places(self):
        late = DeadlineError("stage", "late", "Wait.")

        events = await events_of(*TWO, engine=TwoSteps(error=late))

        assert [event.answer.error.status for event in events] == ["DEADLINE_EXCEEDED"] * 2


@pytest.mark.parametrize(
    ("questions", "place"),
    [
        pytest.param([], "questions", id="none"),
        pytest.param([Question(text=b"Who?")] * 1001, "questions", id="too-many"),
        pytest.param([TWO[0], TWO[0]], "questions[1].id", id="one-id-twice"),
        pytest.param(
            [Question(text=b"Who?"), Question(id="0", text=b"Why?")],
            "questions[1].id",
            id="an-id-that-is-anothers-position",
        ),
    ],
)
async def test_a_request_that_cannot_be_answered_is_refused(questions, place):
    with pytest.raises(InputError) as unary:
        await answered(*questions)
    with pytest.raises(InputError) as stream:
        await events_of(*questions)

    assert (unary.value.place, stream.value.place) == (place, place)


async def test_a_cascade_of_another_domain_is_refused():
    with pytest.raises(InputError) as unary:
        await answered(*TWO, engine=TwoSteps(operation="level"))
    with pytest.raises(InputError) as stream:
        await events_of(*TWO, engine=TwoSteps(operation="level"))

    assert str(unary.value) == str(stream.value)
    assert str(unary.value) == (
        "cascade 'questions': it decides level, and answers no questions. "
        "Name a cascade of the domain `questions`."
    )


@pytest.mark.slow
async def test_any_bytes_of_a_question_are_answered():
    drawn: list[bytes] = []

    @settings(deadline=None, max_examples=100, database=None, derandomize=True)
    @given(st.binary(max_size=100))
    def collect(text):
        drawn.append(text)

    collect()
    answers = await answered(*[Question(text=text) for text in drawn])

    assert [answer.id for answer in answers] == [str(index) for index in range(len(drawn))]


class TestOverAChannel:
    """A real server and client between the service and its reader."""

    @pytest.fixture
    async def engine(self):
        return TwoSteps()

    @pytest.fixture
    async def target(self, engine):
        server = GrpcServer(OneEngine("questions", engine), Limits(), address="127.0.0.1:0")  # type: ignore[arg-type]
        await server.start()
        yield f"127.0.0.1:{server.port}"
        await server.stop(0)

    async def test_the_client_gets_what_the_service_tells(self, target):
        questions = [GivenQuestion("a", "Who built it?"), GivenQuestion("b", "Where is it?")]

        def ask() -> tuple[list[QuestionAnswer], list[AnswerEvent]]:
            with Client(target, timeout_s=10.0) as client:
                return client.answer_questions(questions), list(client.stream_answers(questions))

        answers, events = await asyncio.to_thread(ask)

        assert answers == await answered(*TWO)
        assert events == await events_of(*TWO)

    async def test_a_call_that_is_cancelled_ends_what_is_asked(self, target, engine):
        engine.release.clear()
        async with grpc.aio.insecure_channel(target) as channel:
            stream = QuestionAnsweringServiceStub(channel).StreamAnswers(
                StreamAnswersRequest(questions=TWO), timeout=30
            )
            await stream.read()
            stream.cancel()
            await asyncio.wait_for(engine.closed.wait(), 10)


async def _read_all(replies):
    return [reply async for reply in replies]
