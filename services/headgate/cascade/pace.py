"""How long each stage takes, so that none is started that cannot end in time.

durations (last 100 of a stage)  ->  95th percentile in seconds
"""

from __future__ import annotations

from collections import defaultdict, deque

_REMEMBERED = 100
_NEEDED = 20
"""Fewer durations say nothing of a percentile."""


class Pace:
    """The recent durations of each stage."""

    def __init__(self) -> None:
        self._durations_s: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_REMEMBERED))
        self._p95_s: dict[str, float] = {}

    def note(self, stage: str, elapsed_s: float) -> None:
        """Remember one duration."""
        durations_s = self._durations_s[stage]
        durations_s.append(elapsed_s)
        if len(durations_s) >= _NEEDED:
            self._p95_s[stage] = sorted(durations_s)[int(0.95 * len(durations_s))]

    def p95_s(self, stage: str) -> float:
        """Return the 95th percentile in seconds; 0 while too little is known."""
        return self._p95_s.get(stage, 0.0)
