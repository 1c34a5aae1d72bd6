"""A large model's engine that says what a function of the request says.

LmRequest -> decide: a label, or an error that is raised -> RawAnswer, 10 tokens in and 5 out
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from headgate.lm.seam import LmRequest, RawAnswer
from headgate.types import Deadline


class ScriptedLm:
    """Answers at once, but for lines that start with "held": those wait for `may_answer`."""

    name = "scripted"
    recorded = False

    def __init__(self, decide: Callable[[LmRequest], str] = lambda request: request.options[0]):
        self.decide = decide
        self.requests: list[LmRequest] = []
        self.active = 0
        self.cancelled = 0
        self.may_answer = asyncio.Event()

    async def answer(self, request: LmRequest, deadline: Deadline, fault: str = "") -> RawAnswer:
        """Return the label that was decided, with "because" as its reason."""
        self.requests.append(request)
        self.active += 1
        try:
            if request.fields["log"].startswith("held"):
                await self.may_answer.wait()
            return RawAnswer(
                json.dumps({"reason": "because", "label": self.decide(request)}), 10, 5
            )
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.active -= 1

    async def close(self) -> None:
        """Do nothing."""
