import numpy as np
import pytest

from fakes.made_up_evidence import RARE, USUAL, Sayings, evidence, says, steps
from headgate.fitting.certify_classes import by_class, two_sided
from headgate.gate.bounds import binomial_p_value
from headgate.gate.threshold import KEEP_NOTHING

GROUPED = "{groups: [predicted_class], certificate: {kind: agree, epsilon: 0.1}}"
TWO_SIDED = (
    "{certificate: {kind: two_sided, rare_class: {label: error, miss: 0.1, false_alarm: 0.2}}}"
)


def grouped(loaded, said):
    return by_class(evidence(loaded, said), loaded.spec.deferral.certificate)


def parted(loaded, said):
    return two_sided(evidence(loaded, said), loaded.spec.deferral.certificate)


def calls(answer, count, wrong=()):
    """So many answers, less and less sure, and what the large model says, mostly the same."""
    other = RARE if answer == USUAL else USUAL
    large = [other if place in wrong else answer for place in range(count)]
    return [says(answer, each) for each in steps(count)], large


def together(*parts):
    """Rows of several parts, with the large model's answers."""
    small = [each for part in parts for each in part[0]]
    return Sayings({"cheap": small}, [each for part in parts for each in part[1]])


# By the predicted label


def test_each_predicted_label_has_a_certificate_and_a_threshold_of_its_own(cascade):
    """Of 100 rows 4 may be bad, of 60 one, and of each label only its own rows count."""
    said = together(calls(USUAL, 100, (50, 60, 70, 80, 90)), calls(RARE, 60, (20, 40)))

    found = grouped(cascade(GROUPED), said)

    usual, rare = found.groups
    thresholds = found.gates["cheap_keep"].class_thresholds
    assert (usual.group, usual.n, usual.bad, usual.certified) == (USUAL, 100, 4, True)
    assert (rare.group, rare.n, rare.bad, rare.certified) == (RARE, 60, 1, True)
    assert usual.p_value == float(binomial_p_value(4, 100, 0.1))
    assert rare.p_value == float(binomial_p_value(1, 60, 0.1))
    assert thresholds[USUAL] == pytest.approx((steps(100)[89] + steps(100)[90]) / 2)
    assert thresholds[RARE] == pytest.approx((steps(60)[39] + steps(60)[40]) / 2)
    assert found.gates["cheap_keep"].threshold == KEEP_NOTHING
    assert (found.certified, found.n, found.bad, found.epsilon) == (True, 160, 5, 0.1)
    assert found.p_value == max(usual.p_value, rare.p_value)


def test_a_label_with_too_few_rows_is_sent_on_and_the_other_stays(cascade):
    said = together(calls(USUAL, 29), calls(RARE, 28))

    found = grouped(cascade(GROUPED), said)

    usual, rare = found.groups
    assert (usual.certified, usual.labels_needed) == (True, 0)
    assert (rare.certified, rare.labels_needed, rare.n) == (False, 29, 28)
    assert found.gates["cheap_keep"].class_thresholds[RARE] == KEEP_NOTHING
    assert found.certified


def test_a_label_that_has_enough_rows_and_fails_needs_more_than_it_has(cascade):
    """Ten of 100 equal rows are bad, and only four may be: none can be kept without the others."""
    said = Sayings({"cheap": [says(USUAL, 0.8)] * 100}, [RARE] * 10 + [USUAL] * 90)

    found = grouped(cascade(GROUPED), said)

    usual, rare = found.groups
    assert (usual.certified, usual.labels_needed) == (False, 101)
    assert (rare.n, rare.labels_needed, rare.p_value) == (0, 29, 1.0)
    assert (found.certified, found.keeps, found.p_value) == (False, False, 1.0)
    assert found.reason == "100 certification units do not prove it"


def test_only_certification_rows_are_grouped(cascade):
    small, large = calls(USUAL, 60)
    said = Sayings({"cheap": small}, large, idle=range(31))

    assert [group.n for group in grouped(cascade(GROUPED), said).groups] == [29, 0]


# A rare class


def rare_rows(count, usual=200):
    """Rare rows of 0.01, 0.02, ... for the usual label, and usual rows that are surely usual."""
    small = [says(USUAL, (place + 1) / 100) for place in range(count)]
    return Sayings(
        {"cheap": [*small, *[says(USUAL, 0.95)] * usual]},
        labels=[RARE] * count + [USUAL] * usual,
    )


def test_29_rare_rows_prove_that_nine_in_ten_are_not_called_usual(cascade):
    """The surest of them lies at 0.29, the usual rows at 0.95: the threshold is between."""
    found = parted(cascade(TWO_SIDED), rare_rows(29))

    usual, rare = found.groups
    assert (usual.group, usual.certified, usual.epsilon) == (USUAL, True, 0.1)
    assert (usual.n, usual.bad, usual.labels_needed) == (29, 0, 0)
    assert usual.p_value == pytest.approx(0.9**29)
    assert found.gates["cheap_keep"].class_thresholds[USUAL] == pytest.approx((0.29 + 0.95) / 2)
    assert (rare.group, rare.certified) == (RARE, False)
    assert (found.certified, found.n, found.epsilon) == (True, 229, 0.2)


