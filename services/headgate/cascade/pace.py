"""How long each stage takes, so that none is started that cannot end in time.

durations (last 100 of a stage and a size)  ->  95th percentile in seconds
"""

from __future__ import annotations

from collections import defaultdict, deque

_REMEMBERED = 100
_NEEDED = 20
"""Fewer durations say nothing of a percentile."""

_Key = tuple[str, int]


class Pace:
    """The recent durations of each stage, apart for batches of different size.

    Sizes are told apart by powers of two: a call with one record is not judged by how long a
    thousand took.
    """

    def __init__(self) -> None:
        self._durations_s: dict[_Key, deque[float]] = defaultdict(lambda: deque(maxlen=_REMEMBERED))
        self._p95_s: dict[_Key, float] = {}

    def note(self, stage: str, records: int, elapsed_s: float) -> None:
        """Remember how long a stage took for so many records."""
        key = (stage, records.bit_length())
        durations_s = self._durations_s[key]
        durations_s.append(elapsed_s)
        if len(durations_s) >= _NEEDED:
            self._p95_s[key] = sorted(durations_s)[int(0.95 * len(durations_s))]

    def p95_s(self, stage: str, records: int) -> float:
        """Return the 95th percentile in seconds; 0 while too little is known."""
        return self._p95_s.get((stage, records.bit_length()), 0.0)
