"""Gathers what concurrent calls want from one model into batches.

submit(items) from many callers -> [items of all, at most max_size] -> run -> each its own values
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from headgate.errors import UnavailableError

Item = TypeVar("Item")
Value = TypeVar("Value")

MAX_RUNNING = 2
"""Batches of one model at work at once: one infers while the next is tokenised."""


@dataclass(frozen=True, slots=True)
class Batching:
    """How much is gathered, and for how long."""

    max_size: int = 64
    """Most items in one batch."""
    max_wait_ms: float = 4
    """Longest wait, in milliseconds, for a batch to fill."""
    max_running: int = MAX_RUNNING
    """Batches at work at once; a model with replicas of its own takes as many for each."""


@dataclass(frozen=True)
class _Waiting(Generic[Item, Value]):
    """Items of one call, at most a batch of them, and who waits for their values."""

    items: Sequence[Item]
    values: asyncio.Future[list[Value]]


class MicroBatcher(Generic[Item, Value]):
    """Batches calls to `run`; belongs to one event loop.

    A batch starts when it is full, or when its oldest item has waited `max_wait_ms`. It is
    cancelled only when nobody waits for it any more, and every waiting call ends when it fails.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Value]]],
        batching: Batching,
    ) -> None:
        self._run = run
        self._max_size = batching.max_size
        self._max_wait_s = batching.max_wait_ms / 1000
        self._max_running = batching.max_running
        self._queue: deque[_Waiting[Item, Value]] = deque()
        self._queued = 0
        self._running: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = False

    async def submit(self, items: Sequence[Item]) -> list[Value]:
        """Return the value of each item, in order.

        Raises:
            Exception: What `run` raised for a batch that held one of the items.
        """
        parts = [
            self._enqueue(items[start : start + self._max_size])
            for start in range(0, len(items), self._max_size)
        ]
        self._start_batches()
        try:
            values = [await part for part in parts]
        finally:
            for part in parts:
                part.cancel()
        return [value for part in values for value in part]

    def _enqueue(self, items: Sequence[Item]) -> asyncio.Future[list[Value]]:
        loop = asyncio.get_running_loop()
        waiting: _Waiting[Item, Value] = _Waiting(items, loop.create_future())
        self._queue.append(waiting)
        self._queued += len(items)
        if self._timer is None:
            self._timer = loop.call_later(self._max_wait_s, self._on_timer)
        return waiting.values

    def _on_timer(self) -> None:
        self._timer = None
        self._due = True
        self._start_batches()

    def _start_batches(self) -> None:
        """Start what is full or due, as far as there is room."""
        while self._queue and len(self._running) < self._max_running:
            if self._queued < self._max_size and not self._due:
                return
            batch = self._take_batch()
            if batch:
                task = asyncio.get_running_loop().create_task(self._answer(batch))
                self._running.add(task)
                task.add_done_callback(self._on_done)
                self._cancel_when_abandoned(task, batch)
        if not self._queue:
            self._rest()

    def _take_batch(self) -> list[_Waiting[Item, Value]]:
        """Take calls from the queue up to a batch, leaving out those that gave up."""
        batch: list[_Waiting[Item, Value]] = []
        size = 0
        while self._queue and size + len(self._queue[0].items) <= self._max_size:
            waiting = self._queue.popleft()
            self._queued -= len(waiting.items)
            if not waiting.values.done():
                batch.append(waiting)
                size += len(waiting.items)
        return batch

    def _rest(self) -> None:
        self._due = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start_batches()

    def _cancel_when_abandoned(
        self, task: asyncio.Task[None], batch: Sequence[_Waiting[Item, Value]]
    ) -> None:
        def check(_: asyncio.Future[list[Value]]) -> None:
            if all(waiting.values.cancelled() for waiting in batch):
                task.cancel()

        for waiting in batch:
            waiting.values.add_done_callback(check)

    async def _answer(self, batch: Sequence[_Waiting[Item, Value]]) -> None:
        """Run one batch and hand each call its values, or the failure."""
        items = [item for waiting in batch for item in waiting.items]
        try:
            values = await self._run(items)
            _check_count(len(values), len(items))
        except asyncio.CancelledError:
            # Ours comes when nobody waits any more; another one must not leave callers waiting.
            _fail(batch, UnavailableError("small model", "its run was cancelled", "Try again."))
            raise
        except Exception as error:  # noqa: BLE001 - handed to every caller, none is left waiting
            _fail(batch, error)
            return
        start = 0
        for waiting in batch:
            own = list(values[start : start + len(waiting.items)])
            start += len(waiting.items)
            if not waiting.values.done():
                waiting.values.set_result(own)


def _fail(batch: Sequence[_Waiting[Item, Value]], error: Exception) -> None:
    for waiting in batch:
        if not waiting.values.done():
            waiting.values.set_exception(error)


def _check_count(values: int, items: int) -> None:
    if values != items:
        raise RuntimeError(f"a model returned {values} values for {items} items. This is a bug.")
