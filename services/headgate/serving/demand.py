"""What is asked of each large model, as the gateways see it: what its replicas are scaled on.

calls as they begin and end  ->  Meter: Demand of one gateway  ->  Board: Demand of all gateways
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import TypeAlias

WINDOW_S = 6.0
"""Calls of the last so many seconds count."""
SHORTEST_S = 3.0
"""A burst is spread over at least so many seconds, or it would look like a flood."""
EXPIRE_S = 10.0
"""A gateway that has not reported for so long is gone, and what it asked for with it."""
KEPT_SECONDS = 64
"""Calls whose seconds are remembered."""

Clock: TypeAlias = Callable[[], float]
"""Seconds that only ever grow."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of one large model now."""

    per_s: float
    """Calls begun a second."""
    seconds: float | None
    """Mean seconds of one; None until one has ended."""
    under_way: int
    """Calls that wait for a replica or are answered by one now."""
    most: int
    """Most calls that were under way at once lately, at least `under_way`."""


Reported: TypeAlias = Mapping[str, Demand]
"""The demand of each large model by its key, as one gateway sees it."""


class Meter:
    """Counts the calls of one gateway to one large model; for one event loop."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        """Start with nothing under way."""
        self._clock = clock
        self._begun: deque[tuple[float, int]] = deque()
        self._seconds: deque[float] = deque(maxlen=KEPT_SECONDS)
        self._under_way = 0
        self._busy_since = 0.0

    @contextmanager
    def call(self) -> Iterator[None]:
        """Count a call as under way until the block is left, however it is left."""
        now = self._clock()
        self._forget(now)
        if not self._begun:
            self._busy_since = now
        self._under_way += 1
        self._begun.append((now, self._under_way))
        try:
            yield
        finally:
            self._under_way -= 1

    def took(self, seconds: float) -> None:
        """Note for how long a call kept a replica busy."""
        self._seconds.append(seconds)

    def demand(self) -> Demand:
        """Return what is asked now."""
        now = self._clock()
        self._forget(now)
        span_s = min(max(now - self._busy_since, SHORTEST_S), WINDOW_S)
        return Demand(
            per_s=len(self._begun) / span_s,
            seconds=fmean(self._seconds) if self._seconds else None,
            under_way=self._under_way,
            most=max([self._under_way, *(under_way for _, under_way in self._begun)]),
        )

    def _forget(self, now: float) -> None:
        while self._begun and now - self._begun[0][0] > WINDOW_S:
            self._begun.popleft()


class Board:
    """What all gateways report last; an actor of the cluster runs it."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        """Start without reports."""
        self._clock = clock
        self._reports: dict[str, tuple[float, Reported]] = {}

    def report(self, gateway: str, demands: Reported) -> None:
        """Take what one gateway sees, in the place of what it saw before."""
        self._reports[gateway] = (self._clock(), dict(demands))

    def read(self) -> dict[str, Demand]:
        """Return the demand of all gateways by the key of the large model.

        A large model that no living gateway has told of is not there.
        """
        now = self._clock()
        self._reports = {
            gateway: (at, demands)
            for gateway, (at, demands) in self._reports.items()
            if now - at <= EXPIRE_S
        }
        reports = [demands for _, demands in self._reports.values()]
        keys = {key for demands in reports for key in demands}
        return {key: total(each[key] for each in reports if key in each) for key in sorted(keys)}


def total(demands: Iterable[Demand]) -> Demand:
    """Return what several gateways ask together; a busier one says more of a call's seconds."""
    each = list(demands)
    return Demand(
        per_s=sum(one.per_s for one in each),
        seconds=_mean_seconds(each),
        under_way=sum(one.under_way for one in each),
        most=sum(one.most for one in each),
    )


def _mean_seconds(each: Sequence[Demand]) -> float | None:
    timed = [(one.seconds, one.per_s) for one in each if one.seconds is not None]
    weight = sum(per_s for _, per_s in timed)
    if weight > 0:
        # The share first: the product of a rate next to nothing has no digits left.
        return sum(seconds * (per_s / weight) for seconds, per_s in timed)
    return fmean(seconds for seconds, _ in timed) if timed else None
