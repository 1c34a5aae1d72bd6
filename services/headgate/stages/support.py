"""Checks the answers to steps against their passages, and reads more passages where they fail.

record, its passages, its reading -> SupportRequest -> supported: the answer stands
                                  -> not: `widen` times the passages -> read again -> judgement
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cached_property

from headgate.domains.questions.answers import NO_ANSWER
from headgate.domains.questions.task import CONTEXT, NO_CONTEXT, QUESTION
from headgate.errors import DeadlineError, HeadgateError
from headgate.lm.large_model import LargeModel
from headgate.lm.read import MAX_PASSAGE_CHARS
from headgate.lm.seam import Completion
from headgate.lm.support import Supported, SupportRequest
from headgate.models.trust import Trust
from headgate.stages.contract import Batch, Cell, Hits
from headgate.stages.isolate import blame
from headgate.stages.passages import TITLE, Passages
from headgate.stages.read import Reader
from headgate.types import Deadline, Hit, Judgement, Reading, Record, Usage

# One character more than is shown, of four bytes each: nothing that can be found is longer.
_LONGEST = "\U00020000" * (MAX_PASSAGE_CHARS + 1)


class Support:
    """Asks a language model whether passages support an answer, and else to read more of them."""

    kind = "verify"

    def __init__(  # noqa: PLR0913 - each is read from another part of a cascade file
        self,
        name: str,
        model: str,
        *,
        large_model: LargeModel,
        instruction: str,
        trust: Trust,
        evidence: str,
        of: str,
        passages: Passages,
        widen: int,
    ) -> None:
        """Put the parts together.

        Args:
            name: The stage's name.
            model: The language model's name in the cascade.
            large_model: Who is asked, and who reads where an answer has no support.
            instruction: The operator's prompt, for both.
            trust: Says how likely its own answers are right.
            evidence: The retrieve stage whose passages were read.
            of: The read stage whose answers are checked.
            passages: Searches for more.
            widen: How many times `passages.top_k` are read; 1 for those that were found.
        """
        self.name, self.model = name, model
        self.evidence, self.of = evidence, of
        self.inputs = (evidence, of)
        self.large_model = large_model
        self.reader = Reader(large_model, instruction, trust)
        self._passages = passages
        self._widen = widen

    async def warm_up(self) -> None:
        """Do nothing: a first call would cost, and the search is warm from its own stage."""

    async def run(self, batch: Batch) -> list[Cell]:
        """Return a judgement or an error a record, all asked at once."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._judge(record, batch.shown(place), batch.deadline))
                for place, record in enumerate(batch.records)
            ]
        return [task.result() for task in tasks]

    def request(self, record: Record, shown: Mapping[str, Cell]) -> SupportRequest | None:
        """Return what is asked about the record's answer.

        None where there is no answer, or where no passage was read that could support it.
        """
        reading, passages = self._reading(shown), self._shown(shown)
        if reading is None or not passages:
            return None
        return SupportRequest(
            record_id=f"{record.id}/check",
            instruction=self.reader.instruction,
            question=record.fields[QUESTION],
            answer=reading.prediction.answer,
            passages=passages,
        )

    def largest_cost_usd(self, record: Record, shown: Mapping[str, Cell]) -> float:
        """Return an upper bound of what checking the answer and reading again can cost.

        Which passages a wider search would find is not known yet, so the longest are assumed.
        """
        asked = self.request(record, shown)
        checking = 0.0 if asked is None else self.large_model.largest_cost_usd(asked)
        again = self.reader.request(record.id, record.fields[QUESTION])
        return checking + self.large_model.largest_cost_usd(again) + self._passages_usd

    def expected_usage(self, record: Record, shown: Mapping[str, Cell]) -> Usage:
        """Return about what it would consume: the check, or reading where there is no answer."""
        asked = self.request(record, shown)
        if asked is not None:
            return self.large_model.expected_usage(asked)
        passages = self._shown(shown) * self._widen
        again = self.reader.request(record.id, record.fields[QUESTION], passages=passages)
        return self.large_model.expected_usage(again)

    @cached_property
    def _passages_usd(self) -> float:
        """What passages add at most to the cost of any reading; bytes of a prompt add up."""
        longest = Hit(_LONGEST, 0.0, _LONGEST, {TITLE: _LONGEST})
        most = self._widen * self._passages.top_k
        full, bare = (
            self.large_model.largest_cost_usd(self.reader.request("", "", passages=hits))
            for hits in ((longest,) * most, ())
        )
        return full - bare

    def _reading(self, shown: Mapping[str, Cell]) -> Reading | None:
        """Return the reading that gave an answer, where one did."""
        cell = shown[self.of]
        if isinstance(cell, Reading) and cell.prediction.answer != NO_ANSWER:
            return cell
        return None

    def _shown(self, shown: Mapping[str, Cell]) -> Hits:
        """Return the passages that were read; none where retrieval failed."""
        found = shown[self.evidence]
        return found if isinstance(found, tuple) else ()

    async def _judge(
        self, record: Record, shown: Mapping[str, Cell], deadline: Deadline
    ) -> Judgement | HeadgateError:
        try:
            async with asyncio.timeout(max(deadline.remaining_s(), 0)):
                return await self._decide(record, shown, deadline)
        except TimeoutError:
            return _too_late(self.name)
        except HeadgateError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a bug of an engine must stay in its row
            return blame(f"stage {self.name!r}", error)

    async def _decide(
        self, record: Record, shown: Mapping[str, Cell], deadline: Deadline
    ) -> Judgement:
        """Return the reading's own answer, or what more passages say."""
        reading, asked = self._reading(shown), self.request(record, shown)
        checked: Completion[Supported] | None = None
        if reading is not None and asked is not None:
            checked = await self.large_model.complete_one(asked, deadline)
            if checked.value.supported:
                return _judgement(reading, checked.value.rationale, checked.usage, checked.cached)
        passages = await self._wider(record, shown)
        question = record.fields[QUESTION]
        request = self.reader.request(f"{record.id}/wide", question, passages=passages)
        again = await self.reader.read(request, deadline, earlier=reading)
        if checked is None:
            return _judgement(again, "", again.usage, again.cached, passages)
        usage, cached = checked.usage + again.usage, checked.cached and again.cached
        return _judgement(again, checked.value.rationale, usage, cached, passages)

    async def _wider(self, record: Record, shown: Mapping[str, Cell]) -> Hits:
        """Return what is read again; no passages where none are wanted."""
        if self._widen == 1 or record.fields.get(CONTEXT) == NO_CONTEXT:
            return self._shown(shown)
        most = self._widen * self._passages.top_k
        (found,) = await self._passages.search([record.fields[QUESTION]], most)
        return found


def _judgement(
    reading: Reading, rationale: str, usage: Usage, cached: bool, evidence: Hits = ()
) -> Judgement:
    prediction = reading.prediction
    return Judgement(
        prediction.answer,
        rationale,
        usage,
        cached,
        confidence=prediction.confidence,
        evidence=evidence,
        cited=reading.passages,
    )


def _too_late(name: str) -> DeadlineError:
    return DeadlineError(
        f"stage {name!r}",
        "no answer before the deadline",
        "Allow more time, or split questions into fewer steps.",
    )
