import math

import numpy as np
import pytest

from fakes.made_up_evidence import RIGHT, WRONG, Sayings, evidence, says
from fakes.made_up_logs import TWO_HEADED, TWO_TIERS
from headgate.cascade.fitted import FittedGate
from headgate.errors import ModelError
from headgate.fitting.evidence import reference_scores
from headgate.gate.isotonic import ClassMaps, IsotonicMap
from headgate.gate.threshold import KEEP_NOTHING

AGREE = "{certificate: {kind: agree, epsilon: 0.1}}"
BOTH = "{score: agreement, second_model: wide, certificate: {kind: agree, epsilon: 0.1}}"

FOUR_WAYS = Sayings(
    {"cheap": [says(RIGHT, 0.9), says(WRONG, 0.8), says(RIGHT, 0.7), says(WRONG, 0.6)]},
    [RIGHT, WRONG, WRONG, RIGHT],
)
"""Both right, both wrong, only the small model right, only the large one."""
UNANSWERED = Sayings({"cheap": [says(RIGHT, 0.9), says(WRONG, 0.8)]}, [None, None])
TIERS = Sayings(
    {
        "cheap": [says(RIGHT, 0.9), says(WRONG, 0.6), says(RIGHT, 0.6), says(WRONG, 0.9)],
        "second": [says(WRONG, 0.9), says(RIGHT, 0.8), says(RIGHT, 0.6), says(RIGHT, 0.9)],
    },
    [RIGHT, RIGHT, WRONG, RIGHT],
)


def gates(first, last, **first_more):
    """Two gates of the highest probability."""
    return {
        "cheap_keep": FittedGate(score="max_prob", threshold=first, **first_more),
        "second_keep": FittedGate(score="max_prob", threshold=last),
    }


def listed(mask):
    return mask.astype(int).tolist()


# What a loss is


@pytest.fixture
def four(cascade):
    return evidence(cascade(AGREE), FOUR_WAYS)


def test_right_is_by_the_label_and_same_by_the_large_model(four):
    assert listed(four.right("cheap")) == [1, 0, 1, 0]
    assert listed(four.same("cheap")) == [1, 1, 0, 0]
    assert listed(four.reference_right) == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        pytest.param("agree", [0, 0, 1, 1], id="agree-differs"),
        pytest.param("regret", [0, 0, 0, 1], id="regret-only-the-large-model-is-right"),
    ],
)
def test_each_kind_counts_its_own_loss(four, kind, bad):
    assert listed(four.bad(kind)) == bad


@pytest.mark.parametrize("kind", ["regret", "netgap", "selective"])
def test_with_labels_the_label_is_the_measure(four, kind):
    assert listed(four.correct("cheap", kind)) == [1, 0, 1, 0]
    assert listed(four.reference_correct(kind)) == [1, 0, 0, 1]


def test_without_labels_the_large_model_is_the_measure_of_itself(four):
    assert listed(four.correct("cheap", "agree")) == [1, 1, 0, 0]
    assert listed(four.reference_correct("agree")) == [1, 1, 1, 1]


def test_where_the_large_model_gave_no_answer_the_loss_is_the_larger_one(cascade):
    """For `agree` such a row differs; for the others the large model counts as right."""
    found = evidence(cascade(AGREE), UNANSWERED)

    assert listed(found.same("cheap")) == [0, 0]
    assert listed(found.bad("agree")) == [1, 1]
    assert listed(found.reference_right) == [1, 1]
    assert listed(found.bad("regret")) == [0, 1]


def test_a_loss_is_that_of_the_gate_before_the_large_model(cascade):
    found = evidence(cascade(AGREE, TWO_TIERS), TIERS)

    assert found.last_gate.name == "second_keep"
    assert listed(found.bad("agree")) == [1, 0, 1, 0]


# Where rows leave


def test_a_row_leaves_at_the_first_gate_that_keeps_it(cascade):
    found = evidence(cascade(AGREE, TWO_TIERS), TIERS)

    exits = found.exits(gates(0.9, 0.8))

    assert exits == ["cheap", "second", "", "cheap"]
    assert listed(found.exit_same(exits)) == [1, 1, 1, 0]


def test_a_tier_that_the_plan_leaves_out_answers_nothing(cascade):
    """Its gate would keep two rows; they reach the second tier instead."""
    found = evidence(cascade(AGREE, TWO_TIERS), TIERS)

    exits = found.exits(gates(0.9, 0.8, planned=False))

    assert exits == ["second", "second", "", "second"]
    assert listed(found.exit_same(exits)) == [0, 1, 1, 1]


