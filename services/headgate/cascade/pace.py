"""How long each stage takes, so that none is started that cannot end in time.

durations (last minute, at most 100 of a stage and a size)  ->  95th percentile in seconds
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable

_REMEMBERED = 100
_REMEMBERED_S = 60.0
"""A stage that is not started teaches nothing new: only forgetting lets it be tried again."""
_NEEDED = 20
"""Fewer durations say nothing of a percentile."""

_Key = tuple[str, int]
_Noted = tuple[float, float]
"""When it was noted, and the duration; both in seconds."""


class Pace:
    """The recent durations of each stage, apart for batches of different size.

    Sizes are told apart by powers of two: a call with one record is not judged by how long a
    thousand took.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._noted: dict[_Key, deque[_Noted]] = defaultdict(lambda: deque(maxlen=_REMEMBERED))

    def note(self, stage: str, records: int, elapsed_s: float) -> None:
        """Remember how long a stage took for so many records."""
        self._noted[stage, records.bit_length()].append((self._clock_s(), elapsed_s))

    def p95_s(self, stage: str, records: int) -> float:
        """Return the 95th percentile in seconds; 0 while too little is known."""
        since_s = self._clock_s() - _REMEMBERED_S
        noted = self._noted[stage, records.bit_length()]
        recent_s = sorted(elapsed_s for at_s, elapsed_s in noted if at_s >= since_s)
        return recent_s[int(0.95 * len(recent_s))] if len(recent_s) >= _NEEDED else 0.0
