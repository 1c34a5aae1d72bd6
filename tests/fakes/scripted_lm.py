"""A large model's engine that says what a function of the request says.

LmRequest   -> decide: a label, or an error that is raised          -> RawAnswer, 10 tokens in and
RankRequest -> rank: scores of one item, or an error that is raised -> 5 out
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping

from headgate.lm.decide import LmRequest
from headgate.lm.rank import RankItem, RankRequest
from headgate.lm.seam import RawAnswer
from headgate.types import Deadline

Asked = LmRequest | RankRequest


class ScriptedLm:
    """Answers at once, but for fields that start with "held": those wait for `may_answer`."""

    name = "scripted"
    recorded = False

    def __init__(
        self,
        decide: Callable[[LmRequest], str] = lambda request: request.options[0],
        rank: Callable[[RankItem], Mapping[str, float]] = lambda item: {item.candidates[0].id: 0.9},
    ):
        self.decide = decide
        self.rank = rank
        self.requests: list[Asked] = []
        self.active = 0
        self.cancelled = 0
        self.may_answer = asyncio.Event()

    async def answer(self, question: Asked, deadline: Deadline, fault: str = "") -> RawAnswer:
        """Return what was decided, with "because" as its reason; or what was ranked."""
        self.requests.append(question)
        self.active += 1
        try:
            if _first_text(question).startswith("held"):
                await self.may_answer.wait()
            return RawAnswer(self._text(question), 10, 5)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.active -= 1

    async def close(self) -> None:
        """Do nothing."""

    def _text(self, question: Asked) -> str:
        if isinstance(question, LmRequest):
            return json.dumps({"reason": "because", "label": self.decide(question)})
        return question.join([says_scores(self.rank(item)) for item in question.items])


def says_scores(scores: Mapping[str, float]) -> str:
    """Return the answer to a ranking of one item."""
    entries = [{"id": own, "score": score} for own, score in scores.items()]
    return json.dumps({"matches": entries})


def _first_text(question: Asked) -> str:
    fields = question.fields if isinstance(question, LmRequest) else question.items[0].fields
    return next(iter(fields.values()))
