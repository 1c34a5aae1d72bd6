from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.batch.shapes import UnitShapes, mine_templates
from headgate.batch.spool import FOLDER, UnitSpool
from headgate.batch.types import LineBlock


def block_of(lines: list[bytes], lossy: list[bool] | None = None) -> LineBlock:
    count = len(lines)
    numbers = pa.array(range(1, count + 1), pa.int64())
    flags = None if lossy is None else pa.array(lossy)
    return LineBlock(numbers, numbers, pa.array(lines, pa.large_binary()), count, lossy=flags)


def mined(folder, units: list[list[list[bytes]]]):
    """Return the templates of units of blocks of lines, and which one each line is of."""
    (folder / FOLDER).mkdir(parents=True)
    spools, codes = [], []
    for number, blocks in enumerate(units):
        shapes, spool = UnitShapes(), UnitSpool.of(folder, number)
        codes.append(np.concatenate([shapes.take(block_of(lines)) for lines in blocks]))
        shapes.save(spool)
        spools.append(spool)
    found = mine_templates(spools)
    of_shape = [np.load(spool.templates) for spool in spools]
    ids = [
        found.templates[place].id
        for own, each in zip(codes, of_shape, strict=True)
        for place in each[own].tolist()
    ]
    return found, ids


def test_a_template_is_asked_about_by_its_first_line(tmp_path):
    """The first in the input, whichever unit's shapes are looked at first."""
    found, ids = mined(
        tmp_path, [[[b"disk 3 failed", b"up 1"], [b"disk 2 failed"]], [[b"up 7", b"disk 1 failed"]]]
    )

    examples = {
        each.id: line for each, (line, _) in zip(found.templates, found.examples, strict=True)
    }
    assert [examples[each] for each in ids] == [
        b"disk 3 failed",
        b"up 1",
        b"disk 3 failed",
        b"up 1",
        b"disk 3 failed",
    ]
    assert [each.lines for each in found.templates] == [3, 2]


def test_records_are_the_templates_lines_under_their_ids(tmp_path):
    found, _ = mined(tmp_path, [[[b"disk \xff failed"]]])

    (record,) = found.records("log")

    assert record.id == found.templates[0].id
    assert record.fields == {"log": "disk \ufffd failed"}


def test_lines_that_are_not_utf8_are_marked():
    shapes = UnitShapes()
    shapes.take(block_of([b"a \xff", b"b"], [True, False]))

    (batch,) = shapes.batches()

    assert batch["lossy"].to_pylist() == [True, False]
    assert batch["count"].to_pylist() == [1, 1]


def test_a_unit_without_lines_has_no_shapes(tmp_path):
    found, ids = mined(tmp_path, [[[]], [[b"disk 1 failed"]]])

    assert len(found.templates) == 1
    assert len(ids) == 1


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.sampled_from([b"disk 1 failed", b"disk 2 failed", b"link up", b"link down", b"fan 3"]),
        min_size=1,
        max_size=20,
    ),
    st.data(),
)
def test_templates_and_examples_depend_on_the_lines_and_their_order_alone(
    tmp_path_factory, lines, data
):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(lines)), max_size=3)))
    edges = [0, *cuts, len(lines)]
    parts = [lines[start:end] for start, end in pairwise(edges)]

    whole, ids = mined(tmp_path_factory.mktemp("whole"), [[lines]])
    units, ids_of_units = mined(tmp_path_factory.mktemp("units"), [[part] for part in parts])
    blocks, ids_of_blocks = mined(tmp_path_factory.mktemp("blocks"), [parts])

    assert ids == ids_of_units == ids_of_blocks
    assert whole.examples == units.examples == blocks.examples
    assert list(whole.templates) == list(units.templates) == list(blocks.templates)


def test_shapes_without_a_template_would_be_noticed(tmp_path):
    """Every template has an example, so every one has a line."""
    found, ids = mined(tmp_path, [[[b"x" * 200 + b" %d" % n for n in range(50)]]])

    assert len(found.examples) == len(found.templates)
    assert set(ids) == {each.id for each in found.templates}


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 70_000])
def test_many_shapes_are_kept_in_several_batches(count):
    shapes = UnitShapes()
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [
        "".join(letters[number // 26**place % 26] for place in range(4)) for number in range(count)
    ]
    shapes.take(block_of([f"link {word}".encode() for word in words]))

    assert sum(batch.num_rows for batch in shapes.batches()) == count
