from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.gate.bounds import labels_needed
from headgate.gate.isotonic import ClassMaps, IsotonicMap
from headgate.gate.threshold import Gate
from headgate.gate.tier_rows import TierEvidence
from headgate.gate.tiers import TierPolicy, fit_thresholds
from headgate.types import Prediction

KINDS = ["agree", "regret", "netgap", "selective"]
IDENTITY = ClassMaps(IsotonicMap((0.0, 1.0), (0.0, 1.0)), {})
"""Leaves scores between 0 and 1 as they are."""
HALF = ClassMaps(IsotonicMap((0.0,), (0.5,)), {})


def fit(found, tune, kind="agree", epsilon=0.05, **keywords):
    return fit_thresholds(found, kind=kind, epsilon=epsilon, delta=0.05, tune=tune, **keywords)


def policy(tiers, threshold, maps):
    return TierPolicy(True, tiers, threshold, tuple(maps), 0, 0, 0.0, 0.0, 0.0, 0.0, 0)


def made_up(seed, rows, tiers):
    """Tiers of rising skill whose scores, in eighths, say something of their answers."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 9, size=(rows, tiers)) / 8
    chance = 0.6 + 0.1 * np.arange(tiers) / tiers + 0.3 * scores
    found = TierEvidence(
        scores,
        rng.uniform(size=(rows, tiers)) < chance,
        rng.uniform(size=rows) < 0.95,
        np.array([*np.arange(1.0, tiers + 1), 20]),
        rng.integers(0, 2, size=(rows, tiers)),
    )
    return found, rng.uniform(size=rows) < 0.4, rng


seeds = st.integers(0, 10_000)


def exit_of(confidences, tiers, threshold):
    for tier in tiers:
        if confidences[tier] >= threshold:
            return tier
    return len(confidences)


@settings(deadline=None, max_examples=30)
@given(seeds, st.sets(st.integers(0, 3)), st.floats(0, 1))
def test_a_row_leaves_at_the_first_chosen_tier_that_is_sure_enough(seed, tiers, threshold):
    found, _, rng = made_up(seed, 20, 4)
    scores = np.where(rng.uniform(size=(20, 4)) < 0.1, np.nan, found.scores)
    chosen = tuple(sorted(tiers))
    maps = [IDENTITY, HALF, IDENTITY, IDENTITY]
    confidences = scores.copy()
    confidences[~np.isnan(scores[:, 1]), 1] = 0.5

    exits = policy(chosen, threshold, maps).exits(scores, found.predicted)

    assert exits.tolist() == [exit_of(row, chosen, threshold) for row in confidences]


def recount(found, exits, kind):
    """Return (n, bad) of the kind, row by row."""
    n = bad = 0
    for row, tier in enumerate(exits):
        kept = tier < found.scores.shape[1]
        wrong = kept and not found.correct[row, tier]
        counts_in = kept if kind == "selective" else True
        n += counts_in
        bad += wrong and (kind == "selective" or bool(found.reference_correct[row]))
    return n, bad


def cost_of(found, tiers, tier):
    asked = [each for each in tiers if each <= tier]
    return sum(found.costs[asked]) + (found.costs[-1] if tier == len(found.costs) - 1 else 0)


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(seeds, st.sampled_from(KINDS), st.integers(1, 3))
def test_what_is_reported_is_what_the_certification_rows_show(seed, kind, tiers):
    found, tune, _ = made_up(seed, 400, tiers)
    fitted = fit(found, tune, kind, epsilon=0.2 if kind == "selective" else 0.1)
    certifying = found[~tune]
    exits = fitted.exits(certifying.scores, certifying.predicted).tolist()

    if not fitted.certified:
        assert set(exits) == {tiers}
        assert fitted.labels_needed == labels_needed(0.2 if kind == "selective" else 0.1, 0.05)
        return
    assert (fitted.n, fitted.bad) == recount(certifying, exits, kind)
    assert fitted.p_value <= 0.05
    assert fitted.automation == pytest.approx(np.mean([tier < tiers for tier in exits]))
    costs = [cost_of(certifying, fitted.tiers, tier) for tier in exits]
    assert fitted.mean_cost == pytest.approx(np.mean(costs))


@pytest.mark.slow
@settings(deadline=None, max_examples=20)
@given(seeds, st.sampled_from(KINDS), st.integers(1, 3))
def test_the_order_of_the_rows_makes_no_difference(seed, kind, tiers):
    found, tune, rng = made_up(seed, 300, tiers)
    order = rng.permutation(300)

    assert fit(found[order], tune[order], kind, 0.15) == fit(found, tune, kind, 0.15)


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(seeds, st.sampled_from(["agree", "regret", "netgap"]), st.integers(1, 3), st.data())
def test_a_larger_epsilon_never_gives_a_higher_threshold(seed, kind, tiers, data):
    """For tiers that were chosen before; a plan may choose others at another epsilon."""
    found, tune, _ = made_up(seed, 300, tiers)
    low, high = sorted(data.draw(st.tuples(st.floats(0.01, 0.4), st.floats(0.01, 0.4))))
    chosen = tuple(range(tiers))

    strict, lenient = (fit(found, tune, kind, each, tiers=chosen) for each in (low, high))

    assert lenient.threshold <= strict.threshold
    assert lenient.automation >= strict.automation


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(seeds)
def test_a_gate_keeps_what_the_policy_was_certified_for(seed):
    """Whole runs of rows share one confidence: rounding must not decide about them."""
    found, tune, _ = made_up(seed, 120, 1)
    sure = (1 + found.scores) / 2
    fitted = fit(replace(found, scores=sure), tune, epsilon=0.6)
    predictions = [Prediction(("yes", "no"), (each, 1 - each)) for each in sure[:, 0].tolist()]
    answers = np.zeros((120, 1), np.int64)

    verdicts = Gate("max_prob", fitted.threshold, maps=fitted.maps[0]).judge(predictions)

    assert fitted.certified
    exits = fitted.exits(sure, answers)
    assert [verdict.kept for verdict in verdicts] == (exits == 0).tolist()
