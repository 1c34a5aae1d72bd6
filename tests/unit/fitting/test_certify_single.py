import numpy as np
import pytest

from fakes.made_up_evidence import RIGHT, WRONG, Sayings, evidence, says, steps
from headgate.fitting.certify_single import EXPECTED, one_threshold, within_budget
from headgate.fitting.proven import LADDER
from headgate.gate.bounds import binomial_p_value, most_bad_allowed, risk_upper_bound
from headgate.gate.threshold import KEEP_ALL, KEEP_NOTHING

BAD = (50, 60, 70, 80, 90)
"""Places of wrong answers among 100, from the surest one down."""


def stated(kind="agree", epsilon=0.1, more=""):
    return f"{{score: max_prob, certificate: {{kind: {kind}, epsilon: {epsilon}{more}}}}}"


def answers(count, bad):
    """So many rows, less and less sure, that are wrong at some places."""
    wrong = set(bad)
    return [says(WRONG if p in wrong else RIGHT, each) for p, each in enumerate(steps(count))]


def proven(loaded, said):
    return one_threshold(evidence(loaded, said), loaded.spec.deferral.certificate, 0)


# With an epsilon


@pytest.mark.parametrize("kind", ["agree", "regret"])
def test_the_walk_ends_before_the_bad_row_that_is_one_too_many(cascade, kind):
    """Four of 100 may be bad at epsilon 0.1, so the fifth and what follows goes on."""
    found = proven(cascade(stated(kind)), Sayings({"cheap": answers(100, BAD)}))

    gate = found.gates["cheap_keep"]
    assert gate.threshold == pytest.approx((steps(100)[89] + steps(100)[90]) / 2)
    assert (found.certified, found.reason, found.epsilon) == (True, "", 0.1)
    assert (found.n, found.bad) == (100, 4)
    assert found.p_value == float(binomial_p_value(4, 100, 0.1))
    assert (gate.score, gate.maps, gate.head, gate.planned) == ("max_prob", None, None, True)


def test_what_both_models_get_wrong_costs_no_regret_but_is_no_disagreement_either(cascade):
    large = [WRONG if place in BAD else RIGHT for place in range(100)]
    said = Sayings({"cheap": answers(100, BAD)}, large)

    for kind in ("regret", "agree"):
        found = proven(cascade(stated(kind)), said)
        assert (found.bad, found.gates["cheap_keep"].threshold < 0.6) == (0, True)


def test_what_only_the_small_model_gets_right_is_a_disagreement_and_no_regret(cascade):
    large = [WRONG if place < 50 else RIGHT for place in range(100)]
    said = Sayings({"cheap": answers(100, ())}, large)

    assert proven(cascade(stated("regret")), said).bad == 0
    assert proven(cascade(stated("agree")), said).bad == 4


@pytest.mark.parametrize(("rows", "certified"), [(28, False), (29, True)])
def test_rows_without_an_error_certify_from_29_on(cascade, rows, certified):
    """0.9^29 = 0.0471 is the first power below 0.05."""
    found = proven(cascade(stated()), Sayings({"cheap": answers(rows, ())}))

    assert found.certified == certified
    assert found.keeps == certified
    assert (found.n, found.bad) == (rows, 0)
    assert found.reason == ("" if certified else "28 certification units do not prove it")


def test_rows_of_one_score_are_kept_together_or_not_at_all(cascade):
    """Of 200 equal rows 12 may be bad."""
    enough, too_many = (
        Sayings({"cheap": [says(WRONG, 0.8)] * bad + [says(RIGHT, 0.8)] * (200 - bad)})
        for bad in (12, 13)
    )

    found = proven(cascade(stated()), enough)

    assert (found.certified, found.bad) == (True, 12)
    assert found.gates["cheap_keep"].threshold == pytest.approx(0.8, abs=1e-6)
    assert found.gates["cheap_keep"].threshold < 0.8
    assert not proven(cascade(stated()), too_many).certified


def test_a_model_that_says_one_thing_is_certified_where_that_is_right(cascade):
    said = Sayings(
        {"cheap": [says(RIGHT, each) for each in steps(100)]},
        labels=[RIGHT] * 60 + [WRONG] * 40,
    )

    found = proven(cascade(stated()), said)

    assert (found.certified, found.bad) == (True, 4)
    assert found.gates["cheap_keep"].threshold == pytest.approx(
        (steps(100)[63] + steps(100)[64]) / 2
    )


def test_no_certification_rows_prove_nothing(cascade):
    said = Sayings({"cheap": answers(40, ())}, idle=range(40))

    found = proven(cascade(stated()), said)

    assert (found.certified, found.n, found.p_value) == (False, 0, 1.0)
    assert not found.keeps


def test_tuning_rows_and_copies_have_no_say(cascade):
    """Rows that do not certify are all wrong here, and the surest."""
    others = [says(WRONG, 0.999)] * 60
    said = Sayings({"cheap": [*others, *answers(100, BAD)]}, tune=30, idle=range(30, 60))

    alone = proven(cascade(stated()), Sayings({"cheap": answers(100, BAD)}))

    assert proven(cascade(stated()), said) == alone


def test_a_row_without_an_answer_of_the_large_model_counts_as_bad(cascade):
    large = [None if place in BAD else RIGHT for place in range(100)]

    found = proven(cascade(stated()), Sayings({"cheap": answers(100, ())}, large))

    assert found.bad == 4


