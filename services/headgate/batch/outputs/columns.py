"""Columns of a table in the forms that summaries and shards count and write them in.

column (n values)  ->  codes (n,) + the different values, in the order of their first appearance
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class Coded(NamedTuple):
    """A column of texts as numbers."""

    codes: NDArray[np.int64]
    """Shape (n,); which of the names each row has."""
    names: list[str]
    """Different texts; one that is missing is the empty text."""


def coded(column: pa.ChunkedArray) -> Coded:
    """Return a column of texts, dictionary or not, as codes of the different names in it."""
    whole = compact(column)
    names = [name or "" for name in whole.dictionary.to_pylist()]
    indices = whole.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
    if whole.indices.null_count:
        names.append("")
    places: dict[str, int] = {}  # both a null and the empty text are empty
    renamed = np.array([places.setdefault(name, len(places)) for name in names], dtype=np.int64)
    return Coded(renamed[indices], list(places))


def as_dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return one array of a column's distinct values, whatever its chunks' dictionaries are."""
    if pa.types.is_dictionary(column.type):
        return _one_chunk(column.unify_dictionaries())
    return _one_chunk(column.dictionary_encode())


def compact(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return a dictionary column with the used values only, in the order they appear in.

    Equal columns become equal bytes in a file, however their dictionaries came about.
    """
    whole = as_dictionary(column)
    codes = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    used = in_order_of_appearance(codes, len(whole.dictionary))
    renumbered = np.full(len(whole.dictionary) + 1, -1, dtype=np.int32)
    renumbered[used] = np.arange(len(used), dtype=np.int32)
    indices = pa.array(renumbered[codes], mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, whole.dictionary.take(pa.array(used)))


def in_order_of_appearance(codes: NDArray[np.integer], count: int) -> NDArray[np.int64]:
    """Return the different codes from 0 to count - 1 in the order of their first rows."""
    first = first_rows(codes, count)
    used = np.flatnonzero(first >= 0)
    return used[np.argsort(first[used])]


def first_rows(codes: NDArray[np.integer], count: int) -> NDArray[np.int64]:
    """Return the first row of each code from 0 to count - 1; -1 for one that no row has."""
    first = np.full(count + 1, -1, dtype=np.int64)
    # Of equal places the last assignment stays; codes of -1 end up in the place beyond.
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return first[:count]


def _one_chunk(column: pa.ChunkedArray) -> pa.DictionaryArray:
    if column.num_chunks == 1:
        return column.chunk(0)
    if not len(column):
        nothing = pa.array([], column.type.value_type)
        return pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), nothing)
    return column.combine_chunks()
