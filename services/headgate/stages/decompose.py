"""Splits each question into steps that can be answered one by one.

questions (n) -> planner: spans of the question | a language model -> checked steps -> Planned (n)

A question that cannot be split is no failure: it stays whole, and its cell says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from headgate.domains.questions.plan import (
    LONGEST_STEP,
    MOST_STEPS,
    parse_plan,
    undecomposed,
    validated,
)
from headgate.domains.questions.task import QUESTION
from headgate.errors import DeadlineError, HeadgateError, InputError, LmAnswerError
from headgate.lm.decompose import DecomposeRequest
from headgate.lm.large_model import LargeModel
from headgate.models.splitter import Splitter
from headgate.models.token_encoder import TokenEncoder
from headgate.stages.contract import Batch, Cell
from headgate.stages.isolate import blame, run_isolated
from headgate.stages.microbatch import Batching, MicroBatcher
from headgate.types import Deadline, Planned, PlanStep, Record, Usage

_WARM_UP = "Where was the owner of the mill by the harbour born?"


class Planner(Protocol):
    """Something that splits questions."""

    @property
    def large_model(self) -> LargeModel | None:
        """Return the language model that it asks; None when it asks none."""

    async def warm_up(self) -> None:
        """Do once what makes the first batch slow."""

    async def plan(
        self, records: Sequence[Record], deadline: Deadline
    ) -> Sequence[Planned | DeadlineError]:
        """Return each question's steps, in order, or that its time is over."""

    def largest_cost_usd(self, record: Record) -> float:
        """Return an upper bound of what splitting the question can cost."""

    def expected_usage(self, record: Record) -> Usage:
        """Return about what splitting the question would consume."""


class Decompose:
    """Has each question split by its planner."""

    kind = "decompose"
    inputs: tuple[str, ...] = ()

    def __init__(
        self, name: str, model: str, *, planner: Planner, most_steps: int = MOST_STEPS
    ) -> None:
        """Put the parts together; loads nothing.

        Args:
            name: The stage's name.
            model: The planner's model, as the cascade names it.
            planner: Splits the questions.
            most_steps: A question whose plan has more stays whole.
        """
        self.name, self.model, self.planner = name, model, planner
        self._most_steps = most_steps

    @property
    def large_model(self) -> LargeModel | None:
        """Return the language model that is asked; None when none is."""
        return self.planner.large_model

    async def warm_up(self) -> None:
        """Let the planner do what makes its first batch slow.

        Raises:
            ModelError: The planner's models do not fit together.
        """
        await self.planner.warm_up()

    async def run(self, batch: Batch) -> list[Cell]:
        """Return how each question is split; an error where there is no question or no time."""
        cells = [_without_planner(record) for record in batch.records]
        pairs = [*zip(batch.records, cells, strict=True)]
        asked = [record for record, cell in pairs if cell is None]
        planned = iter(await self.planner.plan(asked, batch.deadline) if asked else ())
        return [
            self._limited(record, next(planned)) if cell is None else cell for record, cell in pairs
        ]

    def _limited(self, record: Record, planned: Planned | DeadlineError) -> Planned | DeadlineError:
        """Return the plan, or the question whole where the plan has too many steps."""
        if isinstance(planned, DeadlineError) or len(planned.steps) <= self._most_steps:
            return planned
        fallback = f"it has {len(planned.steps)} steps"
        return replace(
            planned, steps=undecomposed(record.fields[QUESTION]).steps, fallback=fallback
        )

    def largest_cost_usd(self, record: Record, shown: Mapping[str, Cell]) -> float:
        """Return an upper bound of what splitting the question can cost."""
        del shown  # of the stages that ask a language model, but this one reads no other
        return 0.0 if _without_planner(record) else self.planner.largest_cost_usd(record)

    def expected_usage(self, record: Record, shown: Mapping[str, Cell]) -> Usage:
        """Return about what splitting the question would consume."""
        del shown
        return Usage() if _without_planner(record) else self.planner.expected_usage(record)


