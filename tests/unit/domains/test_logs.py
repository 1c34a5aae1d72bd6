import numpy as np
import pytest

from headgate.domains.logs import LogTask
from headgate.domains.task import TextPairs
from headgate.errors import InputError
from headgate.types import Candidate, Prediction, Record

MATCH = LogTask("match_description", ("no match", "match"))
LEVEL = LogTask("level", ("info", "error"))
MODULE = LogTask("module", ("net", "disk"))
LINES = LogTask("classify_lines", ("normal", "fault"))
CAUSES = LogTask("rank_causes", ())
CAUSE_A = Candidate("a", "the cable is cut")
CAUSE_B = Candidate("b", "the fan is dusty")
CAUSE_C = Candidate("c", "the disk is worn")
LN_2, LN_3 = np.log(2), np.log(3)

GOOD = [
    pytest.param(MATCH, {"log": "port down", "description": "a port fails"}, (), id="match"),
    pytest.param(LEVEL, {"log": "port down"}, (), id="level"),
    pytest.param(MODULE, {"log": "port down"}, (), id="module"),
    pytest.param(LINES, {"line": "port down"}, (), id="lines"),
    pytest.param(CAUSES, {"log": "port down"}, (CAUSE_A, CAUSE_B), id="causes"),
]


def logits(*values):
    return np.array(values, dtype=np.float32)


@pytest.mark.parametrize(("task", "fields", "candidates"), GOOD)
def test_a_record_with_what_the_operation_reads_is_accepted(task, fields, candidates):
    task.check(Record("r", fields, candidates))


@pytest.mark.parametrize(("task", "fields", "candidates"), GOOD)
@pytest.mark.parametrize("blank", ["", " \t\n"], ids=["empty", "blank"])
def test_a_blank_field_is_refused_by_name(task, fields, candidates, blank):
    for name in fields:
        with pytest.raises(InputError, match=f"field '{name}' is missing or blank"):
            task.check(Record("r", {**fields, name: blank}, candidates))


@pytest.mark.parametrize(("task", "fields", "candidates"), GOOD)
def test_a_missing_field_is_refused_with_the_fields_that_are_read(task, fields, candidates):
    for name in fields:
        rest = {key: value for key, value in fields.items() if key != name}

        with pytest.raises(InputError) as refusal:
            task.check(Record("r7", rest, candidates))

        assert refusal.value.place == "record 'r7'"
        assert refusal.value.problem == f"field {name!r} is missing or blank"
        assert refusal.value.remedy == f"{task.operation} reads: {', '.join(fields)}."


@pytest.mark.parametrize(("task", "fields", "candidates"), GOOD)
def test_an_unknown_field_is_refused_without_its_text(task, fields, candidates):
    with pytest.raises(InputError, match="field 'lgo' is not known") as refusal:
        task.check(Record("r", {**fields, "lgo": "canary"}, candidates))

    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize(("task", "fields", "candidates"), GOOD[:-1])
def test_candidates_are_refused_where_labels_are_declared(task, fields, candidates):
    with pytest.raises(InputError, match=f"{task.operation} answers with declared labels"):
        task.check(Record("r", fields, (CAUSE_A, CAUSE_B)))


@pytest.mark.parametrize(
    "candidates",
    [
        pytest.param((), id="none"),
        pytest.param((CAUSE_A,), id="one"),
        pytest.param((CAUSE_A, CAUSE_B, Candidate("a", "another")), id="repeated-id"),
        pytest.param((CAUSE_A, Candidate("", "another")), id="empty-id"),
        pytest.param((CAUSE_A, Candidate(" ", "another")), id="blank-id"),
        pytest.param((CAUSE_A, Candidate("b", "")), id="empty-text"),
        pytest.param((CAUSE_A, Candidate("b", " \n")), id="blank-text"),
    ],
)
def test_causes_that_cannot_be_ranked_are_refused(candidates):
    with pytest.raises(InputError, match="needs two or more candidates"):
        CAUSES.check(Record("r", {"log": "port down"}, candidates))


def test_two_causes_may_say_the_same():
    CAUSES.check(Record("r", {"log": "port down"}, (CAUSE_A, Candidate("b", CAUSE_A.text))))


def test_the_options_are_the_labels_or_the_records_own_candidates():
    assert MATCH.options(Record("r", {})) == ("no match", "match")
    assert CAUSES.options(Record("r", {}, (CAUSE_B, CAUSE_A))) == ("b", "a")


