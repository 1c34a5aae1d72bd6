"""Spans of whatever a task does, and that nobody is told when nobody traces."""

import asyncio
from contextlib import aclosing

import pytest

from fakes.recorded_spans import RecordedSpan
from headgate import spans
from headgate.errors import LimitError
from headgate.spans import NO_SPAN


def test_nobody_is_told_anything_where_nobody_traces():
    with spans.opened("stage", {"headgate.records": 1}) as span:
        span.note({"headgate.kept": 1})
        span.share({"headgate.cascade": "c"})
        span.fail("LIMIT_EXCEEDED")

        assert span is spans.current() is NO_SPAN
        assert (span.recording, span.trace_id) == (False, "")


def test_a_span_is_current_within_its_block_only_and_ends_with_it():
    call = RecordedSpan("call")

    with spans.entered(call):
        with spans.opened("outer", {}) as outer, spans.opened("inner", {}) as inner:
            assert spans.current() is inner
        assert spans.current() is call
    assert spans.current() is NO_SPAN
    assert call.tree == {"outer": {"inner": {}}}
    assert (call.ended, outer.ended, inner.ended) == (0, 1, 1)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(LimitError("here", "canary", "Wait."), "LIMIT_EXCEEDED", id="ours"),
        pytest.param(RuntimeError("canary"), "RuntimeError", id="a-bug"),
        pytest.param(asyncio.CancelledError(), "CancelledError", id="nobody-waits"),
    ],
)
def test_what_ends_a_block_early_fails_its_span_without_its_text(error, reason):
    call = RecordedSpan("call")

    with pytest.raises(type(error)), spans.entered(call), spans.opened("stage", {}):
        raise error

    stage = call.named("stage")
    assert (stage.reason, stage.ended) == (reason, 1)


async def test_tasks_begin_below_the_span_in_which_they_are_created():
    call = RecordedSpan("call")

    async def part(name):
        with spans.opened(name, {}):
            await asyncio.sleep(0)
            with spans.opened(f"{name}/below", {}):
                await asyncio.sleep(0)

    with spans.entered(call):
        await asyncio.gather(part("a"), part("b"))

    assert call.tree == {"a": {"a/below": {}}, "b": {"b/below": {}}}


async def numbers():
    for number in range(3):
        with spans.opened(f"made {number}", {}):
            await asyncio.sleep(0)
        yield number


async def test_a_source_works_in_its_span_and_its_reader_does_not():
    call = RecordedSpan("call")

    with spans.entered(call):
        async for number in spans.within(call.child("source", {}), numbers()):
            with spans.opened(f"read {number}", {}):
                pass

    source = call.named("source")
    assert [each.name for each in source.below] == ["made 0", "made 1", "made 2"]
    assert [each.name for each in call.below[1:]] == ["read 0", "read 1", "read 2"]
    assert source.ended == 1


async def test_a_reader_that_stops_closes_the_source_and_ends_its_span():
    call = RecordedSpan("call")
    source = numbers()

    async with aclosing(spans.within(call, source)) as answers:
        assert await anext(answers) == 0

    assert call.ended == 1
    with pytest.raises(StopAsyncIteration):
        await anext(source)


async def test_a_generator_that_is_closed_elsewhere_does_not_mind():
    """An event loop closes what nobody reads any more in another context than it began in."""
    call = RecordedSpan("call")

    async def answers():
        with spans.entered(call):
            yield 1

    generator = answers()
    await asyncio.create_task(anext(generator))

    await asyncio.create_task(generator.aclose())
