"""The service that answers questions, all at once or with plans and steps as they come.

v1.Question -> Record -> engine -> Result -> QuestionAnswer -> response message
                              `-> Interim -> PlanMade, StepDone -> response messages, while it asks
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace

from headgate import wire
from headgate.cascade.engine import Engine, Indexed
from headgate.domains.questions.answered import question_answer, step_answer
from headgate.domains.questions.task import ANSWER_QUESTIONS, QUESTION
from headgate.errors import InputError
from headgate.questions import Answered, AnswerEvent, PlanMade, StepDone
from headgate.serving.limits import check_ids
from headgate.serving.rpc import Call
from headgate.serving.service import EngineService, check_reached, origin_of
from headgate.types import Deadline, Interim, Origin, Record
from headgate.v1 import question_answering_service_pb2

_News = Interim | Indexed
_Queue = asyncio.Queue[_News | None]
"""What an engine tells, in its order; None at the end."""


class QuestionAnsweringService(EngineService):
    """`headgate.v1.QuestionAnsweringService`."""

    descriptor = question_answering_service_pb2.DESCRIPTOR.services_by_name[
        "QuestionAnsweringService"
    ]

    async def AnswerQuestions(  # noqa: N802 - named by the contract
        self, request: question_answering_service_pb2.AnswerQuestionsRequest, call: Call
    ) -> question_answering_service_pb2.AnswerQuestionsResponse:
        """Answer questions."""
        engine = self._answering(request.cascade)
        records = self._questions(request.questions)
        results = await engine.run(records, call.deadline, origin=origin_of(call))
        answers = [
            question_answer(record, result) for record, result in zip(records, results, strict=True)
        ]
        check_reached([answer.error for answer in answers])
        return question_answering_service_pb2.AnswerQuestionsResponse(
            answers=map(wire.question_answer_to_wire, answers),
            revision=engine.revision,
            request_id=call.request_id,
        )

    async def StreamAnswers(  # noqa: N802 - named by the contract
        self, request: question_answering_service_pb2.StreamAnswersRequest, call: Call
    ) -> AsyncGenerator[question_answering_service_pb2.StreamAnswersResponse, None]:
        """Answer questions and send each one's plan, steps and answer as soon as they are there."""
        engine = self._answering(request.cascade)
        records = self._questions(request.questions)
        async with aclosing(_events(engine, records, call)) as events:
            async for event in events:
                response = wire.answer_event_to_wire(event)
                response.revision, response.request_id = engine.revision, call.request_id
                yield response

    def _answering(self, cascade: str) -> Engine:
        """Return the engine of a cascade that answers questions.

        Raises:
            InputError: It is of another domain.
            NotFoundError: There is none of that name.
        """
        engine = self._engine(cascade)
        if engine.task.operation != ANSWER_QUESTIONS:
            raise InputError(
                f"cascade {engine.name!r}",
                f"it decides {engine.task.operation}, and answers no questions",
                "Name a cascade of the domain `questions`.",
            )
        return engine

    def _questions(
        self, messages: Sequence[question_answering_service_pb2.Question]
    ) -> list[Record]:
        """Return a record for each question; the task has the limit of their length.

        Raises:
            InputError: There is none, there are too many, or two have one id.
        """
        self._limits.check_count("questions", len(messages))
        given = [wire.question_from_wire(each, index) for index, each in enumerate(messages)]
        check_ids("questions", [each.id for each in given])
        return [Record(each.id, {QUESTION: each.text}, lossy=each.lossy) for each in given]


async def _events(
    engine: Engine, records: Sequence[Record], call: Call
) -> AsyncGenerator[AnswerEvent, None]:
    """Yield what becomes known of each question: last its answer, exactly once."""
    waiting = {record.id for record in records}
    async with aclosing(_news(engine, records, call.deadline, origin_of(call))) as news:
        async for each in news:
            if not isinstance(each, Interim):
                index, result = each
                waiting.remove(records[index].id)
                yield Answered(question_answer(records[index], result))
            # What is still told of a question that has its answer is of no use any more.
            elif each.record_id in waiting:
                for event in _interim_events(each):
                    yield event


def _interim_events(interim: Interim) -> Iterator[AnswerEvent]:
    if interim.plan:
        yield PlanMade(interim.record_id, interim.plan)
    if interim.part is not None:
        yield StepDone(interim.record_id, step_answer(interim.part))


async def _news(
    engine: Engine, records: Sequence[Record], deadline: Deadline, origin: Origin
) -> AsyncGenerator[_News, None]:
    """Yield what an engine tells and answers as it comes; closing it ends what is being asked."""
    # Without a bound, since `tell` must not wait: a request has few questions, a plan few steps.
    queue: _Queue = asyncio.Queue()
    told = replace(origin, tell=queue.put_nowait)
    asking = asyncio.create_task(_ask(engine, records, deadline, told, queue))
    try:
        while (news := await queue.get()) is not None:
            yield news
        await asking
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def _ask(
    engine: Engine, records: Sequence[Record], deadline: Deadline, origin: Origin, queue: _Queue
) -> None:
    """Put each result into the queue, and None in the end, whatever that is."""
    try:
        async with aclosing(engine.stream(records, deadline, origin=origin)) as results:
            async for indexed in results:
                queue.put_nowait(indexed)
    finally:
        queue.put_nowait(None)
