import pytest

from headgate.errors import LmAnswerError
from headgate.lm.schema import Options, inert, read_marked, read_object, read_reason, strict_format


def test_a_format_asks_for_all_properties_and_no_others():
    assert strict_format("plan", {"steps": {"type": "array"}}) == {
        "type": "json_schema",
        "json_schema": {
            "name": "plan",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {"steps": {"type": "array"}},
                "required": ["steps"],
                "additionalProperties": False,
            },
        },
    }


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"a": 1}', id="plain"),
        pytest.param('\ufeff {"a": 1}', id="byte-order-mark"),
        pytest.param('```json\n{"a": 1}\n```', id="fence"),
        pytest.param('{"a": 1}\nThat is all.', id="prose-behind"),
    ],
)
def test_an_object_at_the_start_is_read(text):
    assert read_object(text) == {"a": 1}


@pytest.mark.parametrize("text", ["Label: a", "[1]", "7", '"{}"', "Here: {}"])
def test_what_starts_otherwise_is_no_object(text):
    assert read_object(text) is None


def test_an_exact_name_wins_and_a_loose_one_must_be_the_only_one():
    options = Options(["age", "Age", "sex", ""])

    assert [options.meant(name) for name in ("age", "Age", "AGE")] == ["age", "Age", None]
    assert [options.meant(name) for name in ("Sex.", "'sex'", "sexes")] == ["sex", "sex", None]
    assert [options.meant(name) for name in ("", ".", "''")] == ["", None, None]


def test_an_inert_text_is_one_line():
    assert inert(" a\x1b\n b\u202e ") == "a b"


def test_an_inert_text_may_be_cut_shorter():
    assert inert("x" * 99, 7) == "x" * 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("It is lit.\nAnswer: 1901\nSure.", ("1901", "It is lit."), id="reason-before"),
        pytest.param("answer : 1901\nIt is\nlit.", ("1901", "It is lit."), id="reason-behind"),
        pytest.param("Answer: 1899\nAnswer: 1901", ("1901", "Answer: 1899"), id="last-counts"),
        pytest.param("Reason: it is lit Answer:", ("", "it is lit"), id="nothing-said"),
    ],
)
def test_the_last_mark_of_a_free_text_counts(text, said):
    assert read_marked(text, "answer") == said


@pytest.mark.parametrize("text", ["1901", "Answers: 1901", "label: 1901", '"answer": "1901"'])
def test_a_text_without_the_mark_is_no_answer(text):
    with pytest.raises(LmAnswerError, match="not_json"):
        read_marked(text, "answer")


def test_a_reason_may_be_missing_but_is_a_text():
    assert [read_reason(each) for each in ({}, {"reason": " a\n b "})] == ["", "a b"]
    with pytest.raises(LmAnswerError, match="reason_not_text"):
        read_reason({"reason": None})
