"""One call of a large model as plain values, for engines that are not where the question is.

Question, fault  ->  LocalCall  ->  a dict of JSON values, over a hop, and back
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from headgate.lm.faults import AnswerFault
from headgate.lm.prompt import Message
from headgate.lm.seam import Question, RawAnswer


@dataclass(frozen=True, slots=True)
class LocalCall:
    """What a model needs to know to answer once."""

    messages: list[Message]
    """The prompt: a system turn and a user turn."""
    response_format: Mapping[str, object]
    """The response schema as an endpoint would be told it."""
    temperature: float
    """0 for the likeliest tokens, 1 as the model believes."""
    weighed: str
    """The key of the answer whose log-probability is wanted; empty for none."""
    most_tokens: int
    """Longest answer, in tokens."""
    seconds_left: float
    """Seconds in which an answer is of use; waiting for others is among them."""
    timeout_s: float
    """Seconds that the work itself may take."""

    @classmethod
    def of(
        cls,
        question: Question[object],
        fault: str,
        *,
        most_tokens: int,
        seconds_left: float,
        timeout_s: float,
    ) -> LocalCall:
        """Return the call that asks a question.

        Args:
            question: What to ask; about several records it may be answered at as many times the
                length of one.
            fault: What was wrong with the previous answer; empty at first.
            most_tokens: Longest answer about one record.
            seconds_left: Seconds in which an answer is of use.
            timeout_s: Seconds that the work itself may take.
        """
        return cls(
            messages=question.messages(fault),
            response_format=question.response_format(),
            temperature=question.temperature,
            weighed=question.weighed,
            most_tokens=most_tokens * len(question.record_ids),
            seconds_left=seconds_left,
            timeout_s=timeout_s,
        )

    def plain(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> LocalCall:
        """Return the call that `plain` made JSON values of."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class LocalAnswer:
    """What a model answered, and how long it was busy with it."""

    answer: RawAnswer
    seconds: float
    """Seconds of the model's own work; waiting for its turn is left out."""

    def plain(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self.answer), "seconds": self.seconds}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> LocalAnswer:
        """Return the answer that `plain` made JSON values of."""
        fields = dict(values)
        seconds = cast("float", fields.pop("seconds"))
        fault = fields.pop("fault")
        known = None if fault is None else AnswerFault(fault)
        return cls(RawAnswer(**fields, fault=known), seconds)
