import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.log_templates import shape_block, shapes

LINES = st.lists(
    st.text("ab 1.:/\n", max_size=20).map(str.encode) | st.binary(max_size=12), max_size=12
)


def block(lines):
    return pa.array(lines, pa.large_binary())


def shapes_of_lines(content):
    codes, found = shape_block(content)
    texts = found.to_pylist()
    assert len(set(texts)) == len(texts)
    return [texts[code] for code in codes]


def test_lines_that_differ_in_values_only_share_a_shape():
    content = block([b"took 3 ms", b"idle", b"took 71 ms", b"idle", b"took  9  ms"])

    codes, found = shape_block(content)

    assert codes.tolist() == [0, 1, 0, 1, 0]
    assert codes.dtype == np.int32
    assert found.type == pa.large_binary()
    assert found.to_pylist() == [b"took 0 ms", b"idle"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param([b""], [b""], id="one-empty-line"),
        pytest.param([b"", b"a", b""], [b"", b"a", b""], id="empty-lines"),
        pytest.param([b"a\nb 1", b"c"], [b"a b 0", b"c"], id="line-end-within"),
        pytest.param([b"\n"], [b""], id="nothing-but-a-line-end"),
        pytest.param([b"a\x00b 1", b"\xff\xfe 1"], [b"a\x00b 0", b"\xff\xfe 0"], id="any-bytes"),
        pytest.param([b"12", b"a"], [b"0", b"a"], id="digits-before-letters-of-the-next-line"),
    ],
)
def test_every_line_has_its_shape(lines, expected):
    assert shapes_of_lines(block(lines)) == expected


def test_a_line_of_a_mebibyte_is_cut_and_leaves_those_beside_it_alone():
    huge = b"word " * 200_000

    found = shapes_of_lines(block([b"a 1", huge, b"x" * (1 << 20), b"b 2"]))

    assert (found[0], found[3]) == (b"a 0", b"b 0")
    assert found[1].startswith(b"word word ")
    assert found[1].endswith(b" 0")
    assert len(found[1]) < 5_000
    assert found[2] == b"0 0"


def test_part_of_a_column_is_read_as_such():
    """Arrow cuts columns without copying them; offsets then do not begin at 0."""
    content = block([b"first 1", b"second", b"third 3", b"fourth"])[1:3]

    assert shapes_of_lines(content) == [b"second", b"third 0"]


@given(LINES)
@settings(deadline=None, max_examples=40)
def test_a_line_has_the_same_shape_alone_and_among_others(lines):
    alone = [shapes_of_lines(block([line]))[0] for line in lines]

    assert shapes_of_lines(block(lines)) == alone


def test_lines_are_the_same_however_they_are_sliced(monkeypatch):
    """Slices are for speed; here each has a line or two."""
    lines = [b"line %d of word" % number for number in range(50)] + [b"", b"x" * 100, b"end"]
    whole = shapes_of_lines(block(lines))

    monkeypatch.setattr(shapes, "_SLICE_BYTES", 24)

    assert shapes_of_lines(block(lines)) == whole
