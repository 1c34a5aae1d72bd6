"""The truth about thresholds: what each would do to the whole population.

Population, kind, weights  ->  risk, automation, accuracy given up at any threshold
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from guarantee_sets.outcome import Trial
from guarantee_sets.population import Floats, Population
from headgate.gate.tier_rows import LossKind


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Sums over the records from the surest down to each one, of records that weigh 1 together."""

    scores: Floats
    """Shape (n,), descending."""
    kept: Floats
    """Shape (n,): weight of the records so far."""
    lost: Floats
    """Shape (n,): weight of the lossy ones among them; for `netgap` minus that of the gains."""
    given_up: Floats
    """Shape (n,): large model's accuracy minus the small one's, over those so far."""
    share_of_kept: bool
    """Whether the loss is one of the kept records, not of all."""

    @classmethod
    def of(cls, population: Population, kind: LossKind, weights: Floats) -> Truth:
        """Return the truth about a population of weighted records, the weights of shape (n,)."""
        order = np.argsort(-population.score, kind="stable")
        weights = weights[order]
        difference = population.large_correct.astype(float) - population.small_correct
        losses = difference if kind == "netgap" else population.bad(kind).astype(float)
        return cls(
            population.score[order],
            np.cumsum(weights),
            np.cumsum(weights * losses[order]),
            np.cumsum(weights * difference[order]),
            kind == "selective",
        )

    def trial(self, threshold: float, epsilon: float, labels: int) -> Trial:
        """Return what keeping all scores of at least the threshold comes to."""
        count = int(np.searchsorted(-self.scores, -threshold, side="right"))
        oracle = self.oracle_automation(epsilon)
        if count == 0:
            return Trial(0.0, 0.0, oracle, 0.0, labels)
        last = count - 1
        risk, kept = float(self.risks()[last]), float(self.kept[last])
        return Trial(risk, kept, oracle, float(self.given_up[last]), labels)

    def risks(self) -> Floats:
        """Return the loss of keeping the records down to each one, shape (n,)."""
        return self.lost / self.kept if self.share_of_kept else self.lost

    def oracle_automation(self, epsilon: float) -> float:
        """Return the largest share that may be kept; records of one score enter together."""
        ends = np.append(self.scores[:-1] != self.scores[1:], True)
        found = np.flatnonzero(ends & (self.risks() <= epsilon + 1e-12))
        return float(self.kept[found[-1]]) if len(found) else 0.0
