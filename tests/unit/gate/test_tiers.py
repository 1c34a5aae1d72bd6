import math

import numpy as np
import pytest

from headgate.gate.bounds import binomial_p_value, net_gap_p_value
from headgate.gate.stream import Rung
from headgate.gate.tier_rows import MAX_TIERS, TierEvidence
from headgate.gate.tiers import TUNE_SHARE, certify_list, fit_thresholds

KINDS = ["agree", "regret", "netgap", "selective"]
SURE, UNSURE = 1.0, 0.0


def evidence(scores, correct, *, costs=None, reference=None, predicted=None):
    """Rows of tiers that cost 1 each before a reference that costs 10, unless told otherwise."""
    scores, correct = np.array(scores, float), np.array(correct, bool)
    rows, tiers = scores.shape
    return TierEvidence(
        scores,
        correct,
        np.ones(rows, bool) if reference is None else np.array(reference, bool),
        np.array([1.0] * tiers + [10.0] if costs is None else costs),
        np.zeros((rows, tiers), np.int64) if predicted is None else np.array(predicted),
    )


def twice(found):
    """The same rows first to tune and then to certify, with the mask that says so."""
    rows = np.tile(np.arange(len(found.scores)), 2)
    return found[rows], np.arange(len(rows)) < len(found.scores)


def one_tier(right, wrong):
    """Rows on which one tier is sure and right, then unsure and wrong."""
    return evidence([[SURE]] * right + [[UNSURE]] * wrong, [[1]] * right + [[0]] * wrong)


def fit(found, tune, kind="agree", epsilon=0.05, delta=0.05, **keywords):
    return fit_thresholds(found, kind=kind, epsilon=epsilon, delta=delta, tune=tune, **keywords)


def test_what_is_surely_right_is_kept_and_the_rest_is_sent_on():
    """0.95^100 = 0.0059; a bad row of 60 unsure ones would be the fifth of 100 and more."""
    found = fit(*twice(one_tier(40, 60)))

    assert found.certified
    assert (found.tiers, found.n, found.bad, found.labels_needed) == ((0,), 100, 0, 0)
    assert found.threshold == pytest.approx(40.5 / 41)
    assert found.p_value == pytest.approx(0.95**100)
    assert found.automation == pytest.approx(0.4)
    assert found.exits(np.array([[SURE], [UNSURE]]), np.zeros((2, 1), np.int64)).tolist() == [0, 1]


def three_ways():
    """Of 100 rows tier 0 is sure of 50, tier 1 of 30 others; on 20 both are wrong and unsure."""
    scores = [[SURE, UNSURE]] * 50 + [[UNSURE, SURE]] * 30 + [[UNSURE, UNSURE]] * 20
    correct = [[1, 0]] * 50 + [[0, 1]] * 30 + [[0, 0]] * 20
    return evidence(scores, correct, costs=[1.0, 3.0, 10.0])


def test_a_row_costs_each_chosen_tier_up_to_its_exit():
    """All ask tier 0 for 1, half of them tier 1 for 3, a fifth the reference for 10."""
    found = fit(*twice(three_ways()))

    assert found.tiers == (0, 1)
    assert found.mean_cost == pytest.approx(1 + 0.5 * 3 + 0.2 * 10)
    assert found.reference_cost == 10
    assert found.automation == pytest.approx(0.8)


def test_a_tier_that_was_not_chosen_costs_nothing():
    """Tier 1 alone answers 30 rows of 100: 3 for all of them and 10 for 70."""
    found = fit(*twice(three_ways()), tiers=(1,))

    assert found.tiers == (1,)
    assert found.mean_cost == pytest.approx(3 + 0.7 * 10)


def weak_before_good(weak_cost):
    """Tier 0 is sure of 10 rows of 200 only, tier 1 of 180; costs are 10 for the reference."""
    place = np.arange(200)
    scores = np.stack([place < 10, place < 180], axis=1)
    return evidence(scores, scores, costs=[weak_cost, 1.0, 10.0])


def test_a_weak_tier_that_costs_more_than_it_saves_is_left_out():
    """At 2 it would save 10 calls of 1 in 200 rows; at 0.01 it is worth asking first."""
    assert fit(*twice(weak_before_good(2.0))).tiers == (1,)
    assert fit(*twice(weak_before_good(0.01))).tiers == (0, 1)


