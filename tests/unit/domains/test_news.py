from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domains.news import MOST_CHARS, NewsTask, news_text
from headgate.domains.rows import read_labelled, record_of
from headgate.domains.task import Task, TextPairs, TextTask
from headgate.domains.tasks import task_named, text_task_named, unit_task_named
from headgate.errors import InputError
from headgate.types import Candidate, Record

TASK = NewsTask(("real", "fake"))
LN_3 = np.log(3)


def item(text: str = "The bridge is gone.", **others: str) -> Record:
    return Record("n1", {"text": text, **others})


def test_it_is_a_task_of_single_texts():
    task: TextTask = TASK

    assert (task.operation, task.fields) == ("judge_news", ("text",))
    assert task.optional_fields == ("context",)
    assert not task.pairs
    assert not task.ranks


@pytest.mark.parametrize("named", [task_named, unit_task_named, text_task_named])
def test_items_are_the_units_of_their_own_task(named: Callable[..., Task]):
    assert named("judge_news", ("real", "fake")) == TASK


def test_every_item_may_get_exactly_the_labels_given():
    assert NewsTask(("wahr", "falsch")).options(item()) == ("wahr", "falsch")


def test_an_answer_is_one_of_the_options_as_it_stands():
    assert TASK.canonical("Fake") == "Fake"


def test_small_models_read_the_text_with_its_context_behind_it():
    assert TASK.texts([item(context="a poster"), item("Bread costs more.")]) == [
        "The bridge is gone.\na poster",
        "Bread costs more.",
    ]


def test_a_blank_context_is_none():
    assert TASK.texts([item(context=" \n")]) == TASK.texts([item()])


def test_past_items_are_found_by_what_small_models_read():
    assert TASK.query_text(item(context="a poster")) == news_text(item(context="a poster"))


def test_no_items_have_no_texts_and_no_predictions():
    assert TASK.texts([]) == []
    assert TASK.predictions_from_labels([], np.empty((0, 2), np.float32)) == []


def test_logits_become_probabilities_in_each_row():
    logits = np.array([[0, LN_3], [5 + LN_3, 5]], np.float32)

    first, second = TASK.predictions_from_labels([item(), item()], logits)

    assert first.options == ("real", "fake")
    assert first.probabilities == pytest.approx((0.25, 0.75))
    assert second.probabilities == pytest.approx((0.75, 0.25))


def test_it_has_no_pairs():
    with pytest.raises(ValueError, match="no pairs of 1 records"):
        TASK.text_pairs([item()])
    with pytest.raises(ValueError, match="no pairs of 1 records"):
        TASK.predictions_from_pairs([item()], TextPairs((), (), ()), np.zeros(0, np.float32))


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"text": "x"}, id="one-letter"),
        pytest.param({"text": "桥塌了。"}, id="another-language"),
        pytest.param({"text": "The bridge is gone.", "context": ""}, id="empty-context"),
        pytest.param({"text": "x" * MOST_CHARS, "context": "y" * MOST_CHARS}, id="longest"),
    ],
)
def test_an_item_of_news_is_accepted(fields: dict[str, str]):
    TASK.check(Record("n1", fields))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        pytest.param({}, "'text' is missing or blank", id="nothing"),
        pytest.param({"context": "a poster"}, "'text' is missing or blank", id="context-only"),
        pytest.param({"text": ""}, "'text' is missing or blank", id="empty"),
        pytest.param({"text": " \n\t\u2003"}, "'text' is missing or blank", id="blank"),
        pytest.param({"text": "a", "speaker": "b"}, "'speaker' is not known", id="unknown"),
        pytest.param(
            {"text": "x" * (MOST_CHARS + 1)}, "'text' has 100001 characters", id="long-text"
        ),
        pytest.param(
            {"text": "a", "context": "x" * (MOST_CHARS + 1)},
            "'context' has 100001 characters",
            id="long-context",
        ),
    ],
)
def test_what_is_no_item_of_news_is_refused(fields: dict[str, str], problem: str):
    with pytest.raises(InputError, match=problem) as refused:
        TASK.check(Record("n1", fields))

    assert refused.value.place == "record 'n1'"


def test_candidates_are_refused():
    with pytest.raises(InputError, match="declared labels"):
        TASK.check(Record("n1", {"text": "a"}, (Candidate("a", "real"),)))


def test_a_refusal_does_not_show_the_text():
    with pytest.raises(InputError) as refused:
        TASK.check(Record("n1", {"text": "secret", "more": "secret"}))

    assert "secret" not in str(refused.value)


def test_a_row_becomes_a_record():
    row = {"text": "The bridge is gone.", "context": "a poster"}

    assert record_of(row, TASK, "rows.jsonl:3").fields == row


@pytest.mark.parametrize("text", [4.5, ["a"], {"a": "b"}], ids=["number", "list", "object"])
def test_a_text_that_is_none_is_refused_with_its_row(text: object):
    with pytest.raises(InputError) as refused:
        record_of({"text": text}, TASK, "rows.jsonl:3")

    assert refused.value.place == "rows.jsonl:3"


def test_rows_bring_declared_labels_alone(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "n1", "text": "a", "label": "fake"}\n{"text": "b", "label": "hoax"}\n')

    with pytest.raises(InputError, match="hoax") as refused:
        read_labelled(path, TASK)

    assert refused.value.place == f"{path}:2"


@given(st.text(min_size=1).filter(str.strip), st.text())
def test_what_is_accepted_is_read_whole(text: str, context: str):
    record = item(text, context=context)

    TASK.check(record)
    (read,) = TASK.texts([record])

    assert read.startswith(text)
    assert read.endswith(context) or not context.strip()
