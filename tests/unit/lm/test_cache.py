import asyncio

import pytest

from headgate.errors import LmError
from headgate.lm.cache import AnswerCache, SharedCalls
from headgate.lm.seam import Completion
from headgate.types import Usage

PAID = Completion("a", Usage(calls=1), latency_s=1.0)


class Call:
    """A call that ends when it is told to, and counts."""

    def __init__(self, error=None):
        self.started = 0
        self.cancelled = 0
        self.may_end = asyncio.Event()
        self.error = error

    async def __call__(self):
        self.started += 1
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        return PAID


async def settle():
    """Let every task that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def join_all(calls, call, count):
    return [asyncio.create_task(calls.join("k", call)) for _ in range(count)]


def test_what_was_put_comes_back_as_cached_and_free():
    cache = AnswerCache(2)
    cache.put("k", PAID)

    assert cache.get("k") == Completion("a", Usage(), 0.0, cached=True)
    assert cache.get("other") is None


def test_the_entry_unused_longest_is_forgotten_first():
    cache = AnswerCache(2)
    cache.put("old", PAID)
    cache.put("new", PAID)
    cache.get("old")

    cache.put("newest", PAID)

    assert [cache.get(key) is None for key in ("old", "new", "newest")] == [False, True, False]


def test_a_cache_without_room_keeps_nothing():
    cache = AnswerCache(0)
    cache.put("k", PAID)

    assert cache.get("k") is None


async def test_a_hundred_waiters_share_one_call_and_one_of_them_pays():
    calls, call = SharedCalls(), Call()
    waiters = join_all(calls, call, 100)
    await settle()
    call.may_end.set()

    completions = await asyncio.gather(*waiters)

    assert call.started == 1
    assert sum(completion.usage.calls for completion in completions) == 1
    assert sum(completion.cached for completion in completions) == 99


async def test_a_waiter_that_leaves_does_not_stop_the_call_for_the_others():
    calls, call = SharedCalls(), Call()
    first, second = join_all(calls, call, 2)
    await settle()

    first.cancel()
    await settle()
    call.may_end.set()

    assert await second == PAID  # and it gets the bill, as the first is gone
    assert first.cancelled()


async def test_the_last_waiter_to_leave_cancels_the_call():
    calls, call = SharedCalls(), Call()
    waiters = join_all(calls, call, 3)
    await settle()

    for waiter in waiters:
        waiter.cancel()
    await settle()

    assert call.cancelled == 1


async def test_after_a_cancelled_call_the_next_asker_starts_afresh():
    calls, call = SharedCalls(), Call()
    [waiter] = join_all(calls, call, 1)
    await settle()
    waiter.cancel()
    [next_waiter] = join_all(calls, call, 1)
    await settle()
    call.may_end.set()

    assert await next_waiter == PAID
    assert call.started == 2


async def test_an_error_reaches_everybody_and_is_not_remembered():
    calls = SharedCalls()
    failing, working = Call(LmError("here", "broken", "Wait.")), Call()
    waiters = join_all(calls, failing, 2)
    await settle()
    failing.may_end.set()

    results = await asyncio.gather(*waiters, return_exceptions=True)

    assert [str(result) for result in results] == ["here: broken. Wait."] * 2
    working.may_end.set()
    assert await calls.join("k", working) == PAID


async def test_closing_ends_the_calls_in_flight():
    calls, call = SharedCalls(), Call()
    [waiter] = join_all(calls, call, 1)
    await settle()

    await calls.close()

    assert call.cancelled == 1
    with pytest.raises(asyncio.CancelledError):
        await waiter
