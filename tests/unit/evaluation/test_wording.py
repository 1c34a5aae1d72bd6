from dataclasses import replace

import pytest

from headgate.evaluation.rates import Rate
from headgate.evaluation.wording import (
    assumptions,
    caveats,
    dollars,
    finding,
    given_up_range,
    percent,
    points,
    standing,
    statement,
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
    ("usd", "written"),
    [
        (None, "\N{EN DASH}"),
        (0.0, "$0.00"),
        (1234.5, "$1,234.50"),
        (1.0, "$1.00"),
        (0.5, "$0.500"),
        (0.0505, "$0.0505"),
        (1.11e-6, "$0.00000111"),
    ],
)
def test_small_amounts_keep_three_digits(usd, written):
    assert dollars(usd) == written


def test_shares_and_points_are_written_with_one_decimal():
    assert (percent(0.8351), points(0.022), points(-0.003)) == ("83.5%", "2.2", "\N{MINUS SIGN}0.3")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("agree", "at most 2% of all records get an answer that differs from the large model's"),
        ("regret", "accuracy is at most 2 points below the large model's"),
        ("netgap", "the cascade's accuracy is at most 2 points below the large model's"),
        ("selective", "at most 2% of the records that small models answer alone are wrong"),
        ("two_sided", "at most 2% of the rare class's records"),
        ("novel", "the loss novel is at most 2%"),
    ],
)
def test_a_certificate_is_said_in_words_with_its_probability(kind, words):
    said = statement(replace(CERTIFICATE, kind=kind))

    assert said.startswith(
        "With a probability of at least 95% over the draw of 1,000 labelled rows"
    )
    assert words in said


def test_a_bound_on_the_average_is_not_called_a_certificate():
    said = statement(replace(CERTIFICATE, mode="expectation"))

    assert said.startswith("On average")
    assert "no certificate" in said


def test_what_is_not_certified_says_how_many_labels_are_needed():
    said = statement(replace(CERTIFICATE, certified=False, n=100, labels_needed=149))

    assert said.startswith("Nothing is certified.")
    assert "At least 149 labelled rows are needed" in said


def test_enough_labels_that_show_no_such_thing_ask_for_no_more():
    said = statement(replace(CERTIFICATE, certified=False, labels_needed=149))

    assert "The 1,000 labelled rows do not show that." in said


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (GuaranteeState.CERTIFIED, "Nothing seen since speaks against it."),
        (GuaranteeState.SUSPECT, "drifted"),
        (GuaranteeState.VOID, "do not rely on it"),
        (GuaranteeState.UNCERTIFIED, "not the certificate of what is loaded"),
    ],
)
def test_the_state_says_how_far_to_rely_on_it(state, words):
    assert words in standing(replace(CERTIFICATE, state=state))


def test_the_problem_of_a_certificate_is_told():
    void = replace(CERTIFICATE, state=GuaranteeState.UNCERTIFIED, problem="The prompt changed.")

    assert standing(void).endswith("what is loaded. The prompt changed.")


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
