import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.read_inputs import read_table
from headgate.batch.inputs import find_inputs, plan_units
from headgate.batch.types import InputSpec
from headgate.domains.logs import LogTask
from headgate.errors import InputError

LINES = LogTask("classify_lines", ("normal", "fault"))


def cuts(path, target_bytes, **options):
    spec = InputSpec((str(path),), **options)
    units = plan_units(find_inputs(spec), spec, target_bytes)
    assert [unit.number for unit in units] == list(range(len(units)))
    return [(unit.start, unit.end, unit.first_row) for unit in units]


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [
        pytest.param(1, [(0, 1, 1)], id="one-byte"),
        pytest.param(14, [(0, 14, 1)], id="not-worth-a-cut"),
        pytest.param(16, [(0, 8, 1), (8, 16, 1)], id="two"),
        pytest.param(32, [(0, 10, 1), (10, 21, 1), (21, 32, 1)], id="three"),
    ],
)
def test_text_is_cut_into_almost_equal_parts(tmp_path, size_bytes, expected):
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * size_bytes)

    assert cuts(path, 10) == expected


@pytest.mark.parametrize("name", ["a.log.gz", "a.jsonl.gz", "a.csv", "a.csv.gz"])
def test_what_cannot_be_cut_is_one_unit(tmp_path, name):
    path = tmp_path / name
    content = b'{"line": "x"}\n' * 100
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)

    assert cuts(path, 10) == [(0, None, 1)]


def test_empty_files_have_no_unit_and_numbers_go_on(tmp_path):
    for name, content in (("a", b"x"), ("b", b""), ("c", b"x")):
        (tmp_path / name).write_bytes(content)

    spec = InputSpec((str(tmp_path),))
    units = plan_units(find_inputs(spec), spec)

    assert [(unit.number, unit.file.place[-1]) for unit in units] == [(0, "a"), (1, "c")]


@pytest.mark.slow
@given(
    st.lists(st.sampled_from(['{"line": "a"}', "", '{"line": "bcdef"}']), min_size=1, max_size=12),
    st.booleans(),
    st.integers(1, 60),
)
def test_rows_of_json_lines_have_their_lines_number_wherever_the_file_is_cut(
    tmp_path_factory, lines, finished, target_bytes
):
    path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    path.write_text("\n".join([*lines, "" if finished else '{"line": "z"}']))
    if not path.stat().st_size:
        return

    read = read_table(path, LINES, target_bytes=target_bytes)

    all_lines = path.read_text().split("\n")
    assert read.numbers == [at for at, line in enumerate(all_lines, start=1) if line]
    assert [record.id for record in read.values] == [str(number) for number in read.numbers]


def test_parquet_is_cut_at_row_groups_and_rows_are_numbered_through(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table({"line": [f"line {number}" for number in range(70)]})
    pq.write_table(table, path, row_group_size=10)
    group_bytes = pq.ParquetFile(path).metadata.row_group(0).total_byte_size

    found = cuts(path, 3 * group_bytes + group_bytes // 2)
    read = read_table(path, LINES, target_bytes=2 * group_bytes, block_rows=7)

    assert found == [(0, 3, 1), (3, 6, 31), (6, 7, 61)]
    assert read.numbers == list(range(1, 71))
    assert [record.fields["line"] for record in read.values] == table["line"].to_pylist()


def test_a_table_of_parquet_may_be_without_rows(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"line": pa.array([], pa.string())}), path)

    assert read_table(path, LINES).values == []


def test_what_is_no_parquet_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"line\n")

    with pytest.raises(InputError, match=r"a\.parquet: it is no file of Parquet"):
        cuts(path, 10)
