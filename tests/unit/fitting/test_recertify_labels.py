"""What feedback is worth to a new certificate, kind by kind."""

from dataclasses import replace

import numpy as np
import pytest

from fakes.served_decisions import falling, gate_of, kept, known
from fakes.watched_cascade import EPSILON, deferral, fit_watched, rescored
from headgate.fitting.recertify import recertify
from headgate.gate.bounds import binomial_p_value


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Returns the fitted cascade with a certificate of a kind; nobody writes to it."""
    fitted = {}

    def of(kind="agree"):
        if kind not in fitted:
            folder = tmp_path_factory.mktemp(kind)
            fitted[kind] = fit_watched(folder, deferral(kind), development=130)
        return fitted[kind]

    return of


@pytest.mark.parametrize(
    ("said", "bad"),
    [
        pytest.param({"reference": "error"}, True, id="they-differ-and-nobody-knows"),
        pytest.param({"reference": "error", "gold": "error"}, True, id="the-large-one-is-right"),
        pytest.param({"reference": "error", "gold": "info"}, False, id="the-small-one-is-right"),
        pytest.param({"reference": "info", "gold": "error"}, False, id="both-are-wrong"),
        pytest.param({"reference": "info"}, False, id="they-agree"),
        pytest.param({"reference": None}, True, id="no-answer"),
        pytest.param({"reference": None, "gold": "info"}, False, id="no-answer-but-right"),
        pytest.param({"reference": None, "gold": "error"}, True, id="no-answer-and-wrong"),
    ],
)
def test_a_regret_is_an_error_that_the_large_model_would_not_have_made(loaded, said, bad):
    """Without a right answer it is a difference, which can only be more."""
    decisions = falling(100, range(96, 100), **said)

    certificate = recertify(loaded("regret"), decisions).certificate

    assert (certificate.n, certificate.bad) == (100, 4 if bad else 0)


def test_an_agreement_asks_no_right_answer(loaded):
    decisions = falling(100, (98, 99), reference="error", gold="info")

    found = recertify(loaded(), decisions)

    assert (found.certificate.bad, found.gold) == (2, 2)


LEVELS = np.linspace(0.6, 0.99, 40).tolist()
"""Scores of other records: the list of thresholds."""


@pytest.fixture
def listed(loaded, tmp_path):
    """Returns the cascade of a kind with those scores."""
    return lambda kind: rescored(loaded(kind), tmp_path, LEVELS)


@pytest.mark.parametrize("kind", ["selective", "netgap"])
def test_losses_that_a_walk_cannot_prove_are_tried_on_a_frozen_list(listed, kind):
    """The thresholds are scores of other records: the sample proves what it did not pick."""
    decisions = known(300)

    found = recertify(listed(kind), decisions)

    assert (found.certificate.certified, found.certificate.bad) == (True, 0)
    assert gate_of(found).threshold == min(LEVELS)
    assert kept(found, decisions) == 300


@pytest.mark.parametrize("kind", ["selective", "netgap"])
def test_the_list_is_walked_down_to_where_too_much_is_lost(listed, kind):
    """From the 281st on the small model is wrong and the large one right."""
    decisions = known(400, range(280, 400), gold="error", reference="error")

    found = recertify(listed(kind), decisions)

    assert gate_of(found).threshold in LEVELS
    assert 280 < kept(found, decisions) < 320
    assert found.certificate.bad == kept(found, decisions) - 280


def test_kept_answers_are_tested_among_themselves(listed):
    """10 % of what is kept may be wrong, whatever went on."""
    certificate = recertify(listed("selective"), known(400, range(280, 400))).certificate

    assert certificate.n == round(certificate.automation * 400)
    assert 0 < certificate.bad < 0.1 * certificate.n
    assert certificate.p_value == float(binomial_p_value(certificate.bad, certificate.n, EPSILON))


def test_without_right_answers_kept_ones_count_as_wrong(listed):
    assert not recertify(listed("selective"), falling(300)).certificate.certified


def test_without_right_answers_as_much_is_kept_as_may_be_lost(listed):
    """The small model counts as wrong, and the large one as right: a gap of what is kept."""
    certificate = recertify(listed("netgap"), falling(300)).certificate

    assert 0 < certificate.automation < EPSILON
    assert certificate.bad == round(certificate.automation * 300)


def test_answers_that_only_the_small_model_has_right_make_up_for_others(listed):
    """A gap of accuracy is net: 60 better ones beside 60 worse ones of 400."""
    worse = known(400, range(0, 400, 7)[:60], gold="error", reference="error")
    both = [
        replace(each, reference="error") if place % 7 == 3 and place < 420 else each
        for place, each in enumerate(worse)
    ]

    assert recertify(listed("netgap"), both).certificate.automation == 1
    assert recertify(listed("netgap"), worse).certificate.automation < 1
