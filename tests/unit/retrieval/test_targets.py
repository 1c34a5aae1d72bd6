import asyncio
import threading
from dataclasses import dataclass

import numpy as np
import pytest

from headgate.errors import InputError, UnavailableError
from headgate.retrieval.targets import TargetIndex, TargetIndexes

ANGLES = {"east": (1, 0), "north": (0, 1), "west": (-1, 0), "between": (0.6, 0.8)}


@dataclass(frozen=True)
class Entry:
    """Something to keep."""

    name: str
    size_bytes: int = 10


class Encoder:
    """Turns the names of directions into vectors, and counts its calls."""

    def __init__(self):
        self.calls = []

    async def embed(self, texts):
        self.calls.append(list(texts))
        return np.array([ANGLES[text] for text in texts], np.float32)


def vectors(*names):
    return np.array([ANGLES[name] for name in names], np.float32)


async def test_each_query_is_compared_with_each_column_in_each_template():
    index = await TargetIndex.build([["east", "north"], ["west", "between"]], Encoder().embed)

    found = index.similarities([vectors("east"), vectors("between")])

    assert found.shape == (1, 2, 2)
    assert found[0] == pytest.approx(np.array([[1, -0.6], [0, 1]]))


async def test_a_text_that_two_templates_share_is_embedded_once():
    encoder = Encoder()

    await TargetIndex.build([["east", "north"], ["north", "east"]], encoder.embed)

    assert encoder.calls == [["east", "north"]]


async def test_a_target_without_columns_embeds_nothing_and_is_like_nothing():
    encoder = Encoder()

    index = await TargetIndex.build([[], []], encoder.embed)

    assert encoder.calls == []
    assert index.similarities([vectors("east"), vectors("east")]).shape == (1, 0, 2)


async def test_no_queries_have_no_similarities():
    index = await TargetIndex.build([["east", "north"]], Encoder().embed)

    assert index.similarities([np.empty((0, 2), np.float32)]).shape == (0, 2, 1)


@pytest.mark.parametrize(
    "returned",
    [
        pytest.param(vectors("east"), id="one-too-few"),
        pytest.param(np.array([[1, 0], [np.nan, 0]], np.float32), id="not-a-number"),
        pytest.param(np.ones(2, np.float32), id="no-rows"),
    ],
)
async def test_what_an_encoder_may_not_return_is_refused(returned):
    async def embed(texts):
        return returned

    with pytest.raises(InputError):
        await TargetIndex.build([["east", "north"]], embed)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(np.array([[np.inf, 0]], np.float32), id="infinite"),
        pytest.param(np.ones((1, 3), np.float32), id="of-another-encoder"),
    ],
)
async def test_a_query_that_does_not_fit_is_refused(query):
    index = await TargetIndex.build([["east"]], Encoder().embed)

    with pytest.raises(InputError):
        index.similarities([query])


async def test_the_size_is_that_of_all_vectors():
    index = await TargetIndex.build([["east", "north"], ["west", "west"]], Encoder().embed)

    assert index.size_bytes == 4 * 2 * 4


def builder(entry, calls, gate=None, error=None):
    async def build():
        calls.append(entry.name)
        if gate is not None:
            await gate.wait()
        if error is not None:
            raise error
        return entry

    return build


async def test_a_target_is_built_once_and_then_kept():
    indexes, calls = TargetIndexes(), []

    first = await indexes.get("a", builder(Entry("a"), calls))
    second = await indexes.get("a", builder(Entry("a"), calls))

    assert first is second
    assert calls == ["a"]


async def test_callers_at_the_same_time_wait_for_one_build():
    indexes, calls, gate = TargetIndexes(), [], asyncio.Event()
    build = builder(Entry("a"), calls, gate)
    waiting = [asyncio.create_task(indexes.get("a", build)) for _ in range(3)]
    await asyncio.sleep(0)

    gate.set()
    found = await asyncio.gather(*waiting)

    assert calls == ["a"]
    assert found[0] is found[1] is found[2]


