from dataclasses import replace

import pytest

from headgate.pages.certificate import (
    certificate_card,
    standing,
    statement,
    uncertified_card,
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


@pytest.mark.parametrize("state", list(GuaranteeState))
def test_a_card_shows_the_state_in_words_and_colour(state):
    card = certificate_card(replace(CERTIFICATE, state=state), "It holds.")

    assert f'<span class="badge">{state.value}</span>' in card
    assert f"var(--{state.value})" in card
    assert "It holds." in card


def test_empty_remarks_are_left_out():
    assert certificate_card(CERTIFICATE, "It holds.", ["", "So far."]).count("<p>") == 1


def test_texts_on_cards_are_escaped():
    bad = "<script>"

    cards = certificate_card(replace(CERTIFICATE, id=bad, kind=bad), bad, [bad])

    assert "<script" not in cards + uncertified_card(bad)
