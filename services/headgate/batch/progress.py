"""How far a job is while it runs, and who asks it to stop.

blocks of any worker -> Tally: bytes, lines -> ProgressState, for whoever shows it
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProgressState:
    """What a person is shown."""

    lines: int
    """Lines or rows that are read."""
    lines_per_s: float
    """Since this run began."""
    llm_share: float
    """Answers of the large model, as a share of the answers so far; between 0 and 1."""
    cost_usd: float
    """Of the whole job so far."""
    seconds_left: float | None
    """None while nothing can be said."""


Report = Callable[[ProgressState], None]


class StoppedError(Exception):
    """A worker was asked to stop; what is not committed is done again by the next run."""


class Tally:
    """What workers of this process have done; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.lines = 0

    def add(self, lines: int) -> None:
        """Count lines that were read.

        Raises:
            StoppedError: The run is to stop.
        """
        with self._lock:
            self.lines += lines
        self.check()

    def check(self) -> None:
        """Do nothing until the run is to stop.

        Raises:
            StoppedError: It is.
        """
        if self._stop.is_set():
            raise StoppedError

    def stop(self) -> None:
        """Ask every worker to stop at its next block."""
        self._stop.set()
