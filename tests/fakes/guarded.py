"""Tiny engines under watch, and what tests do with them.

Engine, watcher -> Guard that audits everything -> records run -> audits that have ended
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fakes.certificates import certificate
from fakes.tiny_engine import soon
from fakes.tiny_models import log
from fakes.watched_cascade import assignment
from headgate.cascade.engine import Engine
from headgate.errors import UnavailableError
from headgate.serving.guard import Guard, Watched, WatcherHandle
from headgate.serving.watchers import LocalWatcher
from headgate.types import Origin, Result

ISSUED = certificate()
KEY = b"a key of tests"
CALL = Origin("call-1", "someone")


def guarded(engine: Engine, watcher: WatcherHandle, key: bytes = KEY, **changes: Any) -> Guard:
    """Return a guard that audits everything, unless the changes of its settings say otherwise."""
    watched = assignment(**{"certificate_id": ISSUED.id} | changes)
    return Guard(Watched(engine, watched, key), watcher)


@asynccontextmanager
async def watching(
    engine: Engine, watcher: WatcherHandle, key: bytes = KEY, **changes: Any
) -> AsyncIterator[Guard]:
    """Watch the engine until the block is left."""
    guard = guarded(engine, watcher, key, **changes)
    await guard.start()
    try:
        yield guard
    finally:
        await guard.close()


async def run(engine: Engine, *texts: str) -> list[Result]:
    """Return what the engine says of these lines, in one call."""
    return await engine.run([log(text) for text in texts], soon(), origin=CALL)


async def audited(guard: Guard, number: int) -> None:
    """Return once so many audits were made or skipped, and the watcher knows."""
    async with asyncio.timeout(10):
        while guard.status is None or guard.status.audits + guard.skipped < number:
            await asyncio.sleep(0.001)
            await guard.report()


class Failing(LocalWatcher):
    """A watcher whose reports fail as long as it is told to."""

    def __init__(self, directory: str) -> None:
        super().__init__(directory)
        self.fails = True
        self.refused = 0

    async def report(self, decisions: Any, audits: Any) -> Any:
        """Take a report, or refuse it."""
        if self.fails:
            self.refused += 1
            raise UnavailableError("watcher", "its process is gone", "Try again.")
        return await super().report(decisions, audits)


class Slow(LocalWatcher):
    """A watcher whose reports end when they may; it notes what it was sent."""

    def __init__(self, directory: str) -> None:
        super().__init__(directory)
        self.sent: list[str] = []
        self.may_answer = asyncio.Event()

    async def report(self, decisions: Any, audits: Any) -> Any:
        """Take a report once it may."""
        self.sent += [each.record_id for each in decisions]
        await self.may_answer.wait()
        return await super().report(decisions, audits)
