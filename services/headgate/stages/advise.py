"""A large model advises from several perspectives, and a small network weighs what it says.

record -> AdviceRequest (one a perspective) -> advice, None where one failed
       -> (text, advice, the student's prediction) of many records at once -> weigher -> judgement
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from headgate.domains.news import CONTEXT, TEXT, news_text
from headgate.errors import DeadlineError, HeadgateError, ReplayMissError
from headgate.lm.advise import AdviceRequest
from headgate.lm.large_model import LargeModel
from headgate.lm.schema import inert
from headgate.models.rationale import Weighed
from headgate.stages.contract import Batch, Cell, prediction_of
from headgate.stages.isolate import blame, run_isolated
from headgate.stages.microbatch import Batching, MicroBatcher
from headgate.types import Advice, Deadline, Judgement, Prediction, Record, Usage

ASKING_SHARE = 0.9
"""Of the time that is left, for the large model; the rest is for weighing what it has said."""

Weighing = tuple[str, tuple[Advice | None, ...], Prediction | None]
"""A record's text as small models read it, what is said from each perspective, or None where
nothing is, and what the student said where it did."""


class Weigher(Protocol):
    """Decides from advice how likely the second label is right, such as the network of ARG."""

    async def weigh(self, items: Sequence[Weighing]) -> list[Weighed]:
        """Return what comes of each item, in order; at least one of its advice is there."""


class Advise:
    """Asks a large model once a perspective, and has a small network decide how far to trust it."""

    kind = "advise"

    def __init__(  # noqa: PLR0913 - each is read from another part of a cascade file
        self,
        name: str,
        model: str,
        *,
        large_model: LargeModel,
        perspectives: Mapping[str, str],
        weigher: Weigher,
        labels: tuple[str, str],
        of: str,
        batching: Batching = Batching(),  # noqa: B008 - frozen
    ) -> None:
        """Put the parts together.

        Args:
            name: The stage's name.
            model: The large model's name in the cascade.
            large_model: Who is asked.
            perspectives: The operator's prompts by name, at least one.
            weigher: Decides.
            labels: The harmless one, and the one that is looked for.
            of: The stage with the student's predictions.
            batching: How what is to be weighed is gathered.

        Source:
            Hu et al. 2024, arXiv:2309.12247 (a large model as the adviser of a small one).
        """
        self.name, self.model, self.of = name, model, of
        self.inputs = (of,)
        self.large_model = large_model
        self.perspectives = dict(perspectives)
        self._labels = labels
        self._weigher = weigher
        self._batcher = MicroBatcher[Weighing, Weighed | HeadgateError](
            self._weigh_isolated, batching
        )

    async def warm_up(self) -> None:
        """Weigh once, so that kernels are compiled before a caller waits; nobody is asked."""
        advice = tuple(Advice(each, 0.5, "It names no source.") for each in self.perspectives)
        await self._weigher.weigh([("The harbour is closed.", advice, None)])

    async def run(self, batch: Batch) -> list[Cell]:
        """Return a judgement or an error a record, all asked at once."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._judge(record, batch.shown(place), batch.deadline))
                for place, record in enumerate(batch.records)
            ]
        return [task.result() for task in tasks]

    def requests(self, record: Record) -> dict[str, AdviceRequest]:
        """Return what the large model would be asked about the record, by perspective."""
        return {
            perspective: AdviceRequest(
                record_id=f"{record.id}/{perspective}",
                instruction=instruction,
                text=record.fields[TEXT],
                context=record.fields.get(CONTEXT, ""),
                labels=self._labels,
            )
            for perspective, instruction in self.perspectives.items()
        }

    def largest_cost_usd(self, record: Record, shown: Mapping[str, Cell]) -> float:
        """Return an upper bound of what all perspectives together can cost."""
        del shown
        return sum(map(self.large_model.largest_cost_usd, self.requests(record).values()))

    def expected_usage(self, record: Record, shown: Mapping[str, Cell]) -> Usage:
        """Return about what all perspectives together would consume."""
        del shown
        return sum(map(self.large_model.expected_usage, self.requests(record).values()), Usage())

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
        except Exception as error:  # noqa: BLE001 - a record must not take its batch along
            return blame(f"stage {self.name!r}", error)

    async def _decide(
        self, record: Record, shown: Mapping[str, Cell], deadline: Deadline
    ) -> Judgement:
        """Return what comes of what is said.

        Raises:
            HeadgateError: The first perspective's when every one failed; the weigher's.
        """
        requests = self.requests(record)
        said = await self._ask_all(requests, Deadline.after(ASKING_SHARE * deadline.remaining_s()))
        errors = [each for each in said if isinstance(each, HeadgateError)]
        if len(errors) == len(said):
            raise errors[0]
        advice = tuple(each if isinstance(each, Advice) else None for each in said)
        item = news_text(record), advice, prediction_of(shown.get(self.of))
        (weighed,) = await self._batcher.submit([item])
        if isinstance(weighed, HeadgateError):
            raise weighed
        judgement = _judgement(weighed, advice, self._labels)
        return replace(judgement, usage=judgement.usage + self._lost(requests, said))

    async def gather(
        self, records: Sequence[Record], deadline: Deadline
    ) -> list[tuple[Advice | HeadgateError, ...]]:
        """Return what is said of each record, one a perspective; nothing is weighed."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._ask_all(self.requests(record), deadline))
                for record in records
            ]
        return [tuple(task.result()) for task in tasks]

    async def _ask_all(
        self, requests: Mapping[str, AdviceRequest], deadline: Deadline
    ) -> list[Advice | HeadgateError]:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._ask(perspective, request, deadline))
                for perspective, request in requests.items()
            ]
        return [task.result() for task in tasks]

    async def _ask(
        self, perspective: str, request: AdviceRequest, deadline: Deadline
    ) -> Advice | HeadgateError:
        try:
            done = await self.large_model.complete_one(request, deadline)
        except HeadgateError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a bug of an engine costs one perspective only
            return blame(f"stage {self.name!r}", error)
        said = done.value
        return Advice(perspective, said.probability, said.rationale, done.usage, done.cached)

    def _lost(
        self, requests: Mapping[str, AdviceRequest], said: Sequence[Advice | HeadgateError]
    ) -> Usage:
        """Return what perspectives without advice may have cost: nobody knows how far they got.

        As for a record that fails, the bound stays paid; what was only looked up costs nothing.
        """
        failed = [
            request
            for request, each in zip(requests.values(), said, strict=True)
            if isinstance(each, HeadgateError) and not isinstance(each, ReplayMissError)
        ]
        lost_usd = sum(map(self.large_model.largest_cost_usd, failed))
        return Usage(cost_usd=lost_usd, estimated=bool(failed))

    async def _weigh_isolated(self, items: Sequence[Weighing]) -> list[Weighed | HeadgateError]:
        return await run_isolated(f"stage {self.name!r}", self._weigh, items)

    async def _weigh(self, items: Sequence[Weighing]) -> list[Weighed]:
        """Return what the weigher says, once it is seen to be of the right form."""
        found = await self._weigher.weigh(items)
        for weighed in found:
            known = [each for each in weighed.usefulness if each is not None]
            on_scale = all(0 <= each <= 1 for each in [weighed.probability, *known])
            if not on_scale or len(weighed.usefulness) != len(self.perspectives):
                raise ValueError(f"a weigher said {weighed}. This is a bug.")
        return found


def _judgement(
    weighed: Weighed, advice: Sequence[Advice | None], labels: tuple[str, str]
) -> Judgement:
    """Return the likelier label, with the advice that was there and what the best of it says."""
    kept = tuple(
        replace(each, usefulness=usefulness)
        for each, usefulness in zip(advice, weighed.usefulness, strict=True)
        if each is not None
    )
    best = max(kept, key=_trust)
    found = weighed.probability >= 0.5
    return Judgement(
        labels[1] if found else labels[0],
        inert(f"{best.perspective}: {best.rationale}") if best.rationale else "",
        sum((each.usage for each in kept), Usage()),
        len(kept) == len(advice) and all(each.cached for each in kept),
        confidence=weighed.probability if found else 1 - weighed.probability,
        advice=kept,
    )


def _trust(advice: Advice) -> float:
    return -1.0 if advice.usefulness is None else advice.usefulness


def _too_late(name: str) -> DeadlineError:
    return DeadlineError(
        f"stage {name!r}",
        "no answer before the deadline",
        "Allow more time, or ask from fewer perspectives.",
    )