def test_tiers_are_tried_at_liberal_thresholds_even_where_there_are_few():
    """At the surest of four confidences tier 0 alone would look cheapest."""
    scores = [[SURE, UNSURE]] * 120 + [[UNSURE, SURE]] * 60 + [[UNSURE, UNSURE]] * 20
    correct = [[1, 0]] * 120 + [[0, 1]] * 60 + [[0, 0]] * 20

    assert fit(*twice(evidence(scores, correct, costs=[1.0, 3.0, 10.0]))).tiers == (0, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_certified_passes_everything_on(kind):
    found = fit(*twice(evidence([[SURE]] * 60, [[0]] * 60)), kind)

    assert not found.certified
    assert (found.tiers, found.threshold, found.p_value) == ((), math.inf, 1.0)
    assert (found.automation, found.mean_cost, found.reference_cost) == (0.0, 10.0, 10.0)
    assert found.labels_needed == 59
    assert found.exits(np.array([[SURE]]), np.zeros((1, 1), np.int64)).tolist() == [1]


@pytest.mark.parametrize("kind", ["agree", "regret", "selective"])
@pytest.mark.parametrize(("rows", "certified"), [(58, False), (59, True)])
def test_fewer_rows_than_needed_certify_nothing_however_good(kind, rows, certified):
    found, tune = twice(one_tier(rows, 0))

    assert fit(found, tune, kind).certified == certified


def test_rows_without_an_error_are_all_kept():
    found = fit(*twice(evidence(np.linspace(0, 1, 60)[:, None], np.ones((60, 1)))))

    assert (found.automation, found.bad, found.mean_cost) == (1.0, 0, 1.0)


@pytest.mark.parametrize(("wrong", "certified"), [(1, True), (40, False)])
def test_equal_scores_are_kept_together_or_not_at_all(wrong, certified):
    found = fit(*twice(evidence([[0.5]] * 200, [[1]] * (200 - wrong) + [[0]] * wrong)))

    assert found.certified == certified
    assert found.automation == float(certified)


def test_regret_does_not_count_what_the_reference_gets_wrong_too():
    """80 rows are wrong in both: they differ from no reference, and lose nothing."""
    right = np.arange(200) < 120
    found, tune = twice(evidence([[SURE]] * 200, right[:, None], reference=right))

    assert fit(found, tune, "regret").automation == 1.0
    assert fit(found, tune, "netgap").automation == 1.0
    assert not fit(found, tune, "selective").certified


def test_better_answers_make_up_for_worse_ones_in_the_net_gap_alone():
    """20 of 200 rows are worse, 40 better: a gap of -0.1, and a regret of 0.1."""
    correct = [[0]] * 20 + [[1]] * 180
    reference = [1] * 20 + [0] * 40 + [1] * 140
    found, tune = twice(evidence([[SURE]] * 200, correct, reference=reference))

    net = fit(found, tune, "netgap")

    assert (net.automation, net.bad) == (1.0, 20)
    assert net.p_value == net_gap_p_value(20, 140, 40, 0.05, 0.05)
    assert not fit(found, tune, "regret").certified


def test_a_selective_certificate_counts_the_kept_rows_alone():
    """Five wrong in 200 kept ones of 400."""
    found = fit(
        *twice(evidence([[SURE]] * 200 + [[UNSURE]] * 200, [[0]] * 5 + [[1]] * 195 + [[0]] * 200)),
        "selective",
        epsilon=0.1,
    )

    assert (found.n, found.bad, found.automation) == (200, 5, 0.5)
    assert found.p_value == float(binomial_p_value(5, 200, 0.1))


def test_a_selective_walk_starts_where_the_certification_rows_suffice():
    """At epsilon 0.02 it wants 578 kept rows: 60 % of 1,400 are enough, of 600 they are not."""
    place = np.arange(2000)
    found = evidence((place % 10 < 6)[:, None], (place % 10 < 6)[:, None])

    fitted = fit(found, place < 600, "selective", epsilon=0.02)

    assert (fitted.certified, fitted.n) == (True, 840)


def test_a_selective_walk_with_too_few_rows_tries_to_keep_all():
    found = fit(*twice(one_tier(60, 0)), "selective")

    assert (found.certified, found.n) == (True, 60)


def tune_and_certify(*groups):
    """Rows of each (score, shares of right ones, counts), both to tune and to certify."""
    scores, correct, tune = [], [], []
    for score, shares, counts in groups:
        for share, count, tuning in zip(shares, counts, (True, False), strict=True):
            scores += [[score]] * count
            correct += [[place < share * count] for place in range(count)]
            tune += [tuning] * count
    return evidence(scores, correct), np.array(tune)


def test_a_walk_ends_at_the_first_rung_that_fails():
    """60 wrong of 260 fail; that 60 of 2,260 would pass again is no proof any more."""
    found, tune = tune_and_certify(
        (3, (1.0, 1.0), (200, 200)), (2, (0.9, 0.0), (200, 60)), (1, (0.8, 1.0), (200, 2000))
    )

    fitted = fit(found, tune, "selective", epsilon=0.1)

    assert (fitted.n, fitted.bad) == (200, 0)


def test_a_class_whose_scores_mean_less_is_held_to_more():
    """Class 1 is wrong as often as right at the score at which class 0 is always right."""
    predicted = np.repeat([[0], [1]], 100, axis=0)
    correct = (np.arange(200) < 100) | (np.arange(200) % 2 == 0)
    found = fit(*twice(evidence(np.full((200, 1), 0.9), correct[:, None], predicted=predicted)))

    assert found.exits(np.full((2, 1), 0.9), np.array([[0], [1]])).tolist() == [0, 1]
    assert found.automation == 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_no_rows_left_to_certify_certify_nothing(kind):
    found = fit(one_tier(100, 0), np.ones(100, bool), kind)

    assert (found.certified, found.n, found.mean_cost) == (False, 0, 10.0)


@pytest.mark.parametrize("tune", [np.zeros(100, bool), None])
def test_no_rows_to_tune_on_are_refused(tune):
    rows = 0 if tune is None else 100

    with pytest.raises(ValueError, match="tune"):
        fit(evidence(np.empty((rows, 1)), np.empty((rows, 1))), tune)


@pytest.mark.parametrize("value", [0.0, 1.0, math.nan])
@pytest.mark.parametrize("name", ["epsilon", "delta"])
def test_a_target_that_is_no_share_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        fit(*twice(one_tier(9, 1)), **{name: value})
    with pytest.raises(ValueError, match=name):
        certify_list(
            one_tier(9, 1), [SURE], kind="agree", **{"epsilon": 0.1, "delta": 0.05, name: value}
        )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"scores": np.zeros((3, 1))}, id="scores-of-one-tier"),
        pytest.param({"scores": np.zeros(3)}, id="scores-without-tiers"),
        pytest.param({"correct": np.zeros((2, 2), bool)}, id="one-row-short"),
        pytest.param({"reference_correct": np.zeros((3, 1), bool)}, id="reference-in-a-column"),
        pytest.param({"costs": np.ones(2)}, id="no-cost-of-the-reference"),
        pytest.param({"predicted": np.zeros((3, 3), np.int64)}, id="answers-of-three-tiers"),
        pytest.param({"scores": np.array([[0.5, 0.5], [math.nan, 0.5], [0.5, 0.5]])}, id="nan"),
    ],
)
def test_evidence_that_does_not_fit_is_refused(change):
    parts = {
        "scores": np.zeros((3, 2)),
        "correct": np.zeros((3, 2), bool),
        "reference_correct": np.zeros(3, bool),
        "costs": np.ones(3),
        "predicted": np.zeros((3, 2), np.int64),
    }
    TierEvidence(**parts)

    with pytest.raises(ValueError, match=r"fit together|NaN|unpack"):
        TierEvidence(**parts | change)


