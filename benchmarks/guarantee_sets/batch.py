"""The certificate of a batch beside BARGAIN's, on the same batches.

populations -> batch (N) -> exact_batch | bargain -> kept (N,) -> true share of bad answers

The loss is `agree`, the one that BARGAIN bounds; labels count as calls of the large model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from guarantee_sets.arrangements import Arrangement, arranged
from guarantee_sets.outcome import DELTA, Claim, Figures, Trial, figures, generator
from guarantee_sets.peer import bargain
from guarantee_sets.population import Bools, Population
from headgate.gate.batch import certify_batch, draw_sample, sample_size

RECORDS = 3_000
MORE_RECORDS = 10_000
RESAMPLES = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class BatchJob:
    """One set under both batch rules."""

    key: str
    parts: tuple[Population, ...]
    epsilon: float
    how: Arrangement = "drawn"
    records: int = RECORDS

    def run(self) -> dict[str, Figures]:
        """Return both rules' figures."""
        rng = generator(f"{self.key} batch")
        trials: dict[str, list[Trial]] = {"exact_batch": [], "bargain": []}
        for number in range(RESAMPLES):
            batch = arranged(self.how, self.parts, self.records, rng, trial=number)
            keep, labels = self._exact(batch, rng)
            trials["exact_batch"].append(self._trial(batch, keep, labels))
            keep, labels = bargain(
                batch.score, batch.bad("agree"), epsilon=self.epsilon, delta=DELTA, seed=number
            )
            trials["bargain"].append(self._trial(batch, keep, labels))
        claim = Claim("agree", self.epsilon, self.records)
        return {rule: figures(claim, own) for rule, own in trials.items()}

    def _exact(self, batch: Population, rng: np.random.Generator) -> tuple[Bools, int]:
        size = sample_size(len(batch), self.epsilon, DELTA)
        sample = draw_sample(len(batch), size, rng)
        bad = batch.bad("agree")[sample]
        certificate = certify_batch(batch.score, sample, bad, epsilon=self.epsilon, delta=DELTA)
        return certificate.keep, certificate.labels

    def _trial(self, batch: Population, keep: Bools, labels: int) -> Trial:
        bad = batch.bad("agree")
        given_up = batch.accuracy_given_up(keep)
        oracle = oracle_share(batch, self.epsilon)
        return Trial(float((keep & bad).mean()), float(keep.mean()), oracle, given_up, labels)


def oracle_share(batch: Population, epsilon: float) -> float:
    """Return the longest prefix, as a share, with at most epsilon * N bad records.

    Ties are broken by position, as the certificate may: a batch is what it is, in its order.
    """
    order = np.argsort(-batch.score, kind="stable")
    within = np.cumsum(batch.bad("agree")[order]) <= epsilon * len(batch) + 1e-9
    return float(within.mean())
