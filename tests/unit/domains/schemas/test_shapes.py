import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domains.schemas.shapes import LONGEST_SHAPED, MOST_PIECES, shape_words


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        pytest.param("2021-03-04", "d4 hyphen d2 hyphen d2 size3 words1", id="date"),
        pytest.param("PT1H30M", "upper2 d1 upper1 d2 upper1 size3 words1", id="duration"),
        pytest.param("$ 4.50", "dollar d1 full d2 size2 words2", id="price"),
        pytest.param("Ada Lovelace", "title3 title4 size3 words2", id="name"),
        pytest.param("straße", "lower4 size2 words1", id="letters-of-any-script"),
        pytest.param("", "size0 words0", id="nothing"),
        pytest.param("\ud800", "sign size1 words1", id="half-a-surrogate-pair"),
    ],
)
def test_a_value_is_told_by_its_runs_and_signs(value: str, shape: str):
    assert shape_words(value) == shape


def test_two_dates_have_one_shape():
    assert shape_words("1999-12-31") == shape_words("2021-03-04")


def test_of_a_sentence_only_the_start_and_the_size_are_told():
    words = shape_words("one word and another " * 1_000).split()

    assert len(words) == MOST_PIECES + 2
    assert words[-2:] == ["size14", "words9"]


def test_a_run_without_end_costs_no_time():
    assert shape_words("9" * 10_000_000) == "d9 size23 words1"


@given(st.text(max_size=2 * LONGEST_SHAPED))
def test_a_shape_is_lower_case_words_whatever_the_value(value: str):
    assert re.fullmatch(r"([a-z]+\d? )*size\d+ words\d", shape_words(value))