def test_28_rare_rows_prove_nothing_however_many_usual_ones_there_are(cascade):
    found = parted(cascade(TWO_SIDED), rare_rows(28, usual=500))

    usual, rare = found.groups
    assert (usual.certified, usual.n, usual.labels_needed) == (False, 28, 29)
    assert (rare.certified, rare.labels_needed) == (False, 14)
    assert (found.certified, found.keeps) == (False, False)
    assert found.reason == "528 certification units do not prove it"


def test_a_rare_row_that_is_surely_usual_ends_what_may_be_called_usual(cascade):
    """Of 29 rare rows none may be missed, so the threshold lies above the surest one."""
    said = rare_rows(28)
    small = [*said.small["cheap"], says(USUAL, 0.99)]

    found = parted(cascade(TWO_SIDED), Sayings({"cheap": small}, labels=[*said.labels, RARE]))

    threshold = found.gates["cheap_keep"].class_thresholds[USUAL]
    assert found.groups[0].certified
    assert 0.99 < threshold < 0.9901


def alarms(wrong):
    """100 rows tune and 100 certify; all are called rare, the certifying ones some wrongly."""
    small = [says(RARE, each) for each in steps(100)]
    labels = [USUAL if place in wrong else RARE for place in range(100)]
    return Sayings({"cheap": [*small, *small]}, labels=[RARE] * 100 + labels, tune=100)


def test_calls_of_the_rare_label_are_certified_on_thresholds_that_tuning_rows_set(cascade):
    """Of 100 calls 13 may be wrong at epsilon 0.2; the lowest confidence keeps them all."""
    found = parted(cascade(TWO_SIDED), alarms(range(87, 100)))

    rare = found.groups[1]
    threshold = found.gates["cheap_keep"].class_thresholds[RARE]
    assert (rare.group, rare.certified, rare.epsilon) == (RARE, True, 0.2)
    assert (rare.n, rare.bad) == (100, 13)
    assert rare.p_value == float(binomial_p_value(13, 100, 0.2))
    assert threshold == min(steps(100))


def test_one_wrong_call_too_many_takes_the_threshold_further_up(cascade):
    """13 wrong of 99 are too many as well, 12 of 98 are not."""
    found = parted(cascade(TWO_SIDED), alarms(range(86, 100)))

    rare = found.groups[1]
    assert (rare.n, rare.bad, rare.certified) == (98, 12, True)
    assert found.gates["cheap_keep"].class_thresholds[RARE] == steps(100)[97]


def test_the_certified_groups_alone_are_summed_up(cascade):
    found = parted(cascade(TWO_SIDED), alarms(range(86, 100)))

    usual, rare = found.groups
    assert (usual.certified, usual.n) == (True, 86)
    assert found.bad == usual.bad + rare.bad
    assert found.p_value == max(usual.p_value, rare.p_value)


def test_without_tuning_rows_nothing_is_called_rare(cascade):
    said = alarms(())

    alone = Sayings(said.small, labels=said.labels)

    assert not parted(cascade(TWO_SIDED), alone).groups[1].certified


@pytest.mark.parametrize("label", [USUAL, RARE])
def test_rows_of_one_class_alone_certify_at_most_the_one_side(cascade, label):
    """Where all are rare, no call of that label is wrong; where none is, nothing can be tested."""
    small = [says(label, each) for each in steps(70)]
    said = Sayings({"cheap": [*small, *small]}, labels=[label] * 140, tune=70)

    usual, rare = parted(cascade(TWO_SIDED), said).groups

    assert (usual.n, usual.certified) == ((70, True) if label == RARE else (0, False))
    assert rare.certified == (label == RARE)


def test_equal_confidences_are_called_together_or_not_at_all(cascade):
    """29 rare rows among rows of the same confidence: nothing lies above them."""
    labels = [RARE] * 29 + [USUAL] * 200
    said = Sayings({"cheap": [says(USUAL, 0.9)] * 229}, labels=labels)

    found = parted(cascade(TWO_SIDED), said)

    kept = evidence(cascade(TWO_SIDED), said).exits(found.gates)
    assert found.groups[0].certified
    assert set(kept) == {""}


def test_no_certification_rows_prove_nothing(cascade):
    said = rare_rows(29)
    idle = Sayings(said.small, labels=said.labels, idle=range(229))

    found = parted(cascade(TWO_SIDED), idle)

    assert (found.certified, found.n) == (False, 0)
    assert np.isfinite(list(found.gates["cheap_keep"].class_thresholds.values())).all()
