import json

import pytest

from headgate.domains.questions.plan import LONGEST_STEP, MOST_STEPS
from headgate.errors import InputError
from headgate.fitting.decompositions import read_decompositions
from headgate.fitting.splitter import DecomposedQuestion

CHAIN = {
    "question": "When was the founder of the Harbour Mill born?",
    "steps": ["Who founded the Harbour Mill?", "When was #1 born?"],
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "decompositions.jsonl"


@pytest.fixture
def write(path):
    """Write rows, or bytes as they are."""

    def write_lines(*lines):
        encoded = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        path.write_bytes(b"".join(line + b"\n" for line in encoded))
        return path

    return write_lines


def test_rows_are_questions_with_their_steps(write):
    whole = {"question": "Who founded the Harbour Mill?", "steps": ["Who founded the mill?"]}

    assert read_decompositions(write(CHAIN, b"", whole)) == [
        DecomposedQuestion(CHAIN["question"], tuple(CHAIN["steps"])),
        DecomposedQuestion(whole["question"], tuple(whole["steps"])),
    ]


def test_blanks_around_steps_go_and_what_else_a_row_has_is_not_looked_at(write):
    row = {**CHAIN, "steps": [f" {step}\n" for step in CHAIN["steps"]], "id": 3, "level": "hard"}

    assert read_decompositions(write(row)) == [
        DecomposedQuestion(CHAIN["question"], tuple(CHAIN["steps"]))
    ]


@pytest.mark.parametrize("question", [None, "", "  ", 12, ["Who?"]])
def test_a_row_without_a_question_is_refused_at_its_line(write, path, question):
    write(CHAIN, {**CHAIN, "question": question})

    with pytest.raises(InputError) as caught:
        read_decompositions(path)

    assert caught.value.args == (
        f"{path}:2",
        "'question' is missing or no text",
        "Write the question.",
    )


@pytest.mark.parametrize("steps", [None, "Who?", 2, {"1": "Who?"}, ["Who?", 2], ["Who?", None]])
def test_steps_that_are_no_list_of_texts_are_refused_at_their_line(write, path, steps):
    write(CHAIN, {**CHAIN, "steps": steps})

    with pytest.raises(InputError) as caught:
        read_decompositions(path)

    assert caught.value.args == (
        f"{path}:2",
        "'steps' is no list of texts",
        "Write its steps in order, `#1` for the answer of the first.",
    )


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        pytest.param([], "plan: it has 0 steps", id="none"),
        pytest.param(["Who?"] * (MOST_STEPS + 1), "plan: it has 9 steps", id="too-many"),
        pytest.param(["Who?", " "], "plan.steps[1].text: it has 0 characters", id="blank"),
        pytest.param(
            ["x" * (LONGEST_STEP + 1)], "plan.steps[0].text: it has 2001 characters", id="too-long"
        ),
        pytest.param(
            ["When was #2 born?", "Who?"],
            "plan.steps[0].refers_to: step 1 refers to 2",
            id="forwards",
        ),
        pytest.param(
            ["Who?", "When was #2 born?"],
            "plan.steps[1].refers_to: step 2 refers to 2",
            id="to-itself",
        ),
        pytest.param(
            ["Who?", "Is the answer of question 1 alive?"],
            "plan.steps[1].text: it names an earlier step in words, which no answer would replace",
            id="in-words",
        ),
    ],
)
def test_steps_that_make_no_plan_are_refused_at_their_line_by_number(write, path, steps, problem):
    write({**CHAIN, "question": "What of 4711?"}, CHAIN, {**CHAIN, "steps": steps})

    with pytest.raises(InputError) as caught:
        read_decompositions(path)

    assert (caught.value.place, caught.value.problem) == (f"{path}:3", problem)
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize("line", [b"{", b"\xff", [], "Who?"])
def test_a_line_that_is_no_object_is_refused_at_its_place(write, path, line):
    with pytest.raises(InputError, match="not a JSON object") as caught:
        read_decompositions(write(CHAIN, line))

    assert caught.value.place == f"{path}:2"


def test_a_file_without_rows_or_without_itself_is_refused(write, path):
    with pytest.raises(InputError, match=r"decompositions\.jsonl"):
        read_decompositions(path)
    with pytest.raises(InputError, match="there are no rows in it"):
        read_decompositions(write())
