"""The gate beside MAPIE, on the same losses, and beside scikit-learn, on the same rows."""

import numpy as np
import pytest

from headgate.gate.bounds import binomial_p_value
from headgate.gate.head import Head
from headgate.gate.isotonic import fit_isotonic
from headgate.gate.stream import certify_threshold, expectation_threshold

pytestmark = pytest.mark.slow  # importing the libraries takes a second

ROWS = 512
"""A power of two, so that shares of bad rows are exact in binary."""


def stream(seed):
    """Rows from the surest to the least sure, and the risk of keeping up to each of them."""
    rng = np.random.default_rng(seed)
    scores = np.sort(rng.uniform(size=ROWS))[::-1]
    bad = rng.uniform(size=ROWS) < 0.3 * (1 - scores)
    return scores, bad, np.cumsum(bad) / ROWS


@pytest.mark.parametrize("epsilon", [0.01, 0.05, 0.3])
def test_p_values_are_those_of_learn_then_test_for_losses_of_0_or_1(epsilon):
    from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value

    bad = np.arange(ROWS + 1)

    theirs = compute_hoeffding_bentkus_p_value(bad / ROWS, ROWS, epsilon, binary=True)

    assert binomial_p_value(bad, ROWS, epsilon) == pytest.approx(theirs[:, 0], abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("epsilon", "delta"), [(0.02, 0.05), (0.05, 0.05), (0.05, 0.2)])
def test_the_last_rung_is_that_of_fixed_sequence_testing(seed, epsilon, delta):
    from mapie.risk_control._base_controller import ltt_procedure

    scores, bad, risks = stream(seed)
    (accepted,), _ = ltt_procedure(
        risks[None],
        np.array([[epsilon]]),
        delta,
        np.full((1, ROWS), ROWS),
        binary=True,
        fwer_method="fixed_sequence",
    )

    found = certify_threshold(scores, bad, epsilon=epsilon, delta=delta)

    assert found is not None
    assert found.threshold == scores[accepted[-1]]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("epsilon", [0.013, 0.041])
def test_the_threshold_in_expectation_is_that_of_conformal_risk_control(seed, epsilon):
    from mapie.risk_control.methods import find_best_predict_param, get_r_hat_plus

    scores, bad, _ = stream(seed)
    losses = np.triu(np.tile(bad[:, None], ROWS)).astype(float)
    _, bounds = get_r_hat_plus(losses, scores, "crc", None, None, None)

    found = expectation_threshold(scores, bad, epsilon=epsilon)

    assert found is not None
    assert found.threshold == find_best_predict_param(scores, bounds, np.array([epsilon]))[0]


@pytest.mark.parametrize("seed", range(10))
def test_the_blocks_of_a_map_are_those_of_isotonic_regression(seed):
    """Each shrunk to (w * mean + 0.5) / (w + 1), none below the one before."""
    from sklearn.isotonic import IsotonicRegression

    scores, bad, _ = stream(seed)
    means = IsotonicRegression().fit_transform(scores, ~bad).round(9)
    blocks, counts = np.unique(means, return_counts=True)
    centres = [scores[means == block].mean() for block in blocks]

    found = fit_isotonic(scores, ~bad)

    assert found.scores == pytest.approx(centres)
    shrunk = np.maximum.accumulate((counts * blocks + 0.5) / (counts + 1))
    assert found.confidences == pytest.approx(shrunk)


@pytest.mark.parametrize("seed", range(10))
def test_a_head_is_the_optimum_of_a_ridge_penalised_logistic_regression(seed):
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    rows = rng.normal(5, 3, size=(300, 3))
    right = rng.uniform(size=300) < 1 / (1 + np.exp(5 - rows[:, 0]))
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    theirs = LogisticRegression(C=1.0, tol=1e-8).fit(scaled, right)

    head = Head.fit(rows, right)

    assert head.weights == pytest.approx(theirs.coef_[0], abs=1e-3)
    assert head.bias == pytest.approx(theirs.intercept_[0], abs=1e-3)
