import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domains.questions.task import (
    MOST_CHARS,
    LabelledQuestion,
    QuestionTask,
    StepTask,
    read_labelled_questions,
)
from headgate.domains.tasks import read_labels, task_named, unit_task_named
from headgate.errors import InputError
from headgate.types import Candidate, Record

TASK = QuestionTask()
READS = "answer_questions reads 'question' and nothing else."
GOOD = {"question": "Who founded the Harbour Mill?", "answers": ["Ada Rook", "A. Rook"]}


def asks(text, **fields):
    return Record("q1", {"question": text, **fields})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rows.jsonl"


@pytest.fixture
def write(path):
    """Write rows, or bytes as they are."""

    def write_lines(*lines):
        encoded = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        path.write_bytes(b"".join(line + b"\n" for line in encoded))
        return path

    return write_lines


# What a question is


@pytest.mark.parametrize("text", ["Who?", " Who? ", "?", "谁?", "x" * MOST_CHARS])
def test_a_question_is_any_text_that_is_not_blank(text):
    TASK.check(asks(text))
    assert TASK.query_text(asks(text)) == text


@pytest.mark.parametrize(
    ("record", "problem", "remedy"),
    [
        pytest.param(Record("q1", {}), "field 'question' is missing or blank", READS, id="missing"),
        pytest.param(asks(""), "field 'question' is missing or blank", READS, id="empty"),
        pytest.param(asks(" \n\t"), "field 'question' is missing or blank", READS, id="blank"),
        pytest.param(
            asks("x" * (MOST_CHARS + 1)),
            "the question has 100001 characters",
            "Send at most 100000.",
            id="too-long",
        ),
        pytest.param(
            asks("Who?", answers="4711"), "field 'answers' is not known", READS, id="unknown-field"
        ),
        pytest.param(
            asks("Who?", context="none"), "field 'context' is not known", READS, id="of-a-step"
        ),
        pytest.param(
            Record("q1", {"question": "Who?"}, (Candidate("c", "4711"),)),
            "it has candidates, and any text may answer",
            READS,
            id="candidates",
        ),
    ],
)
def test_what_is_no_question_is_refused(record, problem, remedy):
    with pytest.raises(InputError) as caught:
        TASK.check(record)

    assert caught.value.args == ("record 'q1'", problem, remedy)
    assert "4711" not in str(caught.value)


def test_a_step_may_say_that_it_needs_no_context():
    StepTask().check(Record("q1#2", {"question": "Is Ada older?", "context": "none"}))


def test_a_question_has_no_options_and_its_cells_stay_as_they_are():
    assert TASK.options(asks("Who?")) == ()
    assert TASK.cell(b"Who?", "rows.csv:1") == b"Who?"
    assert (TASK.operation, TASK.labels, TASK.fields) == ("answer_questions", (), ("question",))


@pytest.mark.parametrize("named", [task_named, unit_task_named])
def test_questions_are_the_units_of_their_own_task(named):
    assert named("answer_questions", ()) == TASK


# Answers that say the same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("The Harbour Mill", "harbour mill.", id="article-case-full-stop"),
        pytest.param("Ada  Rook", " ada rook", id="blanks"),
        pytest.param("U.S.", "us", id="full-stops"),
        pytest.param("(no answer)", "No answer", id="no-answer"),
    ],
)
def test_answers_that_say_the_same_have_one_form(one, other):
    assert TASK.canonical(one) == TASK.canonical(other)


@pytest.mark.parametrize(("one", "other"), [("1901", "1902"), ("yes", "no"), ("Ada", "Ada Rook")])
def test_answers_that_say_another_thing_have_another_form(one, other):
    assert TASK.canonical(one) != TASK.canonical(other)


@given(st.text(max_size=40))
def test_the_form_of_a_form_is_itself(answer):
    once = TASK.canonical(answer)

    assert TASK.canonical(once) == once


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("American", True),
        ("the american.", True),
        ("U.S.", True),
        ("American citizen", False),
        ("", False),
        ("(no answer)", False),
    ],
)
def test_an_answer_is_right_when_it_is_one_of_those_but_for_form(answer, right):
    assert LabelledQuestion(asks("Of where?"), "American", also=("US",)).accepts(answer) is right


