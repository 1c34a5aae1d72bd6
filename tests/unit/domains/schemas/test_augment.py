import contextlib
import gzip
import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headgate.domains.schemas.augment import (
    MAX_BYTES,
    MOST_SHOWN,
    Wording,
    noisy,
    read_wordings,
    vary,
)
from headgate.domains.schemas.columns import Column, Table
from headgate.domains.schemas.names import words
from headgate.errors import InputError

names = st.text(max_size=40)
texts = st.lists(st.text(min_size=1, max_size=10), max_size=15, unique=True).map(tuple)
seeds = st.integers(0, 2**32 - 1)


def column_of(name, values, description=""):
    return Column(name, values, (2,) * len(values), description, rows=9, nulls=1, distinct=8)


TABLE = Table("goods", (Column("color"), Column(" shelf "), Column("color")))


def lines(*rows):
    return "\n".join(map(json.dumps, rows)).encode()


def row(column, names=(), values=()):
    return {"column": column, "names": list(names), "values": list(values)}


@given(name=names, own=texts, other=texts, others=texts, seed=seeds)
def test_a_varied_column_has_values_of_its_own_or_of_its_wording(name, own, other, others, seed):
    column = column_of(name, own, "what it is")

    varied = vary(column, Wording(others, other), np.random.default_rng(seed))

    assert set(varied.values) <= {*own, *other}
    assert len(varied.values) == len(varied.counts) <= MOST_SHOWN
    assert not varied.description
    assert varied.name or varied.values or not name


@given(name=names, own=texts, others=texts, seed=seeds)
def test_equal_generators_vary_equally(name, own, others, seed):
    column, wording = column_of(name, own), Wording(others, own)
    one, other = (vary(column, wording, np.random.default_rng(seed)) for _ in range(2))

    assert one == other


def test_variations_show_other_names_and_each_part_alone():
    column, wording = column_of("color", ("red", "blue")), Wording(("hue", "tint"), ("green",))
    generator = np.random.default_rng(7)

    varied = [vary(column, wording, generator) for _ in range(200)]

    assert {"color", "hue", "tint", ""} <= {each.name for each in varied}
    assert {value for each in varied for value in each.values} == {"red", "blue", "green"}
    assert sum(not each.values for each in varied) == pytest.approx(70, abs=25)
    assert all(each.values for each in varied if not each.name)


def test_a_column_without_anything_stays_without_anything():
    varied = vary(Column(""), Wording(), np.random.default_rng(0))

    assert varied == Column("")


@given(name=names, seed=seeds)
@example(name="a_b_c", seed=0)
def test_noise_leaves_something_of_a_name_and_is_the_same_each_time(name, seed):
    changed = noisy(name, np.random.default_rng(seed))

    assert bool(words(changed)) == bool(words(name))
    assert changed == noisy(name, np.random.default_rng(seed))


def test_noise_shortens_reorders_and_restyles():
    generator = np.random.default_rng(3)

    seen = {noisy("age_at_diagnosis", generator) for _ in range(400)}

    assert {
        "age_at_dgnss",
        "age.at.diag",
        "diagnosis age at",
        "AgeDiagnosis",
        "AA_DIAGNOSIS",
    } <= seen


@given(name=names, seed=seeds)
def test_noise_adds_no_more_than_separators(name, seed):
    """Letters may go or change places; none come, but for those that a capital is written as."""
    changed = "".join(words(noisy(name, np.random.default_rng(seed)))).casefold()

    if "".join(words(name)).isascii():
        assert len(changed) <= len("".join(words(name)))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_rows_are_read_by_name_with_blanks_or_without(pack):
    content = lines(row("shelf", [" Rack ", "", "Rack"], ["A1"]), row(" shelf ", ["bay"]))

    found = read_wordings(pack(content), TABLE, "file")

    assert found.by_column == {" shelf ": Wording(("Rack", "bay"), ("A1",))}
    assert found.unknown == ()


def test_the_second_column_of_a_name_is_named_by_its_id():
    found = read_wordings(lines(row("color#2", ["hue"]), row("color", ["tint"])), TABLE, "file")

    assert {own: wording.names for own, wording in found.by_column.items()} == {
        "color": ("tint",),
        "color#2": ("hue",),
    }


def test_columns_that_the_table_lacks_are_reported_once():
    found = read_wordings(lines(row("size"), row("color"), row("size")) + b"\n\n", TABLE, "file")

    assert found.unknown == ("size",)
    assert list(found.by_column) == ["color"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"{}\n", "file:1: lacks a column, names or values", id="empty-object"),
        pytest.param(b"\n[1]\n", "file:2: lacks", id="no-object"),
        pytest.param(lines(row("color", [1])), "file:1: lacks", id="a-number-for-a-name"),
        pytest.param(b"{", "file:1: is not JSON", id="not-json"),
        pytest.param(b"[" * 100_000, "file:1: is not JSON", id="deep"),
        pytest.param(b"\xff", "file: cannot be read", id="not-utf-8"),
        pytest.param(gzip.compress(b"{}")[:-9], "file: cannot be read", id="cut-gzip"),
        pytest.param(b"\x1f\x8b rest", "file: cannot be read", id="no-gzip"),
    ],
)
def test_a_wrong_file_is_an_error_with_its_place(content, message):
    with pytest.raises(InputError, match=message):
        read_wordings(content, TABLE, "file")


@pytest.mark.slow
def test_a_small_file_that_unpacks_to_a_large_one_is_refused():
    with pytest.raises(InputError, match="more than"):
        read_wordings(gzip.compress(b" " * (MAX_BYTES + 1)), TABLE, "file")


@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content):
    with contextlib.suppress(InputError):
        read_wordings(content, TABLE, "file")
