"""What is seen of a local model while it writes: whether to stop, how likely each token was.

Stop, logits of each step  ->  TokenWatch  ->  log-probability of each token that was written
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any


class Stop:
    """Tells work in another thread when it is of no use any more."""

    def __init__(self, seconds_left: float) -> None:
        """Count from now on."""
        self._until = time.monotonic() + seconds_left
        self._is_set = False

    def limit(self, seconds: float) -> None:
        """Leave no more than so many seconds from now on."""
        self._until = min(self._until, time.monotonic() + seconds)

    def set(self) -> None:
        """Make it over at once: nobody waits any longer."""
        self._is_set = True

    @property
    def over(self) -> bool:
        """Return whether the time is over, or nobody waits."""
        return self._is_set or time.monotonic() >= self._until


class TokenWatch:
    """Looks at each step of one generation, between what the model says and what is drawn."""

    def __init__(self, stop: Stop, *, weigh: bool) -> None:
        """Prepare.

        Args:
            stop: Ends the generation.
            weigh: Whether log-probabilities are wanted; they take time and memory.
        """
        self.stopped = False
        """Whether the generation was ended before the model had."""
        self._stop = stop
        self._weigh = weigh
        self._said: Any = None
        self._log_probs: list[float] = []

    def logits(self, ids: Any, logits: Any) -> Any:  # noqa: ANN401 - tensors have no types here
        """Note what the model says of the next token; shape (1, vocabulary), handed on as it is.

        What was drawn at the step before is known only now; so no more than one step is kept.
        """
        if self._weigh:
            self._note(ids)
            self._said = logits.log_softmax(-1)
        return logits

    def is_over(self, ids: Any, scores: Any) -> bool:  # noqa: ANN401
        """Return whether to stop after this token."""
        del ids, scores
        self.stopped = self._stop.over
        return self.stopped

    def log_probs(self, ids: Any) -> Sequence[float]:  # noqa: ANN401
        """Return the log-probability of each token written, as the model held it before drawing.

        Args:
            ids: Of all tokens, shape (1, prompt and written).
        """
        self._note(ids)
        self._said = None
        return self._log_probs

    def _note(self, ids: Any) -> None:  # noqa: ANN401
        if self._said is not None:
            self._log_probs.append(min(float(self._said[0, ids[0, -1]]), 0.0))
