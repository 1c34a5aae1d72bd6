import math

import numpy as np
import pytest

from headgate.gate.tier_rows import TierEvidence
from headgate.gate.tiers import fit_thresholds

LARGE = 0.92
"""Chance that the reference is right, independently of the small tiers."""


def stream(rng, rows, tiers, kind):
    """Scores uniform on [0, 1]; a tier is right with chance 0.55 + 0.44 score."""
    scores = rng.uniform(size=(rows, tiers))
    correct = rng.uniform(size=(rows, tiers)) < 0.55 + 0.44 * scores
    reference = np.ones(rows, bool) if kind == "agree" else rng.uniform(size=rows) < LARGE
    costs = np.array([0.1] * tiers + [1.0])
    return TierEvidence(scores, correct, reference, costs, np.zeros((rows, tiers), np.int64))


def true_risk(kept, right, kind):
    """Return the risk on a fine grid, from each point's chance that the answer is right."""
    if not kept.any():
        return 0.0
    wrong = 1 - right[kept]
    share = kept.mean()
    match kind:
        case "agree":
            return share * wrong.mean()
        case "regret":
            return share * wrong.mean() * LARGE
        case "netgap":
            return share * (LARGE - right[kept].mean())
    return wrong.mean()


def grid(tiers):
    """Scores that stand for the whole population, shape (10,000, tiers)."""
    side = round(10_000 ** (1 / tiers))
    middle = (np.arange(side) + 0.5) / side
    return np.stack(np.meshgrid(*[middle] * tiers), axis=-1).reshape(-1, tiers)


def risk_of(exits, scores, kind):
    kept = exits < scores.shape[1]
    answering = np.minimum(exits, scores.shape[1] - 1)
    right = 0.55 + 0.44 * scores[np.arange(len(scores)), answering]
    return true_risk(kept, right, kind)


def loss_of(found, kind):
    """Return each row's loss if the one tier's answer were kept."""
    wrong = ~found.correct[:, 0]
    match kind:
        case "regret":
            return (wrong & found.reference_correct).astype(float)
        case "netgap":
            return found.reference_correct.astype(float) - found.correct[:, 0]
    return wrong.astype(float)


def empirical_threshold(found, kind, epsilon):
    """Return the lowest score above which the same rows show a risk of at most epsilon."""
    order = np.argsort(-found.scores[:, 0])
    lost = np.cumsum(loss_of(found, kind)[order])
    rows = np.arange(1, len(order) + 1) if kind == "selective" else len(order)
    within = np.flatnonzero(lost / rows <= epsilon)
    return found.scores[order[within[-1]], 0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "tiers", "epsilon", "least"),
    [
        pytest.param("agree", 1, 0.05, 0.34, id="agree"),
        pytest.param("regret", 1, 0.05, 0.36, id="regret"),
        pytest.param("regret", 2, 0.05, 0.42, id="regret-of-two-tiers"),
        pytest.param("netgap", 1, 0.02, 0.25, id="netgap"),
        pytest.param("selective", 1, 0.2, 0.65, id="selective"),
    ],
)
def test_a_certificate_fails_in_at_most_one_draw_in_twenty(kind, tiers, epsilon, least):
    """While the threshold that looks right on the same rows fails in about half of all draws."""
    rng, trials, delta = np.random.default_rng(7), 200, 0.05
    population = grid(tiers)
    answers = np.zeros(population.shape, np.int64)
    risks, empirical, automations = [], [], []
    for _ in range(trials):
        found = stream(rng, 1000, tiers, kind)
        fitted = fit_thresholds(found, kind=kind, epsilon=epsilon, delta=delta)
        risks.append(risk_of(fitted.exits(population, answers), population, kind))
        automations.append(fitted.automation)
        limit = empirical_threshold(found, kind, epsilon)
        kept = np.where(population[:, 0] >= limit, 0, tiers)
        empirical.append(risk_of(kept, population, kind))
    most = delta + 3 * math.sqrt(delta * (1 - delta) / trials)

    assert np.mean(np.array(risks) > epsilon) <= most < 0.4
    assert np.mean(np.array(empirical) > epsilon) > 0.4
    assert np.mean(automations) > least
