"""Two alarms on a running cascade: too many errors in audits, and scores unlike certified ones.

losses (n,), weights (n,) of audits  ->  RiskMonitor   ->  evidence, alarm from 1 on
scores (n,) of all requests          ->  ScoreMonitor  ->  evidence, alarm from 1 on

Both bet against "nothing has changed" at once with several stakes and from every moment on
(Shiryaev-Roberts): levels = (levels + 1) * factors, where a factor is never negative and has a
mean of at most 1 while nothing has changed. Then the mean level less the number of updates is a
supermartingale, so an alarm at 1 / alpha comes after 1 / alpha updates or later on average, however
often anyone looks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

STAKES = 12
SMALLEST_STAKE, SMALLEST_SIGNED_STAKE = 0.5, 0.1
STAKE_LIMIT = 0.95
"""Share of its capital that a bet on more risk can lose to one harmless audit."""
TILTS = np.array([-1.9, -1.0, -0.5, 0.5, 1.0, 1.9])
"""Bets on lower (negative) and on higher scores."""
EDGES = 511
"""Scores that get a bin of their own; with the gaps around them there are 1,023 bins."""
CHUNK = 128
"""Scores ranked at once: their comparison with one another is a square of this size."""
EARLIER = np.tri(CHUNK, k=-1, dtype=np.bool_)
LEVEL_LIMIT = 1e200
"""Levels stay finite however long an alarm goes on."""


class _Monitor:
    """The levels of some bets, and whether they say that something has changed."""

    def __init__(self, bets: int, alpha: float, persist: int) -> None:
        if not 0 < alpha < 1:
            raise ValueError(f"alpha lies between 0 and 1, not at {alpha!r}")
        if persist < 1:
            raise ValueError(f"an alarm persists for at least 1 update, not {persist!r}")
        self._alpha, self._persist = alpha, persist
        self._levels = [0.0] * bets
        self._updates, self._streak = 0, 0
        self._alarmed_at: int | None = None

    @property
    def evidence(self) -> float:
        """The mean level as a share of the alarm's, 1 / alpha."""
        return sum(self._levels) / len(self._levels) * self._alpha

    @property
    def updates(self) -> int:
        """How many audits or requests were seen."""
        return self._updates

    @property
    def alarmed_at(self) -> int | None:
        """Which update raised the alarm, from 1; None while there is none. It stays raised."""
        return self._alarmed_at

    def _bet(self, factors: NDArray[np.float64]) -> bool:
        """Take a row of factors (n, bets) for each update; return whether there is an alarm."""
        level_of_alarm = len(self._levels) / self._alpha
        for row in factors.tolist():
            self._levels = [(m + 1.0) * f for m, f in zip(self._levels, row, strict=True)]
            total = sum(self._levels)
            if total > LEVEL_LIMIT:
                self._levels = [min(level, LEVEL_LIMIT) for level in self._levels]
            self._updates += 1
            self._streak = self._streak + 1 if total >= level_of_alarm else 0
            if self._streak >= self._persist and self._alarmed_at is None:
                self._alarmed_at = self._updates
        return self._alarmed_at is not None

    def _progress(self) -> dict[str, Any]:
        return {
            "alpha": self._alpha,
            "persist": self._persist,
            "levels": list(self._levels),
            "updates": self._updates,
            "streak": self._streak,
            "alarmed_at": self._alarmed_at,
        }

    def _restore(self, saved: Mapping[str, Any]) -> None:
        levels = [float(level) for level in saved["levels"]]
        if len(levels) != len(self._levels) or not all(0 <= m < math.inf for m in levels):
            raise ValueError("the saved levels of a monitor are not such")
        counts = (saved["updates"], saved["streak"], saved["alarmed_at"] or 0)
        if not all(isinstance(count, int) and count >= 0 for count in counts):
            raise ValueError("the saved counts of a monitor are not such")
        self._levels, self._alarmed_at = levels, saved["alarmed_at"]
        self._updates, self._streak = counts[:2]


