"""Threshold rules on a stream: draw labelled rows, choose a threshold, look at the population.

population -> rows (n = 2,000) -> exact | empirical | crc | clt -> threshold -> true risk
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from guarantee_sets.arrangements import Arrangement, certification_rows, chances
from guarantee_sets.outcome import DELTA, Claim, Figures, Trial, figures, generator
from guarantee_sets.population import Bools, Floats, Population
from guarantee_sets.truth import Truth
from headgate.evaluation.baselines import clt_threshold, crc_threshold, empirical_threshold
from headgate.gate.stream import certify_threshold
from headgate.gate.tier_rows import LossKind

ROWS = 2_000
RESAMPLES = 4_000

Rule = Callable[[Floats, Bools, float], float]


def exact_threshold(scores: Floats, bad: Bools, epsilon: float) -> float:
    """Return the certified threshold; infinite when nothing is certified."""
    rung = certify_threshold(scores, bad, epsilon=epsilon, delta=DELTA)
    return math.inf if rung is None else rung.threshold


RULES: dict[str, Rule] = {
    "exact": exact_threshold,
    "empirical": empirical_threshold,
    "crc": crc_threshold,
    "clt": lambda scores, bad, epsilon: clt_threshold(scores, bad, epsilon, DELTA),
}


@dataclass(frozen=True, slots=True, eq=False)
class StreamJob:
    """One set under the rules for streams."""

    key: str
    population: Population
    kind: LossKind
    epsilon: float
    how: Arrangement = "drawn"

    def run(self) -> dict[str, Figures]:
        """Return each rule's figures; all rules see the same rows."""
        rng = generator(f"{self.key} stream")
        truth = Truth.of(self.population, self.kind, chances(self.how, self.population))
        trials: dict[str, list[Trial]] = {rule: [] for rule in RULES}
        for number in range(RESAMPLES):
            rows = certification_rows(self.how, self.population, ROWS, rng, trial=number)
            scores, bad = rows.score, rows.bad(self.kind)
            for rule, choose in RULES.items():
                threshold = choose(scores, bad, self.epsilon)
                trials[rule].append(truth.trial(threshold, self.epsilon, len(rows)))
        claim = Claim(self.kind, self.epsilon, ROWS)
        return {rule: figures(claim, own) for rule, own in trials.items()}
