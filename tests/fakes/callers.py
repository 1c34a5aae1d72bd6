"""Callers that ask one record at a time, and what they got.

records, threads -> client of each thread -> [Call] (start, end, tier, failure)

The client is the one that backends use, with its retries: what fails here fails for a user.
"""

from __future__ import annotations

import itertools
import multiprocessing
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing.connection import Connection
from types import TracebackType

from headgate.client import Client
from headgate.errors import HeadgateError
from headgate.types import Record

CALL_TIMEOUT_S = 30.0
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one caller."""

    started_s: float
    """Of the clock that all processes share."""
    ended_s: float
    tier: str
    """That answered; empty when nothing did."""
    failure: str
    """Status of what went wrong; empty when the answer is there."""
    degraded: str
    """Why the answer is not what the policy wanted; empty when it is."""


class Load:
    """A process with callers that ask until they are told to stop."""

    def __init__(
        self, address: str, records: Sequence[Record], threads: int, every_s: float = 0.0
    ) -> None:
        """Prepare.

        Args:
            address: Of the gateways.
            records: Asked about again and again, each caller from another start.
            threads: Callers, each with one call under way and a connection of its own.
            every_s: Least seconds from one call of a caller to its next: with many callers that
                rarely ask, those who wait for an answer keep no others from asking.
        """
        # Spawned: a fork of a process with gRPC threads hangs.
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(
            target=_ask, args=(theirs, address, records, threads, every_s)
        )

    def __enter__(self) -> Load:
        self._process.start()
        self._ours.recv()  # all callers are connected
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.is_alive():
            self.stop()

    def stop(self) -> list[Call]:
        """Let the calls under way end, and return all."""
        self._ours.send("stop")
        calls: list[Call] = self._ours.recv()
        self._process.join()
        return calls

    def count(self) -> int:
        """Return how many calls have ended so far."""
        self._ours.send("count")
        return int(self._ours.recv())

    def wait_for(self, count: int) -> None:
        """Return once that many calls have ended."""
        while self.count() < count:
            time.sleep(POLL_S)


def _ask(
    pipe: Connection, address: str, records: Sequence[Record], threads: int, every_s: float
) -> None:
    stop = threading.Event()
    calls: list[Call] = []
    starts = [number * len(records) // threads for number in range(threads)]
    paces = [_Pace(stop, number * every_s / threads, every_s) for number in range(threads)]
    callers = [
        threading.Thread(
            target=_caller,
            args=(pace, calls, address, records[at:] + records[:at]),
            daemon=True,  # they end with us when the test is killed, and the pipe with it
        )
        for pace, at in zip(paces, starts, strict=True)
    ]
    for each in callers:
        each.start()
    pipe.send("started")
    while pipe.recv() == "count":
        pipe.send(len(calls))
    stop.set()
    for each in callers:
        each.join()
    pipe.send(calls)


@dataclass(frozen=True, slots=True)
class _Pace:
    """When a caller asks."""

    stop: threading.Event
    first_s: float
    every_s: float

    def turns(self) -> Iterator[int]:
        """Yield numbers from 0, each when it is time for a call, until there are to be no more."""
        due_s = time.monotonic() + self.first_s
        for number in itertools.count():
            if self.stop.wait(max(0.0, due_s - time.monotonic())):
                return
            due_s = max(due_s, time.monotonic()) + self.every_s
            yield number


def _caller(pace: _Pace, calls: list[Call], address: str, records: Sequence[Record]) -> None:
    with Client(address, timeout_s=CALL_TIMEOUT_S) as client:
        for number in pace.turns():
            calls.append(_called(client, records[number % len(records)]))


def _called(client: Client, record: Record) -> Call:
    started_s = time.monotonic()
    tier, failure, degraded = "", "", ""
    try:
        (result,) = client.run_cascade([record])
    except HeadgateError as error:
        failure = error.status
    else:
        degraded = result.degraded
        tier = result.tier.value if result.tier else ""
        failure = result.error.status if result.error else ""
    return Call(started_s, time.monotonic(), tier, failure, degraded)


def failed(calls: Sequence[Call]) -> int:
    """Return how many calls brought no answer."""
    return sum(bool(each.failure) for each in calls)


def longest_gap_s(calls: Sequence[Call], since_s: float, until_s: float) -> float:
    """Return the longest time between answers within a span, in seconds."""
    ends = sorted(each.ended_s for each in calls if not each.failure)
    inside = [since_s, *(end for end in ends if since_s <= end <= until_s), until_s]
    return max(after - before for before, after in pairwise(inside))


def per_second(calls: Sequence[Call], since_s: float, until_s: float) -> float:
    """Return answers a second within a span."""
    answered = sum(not each.failure and since_s <= each.ended_s <= until_s for each in calls)
    return answered / (until_s - since_s)