def test_two_operations_compare_texts_and_three_read_one():
    assert [task.pairs for task in (MATCH, CAUSES, LEVEL, MODULE, LINES)] == [True] * 2 + [
        False
    ] * 3


def test_each_record_gives_its_one_text_in_order():
    records = [Record("1", {"line": "first"}), Record("2", {"line": "second"})]

    assert LINES.texts(records) == ["first", "second"]


def test_each_description_is_paired_with_its_log():
    records = [
        Record("1", {"log": "l1", "description": "d1"}),
        Record("2", {"description": "d2", "log": "l2"}),
    ]

    assert MATCH.text_pairs(records) == TextPairs(("l1", "l2"), ("d1", "d2"), (0, 1))


def test_each_cause_is_paired_with_its_records_log():
    records = [
        Record("1", {"log": "l1"}, (CAUSE_A, CAUSE_B)),
        Record("2", {"log": "l2"}, (CAUSE_C, CAUSE_A, CAUSE_B)),
    ]

    pairs = CAUSES.text_pairs(records)

    assert pairs.firsts == ("l1", "l1", "l2", "l2", "l2")
    assert pairs.seconds == tuple(c.text for c in (CAUSE_A, CAUSE_B, CAUSE_C, CAUSE_A, CAUSE_B))
    assert pairs.owners == (0, 0, 1, 1, 1)


def test_similar_cases_are_searched_by_all_that_a_record_says():
    matched = Record("1", {"description": "d", "log": "l"})
    ranked = Record("2", {"log": "l"}, (CAUSE_A, CAUSE_B))

    assert MATCH.query_text(matched) == "l\nd"
    assert CAUSES.query_text(ranked) == f"l\n{CAUSE_A.text}\n{CAUSE_B.text}"


def test_label_logits_become_probabilities_in_each_row():
    records = [Record("1", {"log": "l"}), Record("2", {"log": "m"})]

    first, second = LEVEL.predictions_from_labels(records, logits([0, LN_3], [5 + LN_3, 5]))

    assert first.options == ("info", "error")
    assert first.probabilities == pytest.approx((0.25, 0.75))
    assert second.probabilities == pytest.approx((0.75, 0.25))


def test_logits_too_large_for_exp_are_certain():
    (only,) = LEVEL.predictions_from_labels([Record("1", {"log": "l"})], logits([-1000, 1000]))

    assert only.probabilities == (0.0, 1.0)


def test_a_description_matches_with_the_sigmoid_of_its_logit():
    records = [Record(str(i), {"log": "l", "description": "d"}) for i in range(3)]
    pairs = MATCH.text_pairs(records)

    found = MATCH.predictions_from_pairs(records, pairs, logits(LN_3, -LN_3, 0))

    assert [each.probabilities[1] for each in found] == pytest.approx([0.75, 0.25, 0.5])
    assert [each.answer for each in found] == ["match", "no match", "no match"]


def test_causes_compete_within_their_own_record_only():
    records = [
        Record("1", {"log": "l1"}, (CAUSE_A, CAUSE_B)),
        Record("2", {"log": "l2"}, (CAUSE_C, CAUSE_A, CAUSE_B)),
        Record("3", {"log": "l3"}, (CAUSE_A, CAUSE_C)),
    ]
    pairs = CAUSES.text_pairs(records)

    found = CAUSES.predictions_from_pairs(records, pairs, logits(0, LN_3, LN_2, 0, 0, 900, -900))

    assert [each.options for each in found] == [("a", "b"), ("c", "a", "b"), ("a", "c")]
    assert found[0].probabilities == pytest.approx((0.25, 0.75))
    assert found[1].probabilities == pytest.approx((0.5, 0.25, 0.25))
    assert found[2].probabilities == (1.0, 0.0)


def test_a_single_record_gets_its_own_prediction():
    record = Record("1", {"log": "l"}, (CAUSE_A, CAUSE_B))

    found = CAUSES.predictions_from_pairs([record], CAUSES.text_pairs([record]), logits(7, 7))

    assert found == [Prediction(("a", "b"), (0.5, 0.5))]


@pytest.mark.parametrize("task", [MATCH, CAUSES], ids=["match", "causes"])
def test_no_records_give_no_pairs_and_no_predictions(task):
    pairs = task.text_pairs([])

    assert pairs == TextPairs((), (), ())
    assert task.predictions_from_pairs([], pairs, logits()) == []


def test_no_records_give_no_label_predictions():
    assert LEVEL.predictions_from_labels([], np.empty((0, 2), np.float32)) == []