def test_the_ladder_tells_what_every_other_epsilon_would_give(cascade):
    """With 100 rows nothing below 0.03 can be certified; a fourth of 0.2 can."""
    found = proven(cascade(stated(epsilon=0.2)), Sayings({"cheap": answers(100, BAD)}))

    gate = found.gates["cheap_keep"]
    rungs = {rung.epsilon: rung for rung in gate.ladder}
    assert [*rungs] == sorted({*LADDER, 0.2, 0.05})
    assert [rungs[each].certified for each in (0.01, 0.02, 0.05, 0.1)] == [False, False, True, True]
    assert rungs[0.02].threshold == KEEP_NOTHING
    assert rungs[0.2].threshold == gate.threshold
    assert rungs[0.05].threshold == gate.tightened
    for epsilon in (0.05, 0.1, 0.2):
        kept = np.array(steps(100)) >= rungs[epsilon].threshold
        bad = sum(kept[place] for place in BAD)
        assert bad == min(most_bad_allowed(100, epsilon, 0.05), len(BAD))


def test_without_a_rung_for_a_fourth_of_epsilon_a_void_gate_keeps_nothing(cascade):
    found = proven(cascade(stated(epsilon=0.1)), Sayings({"cheap": answers(100, BAD)}))

    assert found.gates["cheap_keep"].tightened == KEEP_NOTHING


# In expectation


def test_what_holds_on_average_is_never_called_certified(cascade):
    """Of 39 rows (k + 1) / 40 <= 0.1 allows three bad ones; certified would be none."""
    loaded = cascade(stated(more=", mode: expectation"))

    found = proven(loaded, Sayings({"cheap": answers(39, (10, 20, 30, 35))}))

    gate = found.gates["cheap_keep"]
    assert (found.certified, found.reason, found.p_value) == (False, EXPECTED, 1.0)
    assert (found.bad, found.keeps) == (3, True)
    assert gate.threshold == pytest.approx((steps(39)[34] + steps(39)[35]) / 2)
    rungs = {rung.epsilon: rung for rung in gate.ladder}
    assert (rungs[0.1].certified, rungs[0.2].certified) == (False, True)


def test_too_few_rows_for_an_average_keep_nothing(cascade):
    """Of 8 rows not one may be bad: (0 + 1) / 9 is above 0.1."""
    loaded = cascade(stated(more=", mode: expectation"))

    found = proven(loaded, Sayings({"cheap": answers(8, ())}))

    assert (found.keeps, found.reason) == (False, "8 certification units do not prove it")


# Within a budget


def bounded(cascade, said, kind="agree", share=0.25):
    text = f"{{score: max_prob, certificate: {{kind: {kind}}}, budget: {{llm_share: {share}}}}}"
    loaded = cascade(text)
    return within_budget(evidence(loaded, said), loaded.spec.deferral.certificate, 0)


def budget_rows(bad=()):
    """100 rows tune and 100 like them certify; 17 of a hundred surely go on at most a quarter."""
    tune = [says(RIGHT, each) for each in steps(100)]
    return Sayings({"cheap": [*tune, *answers(100, bad)]}, tune=100)


@pytest.mark.parametrize("kind", ["agree", "regret"])
def test_a_budget_tells_the_risk_that_is_certain(cascade, kind):
    """P(Binomial(100, 0.25) < 18) <= 0.05 and no more: the 18th lowest tuning score is kept."""
    found = bounded(cascade, budget_rows((10, 20, 95)), kind)

    gate = found.gates["cheap_keep"]
    assert gate.threshold == steps(100)[82]
    assert (found.n, found.bad, found.certified) == (100, 2, True)
    assert found.epsilon == risk_upper_bound(2, 100, 0.05)
    assert (found.p_value, found.reason) == (0.05, "")
    assert (gate.ladder, gate.tightened) == ((), KEEP_NOTHING)


def test_a_selective_risk_within_a_budget_is_of_the_kept_rows_alone(cascade):
    found = bounded(cascade, budget_rows((10, 20, 95)), "selective")

    assert (found.n, found.bad) == (83, 2)
    assert found.epsilon == risk_upper_bound(2, 83, 0.05)


def test_certification_rows_do_not_move_the_threshold_of_a_budget(cascade):
    one, other = (bounded(cascade, budget_rows(bad)) for bad in ((), range(100)))

    assert one.gates["cheap_keep"].threshold == other.gates["cheap_keep"].threshold


@pytest.mark.parametrize(
    ("share", "threshold", "kept"), [(0.0, KEEP_ALL, 100), (1.0, KEEP_NOTHING, 0)]
)
def test_a_budget_of_nothing_or_all_is_kept(cascade, share, threshold, kept):
    found = bounded(cascade, budget_rows(range(100)), share=share)

    assert found.gates["cheap_keep"].threshold == threshold
    assert found.bad == kept
    assert found.certified == (kept == 0)


def test_without_tuning_rows_nothing_is_spent(cascade):
    found = bounded(cascade, Sayings({"cheap": answers(100, ())}))

    assert found.gates["cheap_keep"].threshold == KEEP_ALL


@pytest.mark.parametrize(
    ("bad", "share"),
    [
        pytest.param(range(100), 0.25, id="all-kept-are-wrong"),
        pytest.param((), 1.0, id="none-is-kept"),
    ],
)
def test_a_risk_that_nothing_bounds_is_not_certified(cascade, bad, share):
    found = bounded(cascade, budget_rows(bad), "selective", share)

    assert (found.certified, found.epsilon, found.p_value) == (False, 1.0, 1.0)
    assert found.reason == f"{found.n} certification units do not prove it"
