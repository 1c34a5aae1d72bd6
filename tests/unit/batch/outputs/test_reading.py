from itertools import chain

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.batch_outputs import lines
from headgate.batch.outputs.reading import KEYED, Head, file_of, in_order, keys_of, rows_in_order
from headgate.batch.outputs.shards import ShardWriter
from headgate.errors import InputError

FORMATS = ["parquet", "jsonl", "csv"]
STREAMS = st.lists(st.lists(st.integers(0, 40), unique=True, max_size=12), min_size=1, max_size=4)


def keyed(keys):
    texts = [pa.array([""] * len(keys), pa.large_string())] * 3
    nothing = pa.nulls(len(keys), pa.int64())
    return pa.table([pa.array(keys, pa.int64()), nothing, nothing, *texts], schema=KEYED)


def stream(keys, block=3):
    return iter([keyed(keys[start : start + block]) for start in range(0, len(keys), block)])


def written(folder, units, *, form="parquet", by=""):
    writer = ShardWriter(folder, form, partition_by=by)
    for number, table in enumerate(units):
        writer.write(number, [table])
    return folder


def read(folder, *places):
    return pa.concat_tables([KEYED.empty_table(), *rows_in_order(folder, places or ("a.log",))])


@settings(max_examples=40)
@given(STREAMS)
def test_streams_become_one_in_order(streams):
    found = list(in_order([stream(sorted(keys)) for keys in streams]))

    assert [key for table in found for key in keys_of(table)] == sorted(chain(*streams))


@given(st.lists(st.integers(0, 40), unique=True, max_size=12).map(sorted), st.integers(-1, 41))
def test_rows_are_taken_up_to_a_key(keys, bound):
    """What is at hand is taken first; taking goes on until there is nothing up to the key."""
    head = Head(stream(keys))
    taken = []
    while head.there and (found := head.take(bound)).num_rows:
        taken += keys_of(found).tolist()

    assert taken == [key for key in keys if key <= bound]


@pytest.mark.parametrize("by", ["", "answer", "file"])
@pytest.mark.parametrize("form", FORMATS)
def test_rows_come_back_in_the_order_of_the_input(tmp_path, form, by):
    units = [
        lines("aba", tier=["small", "large", "small"]),
        lines("b", offset=[300], line=[None]),
        lines("ca", file=["b.log"] * 2, offset=[None, None]),
    ]

    found = read(written(tmp_path, units, form=form, by=by), "a.log", "b.log")

    assert found["answer"].to_pylist() == ["a", "b", "a", "b", "c", "a"]
    assert found["tier"].to_pylist() == ["small", "large", *["small"] * 4]
    assert found["template_id"].to_pylist() == [f"t-{answer}" for answer in "ababca"]
    assert found["number"].to_pylist() == [1, 2, 3, None, 1, 2]
    assert [file_of(key) for key in keys_of(found)] == [0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize("form", FORMATS)
def test_rows_of_records_come_back(tmp_path, form):
    table = pa.table({"file": ["a.log"] * 2, "row": [3, 9], "id": ["x", "y"], "answer": ["1", "2"],
                      "tier": ["small"] * 2})  # fmt: skip

    found = read(written(tmp_path, [table], form=form))

    assert found["number"].to_pylist() == [3, 9]
    assert found["template_id"].to_pylist() == ["", ""]


@pytest.mark.parametrize("form", FORMATS)
def test_any_answer_comes_back_as_it_was(tmp_path, form):
    answers = ["=1", "-x", 'a,"b"', "2026-11-27", "007", "null", "true", "ü"]

    found = read(written(tmp_path, [lines(answers)], form=form))

    assert found["answer"].to_pylist() == answers


@pytest.mark.parametrize("form", FORMATS)
def test_units_without_rows_are_passed_over(tmp_path, form):
    folder = written(tmp_path, [lines(""), lines("a"), lines("")], form=form)

    assert read(folder)["answer"].to_pylist() == ["a"]


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("abc", min_size=1, max_size=9))
def test_folders_do_not_change_what_is_read(tmp_path_factory, answers):
    folder = tmp_path_factory.mktemp("parts")

    found = read(written(folder, [lines(answers)], form="jsonl", by="answer"))

    assert "".join(found["answer"].to_pylist()) == answers


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        pytest.param(b"no parquet", "damaged", id="other-bytes"),
        pytest.param(b"", "damaged", id="no-bytes"),
    ],
)
def test_a_damaged_shard_is_named(tmp_path, damage, problem):
    written(tmp_path, [lines("a")])
    (tmp_path / "part-00000.parquet").write_bytes(damage)

    with pytest.raises(InputError, match=problem) as caught:
        read(tmp_path)

    assert caught.value.place == str(tmp_path / "part-00000.parquet")


def test_rows_of_another_file_are_refused(tmp_path):
    with pytest.raises(InputError, match="no shard of this job"):
        read(written(tmp_path, [lines("a")]), "other.log")


@pytest.mark.parametrize("offsets", [[0, 0], [100, 0]], ids=["twice", "backwards"])
def test_rows_out_of_order_are_refused(tmp_path, offsets):
    with pytest.raises(InputError, match="not in the order of the input"):
        read(written(tmp_path, [lines("ab", offset=offsets)]))


def test_units_out_of_order_are_refused(tmp_path):
    with pytest.raises(InputError, match="not in the order of the input"):
        read(written(tmp_path, [lines("a", offset=[100]), lines("a", offset=[0])]))