async def test_different_targets_do_not_wait_for_each_other():
    indexes, calls, gate = TargetIndexes(), [], asyncio.Event()
    slow = asyncio.create_task(indexes.get("slow", builder(Entry("slow"), calls, gate)))
    await asyncio.sleep(0)

    assert await indexes.get("fast", builder(Entry("fast"), calls)) == Entry("fast")
    gate.set()
    await slow


async def test_a_caller_that_stops_waiting_leaves_the_build_to_the_others():
    indexes, calls, gate = TargetIndexes(), [], asyncio.Event()
    build = builder(Entry("a"), calls, gate)
    first, second = (asyncio.create_task(indexes.get("a", build)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    gate.set()

    assert await second == Entry("a")
    assert calls == ["a"]


async def test_what_nobody_waits_for_any_more_is_there_for_the_next():
    indexes, calls, gate = TargetIndexes(), [], asyncio.Event()
    first = asyncio.create_task(indexes.get("a", builder(Entry("a"), calls, gate)))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    gate.set()

    assert await indexes.get("a", builder(Entry("b"), calls)) == Entry("a")


async def test_a_failed_build_is_everyones_error_and_is_tried_again():
    indexes, calls, gate = TargetIndexes(), [], asyncio.Event()
    failing = builder(Entry("a"), calls, gate, error=InputError("vectors", "bad", "Fix."))
    waiting = [asyncio.create_task(indexes.get("a", failing)) for _ in range(2)]
    await asyncio.sleep(0)
    gate.set()
    errors = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(error) for error in errors] == [InputError, InputError]
    assert await indexes.get("a", builder(Entry("a"), calls)) == Entry("a")
    assert calls == ["a", "a"]


async def test_the_target_that_was_not_used_for_longest_goes_first():
    indexes, calls = TargetIndexes(25), []
    for key in ("a", "b", "a", "c", "a", "b"):
        await indexes.get(key, builder(Entry(key), calls))

    assert calls == ["a", "b", "c", "b"]
    assert indexes.size_bytes == 20


async def test_a_target_larger_than_the_bound_is_returned_but_not_kept():
    indexes, calls = TargetIndexes(25), []
    await indexes.get("small", builder(Entry("small"), calls))

    assert await indexes.get("large", builder(Entry("large", 26), calls)) == Entry("large", 26)
    assert indexes.size_bytes == 10


def test_event_loops_in_several_threads_share_one_build():
    """The second loop asks while the first one builds, and gets what the first one made."""
    indexes, calls, found = TargetIndexes(), [], {}
    started, joined = threading.Event(), threading.Event()

    async def build():
        calls.append("a")
        started.set()
        await asyncio.to_thread(joined.wait, 10)
        return Entry("a")

    def first():
        found["first"] = asyncio.run(indexes.get("a", build))

    async def second():
        waiting = asyncio.create_task(indexes.get("a", build))
        await asyncio.sleep(0)
        joined.set()
        return await waiting

    thread = threading.Thread(target=first)
    thread.start()
    assert started.wait(10)
    found["second"] = asyncio.run(second())
    thread.join(10)

    assert calls == ["a"]
    assert found["first"] is found["second"]


def test_a_loop_that_ends_while_it_builds_leaves_no_one_waiting():
    indexes, calls = TargetIndexes(), []

    async def leave():
        task = asyncio.create_task(indexes.get("a", builder(Entry("a"), calls, asyncio.Event())))
        await asyncio.sleep(0)
        other = asyncio.create_task(indexes.get("a", builder(Entry("a"), calls)))
        await asyncio.sleep(0)
        for each in asyncio.all_tasks() - {asyncio.current_task(), task, other}:
            each.cancel()
        return await asyncio.gather(task, other, return_exceptions=True)

    errors = asyncio.run(leave())

    assert [type(error) for error in errors] == [UnavailableError, UnavailableError]
    assert asyncio.run(indexes.get("a", builder(Entry("a"), []))) == Entry("a")
