"""What question answering sends: questions, and what becomes known of each until its answer.

GivenQuestion <-> v1.Question, QuestionAnswer <-> v1.QuestionAnswer
PlanMade | StepDone | Answered <-> v1.StreamAnswersResponse
"""

from __future__ import annotations

from headgate.questions import (
    Answered,
    AnswerEvent,
    GivenQuestion,
    Passage,
    PlanMade,
    QuestionAnswer,
    StepAnswer,
    StepDone,
)
from headgate.v1 import question_answering_service_pb2
from headgate.wire.guarantee import guarantee_from_wire, guarantee_to_wire
from headgate.wire.parts import (
    error_from_wire,
    maybe_error_to_wire,
    plan_step_from_wire,
    plan_step_to_wire,
    step_from_wire,
    step_to_wire,
    tier_from_wire,
    tier_to_wire,
    usage_from_wire,
    usage_to_wire,
)
from headgate.wire.text import name_to_wire, prose_to_wire, text_from_wire, text_to_wire


def question_to_wire(question: GivenQuestion) -> question_answering_service_pb2.Question:
    """Return the message for one question; `lossy` stays behind, the server finds its own.

    Raises:
        InputError: Its id is not valid Unicode.
    """
    return question_answering_service_pb2.Question(
        id=name_to_wire("question", question.id), text=text_to_wire(question.text)
    )


def question_from_wire(
    message: question_answering_service_pb2.Question, index: int
) -> GivenQuestion:
    """Return the question; never raises, whatever the bytes are.

    Args:
        message: As it came.
        index: Its position in the request, from 0; the id when the message has none.
    """
    text, lossy = text_from_wire(message.text)
    return GivenQuestion(message.id or str(index), text, lossy)


def question_answer_to_wire(
    answer: QuestionAnswer,
) -> question_answering_service_pb2.QuestionAnswer:
    """Return the message for the answer to one question."""
    return question_answering_service_pb2.QuestionAnswer(
        id=prose_to_wire(answer.id),
        answer=prose_to_wire(answer.answer),
        abstained=answer.abstained,
        confidence=answer.confidence,
        tier=tier_to_wire(answer.tier),
        passages=[_passage_to_wire(passage) for passage in answer.passages],
        plan=[plan_step_to_wire(step) for step in answer.plan],
        steps=[step_answer_to_wire(step) for step in answer.steps],
        path=[step_to_wire(step) for step in answer.path],
        rationale=prose_to_wire(answer.rationale),
        usage=usage_to_wire(answer.usage),
        certificate_id=answer.certificate_id,
        guarantee=guarantee_to_wire(answer.guarantee),
        degraded=answer.degraded,
        cached=answer.cached,
        lossy_input=answer.lossy_input,
        error=maybe_error_to_wire(answer.error),
    )


def question_answer_from_wire(
    message: question_answering_service_pb2.QuestionAnswer,
) -> QuestionAnswer:
    """Return the answer to one question; its error, if any, is a `RemoteError`.

    Raises:
        InputError: A tier, a decision or a guarantee is one this version does not know.
    """
    return QuestionAnswer(
        id=message.id,
        answer=message.answer,
        abstained=message.abstained,
        confidence=message.confidence,
        tier=tier_from_wire(message.tier),
        passages=tuple(_passage_from_wire(passage) for passage in message.passages),
        plan=tuple(plan_step_from_wire(step) for step in message.plan),
        steps=tuple(step_answer_from_wire(step) for step in message.steps),
        path=tuple(step_from_wire(step) for step in message.path),
        rationale=message.rationale,
        usage=usage_from_wire(message.usage),
        certificate_id=message.certificate_id,
        guarantee=guarantee_from_wire(message.guarantee),
        degraded=message.degraded,
        cached=message.cached,
        lossy_input=message.lossy_input,
        error=error_from_wire(message.error) if message.HasField("error") else None,
    )


def step_answer_to_wire(answer: StepAnswer) -> question_answering_service_pb2.StepAnswer:
    """Return the message for the answer to one step."""
    return question_answering_service_pb2.StepAnswer(
        step=answer.step,
        question=prose_to_wire(answer.question),
        answer=prose_to_wire(answer.answer),
        abstained=answer.abstained,
        confidence=answer.confidence,
        tier=tier_to_wire(answer.tier),
        passages=[_passage_to_wire(passage) for passage in answer.passages],
        path=[step_to_wire(step) for step in answer.path],
        usage=usage_to_wire(answer.usage),
        degraded=answer.degraded,
        error=maybe_error_to_wire(answer.error),
    )


def step_answer_from_wire(message: question_answering_service_pb2.StepAnswer) -> StepAnswer:
    """Return the answer to one step; its error, if any, is a `RemoteError`.

    Raises:
        InputError: A tier or a decision is one this version does not know.
    """
    return StepAnswer(
        step=message.step,
        question=message.question,
        answer=message.answer,
        abstained=message.abstained,
        confidence=message.confidence,
        tier=tier_from_wire(message.tier),
        passages=tuple(_passage_from_wire(passage) for passage in message.passages),
        path=tuple(step_from_wire(step) for step in message.path),
        usage=usage_from_wire(message.usage),
        degraded=message.degraded,
        error=error_from_wire(message.error) if message.HasField("error") else None,
    )


def answer_event_to_wire(
    event: AnswerEvent,
) -> question_answering_service_pb2.StreamAnswersResponse:
    """Return the message for what became known of one question, without the call's own fields."""
    match event:
        case PlanMade(question_id, steps):
            plan = question_answering_service_pb2.QuestionPlan(
                question_id=prose_to_wire(question_id),
                steps=[plan_step_to_wire(step) for step in steps],
            )
            return question_answering_service_pb2.StreamAnswersResponse(plan=plan)
        case StepDone(question_id, answer):
            step = question_answering_service_pb2.StepDone(
                question_id=prose_to_wire(question_id), answer=step_answer_to_wire(answer)
            )
            return question_answering_service_pb2.StreamAnswersResponse(step=step)
        case Answered(final):
            return question_answering_service_pb2.StreamAnswersResponse(
                answer=question_answer_to_wire(final)
            )


def answer_event_from_wire(
    message: question_answering_service_pb2.StreamAnswersResponse,
) -> AnswerEvent | None:
    """Return what became known of one question; None for news that this version does not know.

    Raises:
        InputError: A tier, a decision or a guarantee is one this version does not know.
    """
    match message.WhichOneof("event"):
        case "plan":
            steps = tuple(plan_step_from_wire(step) for step in message.plan.steps)
            return PlanMade(message.plan.question_id, steps)
        case "step":
            answer = step_answer_from_wire(message.step.answer)
            return StepDone(message.step.question_id, answer)
        case "answer":
            return Answered(question_answer_from_wire(message.answer))
    return None


def _passage_to_wire(passage: Passage) -> question_answering_service_pb2.Passage:
    return question_answering_service_pb2.Passage(
        id=prose_to_wire(passage.id),
        title=prose_to_wire(passage.title),
        text=prose_to_wire(passage.text),
        similarity=passage.similarity,
        cited=passage.cited,
    )


def _passage_from_wire(message: question_answering_service_pb2.Passage) -> Passage:
    return Passage(
        id=message.id,
        title=message.title,
        text=message.text,
        similarity=message.similarity,
        cited=message.cited,
    )