class SpanPlanner:
    """Cuts questions at the spans that a small model points at."""

    large_model: LargeModel | None = None

    def __init__(
        self,
        splitter: Splitter,
        token_encoder: TokenEncoder,
        *,
        batching: Batching = Batching(),  # noqa: B008 - frozen
    ) -> None:
        """Take the models.

        Args:
            splitter: Points at spans.
            token_encoder: The one that the splitter was fitted over.
            batching: How concurrent calls are gathered.
        """
        self._splitter, self._encoder = splitter, token_encoder
        self._batcher = MicroBatcher[str, Planned](self._plan_isolated, batching)

    async def warm_up(self) -> None:
        """Split a question.

        Raises:
            ModelError: The splitter was fitted over another encoder.
        """
        await self._split([_WARM_UP])

    async def plan(self, records: Sequence[Record], deadline: Deadline) -> list[Planned]:
        """Return each question's steps; the question as it stands where splitting it fails."""
        async with asyncio.timeout(max(deadline.remaining_s(), 0)):
            return await self._batcher.submit([record.fields[QUESTION] for record in records])

    def largest_cost_usd(self, record: Record) -> float:
        """Return nothing: no language model is asked."""
        del record
        return 0.0

    def expected_usage(self, record: Record) -> Usage:
        """Return nothing: no language model is asked."""
        del record
        return Usage()

    async def _split(self, questions: Sequence[str]) -> list[tuple[str, ...]]:
        return await asyncio.to_thread(self._splitter.split, questions, self._encoder)

    async def _plan_isolated(self, questions: Sequence[str]) -> list[Planned]:
        parts = await run_isolated("splitter", self._split, questions)
        return [_of_texts(*each) for each in zip(questions, parts, strict=True)]


class LmPlanner:
    """Asks a language model for the steps."""

    def __init__(self, large_model: LargeModel, instruction: str, most_steps: int) -> None:
        """Put the parts together.

        Args:
            large_model: Who is asked.
            instruction: The operator's prompt.
            most_steps: A plan of more is refused.
        """
        self.large_model: LargeModel | None = large_model
        self._asked, self._instruction, self._most_steps = large_model, instruction, most_steps

    async def warm_up(self) -> None:
        """Do nothing: a first call would cost."""

    async def plan(
        self, records: Sequence[Record], deadline: Deadline
    ) -> list[Planned | DeadlineError]:
        """Return each question's steps, all asked at once.

        The question stays as it stands where there is no usable plan.
        """
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._plan(record, deadline)) for record in records]
        return [task.result() for task in tasks]

    def request(self, record: Record) -> DecomposeRequest:
        """Return what the language model would be asked about the record."""
        return DecomposeRequest(
            record_id=f"{record.id}/plan",
            instruction=self._instruction,
            question=record.fields[QUESTION],
            most_steps=self._most_steps,
            from_text=self._from_text,
            check=self._check,
        )

    def largest_cost_usd(self, record: Record) -> float:
        """Return an upper bound of what splitting the question can cost."""
        return self._asked.largest_cost_usd(self.request(record))

    def expected_usage(self, record: Record) -> Usage:
        """Return about what splitting the question would consume."""
        return self._asked.expected_usage(self.request(record))

    async def _plan(self, record: Record, deadline: Deadline) -> Planned | DeadlineError:
        question = record.fields[QUESTION]
        try:
            done = await self._asked.complete_one(self.request(record), deadline)
        except DeadlineError as error:
            return error
        except LmAnswerError as error:
            return _whole(question, error, self._wasted(record))
        except HeadgateError as error:
            return _whole(question, error)
        except Exception as error:  # noqa: BLE001 - a bug of an engine must stay in its row
            return _whole(question, blame("planner", error))
        # A single step is the question as it was asked, however the model puts it.
        steps = done.value if len(done.value) > 1 else undecomposed(question).steps
        return Planned(steps, done.usage, done.cached)

    def _wasted(self, record: Record) -> Usage:
        """Return about what answers took that were no plan: one, and its repair where there is."""
        once = self.expected_usage(record)
        return once if self._asked.recorded else once + once

    def _from_text(self, text: str) -> tuple[PlanStep, ...]:
        return parse_plan(text, most_steps=self._most_steps).steps

    def _check(self, steps: Sequence[PlanStep]) -> tuple[PlanStep, ...]:
        return validated(steps, most_steps=self._most_steps).steps


def _without_planner(record: Record) -> Planned | InputError | None:
    """Return the cell of a record that no planner need see; None for a question."""
    question = record.fields.get(QUESTION)
    if question is None:
        return InputError(
            f"field {QUESTION!r}", "it is missing", "Send a question with the record."
        )
    if question.strip() and len(question) <= LONGEST_STEP:
        return None
    return Planned(undecomposed(question).steps)


def _of_texts(question: str, texts: Sequence[str] | HeadgateError) -> Planned:
    """Return the plan whose steps have these texts, or the question where they make none."""
    if isinstance(texts, HeadgateError):
        return _whole(question, texts)
    if len(texts) == 1:
        return Planned(undecomposed(question).steps)
    try:
        steps = [PlanStep(number, text) for number, text in enumerate(texts, 1)]
        return Planned(validated(steps).steps)
    except InputError as error:
        return _whole(question, error)


def _whole(question: str, error: HeadgateError, usage: Usage | None = None) -> Planned:
    """Return the question as it stands; what an error says is nothing of the record."""
    return Planned(undecomposed(question).steps, usage or Usage(), fallback=error.problem)
