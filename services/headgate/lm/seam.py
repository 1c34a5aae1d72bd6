"""The values that cross the large-model seam, and what an engine must do.

LmRequest  ->  Engine: RawAnswer (unchecked)  ->  validation: Completion (one of the options)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from headgate.errors import LmError
from headgate.lm.faults import AnswerFault
from headgate.types import Candidate, Deadline, Hit, Usage


@dataclass(frozen=True, slots=True)
class LmRequest:
    """One decision a large model is asked for."""

    record_id: str
    """Only for recorded answers and messages; a model never sees it."""
    instruction: str
    """The operator's words. Trusted, unlike everything below."""
    fields: Mapping[str, str]
    """The record's text by field name."""
    options: tuple[str, ...]
    """The answers that are allowed: declared labels, or the ids of `candidates`."""
    candidates: tuple[Candidate, ...] = ()
    """What the options stand for; empty when they are declared labels."""
    evidence: tuple[Hit, ...] = ()
    """Past cases in which a small model was wrong, with `label` and `reason` as metadata."""

    def content_hash(self, model: str) -> str:
        """Return the SHA-256, in hex, of all that decides the answer of `model`.

        The record's id and the evidence's similarities are left out: equal text has an equal hash.
        """
        content = {
            "model": model,
            "instruction": self.instruction,
            "fields": dict(self.fields),
            "options": self.options,
            "candidates": [(candidate.id, candidate.text) for candidate in self.candidates],
            "evidence": [(hit.text, dict(hit.metadata)) for hit in self.evidence],
        }
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


@dataclass(frozen=True, slots=True)
class Completion:
    """A checked answer: always one of the request's options."""

    answer: str
    rationale: str
    """Why, in the model's words; one line, capped, advice and not fact."""
    usage: Usage
    """Everything spent on it, a second attempt included; nothing for a cached answer."""
    latency_s: float
    """Seconds from the first call to the answer; 0 for a cached answer."""
    cached: bool = False
    """True when the answer was paid for by an earlier or simultaneous request."""

    def reused(self) -> Completion:
        """Return the same answer as somebody gets it who did not pay for it."""
        return replace(self, usage=Usage(), latency_s=0.0, cached=True)


class TransientLmError(LmError):
    """The endpoint could not answer now; the same call may work later."""

    def __init__(self, place: str, problem: str, remedy: str, retry_after_s: float = 0.0) -> None:
        super().__init__(place, problem, remedy)
        self.retry_after_s = retry_after_s


class Engine(Protocol):
    """Something that answers one request once: no retries, no cache, no checks."""

    @property
    def name(self) -> str:
        """Return the model's name, as ledgers and messages show it."""
        ...

    @property
    def recorded(self) -> bool:
        """Return True when answers belong to record ids and asking again changes nothing."""
        ...

    async def answer(self, request: LmRequest, deadline: Deadline, fault: str = "") -> RawAnswer:
        """Return the model's answer.

        Args:
            request: What to decide.
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