def test_what_is_sent_on_has_the_large_models_answer_even_where_there_is_none(cascade):
    found = evidence(cascade(AGREE), UNANSWERED)

    exits = found.exits({"cheap_keep": FittedGate(score="max_prob", threshold=0.85)})

    assert exits == ["cheap", ""]
    assert listed(found.exit_same(exits)) == [0, 1]


def test_thresholds_of_classes_are_by_the_answer(four):
    gate = FittedGate(
        score="max_prob", threshold=KEEP_NOTHING, class_thresholds={RIGHT: 0.7, WRONG: 0.7}
    )
    one = FittedGate(score="max_prob", threshold=KEEP_NOTHING, class_thresholds={WRONG: 0.7})

    assert four.exits({"cheap_keep": gate}) == ["cheap", "cheap", "cheap", ""]
    assert four.exits({"cheap_keep": one}) == ["", "cheap", "", ""]


def test_two_models_agree_by_the_mean_of_their_probabilities(cascade):
    """The second one gives the first one's answers 0.9, 0.2, 0.7 and 0.6."""
    second = [says(RIGHT, 0.9), says(RIGHT, 0.8), says(RIGHT, 0.7), says(WRONG, 0.6)]
    said = Sayings(FOUR_WAYS.small, FOUR_WAYS.large, second=second)
    found = evidence(cascade(BOTH, TWO_HEADED), said)

    exits = found.exits({"cheap_keep": FittedGate(score="agreement", threshold=0.7)})

    assert found.second_table is not None
    assert exits == ["cheap", "", "cheap", ""]


def test_without_a_second_model_there_is_no_second_table(four):
    assert four.second_table is None


# What a monitor compares with


def test_the_reference_scores_are_those_of_certification_rows_alone(cascade):
    said = Sayings(FOUR_WAYS.small, FOUR_WAYS.large, tune=1, idle=(3,))
    gate = FittedGate(score="max_prob", threshold=0.85)

    scores = reference_scores(evidence(cascade(AGREE), said), {"cheap_keep": gate})

    assert scores == [0.8, 0.7]


def test_the_reference_scores_are_the_confidences_that_the_gate_compares(four):
    """The map halves what a model says."""
    maps = ClassMaps(IsotonicMap((0.0, 1.0), (0.0, 0.5)), {})
    gate = FittedGate.model_validate(
        {"score": "max_prob", "threshold": 0.4, "maps": maps.to_json()}, strict=False
    )

    assert reference_scores(four, {"cheap_keep": gate}) == pytest.approx([0.45, 0.4, 0.35, 0.3])


@pytest.mark.parametrize(("planned", "scores"), [(True, [0.9, 0.6]), (False, [0.9, 0.8])])
def test_the_reference_scores_are_of_the_first_gate_that_runs(cascade, planned, scores):
    said = Sayings({name: column[:2] for name, column in TIERS.small.items()}, TIERS.large[:2])
    found = evidence(cascade(AGREE, TWO_TIERS), said)

    assert reference_scores(found, gates(0.9, 0.8, planned=planned)) == scores


# Bad input


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(
    ("place", "small", "second"),
    [
        pytest.param("classifier 'cheap'", True, False, id="a-stage"),
        pytest.param("second model", False, True, id="the-second-model"),
    ],
)
def test_probabilities_that_are_no_numbers_are_refused(cascade, value, place, small, second):
    good = [says(RIGHT, 0.9), says(RIGHT, 0.8), says(RIGHT, 0.7)]
    broken = [good[0], says(RIGHT, value), says(RIGHT, value)]
    said = Sayings({"cheap": broken if small else good}, second=broken if second else None)

    with pytest.raises(ModelError, match="of 2 development rows are no numbers") as caught:
        evidence(cascade(BOTH, TWO_HEADED), said)
    assert caught.value.place == place


def test_columns_of_different_lengths_are_refused(cascade):
    found = evidence(cascade(AGREE), Sayings({"cheap": [says(RIGHT, 0.9)]}, [RIGHT, RIGHT]))

    with pytest.raises(ValueError, match="zip"):
        found.same("cheap")


def test_no_rows_are_no_losses(cascade):
    found = evidence(cascade(AGREE), Sayings({"cheap": []}))

    gate = {"cheap_keep": FittedGate(score="max_prob", threshold=0.5)}
    assert found.exits(gate) == []
    assert found.bad("agree").tolist() == []
    assert np.array(reference_scores(found, gate)).tolist() == []
