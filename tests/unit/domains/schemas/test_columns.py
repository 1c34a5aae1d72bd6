import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.schemas.columns import Column, Table

NAMES = st.lists(st.sampled_from(["a", "a#2", "a#3", "b", "", " ", "column 1", "column 2"]))


def table_of(*names):
    return Table("t", tuple(Column(name) for name in names))


def test_a_column_needs_one_count_a_value():
    with pytest.raises(ValueError, match="This is a bug"):
        Column("size", values=("1", "2"), counts=(1,))


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        pytest.param(("a", "b"), ("a", "b"), id="names-that-differ"),
        pytest.param(("a", "a", "a"), ("a", "a#2", "a#3"), id="one-name-thrice"),
        pytest.param(
            ("", "b", " "), ("column 1", "b", "column 3"), id="blank-names-by-their-place"
        ),
        pytest.param(("a", "a", "a#2"), ("a", "a#3", "a#2"), id="a-name-that-looks-like-an-id"),
        pytest.param(("", "column 1"), ("column 1#2", "column 1"), id="a-name-that-looks-numbered"),
        pytest.param((), (), id="no-columns"),
    ],
)
def test_ids_are_names_and_numbers_where_names_are_not_enough(names, ids):
    assert table_of(*names).ids == ids


@given(NAMES)
@settings(deadline=None, max_examples=40)
def test_ids_are_unique_and_a_name_of_one_column_is_its_id(names):
    table = table_of(*names)

    assert len(set(table.ids)) == len(names)
    for name, own in zip(names, table.ids, strict=True):
        if name.strip() and names.count(name) == 1:
            assert own == name


def test_a_column_is_found_by_its_id():
    table = Table("t", (Column("a", description="first"), Column("a", description="second")))

    assert table.column("a#2").description == "second"
    assert table.places == {"a": 0, "a#2": 1}


def test_an_id_that_is_not_there_is_a_key_error():
    with pytest.raises(KeyError):
        table_of("a").column("b")


def test_the_hash_is_of_the_columns_and_not_of_the_name_of_the_table():
    columns = (Column("a", ("x",), (2,), rows=2),)

    assert Table("one", columns).content_hash == Table("other", columns).content_hash


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Column("b", ("x",), (2,), rows=2), id="name"),
        pytest.param(Column("a", ("y",), (2,), rows=2), id="values"),
        pytest.param(Column("a", ("x",), (1,), rows=2), id="counts"),
        pytest.param(Column("a", ("x",), (2,), "said", 2), id="description"),
        pytest.param(Column("a", ("x",), (2,), rows=3), id="rows"),
    ],
)
def test_the_hash_changes_with_whatever_a_model_can_read(other):
    column = Column("a", ("x",), (2,), rows=2)

    assert Table("t", (column,)).content_hash != Table("t", (other,)).content_hash


def test_any_characters_can_be_hashed():
    """A lone surrogate, as of a file in another encoding, has no UTF-8."""
    assert len(table_of("\ud800", "é").content_hash) == 64
