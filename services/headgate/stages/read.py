"""A language model reads the answer to a question, from passages or from what it knows.

records (n), passages, earlier readings -> ReadRequest -> answer, log-probability -> Reading (n)
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from headgate.domains.questions.answers import NO_ANSWER, f1, normalise
from headgate.domains.questions.task import QUESTION
from headgate.errors import HeadgateError
from headgate.lm.large_model import LargeModel
from headgate.lm.read import ReadRequest
from headgate.models.trust import Signs, Trust
from headgate.stages.contract import Batch, Cell
from headgate.stages.isolate import blame
from headgate.types import Deadline, Hit, Prediction, Reading, Record, Usage


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, as what, and how far its answers are trusted; stages that read share it."""

    large_model: LargeModel
    instruction: str
    """The operator's prompt."""
    trust: Trust

    def request(
        self,
        record_id: str,
        question: str,
        *,
        passages: Sequence[Hit] = (),
        steps: Sequence[tuple[str, str]] = (),
    ) -> ReadRequest:
        """Return what is asked; `steps` are questions with their answers."""
        return ReadRequest(record_id, self.instruction, question, tuple(passages), tuple(steps))

    async def read(
        self, request: ReadRequest, deadline: Deadline, *, earlier: Reading | None = None
    ) -> Reading:
        """Return the answer with how likely it is right; `NO_ANSWER` with 0 where there is none.

        Args:
            request: Made by `request`.
            deadline: When nobody waits any more.
            earlier: Another reading of the same question, which this one may agree with.

        Raises:
            LmError: There is no usable answer; subclasses say why.
            DeadlineError: There is none before the deadline.
        """
        done = await self.large_model.complete_one(request, deadline)
        answer, cited = done.value.answer or NO_ANSWER, done.value.passages
        reading = Reading(
            Prediction((answer,), (0.0,)), cited, done.log_prob, done.usage, done.cached
        )
        return self.trusted(reading, passages=request.passages, earlier=earlier)

    def trusted(
        self, reading: Reading, *, passages: Sequence[Hit] = (), earlier: Reading | None
    ) -> Reading:
        """Return a reading with how likely it is right, as `signs_of` and the trust see it."""
        answer = reading.prediction.answer
        signs = signs_of(answer, reading.log_prob, passages=passages, earlier=earlier)
        probability = 0.0 if answer == NO_ANSWER else self.trust.probability(signs)
        return replace(reading, prediction=Prediction((answer,), (probability,)))


def signs_of(
    answer: str, log_prob: float | None, *, passages: Sequence[Hit] = (), earlier: Reading | None
) -> Signs:
    """Return what speaks for an answer.

    `yes` and `no` stand in no passage as answers do, so none covers them.

    Args:
        answer: As it was read.
        log_prob: Mean over its tokens, where it is known.
        passages: All that the reader was shown.
        earlier: Another reading of the same question.
    """
    words = normalise(answer).split()
    covered = agrees = before = None
    if passages and words not in (["yes"], ["no"]):
        shown = {word for each in passages for word in normalise(_content(each)).split()}
        covered = sum(word in shown for word in words) / max(len(words), 1)
    if earlier is not None:
        agrees = f1(answer, [earlier.prediction.answer])
        before = earlier.prediction.confidence
    return Signs(log_prob, len(words), covered, agrees, before)


class Read:
    """Asks one language model each question, in a flow with or without passages."""

    kind = "read"

    def __init__(
        self,
        name: str,
        model: str,
        *,
        large_model: LargeModel,
        instruction: str,
        trust: Trust,
        evidence: str | None = None,
        earlier: str | None = None,
    ) -> None:
        """Put the parts together.

        Args:
            name: The stage's name.
            model: The language model's name in the cascade.
            large_model: Who is asked.
            instruction: The operator's prompt.
            trust: Says how likely its answers are right.
            evidence: The retrieve stage whose passages are shown; None for none.
            earlier: The read stage whose answer it may agree with; None for none.
        """
        self.name, self.model = name, model
        self.evidence, self.earlier = evidence, earlier
        self.inputs = tuple(each for each in (evidence, earlier) if each)
        self.large_model = large_model
        self.reader = Reader(large_model, instruction, trust)

    async def warm_up(self) -> None:
        """Do nothing: a first call would cost."""

    async def run(self, batch: Batch) -> list[Cell]:
        """Return a reading or an error a record, all asked at once."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._read(record, batch.shown(place), batch.deadline))
                for place, record in enumerate(batch.records)
            ]
        return [task.result() for task in tasks]

    def request(self, record: Record, shown: Mapping[str, Cell]) -> ReadRequest:
        """Return what the model would be asked about the record.

        Args:
            record: A question.
            shown: What the stages of `inputs` yielded of it.
        """
        question = record.fields[QUESTION]
        return self.reader.request(record.id, question, passages=self._passages(shown))

    def signs(self, reading: Reading, shown: Mapping[str, Cell]) -> Signs:
        """Return what speaks for the answer of a reading that this stage yielded."""
        return signs_of(
            reading.prediction.answer,
            reading.log_prob,
            passages=self._passages(shown),
            earlier=self._earlier(shown),
        )

    def trusted(self, reading: Reading, shown: Mapping[str, Cell]) -> Reading:
        """Return a reading that this stage yielded with the probability it would give it now."""
        passages, earlier = self._passages(shown), self._earlier(shown)
        return self.reader.trusted(reading, passages=passages, earlier=earlier)

    def largest_cost_usd(self, record: Record, shown: Mapping[str, Cell]) -> float:
        """Return an upper bound of what reading for the record can cost."""
        return self.large_model.largest_cost_usd(self.request(record, shown))

    def expected_usage(self, record: Record, shown: Mapping[str, Cell]) -> Usage:
        """Return about what reading for the record would consume."""
        return self.large_model.expected_usage(self.request(record, shown))

    def _passages(self, shown: Mapping[str, Cell]) -> tuple[Hit, ...]:
        """Return the passages; none where retrieval failed, which leaves what the model knows."""
        found = shown.get(self.evidence or "")
        return found if isinstance(found, tuple) else ()

    def _earlier(self, shown: Mapping[str, Cell]) -> Reading | None:
        reading = shown.get(self.earlier or "")
        return reading if isinstance(reading, Reading) else None

    async def _read(
        self, record: Record, shown: Mapping[str, Cell], deadline: Deadline
    ) -> Reading | HeadgateError:
        try:
            request = self.request(record, shown)
            return await self.reader.read(request, deadline, earlier=self._earlier(shown))
        except HeadgateError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a bug of an engine must stay in its row
            return blame(f"stage {self.name!r}", error)


def _content(passage: Hit) -> str:
    return f"{passage.metadata.get('title', '')} {passage.text}"
