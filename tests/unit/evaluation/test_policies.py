from dataclasses import replace

import numpy as np
import pytest

from fakes.tiny_outcomes import drawn, four, outcomes
from headgate.evaluation.policies import (
    FOLDS,
    POLICIES,
    Target,
    cross_fitted,
    folds,
    parity_threshold,
    policies,
)

KEPT_TWO = np.array([True, True, False, False])


def table(rows, *, loss="agree", epsilon=0.05, priced=True):
    found = policies(rows, Target(loss, epsilon, 0.05), priced=priced)
    return {policy.name: policy for policy in found}


def test_policies_come_in_their_order():
    assert tuple(table(four())) == POLICIES


def test_figures_of_the_cascade_worked_by_hand():
    """Rows 1 and 2 are kept, 3 and 4 sent; right in 1 and 4; 4 * 1 + 2 * 2 dollars."""
    found = table(four(kept=KEPT_TWO))["cascade"]

    assert (found.accuracy.value, found.large_share.value) == (0.5, 0.5)
    assert (found.disagree.value, found.regret.value) == (0.25, 0.25)
    assert found.wrong_when_kept.value == 0.5
    assert (found.cost_usd, found.cost_usd_per_1000, found.cost_usd_per_success) == (8, 2000, 4)
    assert found.saved == 0


def test_figures_of_each_tier_alone():
    """The large model alone runs no small model; right in 2 and 3 rows of four."""
    found = table(four())

    assert found["small_only"].accuracy.value == 0.5
    assert (found["small_only"].cost_usd, found["small_only"].saved) == (4, 0.5)
    assert found["small_only"].disagree.value == 0.75
    assert found["large_only"].accuracy.value == 0.75
    assert (found["large_only"].cost_usd, found["large_only"].saved) == (8, 0)
    assert found["large_only"].wrong_when_kept.value is None


def test_random_rows_lie_half_way_at_half_the_share():
    found = table(four(kept=KEPT_TWO))["random"]

    assert found.accuracy.value == pytest.approx((0.5 + 0.75) / 2)
    assert found.large_share.value == 0.5
    assert found.disagree.value == pytest.approx(0.75 / 2)
    assert found.cost_usd == 8


def test_the_oracle_sends_only_rows_that_gain():
    found = table(four())["oracle"]

    assert (found.accuracy.value, found.large_share.value, found.regret.value) == (1.0, 0.5, 0.0)


def test_the_large_model_alone_has_nothing_to_fall_back_on():
    rows = outcomes([0.5, 0.5], "ab", "ab", ["a", ""], kept=np.zeros(2, dtype=bool))

    found = table(rows)

    assert found["large_only"].accuracy.value == 0.5
    assert found["cascade"].accuracy.value == 1.0


def test_without_a_price_nothing_is_said_of_costs():
    for policy in table(four(), priced=False).values():
        assert policy.cost_usd is policy.cost_usd_per_1000 is None
        assert policy.cost_usd_per_success is policy.saved is None


def test_a_large_model_that_costs_nothing_leaves_nothing_to_save():
    assert table(four(large_cost_usd=np.zeros(4)))["cascade"].saved is None


def test_no_right_answer_has_no_price():
    assert table(outcomes([0.5], "a", "b", "c"))["oracle"].cost_usd_per_success is None


def test_a_row_is_judged_by_a_threshold_that_was_chosen_without_it():
    rows = drawn(23)
    parts, seen = folds(rows), []

    def fit(others):
        seen.append(set(others.tolist()))
        return 0.5

    kept = cross_fitted(rows, fit)

    assert (kept == (rows.scores >= 0.5)).all()
    assert seen == [set(np.flatnonzero(parts != part).tolist()) for part in range(FOLDS)]


def test_the_label_of_a_row_does_not_change_what_becomes_of_it():
    """Each label of thirty is turned in its turn."""
    rows = drawn(30)

    def kept(changed):
        return cross_fitted(changed, lambda others: parity_threshold(changed, others))

    before = kept(rows)
    for place in range(len(rows)):
        gold = [*rows.gold[:place], "another", *rows.gold[place + 1 :]]
        assert kept(replace(rows, gold=tuple(gold)))[place] == before[place]


def test_folds_are_even_and_the_same_each_time():
    sizes = np.bincount(folds(drawn(23)))

    assert sorted(sizes) == [4, 4, 5, 5, 5]
    assert (folds(drawn(23)) == folds(drawn(23))).all()


def test_rows_of_one_group_stay_in_one_fold():
    rows = replace(drawn(40), groups=tuple(f"template {row % 8}" for row in range(40)))

    parts = folds(rows)

    assert all(len(set(parts[group::8])) == 1 for group in range(8))
    assert len(set(parts)) == FOLDS


def test_one_group_alone_leaves_nothing_to_choose_a_threshold_on():
    rows = replace(drawn(10), groups=("same",) * 10)

    assert not cross_fitted(rows, lambda others: -np.inf).any()


def test_parity_is_the_smallest_threshold_as_good_as_the_large_model():
    """Three of four right: keeping rows 1 and 3 of 1, 3, 2, 4 by score gives all four."""
    rows = four(scores=np.array([0.9, 0.5, 0.7, 0.3]))

    assert parity_threshold(rows, np.arange(4)) == 0.5


def test_parity_keeps_equal_scores_together():
    """Row 1 alone would do; with rows 2 and 4, of its score, it will not."""
    rows = four(scores=np.array([0.9, 0.9, 0.3, 0.9]))

    assert parity_threshold(rows, np.arange(4)) == np.inf


def test_parity_counts_the_small_answers_that_stand_in_for_failed_ones():
    """The large model is right in one row of two, so one row may be lost."""
    rows = outcomes([0.9, 0.8], "ab", "xb", ["a", ""])

    assert parity_threshold(rows, np.arange(2)) == 0.8


@pytest.mark.parametrize("loss", ["agree", "regret"])
def test_chosen_thresholds_aim_at_the_loss_that_is_asked_for(loss):
    """On rows they were not chosen on, within chance; the exact one below its limit."""
    found = table(drawn(1500), loss=loss, epsilon=0.1)

    losses = {name: getattr(found[name], {"agree": "disagree"}.get(loss, loss)) for name in found}
    assert losses["exact"].value < 0.1
    assert losses["empirical"].low < 0.1 < losses["empirical"].high
    assert losses["crc"].low < 0.1 < losses["crc"].high
    assert losses["clt"].value < 0.1


def test_too_few_rows_to_certify_send_everything():
    assert table(drawn(40))["exact"].large_share.value == 1.0
