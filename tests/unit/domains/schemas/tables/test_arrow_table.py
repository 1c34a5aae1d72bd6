import contextlib
import datetime as dt
import struct
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.schemas.tables import TableFormat, read_table
from headgate.domains.schemas.tables.arrow_sizes import decoded_bytes
from headgate.domains.schemas.tables.limits import MAX_BATCHES, MAX_COLUMNS, MAX_ROWS
from headgate.errors import InputError

PLACE = "orders.arrow"
KINDS = {"stream": pa.ipc.new_stream, "file": pa.ipc.new_file}
CODECS = [None, "lz4", "zstd"]


def written(table, *, new=pa.ipc.new_stream, codec=None, rows=None):
    """Return a table as Arrow IPC, in batches of `rows`."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=codec)
    with new(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)
    return sink.getvalue().to_pybytes()


def read(content):
    return read_table(content, "orders", place=PLACE, format=TableFormat.ARROW)


def values(array):
    """Return the different texts of a column, sorted, and how many cells are null."""
    (column,) = read(written(pa.table({"a": array}))).columns
    return sorted(column.values), column.nulls


def refusal(content):
    with pytest.raises(InputError) as caught:
        read(content)
    assert caught.value.place == PLACE
    return caught.value.problem


def no_bytes(length):
    """Return an array of nulls that has a length and nothing else."""
    return pa.Array.from_buffers(pa.null(), length, [None])


SMALL = pa.table(
    {
        "id": [1, 2, None],
        "town": pa.array(["Kiel", "Bonn", "Kiel"]).dictionary_encode(),
        "note": pa.array(["x", None, "y"], pa.string_view()),
        "tags": [["a"], [], None],
        "at": pa.array([0, 1, None], pa.timestamp("s")),
    }
)
DAMAGEABLE = [written(SMALL, new=new, codec=codec) for new in KINDS.values() for codec in CODECS]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("kind", KINDS)
def test_streams_and_files_read_the_same_compressed_or_not(kind, codec):
    content = written(SMALL, new=KINDS[kind], codec=codec, rows=2)

    table = read_table(content, "orders", place=PLACE)

    assert table.ids == ("id", "town", "note", "tags", "at")
    town = table.column("town")
    assert (town.values, town.counts, town.rows, town.nulls) == (("Kiel", "Bonn"), (2, 1), 3, 0)
    assert (table.column("id").nulls, table.notes) == (1, ())


@pytest.mark.parametrize(
    ("array", "texts", "nulls"),
    [
        pytest.param(pa.array([1, None]), ["1"], 1, id="integer"),
        pytest.param(pa.array([0.5, float("nan")]), ["0.5"], 1, id="not-a-number-is-null"),
        pytest.param(pa.array([True, False]), ["false", "true"], 0, id="boolean"),
        pytest.param(pa.array([Decimal("1.20")]), ["1.20"], 0, id="decimal"),
        pytest.param(pa.array([dt.date(2024, 2, 29)]), ["2024-02-29"], 0, id="date"),
        pytest.param(pa.array([61], pa.time32("s")), ["00:01:01"], 0, id="time"),
        pytest.param(
            pa.array([1], pa.timestamp("ns", "Nowhere/Atall")),
            ["1970-01-01 00:00:00.000000001"],
            0,
            id="time-in-a-zone-that-nobody-knows",
        ),
        pytest.param(
            pa.array([2**62], pa.timestamp("s")),
            ["<value out of range: 4611686018427387904>"],
            0,
            id="time-beyond-all-calendars",
        ),
        pytest.param(pa.array([90], pa.duration("s")), ["90"], 0, id="duration"),
        pytest.param(
            pa.array([(1, 2, 3), None], pa.month_day_nano_interval()),
            ["MonthDayNano(months=1, days=2, nanoseconds=3)"],
            1,
            id="interval",
        ),
        pytest.param(pa.nulls(2), [], 2, id="null"),
        pytest.param(pa.array(["é", None], pa.large_string()), ["é"], 1, id="large-string"),
        pytest.param(pa.array(["é"], pa.string_view()), ["é"], 0, id="string-view"),
        pytest.param(pa.array([b"a", None]), ["a"], 1, id="binary"),
        pytest.param(
            pa.array([["é", None], None], pa.list_(pa.string_view())), ['["é", null]'], 1, id="list"
        ),
        pytest.param(
            pa.array([{"k": [1], "d": dt.date(2024, 2, 29)}]),
            ['{"k": [1], "d": "2024-02-29"}'],
            0,
            id="struct",
        ),
        pytest.param(
            pa.array([[("k", b"v")]], pa.map_(pa.string(), pa.binary())),
            ['[["k", "v"]]'],
            0,
            id="map",
        ),
        pytest.param(
            pa.array([["x"], ["x"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
            ['["x"]'],
            0,
            id="list-of-dictionary",
        ),
        pytest.param(
            pa.DictionaryArray.from_arrays(
                pa.array([0, 1, None], pa.int8()), pa.array(["x", "y"], pa.string_view())
            ),
            ["x", "y"],
            1,
            id="dictionary-of-views",
        ),
        pytest.param(
            pa.DictionaryArray.from_arrays(pa.array([1, 1], pa.int8()), pa.array([[1], [2]])),
            ["[2]"],
            0,
            id="dictionary-of-lists",
        ),
        pytest.param(
            pa.array(['{"k": 1}'], pa.json_(pa.string())), ['{"k": 1}'], 0, id="extension"
        ),
        pytest.param(
            pa.array([[2**62]], pa.list_(pa.timestamp("s"))),
            [],
            1,
            id="nested-time-without-a-python-value",
        ),
    ],
)
def test_cells_of_every_kind_are_texts(array, texts, nulls):
    assert values(array) == (texts, nulls)


def test_bytes_that_are_not_utf_8_are_replaced_and_told():
    table = read(written(pa.table({"a": [b"\xff"]})))

    assert table.columns[0].values == ("�",)
    assert table.lossy


def test_metadata_describes_a_column():
    field = pa.field("a", pa.int64(), metadata={"description": "How many"})

    (column,) = read(written(pa.table([[1]], pa.schema([field])))).columns

    assert column.description == "How many"


def test_columns_with_one_name_get_ids_of_their_own():
    content = written(pa.table([[1], [2], [3]], names=["a", "a", ""]))

    assert read(content).ids == ("a", "a#2", "column 3")


def test_a_schema_alone_is_columns_without_values():
    assert read(written(SMALL.slice(0, 0))).column("id").rows == 0


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"", "it is empty", id="nothing"),
        pytest.param(b"\xff\xff\xff\xff", "it is no Arrow IPC, or it is damaged", id="a-mark"),
        pytest.param(b"ARROW1\0\0", "it is no Arrow IPC, or it is damaged", id="a-magic"),
        pytest.param(b"id,town\n", "it is no Arrow IPC, or it is damaged", id="csv"),
        pytest.param(written(SMALL)[:-400], "it is no Arrow IPC, or it is damaged", id="cut-off"),
        pytest.param(written(pa.table({})), "it has no columns", id="no-columns"),
        pytest.param(
            written(
                pa.table(
                    {"a": pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])}
                )
            ),
            "column 1 has a type that is not read (sparse_union)",
            id="union",
        ),
        pytest.param(
            written(pa.table({"a": [1], "b": pa.array([[1]], pa.list_view(pa.int8()))})),
            "column 2 has a type that is not read (list_view)",
            id="list-view",
        ),
        pytest.param(
            written(pa.table({"a": pa.array([["x"]], pa.list_(pa.list_view(pa.string())))})),
            "column 1 has a type that is not read (list_view)",
            id="list-view-in-a-list",
        ),
    ],
)
def test_what_is_no_table_is_refused(content, problem):
    assert refusal(content)[: len(problem)] == problem


def test_too_many_columns_are_refused():
    table = pa.table([pa.nulls(1)] * (MAX_COLUMNS + 1), names=["a"] * (MAX_COLUMNS + 1))

    assert refusal(written(table)) == "it has 10001 columns"


@pytest.mark.slow
def test_too_many_batches_are_refused():
    table = pa.table({"a": pa.nulls(MAX_BATCHES + 1)})

    assert refusal(written(table, rows=1)) == "it has more than 10000 batches"


@pytest.mark.slow
def test_rows_behind_the_limit_are_left_out_and_told():
    table = read(written(pa.table({"a": [7] * (MAX_ROWS + 5)}), rows=30_000))

    assert table.columns[0].rows == MAX_ROWS
    assert table.notes == ("only the first 100000 rows were read",)


class TestSmallFilesThatAskForMuch:
    def test_rows_that_take_no_bytes_are_not_all_read(self):
        """A column of nulls has no buffers: its length is a number that costs nothing."""
        table = read(written(pa.table({"a": no_bytes(2**30)}), rows=2**30))

        assert (table.columns[0].rows, table.truncated) == (MAX_ROWS, True)

    def test_a_declared_size_is_believed_before_it_is_decompressed(self):
        content = bytearray(written(pa.table({"a": ["canary" * 100]}), codec="zstd"))
        size = struct.pack("<q", 600)
        assert content.count(size)

        problem = refusal(bytes(content).replace(size, struct.pack("<q", 2**50)))

        assert problem == "it has more than 268435456 bytes when it is decompressed"

    def test_nested_values_without_bytes_are_counted(self):
        kind = pa.list_(pa.null(), 2**28)
        array = pa.FixedSizeListArray.from_arrays(no_bytes(2**29), type=kind)

        assert refusal(written(pa.table({"a": array}))) == (
            "its texts are longer than 268435456 bytes together"
        )

    @pytest.mark.slow
    def test_views_of_one_text_are_counted_one_by_one(self):
        text, rows = 2**20, 300
        view = struct.pack("<iIii", text, 0x61616161, 0, 0)
        buffers = [None, pa.py_buffer(view * rows), pa.py_buffer(b"a" * text)]
        array = pa.Array.from_buffers(pa.string_view(), rows, buffers)
        listed = pa.ListArray.from_arrays(pa.array([0, rows], pa.int32()), array)

        for each in (array, listed):
            assert refusal(written(pa.table({"a": each}))).startswith("its texts are longer")

    def test_a_text_that_many_codes_share_is_made_once(self):
        codes = pa.array([0] * 1000, pa.int16())
        array = pa.DictionaryArray.from_arrays(codes, pa.array(["a" * 2**20]))

        (column,) = read(written(pa.table({"a": array}))).columns

        assert column.counts == (1000,)

    def test_a_text_that_many_codes_in_lists_share_is_counted_one_by_one(self):
        codes = pa.array([0] * 1000, pa.int16())
        array = pa.DictionaryArray.from_arrays(codes, pa.array(["a" * 2**20]))
        listed = pa.ListArray.from_arrays(pa.array([0, 1000], pa.int32()), array)

        assert refusal(written(pa.table({"a": listed}))).startswith("its texts are longer")


@pytest.mark.parametrize("codec", CODECS)
def test_declared_sizes_are_those_of_the_buffers(codec):
    table = pa.table({"a": pa.array([1, 2, 3, 4], pa.int64())})
    stream = pa.py_buffer(written(table, codec=codec))

    sizes = {m.type: decoded_bytes(m) for m in pa.ipc.MessageReader.open_stream(stream)}

    assert sizes == {"schema": 0, "record batch": 32}


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(DAMAGEABLE),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 2), st.binary(max_size=8)), max_size=5),
)
def test_damaged_bytes_are_a_table_or_an_input_error(content, damages):
    data = bytearray(content)
    for place, cut, put in damages:
        data[place % len(data) : place % len(data) + cut] = put
    with contextlib.suppress(InputError):
        assert read(bytes(data)).content_hash
