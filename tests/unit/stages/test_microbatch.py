import asyncio
import contextlib
import gc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.errors import UnavailableError
from headgate.stages.microbatch import MAX_RUNNING, Batching, MicroBatcher

NEVER_MS = 3_600_000
"""Longer than any test: only a full batch starts."""
SOON_MS = 1


class Doubler:
    """Doubles numbers when it may, and remembers its batches; a negative number is its end."""

    def __init__(self, *, held=False):
        self.batches = []
        self.active = self.most_active = self.cancelled = 0
        self.may_answer = asyncio.Event()
        if not held:
            self.may_answer.set()

    async def __call__(self, items):
        self.batches.append(list(items))
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            await self.may_answer.wait()
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.active -= 1
        if min(items) < 0:
            raise ValueError("no negative numbers")
        return [2 * item for item in items]


async def settle():
    """Let every task that can run do so."""
    for _ in range(8):
        await asyncio.sleep(0)


def calls(batcher, *requests):
    return [asyncio.create_task(batcher.submit(request)) for request in requests]


async def test_concurrent_calls_become_one_batch_and_each_gets_its_own_values():
    model = Doubler()
    batcher = MicroBatcher(model, Batching(max_size=4, max_wait_ms=NEVER_MS))

    values = await asyncio.gather(*calls(batcher, [1], [2, 3], [4]))

    assert values == [[2], [4, 6], [8]]
    assert model.batches == [[1, 2, 3, 4]]


async def test_a_batch_that_does_not_fill_starts_when_its_wait_is_over():
    model = Doubler()
    batcher = MicroBatcher(model, Batching(max_size=100, max_wait_ms=SOON_MS))

    values = await asyncio.gather(*calls(batcher, [1], [2]))

    assert values == [[2], [4]]
    assert model.batches == [[1, 2]]


async def test_a_batch_that_is_not_full_waits():
    model = Doubler()
    batcher = MicroBatcher(model, Batching(max_size=3, max_wait_ms=NEVER_MS))

    first, second = calls(batcher, [1], [2])
    await settle()
    assert model.batches == []

    (third,) = calls(batcher, [3])
    assert await asyncio.gather(first, second, third) == [[2], [4], [6]]


async def test_items_that_were_taken_do_not_fill_the_next_batch():
    model = Doubler()
    batcher = MicroBatcher(model, Batching(max_size=3, max_wait_ms=NEVER_MS))
    await batcher.submit([1, 2, 3])

    first, second = calls(batcher, [4], [5])
    await settle()
    assert model.batches == [[1, 2, 3]]

    (third,) = calls(batcher, [6])
    assert await asyncio.gather(first, second, third) == [[8], [10], [12]]


async def test_after_a_wait_is_over_the_next_calls_are_gathered_again():
    model = Doubler()
    batcher = MicroBatcher(model, Batching(max_size=9, max_wait_ms=SOON_MS))
    await batcher.submit([1])

    await asyncio.gather(*calls(batcher, [2], [3]))

    assert model.batches == [[1], [2, 3]]


async def test_a_call_that_does_not_fit_into_a_batch_waits_for_the_next_one():
    """Three and two are more than four: the two go alone, in their turn."""
    model = Doubler()
    batcher = MicroBatcher(model, Batching(max_size=4, max_wait_ms=SOON_MS))

    values = await asyncio.gather(*calls(batcher, [1, 2, 3], [4, 5]))

    assert values == [[2, 4, 6], [8, 10]]
    assert model.batches == [[1, 2, 3], [4, 5]]


async def test_a_call_larger_than_a_batch_is_split_and_joined_in_order():
    model = Doubler()
    batcher = MicroBatcher(model, Batching(max_size=4, max_wait_ms=SOON_MS))

    assert await batcher.submit(range(10)) == [2 * number for number in range(10)]
    assert model.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_no_items_are_answered_without_the_model():
    model = Doubler()

    assert await MicroBatcher(model, Batching()).submit([]) == []
    assert model.batches == []


