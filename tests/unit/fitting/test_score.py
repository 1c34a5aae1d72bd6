import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.made_up_evidence import RIGHT, WRONG, Sayings, evidence, says, steps
from fakes.made_up_logs import TWO_HEADED
from headgate.fitting.score import SLACK, choose_score, fitted_head, halfway
from headgate.gate.head import Head
from headgate.gate.threshold import KEEP_NOTHING


def stated(score="auto", more="", kind="agree"):
    return f"{{score: {score}, {more} certificate: {{kind: {kind}, epsilon: 0.1}}}}"


def chosen(loaded, said):
    found = evidence(loaded, said)
    return choose_score(found, loaded.spec.deferral.certificate, 0)


def upside_down(count, tune):
    """Rows that are right where the small model is least sure: the highest probability misleads."""
    confidences = steps(count)
    small = [says(RIGHT if each < 0.8 else WRONG, each) for each in confidences]
    shuffled = np.random.default_rng(0).permutation(count)
    return Sayings({"cheap": [small[place] for place in shuffled]}, tune=tune)


def test_a_head_is_taken_where_it_defers_better(cascade):
    assert chosen(cascade(stated()), upside_down(200, 150)).score == "head"


def test_the_highest_probability_stays_where_it_is_as_good(cascade):
    confidences = steps(200)
    small = [says(RIGHT if each > 0.8 else WRONG, each) for each in confidences]
    order = np.random.default_rng(0).permutation(200)

    gate = chosen(cascade(stated()), Sayings({"cheap": [small[p] for p in order]}, tune=150))

    assert (gate.score, gate.head, gate.threshold) == ("max_prob", None, KEEP_NOTHING)


def test_too_few_tuning_rows_say_nothing_about_scores(cascade):
    assert chosen(cascade(stated()), upside_down(200, 99)).score == "max_prob"


def test_a_head_that_is_asked_for_is_learnt_from_whatever_rows_there_are(cascade):
    assert chosen(cascade(stated("head")), upside_down(200, 20)).score == "head"


@pytest.mark.parametrize("score", ["max_prob", "margin"])
def test_a_score_that_is_asked_for_is_taken_unseen(cascade, score):
    assert chosen(cascade(stated(score)), upside_down(200, 150)).score == score


def test_agreement_is_taken_unseen_too(cascade):
    said = Sayings({"cheap": [says(RIGHT, 0.9)]}, second=[says(RIGHT, 0.9)])

    gate = chosen(cascade(stated("agreement", "second_model: wide,"), TWO_HEADED), said)

    assert gate.score == "agreement"


@pytest.mark.parametrize("score", ["auto", "head"])
def test_certification_rows_have_no_part_in_the_score(cascade, score):
    """The same tuning rows before certification rows that say the opposite."""
    loaded = cascade(stated(score))
    said = upside_down(200, 150)
    other = [says(WRONG, 0.99)] * 50
    turned = Sayings(
        {"cheap": [*said.small["cheap"][:150], *other]}, [RIGHT] * 150 + [None] * 50, tune=150
    )

    assert chosen(loaded, said) == chosen(loaded, turned)


def test_what_a_head_learns_is_the_loss_of_its_kind(cascade):
    """The large model is wrong with the small one, wherever that is: they never differ."""
    said = upside_down(200, 150)
    same = Sayings(said.small, [each.answer for each in said.small["cheap"]], tune=150)

    assert chosen(cascade(stated(kind="agree")), same).score == "max_prob"
    assert chosen(cascade(stated(kind="regret")), same).head is None
    assert chosen(cascade(stated(kind="regret")), said).head is not None


def test_a_head_is_written_as_plain_values(cascade):
    gate = chosen(cascade(stated("head")), upside_down(200, 20))

    written = fitted_head(gate)

    assert written is not None
    assert Head.from_json(written.model_dump()) == gate.head
    assert fitted_head(chosen(cascade(stated("margin")), upside_down(20, 0))) is None


# Thresholds between scores


def test_a_threshold_lies_in_the_middle_of_what_it_parts():
    assert halfway(np.array([0.9, 0.5, 0.7]), 0.7) == pytest.approx(0.6)
    assert halfway(np.array([0.9, 0.5, 0.7]), 0.65) == pytest.approx(0.6)


def test_where_all_are_kept_it_lies_just_below_them():
    assert halfway(np.array([0.9, 0.5]), 0.5) == 0.5 * (1 - SLACK)


def test_where_none_is_kept_it_lies_just_above_itself():
    assert halfway(np.array([0.9, 0.5]), 0.95) == 0.95 * (1 + SLACK)
    assert halfway(np.array([0.9, 0.5]), np.inf) == np.inf


def test_neighbours_without_a_number_between_them_stay_apart():
    low, high = 0.5, float(np.nextafter(0.5, 1))

    assert halfway(np.array([low, high]), high) == high


@given(
    st.lists(st.floats(0, 691, allow_subnormal=False), min_size=1, max_size=20),
    st.integers(0, 19),
)
def test_the_same_rows_are_kept(values, place):
    scores = np.array(values)
    threshold = values[place % len(values)]

    moved = halfway(scores, threshold)

    assert ((scores >= moved) == (scores >= threshold)).all()
