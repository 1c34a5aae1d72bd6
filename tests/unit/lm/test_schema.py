import pytest

from headgate.lm.schema import Options, inert, read_object, strict_format


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
