import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.evaluation.matching import (
    AbstentionRates,
    abstention_rates,
    mean_reciprocal_rank,
    one_to_one_f1,
    recall_at,
    recall_at_truth,
)

TRUTH = {
    "birth": frozenset({"born", "born_year"}),
    "sex": frozenset({"gender"}),
    "note": frozenset(),
}
RANKINGS = {
    "birth": [("id", 0.9), ("born", 0.8), ("born_year", 0.3)],
    "sex": [("gender", 0.7), ("id", 0.1)],
    "note": [("remark", 0.6)],
    "row": [("id", 0.2)],
}

SCORED = st.dictionaries(
    st.sampled_from("abcd"),
    st.dictionaries(st.sampled_from("wxyz"), st.integers(0, 3).map(float), max_size=4),
    max_size=4,
)
TRUTHS = st.dictionaries(st.sampled_from("abcd"), st.frozensets(st.sampled_from("wxyz")))


def ranked(scored):
    """The best first."""
    return {
        source: sorted(own.items(), key=lambda pair: -pair[1]) for source, own in scored.items()
    }


def test_mrr_takes_the_first_right_target_of_each_source_that_has_one():
    """Ranks 2 and 1: (1/2 + 1) / 2."""
    assert mean_reciprocal_rank(RANKINGS, TRUTH) == 0.75


def test_mrr_counts_nothing_for_a_source_that_was_not_ranked():
    """Rank 2 of birth, and nothing of sex: (1/2 + 0) / 2."""
    assert mean_reciprocal_rank({"birth": RANKINGS["birth"]}, TRUTH) == 0.25


def test_mrr_follows_the_order_and_not_the_scores():
    assert mean_reciprocal_rank({"a": [("x", 0.1), ("y", 0.9)]}, {"a": frozenset("y")}) == 0.5


def test_recall_at_truth_looks_at_as_many_pairs_as_are_true():
    """The three best are (birth, id), (birth, born), (sex, gender): two of three are true."""
    assert recall_at_truth(RANKINGS, TRUTH) == pytest.approx(2 / 3)


def test_a_sure_pair_of_a_source_without_a_counterpart_costs_recall_at_truth():
    sure = RANKINGS | {"note": [("remark", 0.75)]}

    assert recall_at_truth(sure, TRUTH) == pytest.approx(1 / 3)


def test_among_equal_scores_the_wrong_pairs_come_first():
    """Two places, three pairs of one score: the right one is last, wherever it stands."""
    truth = {"a": frozenset("xy")}

    assert recall_at_truth({"a": [("x", 0.5), ("v", 0.5), ("w", 0.5)]}, truth) == 0
    assert recall_at_truth({"b": [("v", 0.5), ("w", 0.5)], "a": [("x", 0.5)]}, truth) == 0


def test_a_true_pair_without_a_score_is_missed():
    assert recall_at_truth({}, TRUTH) == 0


def test_recall_at_k_is_a_share_of_pairs():
    assert recall_at(1, RANKINGS, TRUTH) == pytest.approx(1 / 3)
    assert recall_at(2, RANKINGS, TRUTH) == pytest.approx(2 / 3)
    assert recall_at(3, RANKINGS, TRUTH) == 1


def test_recall_at_nothing_is_refused():
    with pytest.raises(ValueError, match="k is 0"):
        recall_at(0, RANKINGS, TRUTH)


@pytest.mark.parametrize(
    ("ranking", "problem"),
    [
        pytest.param([("x", float("nan"))], "NaN", id="nan"),
        pytest.param([("x", 0.5), ("x", 0.4)], "twice", id="a-target-twice"),
    ],
)
def test_rankings_that_mean_nothing_are_refused(ranking, problem):
    with pytest.raises(ValueError, match=problem):
        recall_at_truth({"a": ranking}, {"a": frozenset("x")})


def test_one_of_several_true_targets_is_enough_for_a_one_to_one_set():
    """Both found, no pair too many."""
    assert one_to_one_f1({"birth": "born_year", "sex": "gender"}, TRUTH) == 1


def test_a_pair_for_a_source_without_a_counterpart_is_a_false_positive():
    """One right of three pairs, one found of two sources: F1 of 1/3 and 1/2 is 2/5."""
    pairs = {"sex": "gender", "note": "remark", "row": "id"}

    assert one_to_one_f1(pairs, TRUTH) == pytest.approx(0.4)


def test_no_pairs_where_some_are_due_is_nothing():
    assert one_to_one_f1({}, TRUTH) == 0
    assert one_to_one_f1({"note": "remark"}, {}) == 0


def test_abstentions_are_right_where_there_is_no_counterpart():
    """Left: note and sex, one rightly. Without a counterpart: note and row, one left."""
    pairs = {"birth": "born", "row": "id"}

    assert abstention_rates(pairs, ("note", "sex"), TRUTH) == AbstentionRates(0.5, 0.5)


def test_abstentions_that_cannot_be_judged_have_no_rates():
    assert abstention_rates({"sex": "gender"}, (), TRUTH) == AbstentionRates(None, None)


def test_without_a_counterpart_there_is_nothing_to_find():
    truth = {"note": frozenset()}

    assert mean_reciprocal_rank(RANKINGS, truth) is None
    assert recall_at_truth(RANKINGS, truth) is None
    assert recall_at(1, RANKINGS, truth) is None
    assert one_to_one_f1({}, truth) is None


@given(SCORED, TRUTHS)
def test_every_figure_is_a_share(scored, truth):
    rankings = ranked(scored)
    figures = [
        mean_reciprocal_rank(rankings, truth),
        recall_at_truth(rankings, truth),
        recall_at(2, rankings, truth),
    ]

    assert all(figure is None or 0 <= figure <= 1 for figure in figures)


@given(SCORED, TRUTHS, st.randoms(use_true_random=False))
def test_recall_at_truth_does_not_see_the_order_of_the_input(scored, truth, random):
    shuffled = [
        (source, random.sample(list(own.items()), len(own))) for source, own in scored.items()
    ]
    random.shuffle(shuffled)

    assert recall_at_truth(dict(shuffled), truth) == recall_at_truth(ranked(scored), truth)


@given(SCORED, TRUTHS)
def test_scores_that_put_all_true_pairs_first_find_them_all(scored, truth):
    right = {source: [(target, 9.0) for target in own] for source, own in truth.items()}
    for source, own in scored.items():
        taken = truth.get(source, frozenset())
        right.setdefault(source, []).extend(pair for pair in own.items() if pair[0] not in taken)

    assert recall_at_truth(right, truth) in (None, 1)
