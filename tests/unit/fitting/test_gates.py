import pytest

from fakes.made_up_evidence import RIGHT, WRONG, Sayings, evidence, says, steps
from fakes.made_up_logs import NGRAMS, SECOND, TWO_HEADED, TWO_TIERS, WIDE
from headgate.cascade.deferral import DeferralSpec
from headgate.fitting.gates import gates_within_budget, score_within_budget
from headgate.gate.threshold import KEEP_ALL, KEEP_NOTHING, threshold_for_share

TWO_SMALL = {
    "models": (NGRAMS, WIDE),
    "flow": (*TWO_TIERS["flow"][:2], SECOND),
}


def share(stated):
    return f"{{budget: {{llm_share: {stated}}}}}"


def sure_of(count):
    """So many rows that are right, less and less surely."""
    return [says(RIGHT, each) for each in steps(count)]


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        ("auto", "max_prob"),
        ("head", "max_prob"),
        ("max_prob", "max_prob"),
        ("margin", "margin"),
        ("agreement", "agreement"),
    ],
)
def test_a_score_that_would_have_to_be_learnt_is_the_highest_probability(asked, used):
    assert score_within_budget(DeferralSpec(score=asked)) == used


def test_the_gate_before_the_large_model_keeps_to_its_share(cascade):
    """Of 59 rows no more than one in twenty goes on, which is proven by none."""
    found = evidence(cascade(share(0.05)), Sayings({"cheap": sure_of(59)}))

    gate = gates_within_budget(found)["cheap_keep"]

    assert gate.threshold == min(steps(59))
    assert (gate.score, gate.planned, gate.maps, gate.ladder) == ("max_prob", True, None, ())
    assert gate.tightened == KEEP_NOTHING


@pytest.mark.parametrize(("stated", "threshold"), [(0.0, KEEP_ALL), (1.0, KEEP_NOTHING)])
def test_a_share_of_nothing_or_all_needs_no_rows(cascade, stated, threshold):
    found = evidence(cascade(share(stated)), Sayings({"cheap": sure_of(5)}))

    assert gates_within_budget(found)["cheap_keep"].threshold == threshold


def test_the_second_model_has_its_say_in_the_threshold(cascade):
    """Means with a model that is always unsure: half of what each score is above a half."""
    deferral = "{score: agreement, second_model: wide, budget: {llm_share: 0.05}}"
    said = Sayings({"cheap": sure_of(59)}, second=[says(RIGHT, 0.5)] * 59)
    found = evidence(cascade(deferral, TWO_HEADED), said)

    gate = gates_within_budget(found)["cheap_keep"]

    assert (gate.score, gate.threshold) == ("agreement", pytest.approx((0.6 + 0.5) / 2))


def test_a_cheap_tier_keeps_what_the_next_one_would_not_do_better(cascade):
    """Below 0.8 the first tier is wrong where the second is right."""
    first = [says(RIGHT, 0.9), says(RIGHT, 0.8), says(WRONG, 0.7), says(WRONG, 0.6)]
    found = evidence(
        cascade("", TWO_SMALL), Sayings({"cheap": first, "second": [says(RIGHT, 0.9)] * 4})
    )

    assert gates_within_budget(found)["cheap_keep"].threshold == 0.8


def test_the_last_gate_is_set_on_the_rows_that_reach_it(cascade):
    """Of 100 rows the first tier keeps half; the budget of all is the half of those who come."""
    first = [says(RIGHT, 0.9)] * 50 + [says(WRONG, 0.6)] * 50
    second = [says(RIGHT, 0.9)] * 50 + sure_of(50)
    found = evidence(cascade(share(0.3), TWO_TIERS), Sayings({"cheap": first, "second": second}))

    fitted = gates_within_budget(found)

    kept_before = [KEEP_NOTHING] * 50
    assert fitted["cheap_keep"].threshold == 0.9
    assert fitted["second_keep"].threshold == threshold_for_share(
        sorted([*kept_before, *steps(50)]), 0.3
    )
    assert 0.6 < fitted["second_keep"].threshold < 0.9
