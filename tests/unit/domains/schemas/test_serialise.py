import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.schemas.columns import Column
from headgate.domains.schemas.serialise import (
    LONGEST_DESCRIPTION,
    TEMPLATES,
    short_description,
)

SIZE = Column(
    "shoeSize",
    ("41", "38", "44"),
    (3, 2, 1),
    description="Size of the left shoe. As worn!  Not as bought.",
    rows=6,
    distinct=3,
)
TEXTS = st.text(st.characters(), max_size=30)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("header", "shoe size"),
        ("header_values", "shoe size: 41, 38, 44"),
        ("repeat", ", ".join(["shoe size"] * 5) + ", number, 41, 38, 44"),
        ("verbose", "Column: shoe size. Type: number. Values: 41, 38, 44"),
        ("defined", "shoe size: Size of the left shoe. As worn"),
        ("described", "shoe size: Size of the left shoe. As worn. 41, 38, 44"),
    ],
)
def test_templates_say_the_name_and_what_is_known(template, text):
    assert TEMPLATES[template](SIZE) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("header", "shoe size"),
        ("header_values", "shoe size"),
        ("repeat", ", ".join(["shoe size"] * 5)),
        ("verbose", "Column: shoe size"),
        ("defined", "shoe size"),
        ("described", "shoe size"),
    ],
)
def test_what_a_column_does_not_have_is_left_out(template, text):
    assert TEMPLATES[template](Column("shoe_size")) == text


def test_a_column_without_a_name_is_told_by_its_values():
    assert TEMPLATES["described"](Column(" ", ("red",), (1,))) == "red"


def test_a_name_without_letters_stays_as_it_is():
    assert TEMPLATES["header"](Column(" ** ")) == "**"


def test_values_are_ten_at_most_and_cut():
    column = Column("n", tuple(f"{number:02}" + "x" * 99 for number in range(20)), (1,) * 20)

    values = TEMPLATES["header_values"](column).removeprefix("n: ").split(", ")

    assert len(values) == 10
    assert {len(value) for value in values} == {40}


def test_a_description_is_cut_at_a_word():
    column = Column("n", description="word " * 1_000_000)

    assert short_description(column) == " ".join(["word"] * (LONGEST_DESCRIPTION // 5))


def test_a_description_of_one_endless_word_is_cut_in_it():
    assert short_description(Column("n", description="x" * 999)) == "x" * LONGEST_DESCRIPTION


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES.keys())
@given(TEXTS, TEXTS, st.lists(TEXTS, unique=True, max_size=12))
@settings(deadline=None, max_examples=40)
def test_any_column_has_one_text_of_bounded_length(template, name, description, values):
    column = Column(name, tuple(values), (1,) * len(values), description)

    text = template(column)

    assert text == template(column)
    assert len(text) < 5_000
