"""Asks a language model for several plans of a question, and has each of them carried out.

question -> samples (plans) -> distinct usable plans -> steps, synthesis -> answers -> Trial

A malformed plan is not repaired but kept: it is an example of what not to write. Where an endpoint
fails, nothing is known of the question: its plans would be rewarded for that, and not for
themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from headgate.domains.questions.plan import LONGEST_STEP, undecomposed
from headgate.domains.questions.task import QUESTION
from headgate.domains.rows import LabelledRecord
from headgate.errors import (
    DeadlineError,
    HeadgateError,
    InputError,
    LmAnswerError,
    LmError,
    ReplayMissError,
)
from headgate.fitting.questions import AT_ONCE, CHUNK_TIMEOUT_S
from headgate.fitting.reference import MOST_FAILED_SHARE
from headgate.fitting.rewards import Trial, Tried
from headgate.fitting.vectors import Report
from headgate.lm.decompose import DecomposeRequest
from headgate.lm.large_model import Attempt, LargeModel
from headgate.stages.catalog import Synthesise
from headgate.stages.contract import Batch
from headgate.stages.decompose import LmPlanner
from headgate.stages.synthesise import Conclusion
from headgate.types import Deadline, Planned, PlanStep, Record

Steps = tuple[PlanStep, ...]
Concluded = Mapping[Steps, Conclusion | HeadgateError]


@dataclass(frozen=True, slots=True)
class PlanTrials:
    """Has plans written and carried out."""

    planner: LmPlanner
    concluding: Synthesise
    plans: int
    """Asked for a question: the likeliest, then samples."""
    report: Report = lambda step, done, total: None

    async def run(self, rows: Sequence[LabelledRecord]) -> list[Trial | HeadgateError]:
        """Return what was tried for each question, or why an endpoint failed on it.

        Raises:
            InputError: It did on too many.
        """
        found: list[Trial | HeadgateError] = []
        for start in range(0, len(rows), AT_ONCE):
            deadline = Deadline.after(CHUNK_TIMEOUT_S)
            async with asyncio.TaskGroup() as group:
                own = rows[start : start + AT_ONCE]
                tasks = [group.create_task(self._trial(row, deadline)) for row in own]
            found += [task.result() for task in tasks]
            self.report("try plans", len(found), len(rows))
            _refuse_many([e for e in found if isinstance(e, HeadgateError)], len(rows))
        return found

    async def _trial(self, row: LabelledRecord, deadline: Deadline) -> Trial | HeadgateError:
        try:
            return await self._tried(row, deadline)
        except HeadgateError as error:
            return error

    async def _tried(self, row: LabelledRecord, deadline: Deadline) -> Trial:
        """Return what became of each plan.

        Raises:
            HeadgateError: Serving asks for no plan of such a question; an endpoint failed.
        """
        record, golds = row.record, (row.label, *row.also)
        _refuse_unplanned(record)
        requests = [self._request(record, number) for number in range(1, self.plans + 1)]
        attempts = await self._attempts(requests, deadline)
        samples = [
            _sample(request, attempt) for request, attempt in zip(requests, attempts, strict=True)
        ]
        concluded = await self._concluded(record, samples, deadline)
        tried = [_rewarded(each, golds, concluded) for each in samples]
        return Trial(record.id, requests[0].lasting_messages(), tried)

    def _request(self, record: Record, number: int) -> DecomposeRequest:
        """Return what is asked for a plan: the first as serving asks it, the others as samples."""
        request = self.planner.request(record)
        if number == 1:
            return request
        return replace(request, record_id=f"{request.record_id}/{number}", sample=number)

    async def _attempts(
        self, requests: Sequence[DecomposeRequest], deadline: Deadline
    ) -> list[Attempt[Steps]]:
        """Return what the language model writes, all asked at once.

        Raises:
            LmError: One of them has no answer.
            DeadlineError: One of them had none in time.
        """
        model = self._model
        asked = (model.attempt(request, deadline) for request in requests)
        found = await asyncio.gather(*asked, return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException):
                raise each
        return [each for each in found if isinstance(each, Attempt)]

    @property
    def _model(self) -> LargeModel:
        if self.planner.large_model is None:
            raise ValueError("the planner asks no language model. This is a bug.")
        return self.planner.large_model

    async def _concluded(
        self, record: Record, samples: Sequence[Tried], deadline: Deadline
    ) -> Concluded:
        """Return what each distinct plan leads to.

        Raises:
            HeadgateError: An endpoint failed, so a plan's reward would not be its own.
        """
        plans = [*dict.fromkeys(each.steps for each in samples if each.usable)]
        columns = {self.concluding.plan: [Planned(steps) for steps in plans]}
        batch = Batch([record] * len(plans), deadline, columns)
        found = await self.concluding.conclude(batch)
        for error in (error for each in found for error in _errors(each)):
            if _is_of_endpoint(error):
                raise error
        return dict(zip(plans, found, strict=True))


def _refuse_unplanned(record: Record) -> None:
    """Refuse a question that is answered whole without asking for a plan."""
    if len(record.fields[QUESTION]) > LONGEST_STEP:
        raise InputError(
            f"question {record.id!r}",
            f"it has more than {LONGEST_STEP} characters, and such a question is never split",
            "Leave it out.",
        )


def _sample(request: DecomposeRequest, attempt: Attempt[Steps]) -> Tried:
    """Return a plan that was not carried out yet; one step is the question, as in serving."""
    # Half a surrogate pair, which an endpoint can escape, is no text in UTF-8.
    text = attempt.text.encode("utf-8", "replace").decode("utf-8")
    if attempt.value is None:
        return Tried(request.record_id, text, problem=attempt.problem)
    steps = attempt.value if len(attempt.value) > 1 else undecomposed(request.question).steps
    return Tried(request.record_id, text, steps)


def _rewarded(sample: Tried, golds: Sequence[str], concluded: Concluded) -> Tried:
    if not sample.usable:
        return sample
    outcome = concluded[sample.steps]
    if isinstance(outcome, HeadgateError):
        return replace(sample, problem=outcome.problem)
    return sample.answered(outcome.reading.prediction.answer, golds)


def _errors(outcome: Conclusion | HeadgateError) -> list[HeadgateError]:
    if isinstance(outcome, HeadgateError):
        return [outcome]
    return [part.error for part in outcome.parts if part.error is not None]


def _is_of_endpoint(error: HeadgateError) -> bool:
    """Return whether an error says nothing of the plan: nobody answered, or not in time."""
    answered = isinstance(error, LmAnswerError | ReplayMissError)
    return isinstance(error, LmError | DeadlineError) and not answered


def _refuse_many(failures: Sequence[HeadgateError], rows: int) -> None:
    """Refuse as soon as too many of all questions have failed: the others would cost for nothing.

    Raises:
        InputError: More than a tenth have.
    """
    if len(failures) > MOST_FAILED_SHARE * rows:
        first = str(failures[0]).rstrip(".")
        problem = f"{len(failures)} of {rows} could not be tried (the first: {first})"
        raise InputError("labelled questions", problem, "Correct that; nothing was written.")
