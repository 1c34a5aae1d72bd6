"""The parts of a call, told to whoever traces it; nobody does unless a server says so.

call -> span -> a span below it for each stage -> a span below that for each call of a large model

Whoever does a part opens a span below the current one, and knows nothing of who reads it. What is
current belongs to a task: those that it creates begin below it. Facts are counts, names and codes
of the cascade; never a record, its id, a prompt, an answer or a caller.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager, suppress
from contextvars import ContextVar
from typing import Final, Protocol, TypeVar

from headgate.errors import HeadgateError

Fact = str | int | float | Sequence[str]
Facts = Mapping[str, Fact]
"""By their full names, such as `headgate.records`."""
_Item = TypeVar("_Item")


class Span(Protocol):
    """A part of a call that takes time."""

    @property
    def recording(self) -> bool:
        """Return whether anybody reads its facts; where nobody does, none need be gathered."""

    @property
    def trace_id(self) -> str:
        """Return the 32 hexadecimal digits of its trace; empty when nothing is traced."""

    def child(self, name: str, facts: Facts, *, outgoing: bool = False) -> Span:
        """Begin a span below it; `outgoing` ones wait for another process."""

    def note(self, facts: Facts) -> None:
        """Add facts."""

    def share(self, facts: Facts) -> None:
        """Add facts to it and to every span that is begun below it from now on."""

    def fail(self, reason: str) -> None:
        """Mark it as failed, for a reason from a closed set."""

    def end(self) -> None:
        """Note its end."""


class NoSpan:
    """A span that nobody reads."""

    recording = False
    trace_id = ""

    def child(self, name: str, facts: Facts, *, outgoing: bool = False) -> Span:
        """Return itself: nobody reads what is below it either."""
        del name, facts, outgoing
        return self

    def note(self, facts: Facts) -> None:
        """Do nothing."""

    def share(self, facts: Facts) -> None:
        """Do nothing."""

    def fail(self, reason: str) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


NO_SPAN: Final = NoSpan()
_current: ContextVar[Span] = ContextVar("headgate_span", default=NO_SPAN)


def current() -> Span:
    """Return the span that this task is in."""
    return _current.get()


@contextmanager
def entered(span: Span) -> Iterator[None]:
    """Make the span the current one until the block is left."""
    token = _current.set(span)
    try:
        yield
    finally:
        # A generator that is closed by the event loop ends in another context than it began in.
        with suppress(ValueError):
            _current.reset(token)


@contextmanager
def opened(name: str, facts: Facts, *, outgoing: bool = False) -> Iterator[Span]:
    """Begin a span below the current one, enter it, and end it with the block.

    Args:
        name: Of the span.
        facts: What is known of it now.
        outgoing: Whether another process is waited for.
    """
    above = current()
    if above is NO_SPAN:  # the usual case, which is to cost nothing
        yield NO_SPAN
        return
    span = above.child(name, facts, outgoing=outgoing)
    try:
        with entered(span):
            yield span
    except BaseException as error:
        span.fail(error.reason if isinstance(error, HeadgateError) else type(error).__name__)
        raise
    finally:
        span.end()


async def within(span: Span, source: AsyncGenerator[_Item, None]) -> AsyncGenerator[_Item, None]:
    """Yield what `source` yields; it is in the span, and whoever reads it is not.

    Closing this closes the source, and the span ends with both.
    """
    try:
        async with aclosing(source):
            while True:
                with entered(span):
                    try:
                        item = await anext(source)
                    except StopAsyncIteration:
                        return
                yield item
    finally:
        span.end()
