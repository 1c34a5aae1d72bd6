"""Answers questions from the answers to their steps.

record, its plan -> waves of steps -> step answerer -> parts (one a step)
                 -> ReadRequest(steps with answers) -> the more trusted of it and an earlier reading
                 -> judgement
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from headgate.domains.questions.answers import NO_ANSWER
from headgate.domains.questions.plan import Plan, substitute, undecomposed
from headgate.domains.questions.task import CONTEXT, NO_CONTEXT, QUESTION
from headgate.errors import DeadlineError, HeadgateError, UnavailableError
from headgate.lm.large_model import LargeModel
from headgate.lm.read import MAX_SPAN_CHARS, ReadRequest
from headgate.models.trust import Signs, Trust
from headgate.stages.contract import Batch, Cell, Hits
from headgate.stages.isolate import blame
from headgate.stages.read import Reader, signs_of
from headgate.types import (
    Deadline,
    Hit,
    Interim,
    Judgement,
    Origin,
    Planned,
    PlanStep,
    Prediction,
    Reading,
    Record,
    Result,
    Usage,
)

MOST_EVIDENCE = 20
"""Passages of all steps together that an answer shows."""

_NONE_FOUND = "no answer"
# Four bytes a character, and room for what a prompt says of a text that it had to shorten.
_LONGEST = "\U00020000" * (MAX_SPAN_CHARS + 20)
_USUAL = "x" * 20


class StepAnswerer(Protocol):
    """Answers the questions of steps, such as the engine of an inner flow."""

    async def run(
        self, records: Sequence[Record], deadline: Deadline, *, origin: Origin
    ) -> list[Result]:
        """Return one result a record, in order, and none later than the deadline."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What comes of the steps of a question, and what was read of it as a whole before."""

    plan: Plan
    parts: tuple[Result, ...]
    """One a step, in order."""
    reading: Reading
    """From the answers to the steps; of a question that was not split, its only step's."""
    earlier: Reading | None

    @property
    def signs(self) -> Signs | None:
        """Return what speaks for the answer; None where none was concluded from steps."""
        answer = self.reading.prediction.answer
        if not self.plan.decomposed or answer == NO_ANSWER:
            return None
        return signs_of(answer, self.reading.log_prob, earlier=self.earlier)

    def judgement(self) -> Judgement:
        """Return what was concluded, or the earlier reading where that is likelier right.

        Source:
            Cao et al. 2023, arXiv:2311.13982, section 3.2: of the answer to a question whole and
            the one from its parts, the one of higher probability.
        """
        steps = self.plan.steps if self.plan.decomposed else ()
        concluded = (
            f"from the answers to {len(steps)} steps" if steps else "from the question whole"
        )
        best, rationale = self.reading, f"concluded {concluded}"
        evidence, cited = _evidence(self.parts), _cited(self.parts)
        if self.earlier is not None and _trust(self.earlier) > _trust(self.reading):
            best, evidence, cited = self.earlier, (), self.earlier.passages
            rationale = f"an earlier reading, more trusted than what was concluded {concluded}"
        return Judgement(
            best.prediction.answer,
            rationale,
            self.reading.usage,
            self.reading.cached,
            confidence=best.prediction.confidence,
            plan=steps,
            parts=self.parts,
            evidence=evidence,
            cited=cited,
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """A record with what is known of it when its turn comes."""

    record: Record
    plan: Plan
    earlier: Reading | None
    deadline: Deadline
    origin: Origin


class Synthesise:
    """Has the steps of each plan answered, wave by wave, and asks a language model to conclude."""

    kind = "synthesise"

    def __init__(  # noqa: PLR0913 - each is read from another part of a cascade file
        self,
        name: str,
        model: str,
        *,
        large_model: LargeModel,
        instruction: str,
        trust: Trust,
        plan: str,
        earlier: str | None,
        steps: StepAnswerer,
    ) -> None:
        """Put the parts together.

        Args:
            name: The stage's name.
            model: The language model's name in the cascade.
            large_model: Who is asked for the final answer.
            instruction: The operator's prompt.
            trust: Says how likely its answers are right.
            plan: The decompose stage.
            earlier: The last read stage, whose answer stays where it is more trusted; None for
                none.
            steps: Answers the steps, and pays for them.
        """
        self.name, self.model = name, model
        self.plan, self.earlier = plan, earlier
        self.inputs = (plan, earlier) if earlier else (plan,)
        self.large_model = large_model
        self.reader = Reader(large_model, instruction, trust)
        self.steps = steps

    async def warm_up(self) -> None:
        """Do nothing: a first call would cost, and the steps are warmed up by themselves."""

    async def run(self, batch: Batch) -> list[Cell]:
        """Return a judgement or an error a record."""
        concluded = await self.conclude(batch)
        return [each.judgement() if isinstance(each, Conclusion) else each for each in concluded]

    async def conclude(self, batch: Batch) -> list[Conclusion | HeadgateError]:
        """Return what comes of each record's steps, before an earlier reading is weighed.

        No record waits for another one's steps.
        """
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._conclude_safely(record, batch.shown(place), batch))
                for place, record in enumerate(batch.records)
            ]
        return [task.result() for task in tasks]

    def request(self, record: Record, plan: Plan, parts: Sequence[Result]) -> ReadRequest:
        """Return what is asked for the final answer when the steps have these results."""
        pairs = zip(plan.steps, parts, strict=True)
        steps = [(part.asked or step.text, _answer(part) or _NONE_FOUND) for step, part in pairs]
        return self.reader.request(f"{record.id}/answer", record.fields[QUESTION], steps=steps)

    def largest_cost_usd(self, record: Record, shown: Mapping[str, Cell]) -> float:
        """Return an upper bound of what the final answer can cost; steps are paid by themselves."""
        plan = self._plan(record, shown)
        if not plan.decomposed:
            return 0.0
        return self.large_model.largest_cost_usd(self._imagined(record, plan, _LONGEST))

    def expected_usage(self, record: Record, shown: Mapping[str, Cell]) -> Usage:
        """Return about what the final answer would consume, without the steps."""
        plan = self._plan(record, shown)
        if not plan.decomposed:
            return Usage()
        return self.large_model.expected_usage(self._imagined(record, plan, _USUAL))

    def _imagined(self, record: Record, plan: Plan, answer: str) -> ReadRequest:
        """Return what would be asked if every step had this answer."""
        answers = {step.id: (answer,) for step in plan.steps}
        parts = [Result("", answer, asked=substitute(step.text, answers)) for step in plan.steps]
        return self.request(record, plan, parts)

    def _plan(self, record: Record, shown: Mapping[str, Cell]) -> Plan:
        """Return the steps of the record; the question alone where it has no plan."""
        planned = shown.get(self.plan)
        if isinstance(planned, Planned):
            return Plan(planned.steps)
        return undecomposed(record.fields[QUESTION])

    async def _conclude_safely(
        self, record: Record, shown: Mapping[str, Cell], batch: Batch
    ) -> Conclusion | HeadgateError:
        earlier = shown.get(self.earlier or "")
        reading = earlier if isinstance(earlier, Reading) else None
        try:
            plan = self._plan(record, shown)
            return await self._conclude(_Asked(record, plan, reading, batch.deadline, batch.origin))
        except HeadgateError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a bug of an engine must stay in its row
            return blame(f"stage {self.name!r}", error)

    async def _conclude(self, asked: _Asked) -> Conclusion:
        """Return what is concluded.

        Raises:
            HeadgateError: The first step's when every step failed; the large model's; no time.
        """
        parts = await self._run_steps(asked)
        errors = [part.error for part in parts if part.error is not None]
        if len(errors) == len(parts):
            raise errors[0]
        if asked.plan.decomposed:
            request = self.request(asked.record, asked.plan, parts)
            reading = await self.reader.read(request, asked.deadline, earlier=asked.earlier)
        else:
            reading = _as_reading(parts[0])
        return Conclusion(asked.plan, parts, reading, asked.earlier)

    async def _run_steps(self, asked: _Asked) -> tuple[Result, ...]:
        """Return the results of all steps, in the order of the plan, and tell each when it is."""
        waves = asked.plan.waves()
        if asked.plan.decomposed:
            asked.origin.tell(Interim(asked.record.id, plan=asked.plan.steps))
        done: dict[int, Result] = {}
        for wave in waves:
            if asked.deadline.remaining_s() <= 0:
                raise _too_late(self.name)
            parts = await self._run_wave(asked, wave, done)
            for part in parts.values():
                asked.origin.tell(Interim(asked.record.id, part=part))
            done |= parts
        return tuple(done[step.id] for step in asked.plan.steps)

    async def _run_wave(
        self, asked: _Asked, wave: Sequence[PlanStep], done: Mapping[int, Result]
    ) -> dict[int, Result]:
        """Return the results of steps that can be answered together, by their numbers."""
        known = {number: (said,) for number, part in done.items() if (said := _answer(part))}
        going = [step for step in wave if known.keys() >= {*step.refers_to}]
        parts = {step.id: _refused(asked.record, step, known) for step in wave if step not in going}
        if not going:
            return parts
        records = [_record(asked.record, step, known) for step in going]
        results = await self.steps.run(records, asked.deadline, origin=asked.origin)
        for step, record, result in zip(going, records, results, strict=True):
            parts[step.id] = replace(result, asked=record.fields[QUESTION])
        return parts


