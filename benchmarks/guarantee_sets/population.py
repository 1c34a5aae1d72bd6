"""A frozen set of records whose every answer is known: the truth that resamples are judged by.

scores, answers of T small tiers (n, T), of the large model, gold  ->  losses (n,), oracle
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.gate.tier_rows import LossKind, TierEvidence

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """All records of one set. The last small tier is the one that two-tier rules gate."""

    name: str
    scores: Floats
    """Shape (n, T), higher is surer."""
    predicted: Places
    """Shape (n, T): class of each tier's answer; zeros where answers are free text."""
    correct: Bools
    """Shape (n, T), by the gold answer."""
    agrees: Bools
    """Shape (n, T): whether the tier's answer is the large model's."""
    large_correct: Bools
    """Shape (n,)."""
    groups: Places
    """Shape (n,): which records say the same thing: a log line, a table, a question."""

    def __len__(self) -> int:
        """Return how many records there are."""
        return len(self.large_correct)

    @property
    def score(self) -> Floats:
        """Return the last small tier's score, shape (n,)."""
        return self.scores[:, -1]

    @property
    def small_correct(self) -> Bools:
        """Return whether the last small tier is right, shape (n,)."""
        return self.correct[:, -1]

    @property
    def default_kind(self) -> LossKind:
        """Return `regret` where the large model is the better one, else `agree`."""
        return "regret" if self.large_correct.mean() > self.small_correct.mean() else "agree"

    def bad(self, kind: LossKind) -> Bools:
        """Return whether keeping the last small tier's answer is a loss, shape (n,)."""
        match kind:
            case "agree":
                return ~self.agrees[:, -1]
            case "selective":
                return ~self.small_correct
        return self.large_correct & ~self.small_correct

    def accuracy_given_up(self, kept: Bools) -> float:
        """Return the large model's accuracy minus the cascade's that keeps these answers."""
        right = np.where(kept, self.small_correct, self.large_correct)
        return float(self.large_correct.mean() - right.mean())

    def take(self, rows: Places) -> Population:
        """Return the records at some places, in that order."""
        return Population(
            self.name,
            self.scores[rows],
            self.predicted[rows],
            self.correct[rows],
            self.agrees[rows],
            self.large_correct[rows],
            self.groups[rows],
        )

    def evidence(self, kind: LossKind, costs: Sequence[float]) -> TierEvidence:
        """Return what `fit_thresholds` reads; for `agree` the large model is always right."""
        agree = kind == "agree"
        return TierEvidence(
            scores=self.scores,
            correct=self.agrees if agree else self.correct,
            reference_correct=np.ones(len(self), bool) if agree else self.large_correct,
            costs=np.asarray(costs, float),
            predicted=self.predicted,
        )


def joined(name: str, parts: Sequence[Population]) -> Population:
    """Return the records of several populations of as many tiers, one after the other."""
    offsets = np.cumsum([0, *(part.groups.max() + 1 for part in parts[:-1])])
    return Population(
        name,
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.predicted for part in parts]),
        np.concatenate([part.correct for part in parts]),
        np.concatenate([part.agrees for part in parts]),
        np.concatenate([part.large_correct for part in parts]),
        np.concatenate([p.groups + o for p, o in zip(parts, offsets, strict=True)]),
    )


def last_tier(population: Population) -> Population:
    """Return the population with its last small tier alone."""
    return Population(
        population.name,
        population.scores[:, -1:],
        population.predicted[:, -1:],
        population.correct[:, -1:],
        population.agrees[:, -1:],
        population.large_correct,
        population.groups,
    )


def group_numbers(keys: Sequence[str]) -> Places:
    """Return the number of each key's group, shape (len(keys),), from 0 in order of appearance."""
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], np.int64)


def oracle_threshold(scores: Floats, bad: Bools, epsilon: float) -> float:
    """Return the smallest threshold whose risk on these very records is at most epsilon.

    Records of one score enter together. Infinite when no threshold will do.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.append(scores[order][:-1] != scores[order][1:], True)
    within = np.cumsum(bad[order]) <= epsilon * len(scores) + 1e-9
    found = np.flatnonzero(ends & within)
    return float(scores[order][found[-1]]) if len(found) else np.inf
