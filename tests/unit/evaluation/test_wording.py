from dataclasses import replace

import pytest

from headgate.evaluation.rates import Rate
from headgate.evaluation.wording import (
    assumptions,
    caveats,
    finding,
    given_up_range,
)
from headgate.types import CertificateSummary, GuaranteeState

CERTIFICATE = CertificateSummary(
    id="c-1",
    kind="regret",
    mode="stream",
    epsilon=0.02,
    delta=0.05,
    certified=True,
    n=1000,
    bad=12,
    p_value=0.04,
    automation=0.8,
    labels_needed=0,
    issued="2026-11-27T10:00:00Z",
    state=GuaranteeState.CERTIFIED,
)


@pytest.mark.parametrize(
    ("observed", "words"),
    [
        pytest.param(Rate(0.005, 0.001, 0.01), "within 2%, beyond chance", id="surely-within"),
        pytest.param(Rate(0.015, 0.01, 0.03), "within 2%, though", id="perhaps-within"),
        pytest.param(Rate(0.025, 0.01, 0.03), "above 2%, though", id="perhaps-above"),
        pytest.param(Rate(0.05, 0.03, 0.07), "more than 2%, beyond chance: find", id="above"),
    ],
)
def test_what_is_observed_is_held_against_what_was_certified(observed, words):
    assert words in finding(CERTIFICATE, observed)


def test_no_promise_is_broken_where_none_was_made():
    said = finding(replace(CERTIFICATE, certified=False), Rate(0.05, 0.03, 0.07))

    assert said.endswith("more than 2%, beyond chance.")


def test_agreement_says_whom_it_takes_as_right():
    assert "taken as right" in assumptions(replace(CERTIFICATE, kind="agree"))[-1]
    assert not any("taken as right" in each for each in assumptions(CERTIFICATE))


def test_without_a_certificate_nothing_is_assumed():
    assert assumptions(None) == ()


def test_caveats_name_only_what_is_so():
    few = caveats("agree", failed=0, recorded=False, priced=True, groups=False)
    all_of_them = caveats("agree", failed=3, recorded=True, priced=False, groups=True)

    assert not any("recorded" in each or "failed" in each for each in few)
    assert any("failed on 3 rows" in each for each in all_of_them)
    assert any("No price is known" in each for each in all_of_them)


def test_the_doubt_about_a_difference_is_told_in_points():
    assert given_up_range(Rate(0.01, -0.002, 0.02)).endswith("\N{MINUS SIGN}0.2 to 2.0 points")