class RiskMonitor(_Monitor):
    """Raises an alarm when audits show more risk than epsilon.

    While the mean loss of requests is at most epsilon, whatever depends on what, the alarm comes
    after 1 / alpha audits or later on average. Feed it the stream that epsilon speaks of, see
    `headgate.gate.watch.audit_update`.

    Args:
        epsilon: The certified risk, between 0 and 1.
        alpha: False alarms an audit, between 0 and 1.
        signed: Losses are from -1 to 1 (net gap), not from 0 to 1.
        persist: How many updates in a row the evidence is 1 or more before it is an alarm.

    Raises:
        ValueError: A number is out of its range.

    Source:
        Shin, Ramdas and Rinaldo 2022, arXiv:2203.03532. The stakes suit true risks from
        1.5 epsilon, at equal weights, to nearly 1; small weights need the larger ones.
    """

    def __init__(
        self, epsilon: float, alpha: float, *, signed: bool = False, persist: int = 1
    ) -> None:
        if not 0 < epsilon < 1:
            raise ValueError(f"epsilon lies between 0 and 1, not at {epsilon!r}")
        super().__init__(STAKES, alpha, persist)
        self._epsilon, self._signed = epsilon, signed
        # A loss of 0, or of -1 if signed, is the most that a stake can lose to.
        smallest = SMALLEST_SIGNED_STAKE if signed else SMALLEST_STAKE
        largest = STAKE_LIMIT / (1 + epsilon if signed else epsilon)
        self._stakes = np.geomspace(smallest, largest, STAKES)

    def update(self, losses: NDArray[np.float64], weights: NDArray[np.float64]) -> bool:
        """Take audits in order; return whether the alarm is raised, now or earlier.

        Args:
            losses: Shape (n,), from 0 to 1, or from -1 to 1 if signed.
            weights: Shape (n,), in (0, 1]: the smallest propensity over the audit's own.

        Raises:
            ValueError: A value is out of its range or no number; nothing was taken then.
        """
        _check(losses, -1.0 if self._signed else 0.0, 1.0, "losses")
        _check(weights, 0.0, 1.0, "weights")
        if losses.shape != weights.shape or np.any(weights == 0):
            raise ValueError("every loss needs a weight above 0")
        gains = weights * (losses - self._epsilon)
        return self._bet(1.0 + self._stakes * gains[:, None])

    def to_json(self) -> dict[str, Any]:
        """Return the state in plain JSON values; `from_json` goes on from it exactly."""
        return {"epsilon": self._epsilon, "signed": self._signed, **self._progress()}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        """Return the monitor that `to_json` described.

        Raises:
            ValueError: This is not such a state.
        """
        try:
            signed, persist = bool(saved["signed"]), saved["persist"]
            monitor = cls(saved["epsilon"], saved["alpha"], signed=signed, persist=persist)
            monitor._restore(saved)
        except (KeyError, TypeError) as error:
            raise ValueError("not the state of a risk monitor") from error
        return monitor


