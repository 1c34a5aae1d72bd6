"""Certificates with a tuning part: several tiers, other losses, and gates for a rare class.

population -> rows (n = 2,000, 30 % of them tune) -> policy -> who answers each record -> true loss
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from guarantee_sets.arrangements import Arrangement, certification_rows, chances
from guarantee_sets.outcome import DELTA, Claim, Figures, Trial, figures, generator
from guarantee_sets.population import Bools, Floats, Places, Population
from guarantee_sets.truth import Truth
from headgate.gate.tier_rows import LossKind
from headgate.gate.tiers import fit_thresholds
from headgate.gate.two_sided import ClassBounds, certify_normal, certify_rare

ROWS = 2_000
RARE_ROWS = 10_000
"""Three in a hundred are rare, and it takes 29 of them to prove the least."""
RESAMPLES = 300
COSTS = (0.0001, 0.0003, 0.002, 1.0)
"""Of one record, the large model's being 1: orders of magnitude, which decide what tiers pay."""


@dataclass(frozen=True, slots=True, eq=False)
class TiersJob:
    """One set under a policy of one or more small tiers.

    The oracle knows all labels but has one threshold on the last tier's score, so a policy with
    more tiers, or with a map a class, may automate more than it.
    """

    key: str
    population: Population
    kind: LossKind
    epsilon: float
    how: Arrangement = "drawn"

    def run(self) -> dict[str, Figures]:
        """Return the figures of our rule."""
        rng = generator(f"{self.key} tiers")
        weights = chances(self.how, self.population)
        oracle = Truth.of(self.population, self.kind, weights).oracle_automation(self.epsilon)
        trials = []
        for number in range(RESAMPLES):
            rows = certification_rows(self.how, self.population, ROWS, rng, trial=number)
            exits = self._exits(rows, number)
            trials.append(self._trial(exits, weights, oracle))
        return {"exact": figures(Claim(self.kind, self.epsilon, ROWS), trials)}

    def _exits(self, rows: Population, seed: int) -> Places:
        """Return the tier that answers each record of the population."""
        costs = COSTS[-1 - rows.scores.shape[1] :]
        evidence = rows.evidence(self.kind, costs)
        policy = fit_thresholds(
            evidence, kind=self.kind, epsilon=self.epsilon, delta=DELTA, seed=seed
        )
        return policy.exits(self.population.scores, self.population.predicted)

    def _trial(self, exits: Places, weights: Floats, oracle: float) -> Trial:
        population = self.population
        kept = exits < population.scores.shape[1]
        right, agrees = population.large_correct.copy(), np.ones(len(population), bool)
        own = np.flatnonzero(kept)
        right[own] = population.correct[own, exits[own]]
        agrees[own] = population.agrees[own, exits[own]]
        automation = float(weights @ kept)
        given_up = float(weights @ population.large_correct - weights @ right)
        match self.kind:
            case "agree":
                risk = float(weights @ ~agrees)
            case "regret":
                risk = float(weights @ (population.large_correct & ~right))
            case "netgap":
                risk = given_up
            case "selective":
                risk = float(weights @ (kept & ~right)) / automation if automation else 0.0
        return Trial(risk, automation, oracle, given_up, ROWS)


@dataclass(frozen=True, slots=True, eq=False)
class RareJob:
    """The two gates for a rare class; each has a bound of its own."""

    key: str
    confidence: Floats
    """Shape (n,): that a record is rare."""
    rare: Bools
    miss: float
    false_alarm: float

    def run(self) -> dict[str, Figures]:
        """Return the figures of both gates."""
        rng = generator(self.key)
        bounds = ClassBounds(self.miss, self.false_alarm, DELTA)
        misses, alarms = [], []
        for number in range(RESAMPLES):
            rows = rng.integers(len(self.rare), size=RARE_ROWS)
            confidence, rare = self.confidence[rows], self.rare[rows]
            tune = np.random.default_rng(number).random(RARE_ROWS) < 0.3
            misses.append(self._miss(certify_normal(1 - confidence, rare, bounds).threshold))
            rung = certify_rare(confidence, rare, bounds, tune=tune)
            alarms.append(self._false_alarm(rung.threshold))
        return {
            "exact_miss": figures(Claim("two_sided", self.miss, RARE_ROWS), misses),
            "exact_false_alarm": figures(Claim("two_sided", self.false_alarm, RARE_ROWS), alarms),
        }

    def _miss(self, threshold: float) -> Trial:
        """Return the rare records that are called normal, as a share of the rare ones."""
        sure = 1 - self.confidence
        own = -np.sort(-sure[self.rare])
        limit = own[int(np.floor(self.miss * len(own)))]
        kept = sure >= threshold
        risk = float(kept[self.rare].mean())
        oracle = float((sure > limit).mean())
        return Trial(risk, float(kept.mean()), oracle, float((kept & self.rare).mean()), RARE_ROWS)

    def _false_alarm(self, threshold: float) -> Trial:
        """Return the calls of "rare" that are wrong, as a share of those calls."""
        order = np.argsort(-self.confidence, kind="stable")
        shares = np.cumsum(~self.rare[order]) / np.arange(1, len(order) + 1)
        within = np.flatnonzero(shares <= self.false_alarm)
        oracle = (within[-1] + 1) / len(order) if len(within) else 0.0
        kept = self.confidence >= threshold
        wrong = float((kept & ~self.rare).mean())
        risk = float((~self.rare[kept]).mean()) if kept.any() else 0.0
        return Trial(risk, float(kept.mean()), float(oracle), wrong, RARE_ROWS)
