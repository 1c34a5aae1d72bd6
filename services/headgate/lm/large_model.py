"""A large model as the cascade sees it: checked answers, within the deadline, paid for once.

LmRequest  ->  cache  ->  shared call  ->  engine (one retry)  ->  check (one repair)
           ->  Completion | error
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Sequence

from headgate.errors import DeadlineError, LmAnswerError, LmError
from headgate.lm.cache import AnswerCache, SharedCalls
from headgate.lm.faults import AnswerFault, invalid_answer
from headgate.lm.ledger import Ledger, Price, usage_of
from headgate.lm.prompt import build_messages
from headgate.lm.schema import Parsed, parse_answer, response_format
from headgate.lm.seam import Completion, Engine, LmRequest, RawAnswer, TransientLmError
from headgate.types import Deadline, Usage

MOST_CALLS = 3
"""Of one request: one, one more when the endpoint could not answer, one more to repair."""
MESSAGE_TOKENS = 64
"""More than what roles and separators take in tokens."""
EXPECTED_ANSWER_CHARS = 200
"""About what a reason of two sentences and a label take."""

_LONGEST_FAULT = max((invalid_answer(fault).problem for fault in AnswerFault), key=len)

Outcome = Completion | LmError | DeadlineError
"""What becomes of one request of a batch."""


class LargeModel:
    """Everything around an engine that keeps its answers honest and its bill small.

    A request costs at most three calls: one, one more when the endpoint could not answer, and one
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
            max_output_tokens: The longest answer the engine is asked for.
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

    def expected_usage(self, request: LmRequest) -> Usage:
        """Return what one call for `request` would consume, estimated without making it."""
        usage = usage_of(RawAnswer(text="x" * EXPECTED_ANSWER_CHARS), request, self._price)
        return usage + Usage(calls=1)

    def largest_cost_usd(self, request: LmRequest) -> float:
        """Return an upper bound of what `request` can cost, all its calls together.

        A token is at least one byte of text, and endpoints may count the response schema too.
        """
        texts = [message["content"] for message in build_messages(request, _LONGEST_FAULT)]
        texts.append(json.dumps(response_format(request.options)))
        input_tokens = sum(len(text.encode("utf-8", "replace")) for text in texts) + MESSAGE_TOKENS
        calls = 1 if self._engine.recorded else MOST_CALLS
        return calls * self._price.cost_usd(input_tokens, self._max_output_tokens)

    async def complete(self, requests: Sequence[LmRequest], deadline: Deadline) -> list[Outcome]:
        """Return one outcome for each request, in the same order.

        A request that fails becomes its own error value; the others are not touched.
        """
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._outcome(one, deadline)) for one in requests]
        return [task.result() for task in tasks]

    async def complete_one(self, request: LmRequest, deadline: Deadline) -> Completion:
        """Return the checked answer to `request`.

        Of equal requests at the same time only the first calls the engine; the retry is planned
        by its deadline, and each waits no longer than its own.

        Raises:
            LmError: No usable answer; subclasses say why.
            DeadlineError: No answer before `deadline`.
        """
        try:
            completion = await self._find_or_ask(request, deadline)
        except (LmError, DeadlineError) as error:
            self.ledger.add_error(self.name, error.reason)
            raise
        if completion.cached:
            self.ledger.add_cache_hit(self.name)
        return completion

    async def close(self) -> None:
        """Cancel what is in flight and close the engine."""
        await self._shared.close()
        await self._engine.close()

    async def _outcome(self, request: LmRequest, deadline: Deadline) -> Outcome:
        try:
            return await self.complete_one(request, deadline)
        except (LmError, DeadlineError) as error:
            return error

    async def _find_or_ask(self, request: LmRequest, deadline: Deadline) -> Completion:
        key = self._key(request)
        known = self._cache.get(key)
        if known is not None:
            return known
        remaining_s = deadline.remaining_s()
        if remaining_s <= 0:
            raise self._too_late()
        try:
            # A total, not a pause between bytes: an endpoint that drips must not hold us.
            async with asyncio.timeout(remaining_s):
                return await self._shared.join(key, lambda: self._ask(key, request, deadline))
        except TimeoutError:
            raise self._too_late() from None

    def _key(self, request: LmRequest) -> str:
        """Return the cache key; recorded answers belong to an id, whatever the content."""
        content = request.content_hash(self.name)
        return f"{content}:{request.record_id}" if self._engine.recorded else content

    def _too_late(self) -> DeadlineError:
        return DeadlineError(
            f"large model {self.name!r}",
            "no answer before the deadline",
            "Allow more time, or use a faster model.",
        )

    async def _ask(self, key: str, request: LmRequest, deadline: Deadline) -> Completion:
        """Get a valid answer from the engine, remember it and add up what it took."""
        started = time.monotonic()
        spent: list[Usage] = []
        try:
            parsed = self._check(request, await self._send_twice(request, deadline, spent), spent)
        except LmAnswerError as error:
            if self._engine.recorded:
                raise
            raw = await self._send(request, deadline, spent, fault=error.problem)
            parsed = self._check(request, raw, spent)
        latency_s = time.monotonic() - started
        usage = sum(spent, Usage())
        completion = Completion(parsed.label, parsed.rationale, usage, latency_s)
        self._cache.put(key, completion)
        return completion

    def _check(self, request: LmRequest, raw: RawAnswer, spent: list[Usage]) -> Parsed:
        """Book the answer's tokens, which an invalid one costs too, and return what it says."""
        usage = usage_of(raw, request, self._price)
        self.ledger.add(self.name, usage)
        spent.append(usage)
        if raw.fault is not None:
            raise invalid_answer(raw.fault)
        return parse_answer(raw.text, request.options)

    async def _send_twice(
        self, request: LmRequest, deadline: Deadline, spent: list[Usage]
    ) -> RawAnswer:
        """Send, and once more after a pause when the endpoint could not answer."""
        try:
            return await self._send(request, deadline, spent)
        except TransientLmError as error:
            shortest_s, longest_s = self._backoff_s
            jitter_s = random.uniform(shortest_s, longest_s)  # noqa: S311 - spreads load only
            pause_s = max(error.retry_after_s, jitter_s)
            if pause_s >= deadline.remaining_s():
                raise
        await asyncio.sleep(pause_s)
        return await self._send(request, deadline, spent)

    async def _send(
        self, request: LmRequest, deadline: Deadline, spent: list[Usage], *, fault: str = ""
    ) -> RawAnswer:
        """Make one call, booked before it is sent: a call that fails or is cancelled counts."""
        async with self._slots:
            call = Usage(calls=1)
            self.ledger.add(self.name, call)
            spent.append(call)
            return await self._call(request, deadline, fault)

    async def _call(self, request: LmRequest, deadline: Deadline, fault: str) -> RawAnswer:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._engine.answer(request, deadline, fault)
        except TimeoutError:
            raise TransientLmError(
                f"large model {self.name!r}",
                f"one call took longer than {self._timeout_s} s",
                "Raise timeout_s, or use a faster model.",
            ) from None