async def test_every_call_in_a_batch_that_fails_ends_and_the_next_batch_works():
    batcher = MicroBatcher(Doubler(), Batching(max_size=2, max_wait_ms=NEVER_MS))

    outcomes = await asyncio.gather(*calls(batcher, [-1], [2]), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [ValueError, ValueError]
    assert await batcher.submit([3, 4]) == [6, 8]


async def test_a_split_call_fails_when_one_of_its_batches_does():
    batcher = MicroBatcher(Doubler(), Batching(max_size=2, max_wait_ms=NEVER_MS))

    with pytest.raises(ValueError, match="no negative numbers"):
        await batcher.submit([1, 2, -3, 4])


async def test_a_call_whose_batches_all_fail_leaves_no_error_that_nobody_reads():
    """Asyncio would log the message of an error that is never read, and it may quote a record."""
    unread = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unread.append(context))
    batcher = MicroBatcher(Doubler(), Batching(max_size=1, max_wait_ms=NEVER_MS))

    with contextlib.suppress(ValueError):
        await batcher.submit([-1, -2])
    await settle()
    gc.collect()

    assert unread == []


@pytest.mark.parametrize("change", [-1, 1], ids=["one-too-few", "one-too-many"])
async def test_a_model_that_miscounts_is_an_error_for_every_call_and_never_a_wrong_value(change):
    async def miscount(items):
        return [0] * (len(items) + change)

    batcher = MicroBatcher(miscount, Batching(max_size=3, max_wait_ms=NEVER_MS))

    outcomes = await asyncio.gather(*calls(batcher, [1, 2], [3]), return_exceptions=True)

    assert [str(outcome) for outcome in outcomes] == [
        f"a model returned {3 + change} values for 3 items. This is a bug."
    ] * 2


async def test_calls_end_when_the_run_is_cancelled_from_below():
    """As happens when the replica that runs the model is taken away."""

    async def vanish(items):
        raise asyncio.CancelledError

    batcher = MicroBatcher(vanish, Batching(max_size=2, max_wait_ms=NEVER_MS))

    async with asyncio.timeout(5):
        outcomes = await asyncio.gather(*calls(batcher, [1], [2]), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [UnavailableError, UnavailableError]


async def test_a_call_that_gives_up_leaves_the_batch_to_the_others():
    model = Doubler(held=True)
    batcher = MicroBatcher(model, Batching(max_size=2, max_wait_ms=NEVER_MS))
    impatient, patient = calls(batcher, [1], [2])
    await settle()

    impatient.cancel()
    await settle()
    model.may_answer.set()

    assert await patient == [4]
    assert impatient.cancelled()
    assert model.cancelled == 0


async def test_a_batch_nobody_waits_for_is_cancelled_and_makes_room():
    model = Doubler(held=True)
    batcher = MicroBatcher(model, Batching(max_size=2, max_wait_ms=NEVER_MS))
    started = calls(batcher, [1], [2], [3, 4], [5, 6])
    await settle()
    assert model.batches == [[1, 2], [3, 4]]

    for call in started[:2]:
        call.cancel()
    await settle()
    assert model.cancelled == 1
    assert model.batches == [[1, 2], [3, 4], [5, 6]]

    model.may_answer.set()
    assert await asyncio.gather(*started[2:]) == [[6, 8], [10, 12]]


async def test_a_split_call_that_gives_up_takes_all_its_batches_along():
    model = Doubler(held=True)
    batcher = MicroBatcher(model, Batching(max_size=2, max_wait_ms=NEVER_MS))
    (call,) = calls(batcher, [1, 2, 3, 4, 5, 6])
    await settle()

    call.cancel()
    await settle()

    assert (model.cancelled, model.active) == (2, 0)
    assert model.batches == [[1, 2], [3, 4]]


async def test_a_call_that_gives_up_in_the_queue_never_reaches_the_model():
    model = Doubler(held=True)
    batcher = MicroBatcher(model, Batching(max_size=2, max_wait_ms=NEVER_MS))
    running = calls(batcher, [1, 2], [3, 4])
    abandoned, behind = calls(batcher, [5, 6], [7, 8])
    await settle()

    abandoned.cancel()
    await settle()
    model.may_answer.set()

    assert await asyncio.gather(*running, behind) == [[2, 4], [6, 8], [14, 16]]
    assert model.batches == [[1, 2], [3, 4], [7, 8]]


async def test_a_queue_that_was_all_given_up_does_not_stop_the_next_call():
    model = Doubler()
    batcher = MicroBatcher(model, Batching(max_size=9, max_wait_ms=SOON_MS))
    for call in calls(batcher, [1], [2]):
        await settle()
        call.cancel()

    async with asyncio.timeout(5):
        assert await batcher.submit([3]) == [6]

    assert model.batches == [[3]]


async def test_no_more_than_two_batches_are_at_work_at_once():
    model = Doubler()
    batcher = MicroBatcher(model, Batching(max_size=1, max_wait_ms=NEVER_MS))

    assert await batcher.submit(range(20)) == list(range(0, 40, 2))
    assert model.most_active == MAX_RUNNING == 2


async def test_a_model_with_replicas_takes_more_batches_at_once():
    model = Doubler()
    batcher = MicroBatcher(model, Batching(max_size=1, max_wait_ms=NEVER_MS, max_running=6))

    assert await batcher.submit(range(20)) == list(range(0, 40, 2))
    assert model.most_active == 6


async def test_a_rest_whose_wait_ended_while_there_was_no_room_is_run_afterwards():
    """Its timer has rung and will not ring again: the end of a batch has to wake it."""
    model = Doubler(held=True)
    batcher = MicroBatcher(model, Batching(max_size=2, max_wait_ms=0))
    running = calls(batcher, [1, 2], [3, 4])
    (rest,) = calls(batcher, [5])
    await settle()
    assert model.batches == [[1, 2], [3, 4]]

    model.may_answer.set()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*running, rest) == [[2, 4], [6, 8], [10]]


