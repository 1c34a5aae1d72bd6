"""A language model's engine that says of questions what a function of the request says.

ReadRequest | DecomposeRequest | SupportRequest
    -> say: an object, a text, or an error that is raised -> RawAnswer, 10 tokens in and 5 out
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping

from headgate.lm.decompose import DecomposeRequest
from headgate.lm.large_model import LargeModel
from headgate.lm.ledger import Price
from headgate.lm.read import ReadRequest
from headgate.lm.seam import RawAnswer
from headgate.lm.support import SupportRequest
from headgate.types import Deadline, Usage

Asked = ReadRequest | DecomposeRequest | SupportRequest
Said = Mapping[str, object] | str | Exception

CALL = Usage(1, 10, 5, 20e-6)
"""What one call consumes at the price of `reading_model`."""


class ScriptedReader:
    """Answers at once, but for questions that start with "held": those wait for `may_answer`."""

    name = "scripted"
    recorded = False

    def __init__(self, say: Callable[[Asked], Said], probability: float = 0.8):
        """Take who says the answers, and what their words' probability is on average."""
        self.say = say
        self.probability = probability
        self.requests: list[Asked] = []
        self.active = 0
        self.may_answer = asyncio.Event()

    @property
    def asked(self) -> list[str]:
        """Return the ids of what was asked, in order."""
        return [request.record_id for request in self.requests]

    async def answer(self, question: Asked, deadline: Deadline, fault: str = "") -> RawAnswer:
        """Return what is said, or raise it."""
        self.requests.append(question)
        self.active += 1
        try:
            if question.question.startswith("held"):
                await self.may_answer.wait()
            said = self.say(question)
            if isinstance(said, Exception):
                raise said
            text = said if isinstance(said, str) else json.dumps(said)
            return RawAnswer(text, 10, 5, log_prob=math.log(self.probability))
        finally:
            self.active -= 1

    async def close(self) -> None:
        """Do nothing."""


def reading_model(engine: ScriptedReader) -> LargeModel:
    """Return the model around an engine, at 1 US dollar a million tokens in and 2 out."""
    return LargeModel(engine, price=Price(1.0, 2.0), backoff_s=(0, 0))
