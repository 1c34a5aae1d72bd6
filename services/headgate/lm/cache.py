"""Never ask twice: a bounded memory of answers, and one shared call for simultaneous askers.

content hash  ->  AnswerCache: Completion | None
content hash, call  ->  SharedCalls: one call, an answer for everybody who waits
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from headgate.lm.seam import Completion


class AnswerCache:
    """The completions used last, in memory."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._entries: OrderedDict[str, Completion[object]] = OrderedDict()

    def get(self, key: str) -> Completion[object] | None:
        """Return the completion under `key` as a cached one, or None."""
        completion = self._entries.get(key)
        if completion is None:
            return None
        self._entries.move_to_end(key)
        return completion.reused()

    def put(self, key: str, completion: Completion[object]) -> None:
        """Keep `completion`, and forget the one that was unused longest when there is no room."""
        self._entries[key] = completion
        self._entries.move_to_end(key)
        if len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)


@dataclass(eq=False, slots=True)
class _Shared:
    """One call and how many wait for it."""

    task: asyncio.Task[Completion[object]]
    waiting: int = 0
    paid: bool = False
    """True once a waiter was handed the bill."""


class SharedCalls:
    """Calls in flight, each made once however many ask for it."""

    def __init__(self) -> None:
        self._calls: dict[str, _Shared] = {}

    async def join(
        self, key: str, call: Callable[[], Coroutine[Any, Any, Completion[object]]]
    ) -> Completion[object]:
        """Return the result of the call in flight under `key`, made by `call` if there is none.

        The first to receive the answer gets its usage, the others get it as cached. A waiter that
        is cancelled leaves the call to the others; the last one to leave cancels it.

        Raises:
            HeadgateError: What the call raised, for each who waits.
        """
        shared = self._calls.get(key) or self._start(key, call)
        shared.waiting += 1
        try:
            completion = await asyncio.shield(shared.task)
        finally:
            shared.waiting -= 1
            if not shared.waiting:
                self._abandon(key, shared)
        if shared.paid:
            return completion.reused()
        shared.paid = True
        return completion

    async def close(self) -> None:
        """Cancel every call in flight and wait until it has ended."""
        tasks = [shared.task for shared in self._calls.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(
        self, key: str, call: Callable[[], Coroutine[Any, Any, Completion[object]]]
    ) -> _Shared:
        shared = _Shared(asyncio.create_task(call()))
        self._calls[key] = shared
        shared.task.add_done_callback(lambda _: self._forget(key, shared))
        return shared

    def _abandon(self, key: str, shared: _Shared) -> None:
        """Nobody waits: stop the call, and let the next asker start afresh."""
        shared.task.cancel()  # does nothing to a call that has ended
        self._forget(key, shared)

    def _forget(self, key: str, shared: _Shared) -> None:
        if self._calls.get(key) is shared:
            del self._calls[key]
