"""The large model scores the candidates that a small model found.

records, their predictions -> items -> a few in a prompt -> scores -> judgements
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from headgate.domains.schemas.match_record import NO_MATCH
from headgate.errors import HeadgateError, LmError
from headgate.lm.large_model import LargeModel
from headgate.lm.rank import RankItem, RankRequest, Scores
from headgate.stages.contract import Batch, Cell, prediction_of
from headgate.stages.isolate import blame
from headgate.types import Candidate, Deadline, Judgement, Prediction, Record, Usage

MAX_PROMPT_CHARS = 60_000
"""Longest data of a prompt that records share, about 15,000 tokens; one alone may need more."""


class RankTask(Protocol):
    """What a domain shows a large model of its records."""

    def shown_fields(self, record: Record) -> Mapping[str, str]:
        """Return what is said of the record, by field name."""

    def shown_candidates(self, record: Record, prediction: Prediction) -> tuple[Candidate, ...]:
        """Return what is said of the prediction's options, best first, `NO_MATCH` left out."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """How records are put to the large model, and when one of its scores is an answer."""

    items_per_prompt: int = 1
    """Records that share a prompt at most."""
    none_below: float = 0.5
    """The least score that makes a candidate the answer. Below the middle of the scale the model
    itself holds that the candidate rather does not fit."""


@dataclass(frozen=True, slots=True)
class _Sized:
    """An item and how much of a prompt it takes."""

    item: RankItem
    chars: int


class Rerank:
    """Asks the large model how well each candidate fits, several records in a prompt if wanted."""

    kind = "rerank"

    def __init__(
        self,
        name: str,
        model: str,
        *,
        task: RankTask,
        large_model: LargeModel,
        instruction: str,
        of: str,
        ranking: Ranking = Ranking(),
    ) -> None:
        """Put the parts together.

        Args:
            name: The stage's name.
            model: The large model's name in the cascade.
            task: Says what is shown of a record and of its candidates.
            large_model: Who is asked.
            instruction: The operator's prompt.
            of: The stage whose predictions are reranked; the last option of each is `NO_MATCH`.
            ranking: How it is asked.
        """
        self.name, self.model, self.of = name, model, of
        self.inputs = (of,)
        self.large_model = large_model
        self._task = task
        self._instruction = instruction
        self._ranking = ranking

    async def warm_up(self) -> None:
        """Do nothing: a first call would cost."""

    async def run(self, batch: Batch) -> list[Cell]:
        """Return a judgement or an error a record, all prompts asked at once.

        What a shared prompt took is told with its first record.
        """
        column = batch.columns[self.of]
        prepared = [self._prepare(*each) for each in zip(batch.records, column, strict=True)]
        asked = [each for each in prepared if isinstance(each, _Sized)]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._ask(items, batch.deadline))
                for items in _prompts(asked, self._ranking.items_per_prompt)
            ]
        ranked = chain.from_iterable(task.result() for task in tasks)
        return [next(ranked) if isinstance(each, _Sized) else each for each in prepared]

    def request(self, records: Sequence[Record], found: Sequence[Cell]) -> RankRequest:
        """Return what the large model would be asked about the records in one prompt.

        Raises:
            ValueError: There is nothing to ask about one of them.
        """
        pairs = zip(records, found, strict=True)
        return RankRequest(self._instruction, tuple(self._item(*each) for each in pairs))

    def largest_cost_usd(self, record: Record, shown: Mapping[str, Cell]) -> float:
        """Return an upper bound of what ranking for the record can cost.

        It is that of a prompt with the record alone. A prompt that is shared costs at most the sum
        of its records' bounds, since it holds the same data, and the rules only once.
        """
        prepared = self._prepare(record, shown[self.of])
        if not isinstance(prepared, _Sized):
            return 0.0
        return self.large_model.largest_cost_usd(RankRequest(self._instruction, (prepared.item,)))

    def expected_usage(self, record: Record, shown: Mapping[str, Cell]) -> Usage:
        """Return about what ranking for the record alone would consume."""
        prepared = self._prepare(record, shown[self.of])
        if not isinstance(prepared, _Sized):
            return Usage()
        return self.large_model.expected_usage(RankRequest(self._instruction, (prepared.item,)))

    def _prepare(self, record: Record, cell: Cell) -> _Sized | Cell:
        """Return what to ask about the record, or its cell when there is nothing to ask."""
        if isinstance(cell, HeadgateError):
            return cell
        try:
            item = self._item(record, cell)
            if not item.candidates:
                return self._judgement({}, Usage(), cached=False)
            return _Sized(item, item.shown_chars())
        except HeadgateError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a record that cannot be shown stays in its row
            return blame(f"stage {self.name!r}", error)

    def _item(self, record: Record, cell: Cell) -> RankItem:
        prediction = prediction_of(cell)
        if prediction is None or prediction.options[-1] != NO_MATCH:
            raise ValueError(f"stage {self.of!r} gave no ranked candidates. This is a bug.")
        candidates = self._task.shown_candidates(record, prediction)
        if not {candidate.id for candidate in candidates} < set(prediction.options):
            raise ValueError("a candidate is not among the options. This is a bug.")
        return RankItem(record.id, self._task.shown_fields(record), candidates)

    async def _ask(self, items: tuple[RankItem, ...], deadline: Deadline) -> list[Cell]:
        """Return the items' cells; an error is every item's, as all were in the prompt."""
        request = RankRequest(self._instruction, items)
        try:
            done = await self.large_model.complete_one(request, deadline)
        except LmError as error:
            if self.large_model.recorded and len(items) > 1:
                return await self._ask_alone(items, deadline)
            return [error] * len(items)
        except HeadgateError as error:
            return [error] * len(items)
        except Exception as error:  # noqa: BLE001 - a bug of an engine must stay in its rows
            return [blame(f"stage {self.name!r}", error)] * len(items)
        usages = [done.usage] + [Usage()] * (len(items) - 1)
        pairs = zip(done.value, usages, strict=True)
        return [self._judgement(scores, usage, cached=done.cached) for scores, usage in pairs]

    async def _ask_alone(self, items: tuple[RankItem, ...], deadline: Deadline) -> list[Cell]:
        """Return the items' cells one by one: a recording that misses one item has the others."""
        cells: list[Cell] = []
        for item in items:
            cells += await self._ask((item,), deadline)
        return cells

    def _judgement(self, scores: Scores, usage: Usage, *, cached: bool) -> Judgement:
        best = next(iter(scores), NO_MATCH)
        answer = best if scores.get(best, 0.0) >= self._ranking.none_below else NO_MATCH
        return Judgement(answer, "", usage, cached, scores)


def _prompts(sized: Iterable[_Sized], most_items: int) -> Iterator[tuple[RankItem, ...]]:
    """Yield the items in order, as many together as a prompt takes."""
    items: list[RankItem] = []
    chars = 0
    for each in sized:
        if items and (len(items) >= most_items or chars + each.chars > MAX_PROMPT_CHARS):
            yield tuple(items)
            items, chars = [], 0
        items.append(each.item)
        chars += each.chars
    if items:
        yield tuple(items)
