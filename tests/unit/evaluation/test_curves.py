import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.tiny_outcomes import drawn, four, outcomes
from headgate.evaluation.curves import (
    Curve,
    aiq,
    apgr,
    area_under_cost_error,
    cost_per_success,
    cpt,
    deferral_curve,
    delta_ibc,
    evenly,
    oracle_curve,
    risk_coverage,
    share_reaching,
)

ANSWERS = st.sampled_from("ab")
ROWS = st.lists(st.tuples(st.integers(0, 3), ANSWERS, ANSWERS, ANSWERS), min_size=1, max_size=12)


def curve(quality, cost_usd=None):
    quality = np.array(quality, dtype=float)
    share = np.linspace(0, 1, len(quality))
    return Curve(share, quality, share if cost_usd is None else np.array(cost_usd, dtype=float))


def test_the_least_sure_rows_are_sent_first():
    """Row 4 gains, row 3 loses, row 2 gains, row 1 stays; each call costs two dollars."""
    found = deferral_curve(four())

    assert found.share.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert found.quality.tolist() == [0.5, 0.75, 0.5, 0.75, 0.75]
    assert found.cost_usd.tolist() == [1, 1.5, 2, 2.5, 3]


def test_rows_of_one_score_are_sent_in_random_order():
    """The block of rows 3 and 4 gains and loses one: on average nothing in between."""
    found = deferral_curve(four(scores=np.array([0.9, 0.7, 0.3, 0.3])))

    assert found.quality.tolist() == [0.5, 0.5, 0.5, 0.75, 0.75]


def test_the_oracle_sends_what_gains_and_leaves_what_loses_to_the_end():
    assert oracle_curve(four()).quality.tolist() == [0.5, 0.75, 1, 1, 0.75]


def test_apgr_of_a_score_worked_by_hand():
    """Parts recovered 0, 1, 0, 1, 1: trapezoids of 0.5, 0.5, 0.5 and 1, a quarter wide each."""
    assert apgr(deferral_curve(four())) == pytest.approx(0.625)


def test_apgr_of_an_oracle_passes_one():
    """Parts recovered 0, 1, 2, 2, 1."""
    assert apgr(oracle_curve(four())) == pytest.approx(1.375)


def test_apgr_of_a_score_that_tells_nothing_is_a_half():
    assert apgr(deferral_curve(four(scores=np.zeros(4)))) == pytest.approx(0.5)


@pytest.mark.parametrize("quality", [[0.5, 0.5], [0.75, 0.5]], ids=["as-good", "worse"])
def test_without_a_gap_there_is_nothing_to_recover(quality):
    assert apgr(curve(quality)) is None
    assert cpt(curve(quality), 0.5) is None


def test_the_smallest_share_that_recovers_a_part_is_taken_from_the_points():
    found = curve([0.5, 0.6, 0.55, 0.9, 0.7])

    assert cpt(found, 0.2) == cpt(found, 0.5) == 0.25
    assert cpt(found, 0.8) == cpt(found, 1.0) == 0.75
    assert cpt(found, 0.0) == 0


def test_the_share_that_reaches_a_quality_or_none():
    assert share_reaching(curve([0.5, 0.6, 0.8]), 0.6) == 0.5
    assert share_reaching(curve([0.5, 0.6, 0.8]), 0.9) is None


def test_aiq_worked_by_hand():
    """Up from (1, 0.5) to (1.5, 0.75), then level to 3: (0.3125 + 1.125) / 2."""
    assert aiq(deferral_curve(four())) == pytest.approx(0.71875)


def test_aiq_mixes_policies_over_a_dip():
    """The straight line from 0.5 to 1 lies above the point at 0.6."""
    assert aiq(curve([0.5, 0.6, 1.0])) == pytest.approx(0.75)


def test_aiq_never_pays_more_for_less():
    assert aiq(curve([0.5, 1.0, 0.0])) == pytest.approx((0.75 + 1.0) / 2)


def test_aiq_counts_a_gain_that_costs_nothing_at_once():
    assert aiq(curve([0.5, 0.8, 0.8], [1, 1, 2])) == pytest.approx(0.8)


def test_aiq_needs_costs_that_differ():
    assert aiq(curve([0.5, 1.0], [1, 1])) is None


def test_area_under_cost_and_error_worked_by_hand():
    """Errors 0.5, 0.25, 0.5 at 1, 1.5 and 2 dollars, the large model's cost."""
    assert area_under_cost_error(deferral_curve(four()), 2.0) == pytest.approx(0.375)