@pytest.mark.parametrize("tiers", [0, MAX_TIERS + 1])
def test_no_tier_or_more_than_six_are_refused(tiers):
    with pytest.raises(ValueError, match=f"there are {tiers} tiers"):
        evidence(np.zeros((3, tiers)), np.zeros((3, tiers)))


def test_six_tiers_are_planned():
    """Each is sure of ten rows of its own, and cheap; the reference answers the last 60."""
    sure = np.arange(120)[:, None] // 10 == np.arange(MAX_TIERS)
    costs = [0.1] * MAX_TIERS + [10.0]

    found = fit(*twice(evidence(sure, sure, costs=costs)))

    assert found.tiers == tuple(range(MAX_TIERS))
    assert found.automation == 0.5


def test_rows_to_tune_on_are_drawn_by_seed():
    rng = np.random.default_rng(7)
    scores = rng.uniform(size=(301, 1))
    found = evidence(scores, rng.uniform(size=(301, 1)) < scores)

    first, same, other = (fit(found, None, epsilon=0.2, seed=seed) for seed in (1, 1, 2))

    assert first == same != other
    assert first.n == 301 - math.ceil(TUNE_SHARE * 301)


def test_a_frozen_list_is_walked_in_the_same_way():
    """Of 120 rows the 60 sure ones are right, the others wrong."""
    found = one_tier(60, 60)

    passed = certify_list(found, [SURE, UNSURE], kind="agree", epsilon=0.05, delta=0.05)

    assert passed == Rung(SURE, 120, 0, pytest.approx(0.95**120), 0.5)


def test_a_frozen_list_whose_first_rung_fails_certifies_nothing():
    found = one_tier(60, 60)

    assert certify_list(found, [UNSURE, SURE], kind="agree", epsilon=0.05, delta=0.05) is None
    assert certify_list(found, [], kind="agree", epsilon=0.05, delta=0.05) is None
