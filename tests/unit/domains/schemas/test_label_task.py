import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domains.rows import read_labelled, record_of
from headgate.domains.schemas.label_task import MOST_CHARS, LabelTask
from headgate.domains.task import TextPairs, TextTask
from headgate.errors import InputError
from headgate.types import Candidate, Record

TASK = LabelTask(("date", "price"))
DATES = "2021-03-04\n2021-03-05"


def column(values: str = DATES, **others: str) -> Record:
    return Record("c1", {"values": values, **others})


def test_it_is_a_task_of_single_texts():
    task: TextTask = TASK

    assert (task.operation, task.fields) == ("label_columns", ("values",))
    assert task.optional_fields == ("name", "table")
    assert not task.pairs
    assert not task.ranks


def test_every_column_may_get_every_label():
    assert TASK.options(column()) == ("date", "price")


def test_the_small_model_reads_name_values_and_shapes():
    (text,) = TASK.texts([column(name="soldAt")])

    lines = text.split("\n")
    assert lines[0].startswith("sold at: 2021-03-0")
    assert lines[1:] == ["d4 hyphen d2 hyphen d2 size3 words1"] * 2 + ["unique"]


def test_a_column_without_a_name_is_read_by_its_values():
    assert TASK.texts([column("4.50")]) == ["4.50\nd1 full d2 size2 words1\nunique"]


def test_cells_that_come_again_are_shown_once_and_told():
    assert TASK.texts([column("4.50\n4.50")])[0].split("\n")[0] == "4.50"
    assert TASK.texts([column("4.50\n4.50")])[0].endswith("repeated")


def test_the_rest_of_the_table_is_not_read_by_the_small_model():
    assert TASK.texts([column(table="title: Emma")]) == TASK.texts([column()])


def test_cells_that_stand_for_no_value_are_not_read():
    assert TASK.texts([column("N/A\n4.50\n-\n")]) == TASK.texts([column("4.50")])


def test_a_column_of_nulls_still_has_a_text():
    assert TASK.texts([column("N/A\n-")]) == ["\nunique"]


def test_no_columns_have_no_texts():
    assert TASK.texts([]) == []


def test_past_cases_are_found_by_name_and_values():
    assert TASK.query_text(column("4.50", name="unitPrice")) == "unit price: 4.50"


def test_the_order_of_cells_makes_no_difference():
    assert TASK.texts([column("a\nb\nc")]) == TASK.texts([column("c\na\nb")])


def test_many_cells_are_cut_to_a_short_text():
    many = "\n".join(str(number) for number in range(20_000))

    (text,) = TASK.texts([column(many)])

    assert len(text) < 2_000


def test_what_is_behind_the_limit_is_not_looked_at():
    assert TASK.texts([column("x" * MOST_CHARS + "\n4.50")]) == TASK.texts(
        [column("x" * MOST_CHARS)]
    )


@given(st.text(), st.text())
def test_any_text_can_be_read(values: str, name: str):
    (text,) = TASK.texts([column(values, name=name)])

    assert text
    assert len(text) < 3_000


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        pytest.param({}, "'values' is missing or blank", id="nothing"),
        pytest.param({"name": "price"}, "'values' is missing or blank", id="name-only"),
        pytest.param({"values": " \n\t\n"}, "'values' is missing or blank", id="blank-cells"),
        pytest.param({"values": "1", "header": "a"}, "'header' is not known", id="unknown"),
    ],
)
def test_what_is_no_column_is_refused(fields: dict[str, str], problem: str):
    with pytest.raises(InputError, match=problem) as refused:
        TASK.check(Record("c1", fields))

    assert refused.value.place == "record 'c1'"


def test_candidates_are_refused():
    with pytest.raises(InputError, match="declared labels"):
        TASK.check(Record("c1", {"values": "1"}, (Candidate("a", "price"),)))


def test_a_refusal_does_not_show_cells():
    with pytest.raises(InputError) as refused:
        TASK.check(Record("c1", {"values": "secret", "more": "secret"}))

    assert "secret" not in str(refused.value)


def test_a_name_and_a_table_may_be_there():
    TASK.check(column(name="", table=""))


def test_a_row_may_list_its_cells():
    row = {"values": ["a  b\nc", None, 4.5], "table": {"title": ["Emma", "Ivanhoe"], "year": 1815}}

    record = record_of(row, TASK, "rows.jsonl:3")

    assert record.fields["values"] == "a b c\n\n4.5"
    assert record.fields["table"] == "title: Emma | Ivanhoe\nyear: 1815"


@pytest.mark.parametrize("cells", [[["a"]], [{"a": 1}]], ids=["a-list", "an-object"])
def test_a_cell_that_is_no_value_is_refused(cells: object):
    with pytest.raises(InputError, match="a cell is a list or an object") as refused:
        record_of({"values": cells}, TASK, "rows.jsonl:3")

    assert refused.value.place == "rows.jsonl:3"


def test_values_that_are_a_number_are_refused():
    with pytest.raises(InputError, match="a number and not a text"):
        record_of({"values": 4.5}, TASK, "rows.jsonl:3")


def test_rows_bring_declared_labels_alone(tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"values": ["1"], "label": "colour"}\n')

    with pytest.raises(InputError, match="the label 'colour' is not in the answer set"):
        read_labelled(rows, TASK)


def test_logits_become_probabilities_in_the_order_of_the_labels():
    logits = np.log(np.array([[0.25, 0.75]], np.float32))

    (prediction,) = TASK.predictions_from_labels([column()], logits)

    assert prediction.options == ("date", "price")
    assert prediction.probabilities == pytest.approx((0.25, 0.75))


def test_no_columns_have_no_predictions():
    assert TASK.predictions_from_labels([], np.empty((0, 2), np.float32)) == []


def test_pairs_are_a_bug():
    with pytest.raises(ValueError, match="This is a bug"):
        TASK.text_pairs([column()])
    with pytest.raises(ValueError, match="This is a bug"):
        TASK.predictions_from_pairs([column()], TextPairs((), (), ()), np.empty(0, np.float32))
