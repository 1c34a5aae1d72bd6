import json
from dataclasses import replace

import numpy as np
import pytest

from fakes.tiny_outcomes import drawn, four, outcomes
from headgate.evaluation.report import MOST_POINTS, Subject, build_report
from headgate.types import CertificateSummary, GuaranteeState

SUBJECT = Subject("logs", "rev-1", 0.05, 0.05, recorded=False, priced=True)
CERTIFICATE = CertificateSummary(
    id="c-1",
    kind="agree",
    mode="stream",
    epsilon=0.05,
    delta=0.05,
    certified=True,
    n=500,
    bad=16,
    p_value=0.03,
    automation=0.7,
    labels_needed=0,
    issued="2026-11-27T10:00:00Z",
    state=GuaranteeState.CERTIFIED,
)
KEPT_TWO = np.array([True, True, False, False])


def report(rows, certificate=None, **changes):
    return build_report(rows, replace(SUBJECT, **changes), certificate=certificate)


def test_the_headline_says_what_is_saved_and_what_is_given_up():
    """Half is kept at the large model's own cost; it is right in 3 of 4 rows, the cascade in 2."""
    rows = four(kept=KEPT_TWO, large_cost_usd=np.full(4, 4.0))

    assert report(rows).headline == (
        "logs answers 50.0% of the records without the large model, saves 25.0% of the large "
        "model's cost, and gives up 25.0 points of accuracy."
    )


def test_the_headline_says_when_the_cascade_is_better_or_dearer():
    """Kept are rows 1 and 3: right in all four rows, for 8 dollars instead of 4."""
    rows = four(kept=np.array([True, False, True, False]), large_cost_usd=np.ones(4))

    assert report(rows, priced=True).headline == (
        "logs answers 50.0% of the records without the large model, costs 50.0% more than the "
        "large model alone, and is 25.0 points more accurate."
    )


def test_the_headline_without_a_price_or_a_difference():
    rows = outcomes([0.5], "a", "a", "a")

    assert report(rows, priced=False).headline == (
        "logs answers 100.0% of the records without the large model, and is as accurate."
    )


def test_the_difference_to_the_large_model_has_an_interval():
    found = report(four(kept=KEPT_TWO)).given_up

    assert found.value == 0.25
    assert found.low < 0.25 < found.high


def test_single_figures_worked_by_hand():
    """See `tiny_outcomes.four`; costs of the tiers alone are 1 and 2 dollars a row."""
    areas = report(four(kept=np.array([True, True, True, False]))).areas

    assert (areas.apgr, areas.oracle_apgr) == (pytest.approx(0.625), pytest.approx(1.375))
    assert areas.cpt == {"20%": 0.25, "50%": 0.25, "80%": 0.25, "95%": 0.25, "parity": 0.25}
    assert areas.share_within_a_point == 0.25
    assert areas.aiq == pytest.approx(0.71875)
    assert areas.area_under_cost_error == pytest.approx(0.375)
    assert areas.delta_ibc == pytest.approx(1.0)


def test_figures_of_money_need_a_price():
    found = report(drawn(100), priced=False)

    assert found.areas.apgr is not None
    assert found.areas.aiq is found.areas.area_under_cost_error is found.areas.delta_ibc is None
    assert found.areas.savings_at_parity is None
    assert found.score_curve.cost_usd_per_1000 is None


@pytest.mark.parametrize(
    ("kind", "loss", "observed"),
    [
        ("agree", "agree", 0.5),
        ("regret", "regret", 0.25),
        ("netgap", "regret", 0.0),
        ("selective", "regret", pytest.approx(1 / 3)),
        ("two_sided", "regret", None),
    ],
)
def test_the_certificate_is_held_against_its_own_loss(kind, loss, observed):
    """Of rows 1 to 3, kept, 2 and 3 differ and 2 is wrong; both are right in three rows of four."""
    rows = four(kept=np.array([True, True, True, False]))

    found = report(rows, replace(CERTIFICATE, kind=kind))

    assert found.loss == loss
    value = None if found.guarantee.observed is None else found.guarantee.observed.value
    assert value == observed
    assert bool(found.guarantee.finding) == (observed is not None)


def test_where_nothing_is_kept_no_share_of_it_is_held_against_a_certificate():
    rows = four(kept=np.zeros(4, dtype=bool))

    found = report(rows, replace(CERTIFICATE, kind="selective")).guarantee

    assert (found.observed, found.finding) == (None, "")


def test_a_report_without_a_certificate_compares_agreement():
    found = report(four())

    assert found.guarantee is None
    assert found.loss == "agree"


def test_json_holds_every_section_and_reads_back_the_same():
    written = report(drawn(300), CERTIFICATE).to_json()

    assert json.loads(json.dumps(written, allow_nan=False)) == written
    assert (written["name"], written["revision"], written["rows"]) == ("logs", "rev-1", 300)
    assert written["guarantee"]["certificate"]["state"] == "certified"
    assert type(written["guarantee"]["certificate"]["state"]) is str
    assert {policy["name"] for policy in written["policies"]} > {"cascade", "oracle", "random"}
    assert written["slices"][0]["name"] == "system"


def test_json_holds_no_row():
    written = json.dumps(report(drawn(50)).to_json())

    assert "row-" not in written


def test_curves_are_thinned_for_large_files():
    found = report(drawn(1000))

    assert len(found.score_curve.share) == len(found.oracle_curve.share) == MOST_POINTS
    assert len(found.risk_coverage) == MOST_POINTS
    assert (found.score_curve.share[0], found.score_curve.share[-1]) == (0.0, 1.0)


def test_the_same_rows_give_the_same_report():
    assert report(drawn(200), CERTIFICATE).to_json() == report(drawn(200), CERTIFICATE).to_json()


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "sent"])
@pytest.mark.parametrize("answers", ["aaa", "aab", "aba", "abb", "abc"])
def test_one_row_is_enough_to_report_on(answers, kept):
    gold, small, large = answers
    rows = outcomes([0.5], gold, small, large, kept=np.array([kept]))

    found = report(rows, CERTIFICATE)

    json.dumps(found.to_json(), allow_nan=False)
    assert found.policy("cascade").large_share.value == 1 - kept
    assert found.policy("exact").large_share.value == 1.0


def test_scores_that_are_all_equal_order_nothing():
    rows = replace(drawn(200), scores=np.full(200, 0.5))

    found = report(rows)

    assert found.areas.apgr == pytest.approx(0.5)
    assert len(found.risk_coverage) == len(found.score_bins) == 1


def test_tiers_that_are_always_right_lose_nothing():
    rows = outcomes(np.linspace(0, 1, 100), "a" * 100, "a" * 100, "a" * 100)

    found = report(rows)

    assert found.areas.apgr is None
    assert set(found.areas.cpt.values()) == {None}
    assert found.areas.share_within_a_point == 0.0
    assert all(policy.accuracy.value == 1.0 for policy in found.policies)
    assert [each.label for each in found.classes] == ["a"]


def test_infinite_scores_stay_out_of_the_json():
    rows = four(scores=np.array([np.inf, 0.7, 0.5, -np.inf]))

    json.dumps(report(rows).to_json(), allow_nan=False)
