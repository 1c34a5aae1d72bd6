import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.batch.outputs.columns import as_dictionary, coded, compact, first_rows

TEXTS = st.lists(st.sampled_from(["", "a", "b", "c", None]), max_size=12)


def chunked(values, *, encoded=False, chunks=1):
    parts = np.array_split(np.array(values, dtype=object), chunks)
    arrays = [pa.array(part.tolist(), pa.string()) for part in parts]
    return pa.chunked_array([array.dictionary_encode() if encoded else array for array in arrays])


@given(TEXTS, st.booleans(), st.integers(1, 3))
def test_codes_and_names_tell_the_texts(values, encoded, chunks):
    found = coded(chunked(values, encoded=encoded, chunks=chunks))

    assert [found.names[code] for code in found.codes] == [value or "" for value in values]
    assert len(set(found.names)) == len(found.names)
    assert set(found.names) == {value or "" for value in values}


def test_names_come_in_the_order_of_their_first_rows():
    assert coded(chunked(["b", None, "a", "b"])).names == ["b", "a", ""]


@given(TEXTS, st.permutations(["", "a", "b", "c", "unused"]))
def test_equal_columns_become_equal_whatever_their_dictionaries(values, dictionary):
    indices = [None if value is None else dictionary.index(value) for value in values]
    odd = pa.DictionaryArray.from_arrays(pa.array(indices, pa.int8()), pa.array(dictionary))

    found = compact(pa.chunked_array([odd]))
    plain = compact(chunked(values))

    assert found.to_pylist() == values
    assert found.equals(plain)
    assert found.indices.equals(plain.indices)


@pytest.mark.parametrize("chunks", [1, 2, 4])
def test_chunks_share_a_dictionary(chunks):
    values = ["a", "b", "c", "a", "d"]

    assert as_dictionary(chunked(values, encoded=True, chunks=chunks)).to_pylist() == values


def test_the_first_row_of_each_code_is_found():
    assert first_rows(np.array([2, 0, 2, 0]), 4).tolist() == [1, -1, 0, -1]
    assert first_rows(np.array([], dtype=np.int64), 2).tolist() == [-1, -1]
    assert first_rows(np.array([-1, 1]), 2).tolist() == [-1, 1]