# Rows with right answers


def test_a_row_becomes_a_question_with_its_right_answers(write):
    found = read_labelled_questions(write({"id": "q7", **GOOD}))

    record = Record("q7", {"question": "Who founded the Harbour Mill?"})
    assert found == [LabelledQuestion(record, "Ada Rook", also=("A. Rook",))]


def test_a_row_without_an_id_has_its_lines_number_and_one_answer_may_be_a_text(write):
    rows = [{"question": f"Who {number}?", "answers": "Ada"} for number in range(2)]

    found = read_labelled_questions(write(rows[0], b"", rows[1]))

    assert [(each.record.id, each.label, each.also) for each in found] == [
        ("1", "Ada", ()),
        ("3", "Ada", ()),
    ]


def test_what_else_a_row_has_is_not_looked_at(write):
    (found,) = read_labelled_questions(write({**GOOD, "level": "hard", "steps": [1]}))

    assert found.record.fields == {"question": GOOD["question"]}


def test_labels_of_questions_are_read_by_their_task(write):
    (found,) = read_labels(write(GOOD), TASK)

    assert isinstance(found, LabelledQuestion)


MISSING = "'answers' is missing"
NO_LIST = "'answers' is no list of texts"
REMEDY = "Write the right answers, each as people put it."


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        pytest.param([], NO_LIST, id="none"),
        pytest.param(None, NO_LIST, id="null"),
        pytest.param("", NO_LIST, id="empty-text"),
        pytest.param(" ", NO_LIST, id="blank-text"),
        pytest.param(1902, NO_LIST, id="number"),
        pytest.param({"a": "b"}, NO_LIST, id="object"),
        pytest.param(["Ada", 1902], NO_LIST, id="number-among-texts"),
        pytest.param(["Ada", " "], NO_LIST, id="blank-among-texts"),
        pytest.param([["Ada"]], NO_LIST, id="list-of-lists"),
    ],
)
def test_answers_that_are_no_texts_are_refused_at_their_line(write, path, answers, problem):
    write(GOOD, {**GOOD, "id": "4711", "answers": answers})

    with pytest.raises(InputError) as caught:
        read_labelled_questions(path)

    assert caught.value.args == (f"{path}:2", problem, REMEDY)


def test_a_row_without_answers_is_refused_at_its_line(write, path):
    with pytest.raises(InputError) as caught:
        read_labelled_questions(write(GOOD, b"", {"question": "Who?"}))

    assert caught.value.args == (f"{path}:3", MISSING, REMEDY)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param(b"{", "not a JSON object in UTF-8", id="broken"),
        pytest.param(b'{"question": "\xff"}', "not a JSON object in UTF-8", id="no-utf-8"),
        pytest.param([], "not a JSON object", id="list"),
        pytest.param({"answers": ["Ada"]}, "'question'", id="no-question"),
        pytest.param({**GOOD, "question": 12}, "'question'", id="question-is-a-number"),
        pytest.param({**GOOD, "question": " "}, "'question'", id="blank-question"),
        pytest.param({**GOOD, "question": "\ud800"}, "surrogate", id="half-a-character"),
        pytest.param(
            {**GOOD, "question": "x" * (MOST_CHARS + 1)}, "100001 characters", id="too-long"
        ),
        pytest.param({**GOOD, "candidates": ["Ada"]}, "candidates", id="candidates"),
        pytest.param({**GOOD, "id": "1"}, "id", id="repeated-id"),
    ],
)
def test_a_row_that_is_no_question_is_refused_at_its_line(write, path, line, says):
    write(GOOD, line)

    with pytest.raises(InputError) as caught:
        read_labelled_questions(path)

    assert caught.value.place.startswith(f"{path}:2")
    assert says in caught.value.problem


def test_a_file_without_rows_or_without_itself_is_refused(write, path):
    with pytest.raises(InputError, match=r"rows\.jsonl"):
        read_labelled_questions(path)
    with pytest.raises(InputError, match="there are no rows in it"):
        read_labelled_questions(write())
