import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.schemas.columns import Column
from headgate.domains.schemas.overlap import MOST_COMPARED, ValueIndex


def found_overlaps(sources, targets):
    return ValueIndex(targets).overlaps(sources)


def column_of(*values):
    return Column("c", values, (1,) * len(values))


COLUMNS = st.lists(
    st.lists(st.text(st.characters(), max_size=3) | st.sampled_from("abAB1"), unique=True).map(
        lambda values: column_of(*values)
    ),
    max_size=4,
)


def test_an_overlap_is_the_share_of_the_source_values_by_how_rare_they_are():
    """Of three targets one has `gold`, weight ln 4, and two have `no`, weight ln 2.5."""
    targets = [column_of("gold", "silver"), column_of("yes", "no"), column_of("no", "lead")]

    overlaps = found_overlaps([column_of("gold", "no")], targets)

    gold, no = np.log(4), np.log(2.5)
    assert overlaps == pytest.approx(np.array([[gold, no, no]]) / (gold + no), rel=1e-5)


def test_a_value_that_no_target_has_weighs_as_much_as_the_rarest():
    assert found_overlaps([column_of("a", "b")], [column_of("a")])[0, 0] == pytest.approx(0.5)


def test_case_blanks_and_punctuation_do_not_matter():
    source = column_of("light.blue", "DARK-GREEN ")

    assert found_overlaps([source], [column_of("Light Blue", "dark_green")])[0, 0] == 1


def test_a_target_may_have_more_values_than_the_source():
    assert found_overlaps([column_of("a")], [column_of("a", "b", "c")])[0, 0] == pytest.approx(1)


def test_numbers_overlap_with_nothing():
    assert not found_overlaps([column_of("1", "2.5")], [column_of("1", "2.5")]).any()


def test_of_columns_with_many_values_the_same_ones_are_compared():
    values = [f"value {number}" for number in range(2 * MOST_COMPARED)]

    overlaps = found_overlaps([column_of(*values)], [column_of(*reversed(values))])

    assert overlaps[0, 0] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("sources", "targets"),
    [
        pytest.param([], [column_of("a")], id="no-sources"),
        pytest.param([column_of("a")], [], id="no-targets"),
        pytest.param([column_of()], [column_of()], id="no-values"),
        pytest.param([column_of("?")], [column_of("!")], id="only-punctuation"),
    ],
)
def test_where_there_is_nothing_to_compare_all_is_zero(sources, targets):
    overlaps = found_overlaps(sources, targets)

    assert overlaps.shape == (len(sources), len(targets))
    assert not overlaps.any()


@pytest.mark.slow
@given(COLUMNS, COLUMNS)
@settings(deadline=None, max_examples=40)
def test_overlaps_are_within_bounds_and_of_each_source_by_itself(sources, targets):
    overlaps = found_overlaps(sources, targets)

    assert overlaps.dtype == np.float32
    assert overlaps.shape == (len(sources), len(targets))
    assert ((overlaps >= 0) & (overlaps <= 1)).all()
    for row, source in enumerate(sources):
        assert overlaps[row] == pytest.approx(found_overlaps([source], targets)[0], abs=1e-6)


@given(COLUMNS)
@settings(deadline=None, max_examples=40)
def test_a_column_overlaps_with_itself_wholly_or_has_nothing_to_compare(columns):
    for own in np.diag(found_overlaps(columns, columns)):
        assert own == pytest.approx(1, abs=1e-5) or own == 0


def test_an_index_is_larger_the_more_values_it_has():
    few, many = column_of("a", "b"), column_of(*(f"value {n}" for n in range(100)))

    assert 0 < ValueIndex([few]).size_bytes < ValueIndex([many]).size_bytes
