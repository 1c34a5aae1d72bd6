import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.schemas.numbers import number_in


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("12", 12.0),
        ("-1.5", -1.5),
        ("+.5", 0.5),
        ("3.", 3.0),
        ("1,234,567.8", 1234567.8),
        ("1,5", 1.5),
        ("0,125", 125.0),
        ("1.5e-3", 0.0015),
        ("12 %", 12.0),
        ("$ 20", 20.0),
        ("-€5", -5.0),
        ("007", 7.0),
    ],
)
def test_numbers_are_read_however_they_are_written(value, number):
    assert number_in(value) == pytest.approx(number)


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            " ",
            "-",
            ".",
            "nan",
            "inf",
            "1e999",
            "12 mg",
            "1-2",
            "1,2,3",
            "> 5",
            "0x1f",
            "1_000",
        ),
        *("\u0663", "9" * 100, "$", "%", "e5", "1.2.3"),
    ],
)
def test_what_is_not_one_number_is_none(value):
    assert number_in(value) is None


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(deadline=None, max_examples=40)
def test_numbers_that_programs_write_are_read(number):
    assert number_in(repr(number)) == number


@given(st.text(st.characters(), max_size=45) | st.text("0123456789.,+-eE$% ", max_size=20))
@settings(deadline=None, max_examples=40)
def test_any_text_gives_a_finite_number_or_none(value):
    number = number_in(value)

    assert number is None or math.isfinite(number)
