import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domains.schemas.columns import Column
from headgate.domains.schemas.overlap import value_overlaps
from headgate.domains.schemas.value_index import ValueIndex


def column_of(*values):
    return Column("c", values, (1,) * len(values))


COLUMNS = st.lists(
    st.lists(st.sampled_from("abcdeABC1 "), unique=True).map(lambda values: column_of(*values)),
    max_size=5,
)


def test_a_value_counts_by_how_few_targets_have_it():
    """Of three targets one has `gold`, weight ln 4, and two have `no`, weight ln 2.5."""
    targets = [column_of("gold", "silver"), column_of("yes", "no"), column_of("no", "lead")]

    overlaps = ValueIndex(targets).overlaps([column_of("Gold", "no")])

    gold, no = np.log(4), np.log(2.5)
    assert overlaps == pytest.approx(np.array([[gold, no, no]]) / (gold + no), rel=1e-5)


@given(COLUMNS, COLUMNS)
def test_an_index_finds_what_two_tables_have_without_one(sources, targets):
    found = ValueIndex(targets).overlaps(sources)

    assert found.shape == (len(sources), len(targets))
    assert found == pytest.approx(value_overlaps(sources, targets), abs=1e-6)


def test_an_index_is_larger_the_more_values_it_has():
    few, many = column_of("a", "b"), column_of(*(f"value {n}" for n in range(100)))

    assert 0 < ValueIndex([few]).size_bytes < ValueIndex([many]).size_bytes
