"""What one resample came to, and what many say together.

Trial (risk, automation, ...) each resample  ->  figures of one rule
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

DELTA = 0.05

Figures = dict[str, float | int | str]


@dataclass(frozen=True, slots=True)
class Trial:
    """One resample under one rule."""

    risk: float
    """The true loss of what the rule chose."""
    automation: float
    """The share that small models answer, of the population; of the batch, for a batch."""
    oracle_automation: float
    """The largest share that the bound allows somebody who knows every label."""
    accuracy_given_up: float
    """The large model's accuracy minus the cascade's."""
    labels: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What is promised in each resample."""

    kind: str
    epsilon: float
    rows: int
    """Certification rows drawn, or records of the batch."""


def figures(claim: Claim, trials: Sequence[Trial]) -> Figures:
    """Return the figures of one rule on one set."""
    violated = [trial.risk > claim.epsilon + 1e-12 for trial in trials]
    return {
        "violation_rate": round(fmean(violated), 4),
        "delta": DELTA,
        "automation": round(fmean(trial.automation for trial in trials), 4),
        "oracle_automation": round(fmean(trial.oracle_automation for trial in trials), 4),
        "accuracy_given_up": round(fmean(trial.accuracy_given_up for trial in trials), 4),
        "labels_spent": round(fmean(trial.labels for trial in trials), 1),
        "kind": claim.kind,
        "epsilon": claim.epsilon,
        "rows": claim.rows,
        "resamples": len(trials),
    }


def largest_violation_rate(resamples: int) -> float:
    """Return delta plus two binomial standard errors of that many resamples."""
    return DELTA + 2 * math.sqrt(DELTA * (1 - DELTA) / resamples)


def generator(key: str) -> np.random.Generator:
    """Return the generator of one set's draws; the same in every run and every process."""
    return np.random.default_rng(zlib.crc32(key.encode()))
