"""A large model as the cascade sees it: checked answers, within the deadline, paid for once.

Question  ->  cache  ->  shared call  ->  engine (one retry)  ->  parse (one repair)
          ->  Completion | error
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from headgate.errors import DeadlineError, LmAnswerError, LmError
from headgate.lm import gen_ai
from headgate.lm.cache import AnswerCache, SharedCalls
from headgate.lm.faults import AnswerFault, invalid_answer
from headgate.lm.ledger import Ledger, Price, usage_of
from headgate.lm.seam import Completion, Engine, Question, RawAnswer, TransientLmError
from headgate.types import Deadline, Usage

MOST_CALLS = 3
"""Of one request: one, one more when the endpoint could not answer, one more to repair."""
MESSAGE_TOKENS = 64
"""More than what roles and separators take in tokens."""

_LONGEST_FAULT = max((invalid_answer(fault).problem for fault in AnswerFault), key=len)

Value = TypeVar("Value")

Outcome = Completion[Value] | LmError | DeadlineError
"""What becomes of one question of a batch."""


@dataclass(frozen=True, slots=True)
class Attempt(Generic[Value]):
    """One answer as it came, usable or not."""

    text: str
    """JSON or free text, at most 1 MiB."""
    value: Value | None
    """What it says, as the question reads it; None when it is not usable."""
    problem: str
    """Why it is not; empty when it is."""
    usage: Usage


class LargeModel:
    """Everything around an engine that keeps its answers honest and its bill small.

    A question costs at most three calls: one, one more when the endpoint could not answer, and one
    more when its answer was invalid. Use it from one event loop.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        price: Price = Price(),  # noqa: B008 - frozen
        max_concurrency: int = 16,
        cache_entries: int = 10_000,
        timeout_s: float | None = None,
        max_output_tokens: int = 512,
        backoff_s: tuple[float, float] = (0.5, 8.0),
    ) -> None:
        """Wrap `engine`.

        Args:
            engine: Who answers.
            price: What a call costs.
            max_concurrency: Calls in flight at most.
            cache_entries: Answers kept in memory at most.
            timeout_s: Longest time of one call, in seconds; the deadline alone when None.
            max_output_tokens: The longest answer the engine is asked for, about one record.
            backoff_s: Shortest and longest wait, in seconds, before the one retry.
        """
        self.ledger = Ledger()
        self._engine = engine
        self._price = price
        self._slots = asyncio.Semaphore(max_concurrency)
        self._cache = AnswerCache(cache_entries)
        self._shared = SharedCalls()
        self._timeout_s = timeout_s
        self._max_output_tokens = max_output_tokens
        self._backoff_s = backoff_s

    @property
    def name(self) -> str:
        """Return the model's name."""
        return self._engine.name

    @property
    def recorded(self) -> bool:
        """Return True when answers belong to record ids and asking again changes nothing."""
        return self._engine.recorded

    def expected_usage(self, question: Question[object]) -> Usage:
        """Return what one call for `question` would consume, estimated without making it."""
        expected = RawAnswer(text="x" * question.expected_answer_chars)
        return usage_of(expected, question, self._price) + Usage(calls=1)

    def largest_cost_usd(self, question: Question[object]) -> float:
        """Return an upper bound of what `question` can cost, all its calls together.

        A token is at least one byte of text, and endpoints may count the response schema too.
        """
        texts = [message["content"] for message in question.messages(_LONGEST_FAULT)]
        texts.append(json.dumps(question.response_format()))
        input_tokens = sum(len(text.encode("utf-8", "replace")) for text in texts) + MESSAGE_TOKENS
        output_tokens = len(question.record_ids) * self._max_output_tokens
        calls = 1 if self.recorded else MOST_CALLS
        return calls * self._price.cost_usd(input_tokens, output_tokens)

    async def complete(
        self, questions: Sequence[Question[Value]], deadline: Deadline
    ) -> list[Outcome[Value]]:
        """Return one outcome for each question, in the same order.

        A question that fails becomes its own error value; the others are not touched.
        """
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._outcome(one, deadline)) for one in questions]
        return [task.result() for task in tasks]

    async def complete_one(
        self, question: Question[Value], deadline: Deadline
    ) -> Completion[Value]:
        """Return the checked answer to `question`.

        Of equal questions at the same time only the first calls the engine; the retry is planned
        by its deadline, and each waits no longer than its own.

        Raises:
            LmError: No usable answer; subclasses say why.
            DeadlineError: No answer before `deadline`.
        """
        try:
            completion = await self._find_or_ask(question, deadline)
        except (LmError, DeadlineError) as error:
            self.ledger.add_error(self.name, error.reason)
            raise
        if completion.cached:
            self.ledger.add_cache_hit(self.name)
        # The key is a hash of the question: whoever asked it first had the same kind of answer.
        return cast("Completion[Value]", completion)

    async def attempt(self, question: Question[Value], deadline: Deadline) -> Attempt[Value]:
        """Return the first answer to `question`, whatever it is worth, for whoever learns of it.

        It is asked for even when the same was asked before, and an invalid answer is not repaired.

        Raises:
            LmError: There is no answer; subclasses say why.
            DeadlineError: No answer before `deadline`.
        """
        spent: list[Usage] = []
        try:
            raw = await self._send_in_time(question, deadline, spent)
        except (LmError, DeadlineError) as error:
            self.ledger.add_error(self.name, error.reason)
            raise
        try:
            value, problem = self._check(question, raw, spent), ""
        except LmAnswerError as error:
            value, problem = None, error.problem
        return Attempt(raw.text, cast("Value | None", value), problem, sum(spent, Usage()))

    async def close(self) -> None:
        """Cancel what is in flight and close the engine."""
        await self._shared.close()
        await self._engine.close()

    async def _outcome(self, question: Question[Value], deadline: Deadline) -> Outcome[Value]:
        try:
            return await self.complete_one(question, deadline)
        except (LmError, DeadlineError) as error:
            return error

    async def _find_or_ask(
        self, question: Question[object], deadline: Deadline
    ) -> Completion[object]:
        key = self._key(question)
        known = self._cache.get(key)
        if known is not None:
            return known
        remaining_s = deadline.remaining_s()
        if remaining_s <= 0:
            raise self._too_late()
        try:
            # A total, not a pause between bytes: an endpoint that drips must not hold us.
            async with asyncio.timeout(remaining_s):
                return await self._shared.join(key, lambda: self._ask(key, question, deadline))
        except TimeoutError:
            raise self._too_late() from None

    def _key(self, question: Question[object]) -> str:
        """Return the cache key; recorded answers belong to ids, whatever the content."""
        content = question.content_hash(self.name)
        return f"{content}:{json.dumps(question.record_ids)}" if self.recorded else content

    def _too_late(self) -> DeadlineError:
        return DeadlineError(
            f"large model {self.name!r}",
            "no answer before the deadline",
            "Allow more time, or use a faster model.",
        )

    async def _ask(
        self, key: str, question: Question[object], deadline: Deadline
    ) -> Completion[object]:
        """Get a valid answer from the engine, remember it and add up what it took."""
        started = time.monotonic()
        spent: list[Usage] = []
        try:
            raw = await self._send_twice(question, deadline, spent)
            value = self._check(question, raw, spent)
        except LmAnswerError as error:
            if self.recorded:
                raise
            raw = await self._send(question, deadline, spent, fault=error.problem)
            value = self._check(question, raw, spent)
        latency_s = time.monotonic() - started
        completion = Completion(value, sum(spent, Usage()), latency_s, log_prob=raw.log_prob)
        self._cache.put(key, completion)
        return completion

    def _check(self, question: Question[object], raw: RawAnswer, spent: list[Usage]) -> object:
        """Book the answer's tokens, which an invalid one costs too, and return what it says."""
        usage = usage_of(raw, question, self._price)
        self.ledger.add(self.name, usage)
        spent.append(usage)
        if raw.fault is not None:
            raise invalid_answer(raw.fault)
        return question.parse(raw.text)

    async def _send_in_time(
        self, question: Question[object], deadline: Deadline, spent: list[Usage]
    ) -> RawAnswer:
        try:
            async with asyncio.timeout(max(deadline.remaining_s(), 0)):
                return await self._send_twice(question, deadline, spent)
        except TimeoutError:
            raise self._too_late() from None

    async def _send_twice(
        self, question: Question[object], deadline: Deadline, spent: list[Usage]
    ) -> RawAnswer:
        """Send, and once more after a pause when the endpoint could not answer."""
        try:
            return await self._send(question, deadline, spent)
        except TransientLmError as error:
            shortest_s, longest_s = self._backoff_s
            jitter_s = random.uniform(shortest_s, longest_s)  # noqa: S311 - spreads load only
            pause_s = max(error.retry_after_s, jitter_s)
            if pause_s >= deadline.remaining_s():
                raise
        await asyncio.sleep(pause_s)
        return await self._send(question, deadline, spent)

    async def _send(
        self, question: Question[object], deadline: Deadline, spent: list[Usage], *, fault: str = ""
    ) -> RawAnswer:
        """Make one call, booked before it is sent: a call that fails or is cancelled counts."""
        async with self._slots:
            call = Usage(calls=1)
            self.ledger.add(self.name, call)
            spent.append(call)
            return await self._call(question, deadline, fault)

    async def _call(self, question: Question[object], deadline: Deadline, fault: str) -> RawAnswer:
        with gen_ai.call(self.name) as span:
            try:
                async with asyncio.timeout(self._timeout_s):
                    answer = await self._engine.answer(question, deadline, fault)
            except TimeoutError:
                raise TransientLmError(
                    f"large model {self.name!r}",
                    f"one call took longer than {self._timeout_s} s",
                    "Raise timeout_s, or use a faster model.",
                ) from None
            gen_ai.note_answer(span, answer)
            return answer
