"""What a caller is told of a question: its answer with plan, steps and passages.

Record, Result (parts: one a step)  ->  QuestionAnswer;  Result of a step  ->  StepAnswer
"""

from __future__ import annotations

from headgate.domains.questions.answers import NO_ANSWER
from headgate.questions import Passage, QuestionAnswer, StepAnswer
from headgate.types import Record, Result

TITLE = "title"
"""Metadata of a passage: of the document it is from."""


def question_answer(record: Record, result: Result) -> QuestionAnswer:
    """Return the answer to a question, or its error.

    Args:
        record: The question.
        result: Its parts are the results of its plan's steps, in order, if these were asked; its
            usage includes theirs.

    Raises:
        ValueError: A part is no step. This is a bug.
    """
    abstained = _abstained(result)
    return QuestionAnswer(
        id=record.id,
        answer="" if abstained else result.answer,
        abstained=abstained,
        confidence=result.confidence,
        tier=result.tier,
        passages=_passages(result),
        plan=result.plan,
        steps=tuple(step_answer(part) for part in result.parts),
        path=result.path,
        rationale=result.rationale,
        usage=result.usage,
        certificate_id=result.certificate_id,
        guarantee=result.guarantee,
        degraded=result.degraded,
        cached=result.cached,
        lossy_input=record.lossy or result.lossy_input,
        error=result.error,
    )


def step_answer(part: Result) -> StepAnswer:
    """Return the answer to one step of a plan, or its error.

    Args:
        part: Its record's id ends with `#` and the number of the step.

    Raises:
        ValueError: It does not. This is a bug.
    """
    abstained = _abstained(part)
    return StepAnswer(
        step=_number(part.record_id),
        question=part.asked,
        answer="" if abstained else part.answer,
        abstained=abstained,
        confidence=part.confidence,
        tier=part.tier,
        passages=_passages(part),
        path=part.path,
        usage=part.usage,
        degraded=part.degraded,
        error=part.error,
    )


def _number(record_id: str) -> int:
    """Return the number of a step; the id of its question may have any characters."""
    _, _, number = record_id.rpartition("#")
    if not number.isdecimal():
        raise ValueError("a step's record has no number. This is a bug.")
    return int(number)


def _abstained(result: Result) -> bool:
    return result.error is None and result.answer == NO_ANSWER


def _passages(result: Result) -> tuple[Passage, ...]:
    return tuple(
        Passage(
            id=hit.id,
            title=hit.metadata.get(TITLE, ""),
            text=hit.text,
            similarity=hit.similarity,
            cited=hit.id in result.cited,
        )
        for hit in result.evidence
    )
