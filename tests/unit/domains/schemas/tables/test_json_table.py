import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domains.schemas.tables import TableFormat, read_table
from headgate.domains.schemas.tables.limits import MAX_JSON_BYTES, MAX_ROWS
from headgate.errors import InputError

PLACE = "target.json"
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


def read(content):
    text = content if isinstance(content, str) else json.dumps(content)
    return read_table(text.encode(), "target", place=PLACE, format=TableFormat.JSON)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(
            {"town": {"description": "Where", "values": ["Kiel", "Bonn", "Kiel"]}, "id": {}},
            id="by-name",
        ),
        pytest.param(
            [
                {"name": "town", "description": "Where", "values": ["Kiel", "Bonn", "Kiel"]},
                {"name": "id"},
            ],
            id="a-list",
        ),
    ],
)
def test_a_dictionary_of_columns_is_a_table(content):
    table = read(content)

    town, own_id = table.columns
    assert (town.name, town.description) == ("town", "Where")
    assert (town.values, town.counts, town.rows) == (("Kiel", "Bonn"), (2, 1), 3)
    assert (own_id.name, own_id.values, own_id.description) == ("id", (), "")


def test_the_format_is_seen_in_the_first_bytes():
    content = b'\xef\xbb\xbf [ {"name": "a"}, {"name": "a"}]'

    assert read_table(content, "t", place=PLACE).ids == ("a", "a#2")


def test_names_in_brackets_are_no_json():
    assert read_table(b"[id],[town]\n1,Kiel\n", "t", place=PLACE).ids == ("[id]", "[town]")


def test_values_of_all_kinds_are_texts():
    column = read({"a": {"values": [1, 2.5, True, None, [1, "é"], {"k": None}]}}).columns[0]

    assert set(column.values) == {"1", "2.5", "true", '[1, "é"]', '{"k": null}'}
    assert column.nulls == 1


def test_a_surrogate_that_no_encoder_can_hold_is_replaced():
    table = read('{"a\\ud800": {"description": "\\udfff", "values": ["b\\ud800"]}}')

    assert (table.columns[0].name, table.columns[0].description) == ("a?", "?")
    assert table.columns[0].values == ("b?",)


@pytest.mark.parametrize(
    ("content", "place", "problem"),
    [
        pytest.param("{", PLACE, "it is no JSON", id="cut-off"),
        pytest.param('{"a": {}, "a": {}}', PLACE, "it is no JSON", id="a-name-twice"),
        pytest.param("[" * 100_000, PLACE, "it is no JSON", id="too-deep"),
        pytest.param("1" * 5000, PLACE, "it is no JSON", id="a-huge-number"),
        pytest.param("{}", PLACE, "it has no columns", id="no-columns"),
        pytest.param("[]", PLACE, "it has no columns", id="no-columns-in-a-list"),
        pytest.param('{"a": ["canary"]}', PLACE, "it is not made of columns", id="bare-values"),
        pytest.param('["canary"]', PLACE, "it is not made of columns", id="a-list-of-texts"),
        pytest.param("[{}]", f"{PLACE}: column 1", "its name is missing", id="no-name"),
        pytest.param(
            '[{"name": "a"}, {"name": 7}]',
            f"{PLACE}: column 2",
            "its name is missing or no text",
            id="a-name-that-is-a-number",
        ),
        pytest.param(
            '{"a": {"values": "canary"}}', f"{PLACE}: column 1", "its values are no list", id="text"
        ),
        pytest.param(
            '{"a": {"description": ["canary"]}}',
            f"{PLACE}: column 1",
            "its description is no text",
            id="a-description-that-is-a-list",
        ),
        pytest.param(
            '{"a": {"canary": 1}}',
            f"{PLACE}: column 1",
            "it has 1 keys that are not read",
            id="a-key-that-is-not-read",
        ),
    ],
)
def test_what_is_no_dictionary_of_columns_is_refused(content, place, problem):
    with pytest.raises(InputError) as caught:
        read(content)

    assert (caught.value.place, caught.value.problem[: len(problem)]) == (place, problem)
    assert "canary" not in str(caught.value)


def test_a_file_above_the_limit_is_refused():
    with pytest.raises(InputError, match="Give at most 16777216 bytes"):
        read(" " * (MAX_JSON_BYTES + 1))


@pytest.mark.slow
def test_values_behind_the_limit_are_left_out_and_told():
    table = read({"a": {"values": ["x"] * (MAX_ROWS + 1)}})

    assert table.columns[0].rows == MAX_ROWS
    assert table.truncated


@pytest.mark.slow
@given(anything)
def test_any_json_is_a_table_or_an_input_error(content):
    with contextlib.suppress(InputError):
        assert read(content).content_hash


@pytest.mark.slow
@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_an_input_error(content):
    with contextlib.suppress(InputError):
        assert read_table(content, "t", place=PLACE, format=TableFormat.JSON).columns