async def test_a_rest_that_comes_while_there_is_no_room_is_run_when_its_own_wait_ends():
    model = Doubler(held=True)
    batcher = MicroBatcher(model, Batching(max_size=2, max_wait_ms=SOON_MS))
    running = calls(batcher, [1, 2], [3, 4])
    await settle()
    rest = calls(batcher, [5], [6, 7], [8])
    await settle()

    model.may_answer.set()
    async with asyncio.timeout(5):
        values = await asyncio.gather(*running, *rest)

    assert values == [[2, 4], [6, 8], [10], [12, 14], [16]]
    assert sorted(item for batch in model.batches for item in batch) == list(range(1, 9))


REQUESTS = st.lists(
    st.tuples(
        st.integers(0, 7),  # items
        st.sampled_from(["wait", "cancel", "fail"]),
        st.integers(0, 4),  # turns of the event loop before the next call
    ),
    max_size=25,
)


@settings(max_examples=80, deadline=None)
@given(REQUESTS, st.integers(1, 5), st.sampled_from([0, SOON_MS]))
def test_whatever_callers_do_each_ends_with_its_own_values(requests, max_size, max_wait_ms):
    asyncio.run(_play(requests, Batching(max_size, max_wait_ms)))


async def _play(requests, batching):
    model = Doubler()
    batcher = MicroBatcher(model, batching)
    started, wanted, number = [], [], 1
    for size, fate, turns in requests:
        items = list(range(number, number + size))
        number += size
        if fate == "fail" and items:
            items[-1] *= -1
        wanted.append(items)
        started += calls(batcher, items)
        for _ in range(turns):
            await asyncio.sleep(0)
        if fate == "cancel":
            started[-1].cancel()
    async with asyncio.timeout(10):
        outcomes = await asyncio.gather(*started, return_exceptions=True)
    await settle()
    fates = [fate for _, fate, _ in requests]
    _check_outcomes(model, outcomes, wanted, fates)
    _check_batches(model, batching)


def _check_outcomes(model, outcomes, wanted, fates):
    failed = {abs(item) for batch in model.batches if min(batch) < 0 for item in batch}
    for outcome, items, fate in zip(outcomes, wanted, fates, strict=True):
        shared = failed & {abs(item) for item in items}
        if isinstance(outcome, asyncio.CancelledError):
            assert fate == "cancel"
        elif isinstance(outcome, ValueError):
            assert shared
        else:
            assert outcome == [2 * item for item in items]
            assert not shared


def _check_batches(model, batching):
    ran = [abs(item) for batch in model.batches for item in batch]
    assert all(0 < len(batch) <= batching.max_size for batch in model.batches)
    assert ran == sorted(set(ran))
    assert model.most_active <= MAX_RUNNING
    assert model.active == 0
