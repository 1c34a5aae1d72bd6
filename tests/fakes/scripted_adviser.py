"""A large model's engine that advises as a function of the request says, and a weigher of advice.

AdviceRequest -> say: an object, a text, or an error that is raised
    -> RawAnswer, 10 tokens in and 5 out
(text, advice, prediction) -> the mean of what is said, each as useful as it is far from 0.5
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence

from headgate.lm.advise import AdviceRequest
from headgate.lm.large_model import LargeModel
from headgate.lm.ledger import Price
from headgate.lm.seam import RawAnswer
from headgate.stages.advise import Weighed, Weighing
from headgate.types import Deadline, Usage

Said = Mapping[str, object] | str | Exception

CALL = Usage(1, 10, 5, 20e-6)
"""What one call consumes at the price of `advising_model`."""


class ScriptedAdviser:
    """Answers at once, but where "held" is said: that waits for `may_answer`."""

    name = "scripted"
    recorded = False

    def __init__(self, say: Callable[[AdviceRequest], Said]):
        """Take who says the answers."""
        self.say = say
        self.requests: list[AdviceRequest] = []
        self.active = self.most_active = 0
        self.may_answer = asyncio.Event()

    @property
    def asked(self) -> list[str]:
        """Return the ids of what was asked, in order."""
        return [request.record_id for request in self.requests]

    async def answer(
        self, question: AdviceRequest, deadline: Deadline, fault: str = ""
    ) -> RawAnswer:
        """Return what is said, or raise it."""
        self.requests.append(question)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            await asyncio.sleep(0)
            said = self.say(question)
            if isinstance(said, Exception):
                raise said
            if said == "held":
                await self.may_answer.wait()
            return RawAnswer(said if isinstance(said, str) else json.dumps(said), 10, 5)
        finally:
            self.active -= 1

    async def close(self) -> None:
        """Do nothing."""


def advising_model(engine: ScriptedAdviser) -> LargeModel:
    """Return the model around an engine, at 1 US dollar a million tokens in and 2 out."""
    return LargeModel(engine, price=Price(1.0, 2.0), backoff_s=(0, 0))


class MeanWeigher:
    """Believes in the mean, and fails as it is told on texts that hold a word."""

    def __init__(self, *, fails_on: str = "", failure: Exception | None = None):
        """Take the word, and what is raised when a batch holds it."""
        self.fails_on = fails_on
        self.failure = failure or ValueError("cannot weigh it")
        self.batches: list[list[Weighing]] = []

    async def weigh(self, items: Sequence[Weighing]) -> list[Weighed]:
        """Return the mean of each item's advice, with how useful each is."""
        self.batches.append(list(items))
        for text, _, _ in items:
            if self.fails_on and self.fails_on in text:
                raise self.failure
        return [_mean(item) for item in items]


def _mean(item: Weighing) -> Weighed:
    said = [None if each is None else each.probability for each in item[1]]
    known = [each for each in said if each is not None]
    useful = tuple(None if each is None else abs(2 * each - 1) for each in said)
    return Weighed(sum(known) / len(known), useful)
