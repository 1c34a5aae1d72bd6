import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gate.audit import AuditPlan, AuditRow, audit_coin, uniform_sample, weighted_risk

PLAN = AuditPlan(0.01, 0.25)


def row(**changes):
    """An audit that was drawn, of an answer that was right."""
    fields = {"record_id": "a", "request_id": "r", "version": "v1", "score": 0.9}
    fields |= {"propensity": 0.5, "coin": 0.25, "loss": 0.0, "escalated": False}
    return AuditRow(**{**fields, **changes})


@pytest.mark.parametrize(
    ("confidence", "suspect", "propensity"),
    [
        pytest.param(1.0, False, 0.01, id="sure"),
        # A loss with odds of one to one has deviation 0.5, times 0.08, above 0.01.
        pytest.param(0.5, False, 0.05, id="torn"),
        # At one to four the deviation is 0.4.
        pytest.param(0.8, False, 0.042, id="rather-sure"),
        pytest.param(0.0, False, 0.01, id="surely-wrong"),
        pytest.param(1.5, False, 0.01, id="above-the-scale"),
        pytest.param(-1.0, False, 0.01, id="below-the-scale"),
        pytest.param(1.0, True, 0.05, id="sure-while-suspect"),
        pytest.param(0.5, True, 0.25, id="torn-while-suspect"),
    ],
)
def test_unsure_answers_are_audited_more_often(confidence, suspect, propensity):
    assert PLAN.propensity(confidence, suspect=suspect) == pytest.approx(propensity)


def test_an_audit_is_never_more_frequent_than_the_plan_allows():
    """0.01 + 0.08 * 0.5 would be 0.05."""
    assert AuditPlan(0.01, 0.02).propensity(0.5, suspect=True) == 0.02


@given(st.floats(allow_nan=False), st.floats(0.001, 0.5), st.floats(0.5, 1.0))
def test_a_propensity_stays_between_the_shares_and_grows_with_suspicion(confidence, share, most):
    plan = AuditPlan(share, most)

    healthy, suspect = (plan.propensity(confidence, suspect=each) for each in (False, True))

    assert share <= healthy <= suspect <= most


def test_a_confidence_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="confidence"):
        PLAN.propensity(float("nan"), suspect=False)


@pytest.mark.parametrize(
    ("share", "most"),
    [(0.0, 0.5), (-0.1, 0.5), (0.5, 0.25), (0.5, 1.5), (float("nan"), 0.5), (0.5, float("nan"))],
)
def test_shares_out_of_range_are_refused(share, most):
    with pytest.raises(ValueError, match="share"):
        AuditPlan(share, most)


def test_the_coin_is_the_start_of_a_keyed_hash():
    """As `printf 'v1|r1' | openssl dgst -sha256 -hmac key` prints it: a23216fcad147a71..."""
    assert audit_coin(b"key", "v1", "r1") == 0xA23216FCAD147A71 / 2**64


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((b"kez", "v1", "r1"), id="key"),
        pytest.param((b"key", "v2", "r1"), id="version"),
        pytest.param((b"key", "v1", "r2"), id="request"),
    ],
)
def test_another_key_version_or_request_has_another_coin(other):
    assert audit_coin(*other) != audit_coin(b"key", "v1", "r1")


def test_coins_are_spread_evenly():
    """Of 10,000 a tenth falls into each tenth, within four standard deviations (120)."""
    coins = [audit_coin(b"key", "v1", f"request-{index}") for index in range(10_000)]

    counts = np.histogram(coins, bins=10, range=(0, 1))[0]

    assert np.all(np.abs(counts - 1000) < 120)


def test_a_coin_without_a_key_is_refused():
    with pytest.raises(ValueError, match="key"):
        audit_coin(b"", "v1", "r1")


@pytest.mark.parametrize(
    "changes",
    [
        {"propensity": 0.0},
        {"propensity": 1.1},
        {"propensity": float("nan")},
        {"coin": -0.1},
        {"coin": 1.1},
        {"coin": float("nan")},
        {"score": float("nan")},
        {"loss": 2.0},
        {"loss": float("nan")},
    ],
    ids=str,
)
def test_a_row_that_cannot_be_is_refused(changes):
    with pytest.raises(ValueError, match="not"):
        row(**changes)


def test_only_rows_below_the_share_are_a_uniform_sample():
    """The middle one was drawn because its answer was unsure; it may not certify anything."""
    rows = [row(coin=0.005), row(coin=0.04, propensity=0.05), row(coin=0.002, escalated=True)]

    assert uniform_sample(rows, 0.01) == [rows[0], rows[2]]


def test_a_missing_outcome_stays_in_the_uniform_sample():
    """Leaving it out would make the sample a choice."""
    rows = [row(coin=0.005, loss=None)]

    assert uniform_sample(rows, 0.01) == rows


def test_a_row_drawn_with_less_than_the_share_is_no_uniform_sample():
    with pytest.raises(ValueError, match="share"):
        uniform_sample([row(propensity=0.005)], 0.01)


@pytest.mark.parametrize("share", [0.0, 1.1, float("nan")])
def test_a_share_out_of_range_gives_no_sample(share):
    with pytest.raises(ValueError, match="share"):
        uniform_sample([], share)


def test_an_audited_loss_counts_for_the_requests_it_stands_for():
    """One error among audits of one in two and one in four: 2 of 10 requests.

    The weights 2 and 4 are worth 6 ** 2 / (4 + 16) = 1.8 equal ones.
    """
    estimate = weighted_risk([row(loss=1.0), row(propensity=0.25, coin=0.1)], 10)

    assert estimate.risk == pytest.approx(0.2)
    assert estimate.effective_n == pytest.approx(1.8)
    assert estimate.missing == 0