class ScoreMonitor(_Monitor):
    """Raises an alarm when scores are no longer like those that were certified; needs no labels.

    Each score is ranked among the reference and all scores since, ties in random order. While
    nothing changes the ranks are independent and uniform, exactly, and the alarm comes after
    1 / alpha requests or later on average.

    Scores are kept as counts: some reference scores, at ranks fixed beforehand, have a bin each,
    and all scores between two of them share one and count as equal. This keeps the ranks exact:
    given the edges, reference scores and later ones in the same gap are alike, so that their order
    may be drawn. Bins that ended at reference scores would give new scores to one side of them.

    Args:
        reference: Shape (n,), scores of the rows that were certified, at least 1.
        alpha: False alarms a request, between 0 and 1.
        seed: Of the order of ties, at least 0.
        persist: How many updates in a row the evidence is 1 or more before it is an alarm.

    Raises:
        ValueError: A number is out of its range, or a score is not finite.

    Source:
        Vovk, Petej, Nouretdinov, Ahlberg, Carlsson and Gammerman 2021, arXiv:2102.10439.
    """

    def __init__(
        self, reference: NDArray[np.float64], alpha: float, seed: int, *, persist: int = 1
    ) -> None:
        _check(reference, -math.inf, math.inf, "reference scores")
        if not len(reference):
            raise ValueError("there are no reference scores")
        super().__init__(len(TILTS), alpha, persist)
        places = (np.arange(EDGES) + 0.5) * (len(reference) / EDGES)
        self._edges = np.unique(np.sort(reference)[places.astype(np.int64)]).astype(np.float64)
        self._counts = np.zeros(2 * len(self._edges) + 1, dtype=np.int64)
        np.add.at(self._counts, self._bins(reference), 1)
        self._seed, self._bits = seed, np.random.PCG64(seed)
        self._uniform = np.random.Generator(self._bits)

    def update(self, scores: NDArray[np.float64]) -> bool:
        """Take scores in order; return whether the alarm is raised, now or earlier.

        Args:
            scores: Shape (n,), of all requests, whoever answered them; finite.

        Raises:
            ValueError: A score is not finite; nothing was taken then.
        """
        _check(scores, -math.inf, math.inf, "scores")
        for start in range(0, len(scores), CHUNK):
            ranks = self._rank(scores[start : start + CHUNK])
            self._bet(1.0 + TILTS * (ranks[:, None] - 0.5))
        return self.alarmed_at is not None

    def _bins(self, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the bin of each score (n,): odd for an edge, even for the gap below the next."""
        below = np.searchsorted(self._edges, scores, side="left")
        return below + np.searchsorted(self._edges, scores, side="right")

    def _rank(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the rank in [0, 1) of each score (n,) among all before it, and count them."""
        bins = self._bins(scores)
        earlier = EARLIER[: len(bins), : len(bins)]
        less = np.count_nonzero(earlier & (bins[None, :] < bins[:, None]), axis=1)
        equal = np.count_nonzero(earlier & (bins[None, :] == bins[:, None]), axis=1)
        upto = np.cumsum(self._counts)
        less = less + upto[bins] - self._counts[bins]
        equal = equal + self._counts[bins]
        seen = upto[-1] + np.arange(len(bins))
        np.add.at(self._counts, bins, 1)
        ranks = (less + self._uniform.random(len(bins)) * (equal + 1)) / (seen + 1)
        return np.asarray(ranks, dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        """Return the state in plain JSON values; `from_json` goes on from it exactly."""
        counts = {"edges": self._edges.tolist(), "counts": self._counts.tolist()}
        return {"seed": self._seed, **counts, **self._progress()}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        """Return the monitor that `to_json` described.

        Raises:
            ValueError: This is not such a state.
        """
        try:
            edges = np.array(saved["edges"], dtype=np.float64)
            counts = np.array(saved["counts"], dtype=np.int64)
            monitor = cls(edges, saved["alpha"], int(saved["seed"]), persist=saved["persist"])
            monitor._restore(saved)
        except (KeyError, TypeError) as error:
            raise ValueError("not the state of a score monitor") from error
        if not np.array_equal(edges, monitor._edges) or counts.shape != monitor._counts.shape:
            raise ValueError("the saved bins of a score monitor are not such")
        if np.any(counts < 0):
            raise ValueError("a saved count of a score monitor is negative")
        monitor._counts = counts
        # One draw a score: the generator is where it was.
        monitor._bits.advance(monitor.updates)
        return monitor


def _check(values: NDArray[np.float64], low: float, high: float, name: str) -> None:
    """Refuse what is not one row of finite numbers within a range."""
    if values.ndim != 1:
        raise ValueError(f"{name} are one row, not of shape {values.shape}")
    if not np.all(np.isfinite(values) & (values >= low) & (values <= high)):
        raise ValueError(f"{name} are finite and between {low} and {high}")
