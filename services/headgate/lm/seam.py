"""The values that cross the large-model seam, what a question is, and what an engine must do.

Question[Value]  ->  Engine: RawAnswer (unchecked)  ->  Question.parse  ->  Completion[Value]
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from headgate.errors import LmError
from headgate.lm.faults import AnswerFault
from headgate.lm.prompt import Message
from headgate.types import Deadline, Usage

Value_co = TypeVar("Value_co", covariant=True)
"""What the answer to a question says once it is checked."""


class Question(Protocol[Value_co]):
    """Something to ask a large model; it says itself how it is asked and how answers are read."""

    @property
    def record_ids(self) -> tuple[str, ...]:
        """Return the ids of the records it is about, at least one, for recorded answers only."""

    @property
    def expected_answer_chars(self) -> int:
        """Return about how long an answer is, in characters."""

    @property
    def weighed(self) -> str:
        """Return the key of the answer's object whose log-probability is wanted; empty for none."""

    @property
    def temperature(self) -> float:
        """Return how freely tokens are drawn: 0 for the likeliest, 1 as the model believes."""

    def content_hash(self, model: str) -> str:
        """Return the SHA-256, in hex, of all that decides the answer of `model`.

        Ids of records are left out, and no question of another kind has the same.
        """

    def messages(self, fault: str = "") -> list[Message]:
        """Return the prompt; `fault` says what was wrong with the previous answer."""

    def response_format(self) -> dict[str, object]:
        """Return the response schema that the endpoint is asked for."""

    def parse(self, text: str) -> Value_co:
        """Return what an answer says.

        Raises:
            LmAnswerError: It is not within the schema.
        """

    def join(self, answers: Sequence[str]) -> str:
        """Return the answer that is made of one recorded answer for each of `record_ids`.

        Raises:
            LmAnswerError: One of them is invalid.
        """


def hash_content(content: Mapping[str, object]) -> str:
    """Return the SHA-256, in hex, of values that JSON has; the order of keys does not matter."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What an engine got back, before anybody checked it."""

    text: str
    """JSON or free text, at most 1 MiB."""
    input_tokens: int | None = None
    """None when the engine did not count."""
    output_tokens: int | None = None
    """None when the engine did not count."""
    fault: AnswerFault | None = None
    """What the engine itself says is wrong; the tokens are paid all the same."""
    log_prob: float | None = None
    """Mean log-probability of the tokens of what `Question.weighed` names, at most 0; None when
    nothing is named, or the engine does not tell."""


@dataclass(frozen=True, slots=True)
class Completion(Generic[Value_co]):
    """A checked answer."""

    value: Value_co
    """What it says, as the question reads it."""
    usage: Usage
    """Everything spent on it, a second attempt included; nothing for a cached answer."""
    latency_s: float
    """Seconds from the first call to the answer; 0 for a cached answer."""
    cached: bool = False
    """True when the answer was paid for by an earlier or simultaneous request."""
    log_prob: float | None = None
    """As in `RawAnswer`."""

    def reused(self) -> Completion[Value_co]:
        """Return the same answer as somebody gets it who did not pay for it."""
        return replace(self, usage=Usage(), latency_s=0.0, cached=True)


class TransientLmError(LmError):
    """The endpoint could not answer now; the same call may work later."""

    def __init__(self, place: str, problem: str, remedy: str, retry_after_s: float = 0.0) -> None:
        super().__init__(place, problem, remedy)
        self.retry_after_s = retry_after_s


class Engine(Protocol):
    """Something that answers one question once: no retries, no cache, no checks."""

    @property
    def name(self) -> str:
        """Return the model's name, as ledgers and messages show it."""
        ...

    @property
    def recorded(self) -> bool:
        """Return True when answers belong to record ids and asking again changes nothing."""
        ...

    async def answer(
        self, question: Question[object], deadline: Deadline, fault: str = ""
    ) -> RawAnswer:
        """Return the model's answer.

        Args:
            question: What to ask.
            deadline: When the caller stops waiting.
            fault: What was wrong with the previous answer, from our own vocabulary; empty at first.

        Raises:
            TransientLmError: The endpoint could not answer now.
            LmError: It never will, or its reply cannot be read.
        """
        ...

    async def close(self) -> None:
        """Give back connections and files."""
        ...