def test_the_known_audits_stand_in_for_a_missing_one():
    """An error that stands for 2, a right answer for 4; another 4 are like these: 10/6 * 0.2."""
    rows = [row(loss=1.0), row(propensity=0.25, coin=0.1), row(propensity=0.25, loss=None, coin=0)]

    estimate = weighted_risk(rows, 10)

    assert estimate.risk == pytest.approx(1 / 3)
    assert estimate.missing == 1


def test_a_missing_audit_widens_the_interval_and_only_upwards():
    audits = [row(loss=float(index < 3)) for index in range(40)]

    whole = weighted_risk([*audits, row()], 1000)
    gap = weighted_risk([*audits, row(loss=None)], 1000)

    assert gap.low == whole.low
    assert gap.high > whole.high


def test_an_escalated_request_has_weight_one_whatever_its_coin():
    """A policy in shadow, wrong on one escalated request of ten and on no audited one."""
    rows = [row(), row(coin=0.9, loss=1.0, escalated=True)]

    assert weighted_risk(rows, 10).risk == pytest.approx(0.1)


def test_a_loss_that_came_without_a_draw_is_not_used():
    """Whoever complains tells of errors only."""
    assert weighted_risk([row(), row(coin=0.9, loss=1.0)], 10).risk == 0


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="no-rows"),
        pytest.param([row(loss=None)], id="all-missing"),
        pytest.param([row(escalated=True)], id="escalated-only"),
        pytest.param([row(coin=0.9, loss=None)], id="none-drawn"),
    ],
)
@pytest.mark.parametrize("signed", [False, True])
def test_without_an_audited_outcome_nothing_is_known(rows, signed):
    estimate = weighted_risk(rows, 10, signed=signed)

    assert estimate.risk is None
    assert (estimate.low, estimate.high) == (-1.0 if signed else 0.0, 1.0)


@pytest.mark.parametrize(
    ("errors", "low", "high"),
    [
        # The exact limits of a Poisson mean at 95 % (Garwood 1936).
        pytest.param(0, 0.0, 3.689, id="no-error"),
        pytest.param(1, 0.0253, 5.572, id="one-error"),
        pytest.param(3, 0.6187, 8.767, id="three-errors"),
    ],
)
def test_at_equal_weights_the_interval_is_the_exact_one_of_a_count(errors, low, high):
    """Each audit stands for two of 1,000 requests."""
    rows = [row(loss=float(index < errors)) for index in range(400)]

    estimate = weighted_risk(rows, 1000)

    assert (estimate.low, estimate.high) == pytest.approx((low * 0.002, high * 0.002), rel=1e-3)


def test_gains_make_up_for_losses_in_a_signed_risk():
    rows = [row(loss=1.0), row(loss=-1.0), row(loss=0.0)]

    estimate = weighted_risk(rows, 1000, signed=True)

    assert estimate.risk == 0
    assert estimate.low == pytest.approx(-estimate.high)
    assert estimate.high > 0


@given(st.lists(st.tuples(st.sampled_from([0.25, 0.5, 1.0]), st.integers(0, 1)), max_size=3))
def test_the_estimate_is_right_on_average_over_the_coins(requests):
    """Each request has a propensity and a loss; all outcomes of the coins are gone through."""
    mean = 0.0
    for drawn in itertools.product([False, True], repeat=len(requests)):
        rows = [
            row(propensity=propensity, loss=float(loss), coin=0.0 if taken else 1.0)
            for (propensity, loss), taken in zip(requests, drawn, strict=True)
        ]
        chances = [
            propensity if taken else 1 - propensity
            for (propensity, _), taken in zip(requests, drawn, strict=True)
        ]
        mean += np.prod(chances) * (weighted_risk(rows, 10).risk or 0.0)

    assert mean == pytest.approx(sum(loss for _, loss in requests) / 10)


@pytest.mark.slow
@pytest.mark.parametrize("signed", [False, True])
def test_the_interval_covers_the_risk_as_often_as_it_says(signed):
    """300 logs of 5,000 requests, whose errors are many where audits are and few elsewhere."""
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(300):
        wrong = rng.beta(0.5, 8, 5000)
        chances = np.array([PLAN.propensity(1 - each, suspect=False) for each in wrong])
        coins = rng.random(5000)
        losses = (rng.random(5000) < wrong).astype(float)
        if signed:
            losses -= rng.random(5000) < 0.03
        rows = [
            row(propensity=chances[index], coin=coins[index], loss=losses[index])
            for index in np.flatnonzero(coins < chances)
        ]
        estimate = weighted_risk(rows, 5000, signed=signed)
        covered.append(estimate.low <= 0.5 / 8.5 - 0.03 * signed <= estimate.high)

    assert np.mean(covered) >= 0.93


@pytest.mark.parametrize(
    ("rows", "requests", "confidence", "words"),
    [
        pytest.param([], 0, 0.95, "requests", id="no-requests"),
        pytest.param([row(), row()], 1, 0.95, "requests", id="more-rows-than-requests"),
        pytest.param([row()], 10, 1.0, "confidence", id="certainty"),
        pytest.param([row()], 10, float("nan"), "confidence", id="no-number"),
        pytest.param([row(loss=-1.0)], 10, 0.95, "signed", id="unannounced-gain"),
    ],
)
def test_an_estimate_that_cannot_be_is_refused(rows, requests, confidence, words):
    with pytest.raises(ValueError, match=words):
        weighted_risk(rows, requests, confidence=confidence)
