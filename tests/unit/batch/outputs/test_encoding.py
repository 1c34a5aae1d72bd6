import errno
import io
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes.batch_outputs import lines
from headgate.batch.outputs.encoding import ROW_GROUP, encoder, row_groups

FORMATS = ["parquet", "jsonl", "csv"]


def written(format_, tables):
    stream = io.BytesIO()
    groups = list(row_groups(tables))
    found = encoder(format_, stream, groups[0].schema)
    for group in groups:
        found.write(group)
    found.close()
    return stream.getvalue()


def read(content):
    return pq.read_table(io.BytesIO(content))


class FullDisk(io.RawIOBase):
    """A file on a disk that is full after so many bytes."""

    def __init__(self, size_bytes):
        super().__init__()
        self._left = size_bytes

    def writable(self):
        return True

    def write(self, content):
        self._left -= len(content)
        if self._left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(content)


def write_all(format_, stream, table):
    found = encoder(format_, stream, table.schema)
    found.write(table)
    found.close()


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("cuts", [(1,), (4,), (2, 3)])
def test_the_bytes_do_not_depend_on_how_rows_came(format_, cuts):
    table = lines("abcab", tier=["small", "large", "small", "small", "large"])
    starts = (0, *cuts, table.num_rows)
    parts = [table.slice(a, b - a) for a, b in pairwise(starts)]

    assert written(format_, parts) == written(format_, [table])


@pytest.mark.parametrize("format_", FORMATS)
def test_the_bytes_do_not_depend_on_the_order_of_a_dictionary(format_):
    table = lines("abab")
    odd = pa.DictionaryArray.from_arrays(pa.array([2, 0, 2, 0], pa.int8()), ["b", "unused", "a"])

    assert written(format_, [lines("abab", answer=odd)]) == written(format_, [table])


def test_parquet_reads_back_as_it_was():
    table = lines("abc", line=[5, None, 7], confidence=[0.5, float("nan"), 1.0])

    found = read(written("parquet", [table]))

    assert found.column_names == table.column_names
    assert found["answer"].to_pylist() == ["a", "b", "c"]
    assert found["line"].to_pylist() == [5, None, 7]
    assert pa.types.is_dictionary(found.schema.field("answer").type)


def test_parquet_is_compressed_with_dictionaries_and_small_differences():
    metadata = pq.ParquetFile(io.BytesIO(written("parquet", [lines("abc")]))).metadata.row_group(0)

    columns = {metadata.column(n).path_in_schema: metadata.column(n) for n in range(9)}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert "RLE_DICTIONARY" in columns["answer"].encodings
    assert "RLE_DICTIONARY" in columns["confidence"].encodings
    assert "DELTA_BINARY_PACKED" in columns["offset"].encodings


def test_row_groups_are_filled_across_tables():
    """2.5 row groups in 5 tables are two whole ones and a half."""
    part = pa.table({"row": np.arange(ROW_GROUP // 2)})

    assert [group.num_rows for group in row_groups([part] * 5)] == [
        ROW_GROUP,
        ROW_GROUP,
        ROW_GROUP // 2,
    ]
    assert [group.num_rows for group in row_groups([part] * 4)] == [ROW_GROUP, ROW_GROUP]


def test_one_large_table_is_cut():
    table = pa.table({"row": np.arange(2 * ROW_GROUP + 3)})

    found = list(row_groups([table]))

    assert [group.num_rows for group in found] == [ROW_GROUP, ROW_GROUP, 3]
    assert pa.concat_tables(found).equals(table)


@pytest.mark.parametrize("format_", FORMATS)
def test_a_file_without_rows_knows_its_columns(format_):
    content = written(format_, [lines(""), lines("")])

    if format_ == "parquet":
        assert read(content).column_names == lines("").column_names
    else:
        assert content.decode() == (
            "" if format_ == "jsonl" else ",".join(lines("").column_names) + "\n"
        )


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("size_bytes", [0, 100, 2500])
def test_a_full_disk_is_told_as_what_it_is(format_, size_bytes):
    """At the start, among the rows, and where Parquet writes its index."""
    with pytest.raises(OSError, match="No space left") as caught:
        write_all(format_, FullDisk(size_bytes), lines("ab" * 50))

    assert caught.value.errno == errno.ENOSPC