def test_area_under_cost_and_error_ends_between_two_points():
    """The error falls in a line from 0.5 to 0.25 over 1 to 1.5 dollars; half-way, 0.375."""
    assert area_under_cost_error(deferral_curve(four()), 1.25) == pytest.approx(0.4375)


def test_area_under_cost_and_error_needs_a_dearer_large_model():
    assert area_under_cost_error(deferral_curve(four()), 1.0) is None


def test_twice_the_quality_for_a_dollar_is_a_benefit_of_one():
    """0.25 for 0.5 dollars against 0.25 for 1 dollar."""
    assert delta_ibc((1, 0.5), (2, 0.75), (1.5, 0.75)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("small", "large", "policy"),
    [
        pytest.param((1, 0.5), (2, 0.75), (1, 0.5), id="policy-costs-as-little"),
        pytest.param((1, 0.5), (1, 0.75), (2, 0.5), id="large-costs-as-little"),
        pytest.param((1, 0.5), (2, 0.5), (2, 0.7), id="large-is-no-better"),
    ],
)
def test_a_benefit_for_no_money_or_over_nothing_has_no_meaning(small, large, policy):
    assert delta_ibc(small, large, policy) is None


def test_risk_is_told_for_each_threshold_that_exists():
    """Rows 2 and 3 share a score, so they are kept together."""
    rows = four(scores=np.array([0.9, 0.5, 0.5, 0.3]))

    found = risk_coverage(rows, rows.regret, 10)

    assert [point.coverage for point in found] == [0.25, 0.75, 1.0]
    assert [point.wrong.value for point in found] == [0, pytest.approx(1 / 3), 0.5]
    assert [point.loss.value for point in found] == [0, 0.25, 0.5]
    assert found[0].wrong.high == pytest.approx(0.975)
    assert found[0].loss.high == pytest.approx(1 - 0.025**0.25)


def test_risk_points_are_thinned_but_for_the_ends():
    rows = drawn(500)

    found = risk_coverage(rows, rows.disagree, 20)

    assert len(found) == 20
    assert (found[0].coverage, found[-1].coverage) == (1 / 500, 1.0)


def test_positions_are_spread_from_the_first_to_the_last():
    assert evenly(3, 10).tolist() == [0, 1, 2]
    assert evenly(101, 5).tolist() == [0, 25, 50, 75, 100]
    assert evenly(1, 5).tolist() == [0]


def test_a_success_has_a_price_unless_there_is_none():
    assert cost_per_success(3.0, 2) == 1.5
    assert cost_per_success(3.0, 0) is None


def drawn_rows(rows):
    scores, gold, small, large = zip(*rows, strict=True)
    return outcomes(scores, gold, small, large)


@settings(deadline=None, max_examples=50)
@given(ROWS)
def test_a_curve_starts_at_the_small_models_and_ends_at_the_large_one(rows):
    rows = drawn_rows(rows)
    for found in (deferral_curve(rows), oracle_curve(rows)):
        assert found.quality[0] == pytest.approx(rows.small_right.mean())
        assert found.quality[-1] == pytest.approx(rows.large_right.mean())
        assert (np.diff(found.cost_usd) >= 0).all()


@settings(deadline=None, max_examples=50)
@given(ROWS)
def test_no_score_beats_the_oracle(rows):
    rows = drawn_rows(rows)

    assert (oracle_curve(rows).quality >= deferral_curve(rows).quality - 1e-9).all()


@settings(deadline=None, max_examples=50)
@given(ROWS)
def test_only_the_order_of_scores_counts(rows):
    rows = drawn_rows(rows)
    bent = outcomes(np.exp(rows.scores), rows.gold, rows.small, rows.large)

    assert (deferral_curve(bent).quality == deferral_curve(rows).quality).all()


@settings(deadline=None, max_examples=25)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_count(rows, random):
    shuffled = random.sample(rows, len(rows))

    assert deferral_curve(drawn_rows(shuffled)).quality == pytest.approx(
        deferral_curve(drawn_rows(rows)).quality
    )


@settings(deadline=None, max_examples=50)
@given(ROWS)
def test_aiq_lies_between_the_worst_and_the_best_quality(rows):
    found = deferral_curve(drawn_rows(rows))

    assert found.quality.min() - 1e-9 <= aiq(found) <= found.quality.max() + 1e-9