def _record(whole: Record, step: PlanStep, known: Mapping[int, Sequence[str]]) -> Record:
    """Return the record of a step, with answers in their places."""
    fields = {QUESTION: substitute(step.text, known)}
    if not step.needs_context:
        fields[CONTEXT] = NO_CONTEXT
    return Record(f"{whole.id}#{step.id}", fields)


def _refused(whole: Record, step: PlanStep, known: Mapping[int, Sequence[str]]) -> Result:
    """Return the result of a step that cannot be asked."""
    missing = next(number for number in step.refers_to if number not in known)
    error = UnavailableError(
        f"step {step.id}",
        f"step {missing}, which it refers to, has no answer",
        f"It was not asked; see what became of step {missing}.",
    )
    return Result(f"{whole.id}#{step.id}", error=error)


def _answer(part: Result) -> str:
    """Return a step's answer as it goes into other questions; empty where there is none."""
    if part.error is not None or part.answer == NO_ANSWER:
        return ""
    return " ".join(part.answer.split())[:MAX_SPAN_CHARS].rstrip()


def _as_reading(part: Result) -> Reading:
    """Return what was read of a question that was not split: nothing more is asked for it."""
    prediction = Prediction((part.answer or NO_ANSWER,), (part.confidence,))
    return Reading(prediction, part.cited, cached=part.cached)


def _trust(reading: Reading) -> float:
    """Return how far an answer is trusted; less than any where there is none."""
    return -1.0 if reading.prediction.answer == NO_ANSWER else reading.prediction.confidence


def _cited(parts: Sequence[Result]) -> tuple[str, ...]:
    """Return the passages that steps were read from, each once."""
    return tuple(dict.fromkeys(name for part in parts for name in part.cited))


def _evidence(parts: Sequence[Result]) -> Hits:
    """Return the passages of all steps, each once, those first that answers were read from."""
    cited: dict[str, Hit] = {}
    others: dict[str, Hit] = {}
    for part in parts:
        for hit in part.evidence:
            (cited if hit.id in part.cited else others).setdefault(hit.id, hit)
    return tuple((cited | others | cited).values())[:MOST_EVIDENCE]


def _too_late(name: str) -> DeadlineError:
    return DeadlineError(
        f"stage {name!r}",
        "the time was over before all steps were answered",
        "Allow more time, or split questions into fewer steps.",
    )
