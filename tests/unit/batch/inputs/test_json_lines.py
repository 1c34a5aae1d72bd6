import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.read_inputs import read_text
from headgate.batch.inputs.json_lines import JsonHeader, json_object
from headgate.batch.types import Reason

GOOD = b'{"message": "up", "level": "info"}'
# One of them in a block, and the block is read line by line.
ODD = b'{"message": "odd", "level": 30}'


def parsed(*lines):
    return JsonHeader().parse(pa.array(lines, pa.large_binary()), 0.0)


def row(found, at=0):
    columns = [found.content, found.timestamps, found.levels, found.components]
    return [column[at].as_py() for column in columns]


@pytest.mark.parametrize("neighbour", [GOOD, ODD], ids=["by-column", "by-line"])
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            {"message": "up", "timestamp": "2026-01-02T03:04:05Z", "level": "info", "logger": "a"},
            [b"up", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "info", "a"],
            id="plain",
        ),
        pytest.param(
            {"log": "up\n", "stream": "stdout", "time": "2026-01-02T03:04:05.5Z"},
            [b"up", datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC), "", ""],
            id="docker",
        ),
        pytest.param(
            {"severity": "WARN", "textPayload": "caf\u00e9"},
            ["caf\u00e9".encode(), None, "WARN", ""],
            id="cloud",
        ),
        pytest.param(
            {"message": None, "msg": "second", "name": "a"}, [b"second", None, "", "a"], id="null"
        ),
        pytest.param(
            {"message": "a", "deep": {"message": "b", "list": [{"message": 1}]}},
            [b"a", None, "", ""],
            id="nested",
        ),
        pytest.param(
            {"msg": "up", "ts": 1117838570.25, "level": 30},
            [b"up", datetime(2005, 6, 3, 22, 42, 50, 250_000, tzinfo=UTC), "30", ""],
            id="numbers",
        ),
        pytest.param({"message": "a\ud800b"}, [b"a?b", None, "", ""], id="half-a-surrogate"),
    ],
)
def test_a_line_gives_its_parts(line, expected, neighbour):
    found = parsed(json.dumps(line).encode(), neighbour)

    assert found.fits.tolist() == [True, True]
    assert row(found) == expected


@pytest.mark.parametrize("neighbour", [GOOD, ODD], ids=["by-column", "by-line"])
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(b"", Reason.NOT_JSON, id="empty"),
        pytest.param(b"Starting up", Reason.NOT_JSON, id="text"),
        pytest.param(b'{"message": "a"', Reason.NOT_JSON, id="cut-off"),
        pytest.param(b'{"message": "a"} and', Reason.NOT_JSON, id="text-behind"),
        pytest.param(b'{"message": "a"}{"message": "b"}', Reason.NOT_JSON, id="two"),
        pytest.param(b'["message"]', Reason.NOT_JSON, id="list"),
        pytest.param(b'{"a":' * 5000, Reason.NOT_JSON, id="deep-and-open"),
        pytest.param(b'{"a":' * 5000 + b"1" + b"}" * 5000, Reason.NOT_JSON, id="deep"),
        pytest.param(b'{"message": "a", "b": 1' + b"0" * 5000 + b"}", Reason.NOT_JSON, id="digits"),
        pytest.param(b"{}", Reason.NO_MESSAGE, id="nothing"),
        pytest.param(b'{"message": {"text": "a"}}', Reason.NO_MESSAGE, id="object"),
        pytest.param(b'{"message": true}', Reason.NO_MESSAGE, id="boolean"),
    ],
)
def test_a_line_without_a_message_has_a_reason(line, reason, neighbour):
    found = parsed(neighbour, line, neighbour)

    assert found.fits.tolist() == [True, False, True]
    assert [each for each, _ in found.reasons] == [reason]


def test_lines_do_not_slip_when_one_holds_two_objects_and_another_none():
    found = parsed(b'{"message": "a"} {"message": "b"}', b"", b'{"message": "c"}')

    assert (found.fits.tolist(), row(found)[0]) == ([False, False, True], b"c")


def test_lines_do_not_slip_when_an_object_goes_on_in_the_next_line():
    found = parsed(b'{"message": "a", "b":', b'{"c": 1}}', b'{"message": "d"}')

    assert (found.fits.tolist(), row(found)[0]) == ([False, False, True], b"d")


def test_bytes_that_are_not_utf8_are_replaced_and_the_line_is_marked():
    read = read_text(b'{"message": "caf\xe9"}\n{"message": "b"}\n', line_format="json")

    assert read.values == ["caf\ufffd".encode(), b"b"]
    assert read.column("lossy") == [True, False]


VALUES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5) | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
KEYS = st.sampled_from(["message", "msg", "level", "ts", "name", "log.level", "other"])
ROWS = st.dictionaries(KEYS, VALUES, max_size=4).map(lambda row: json.dumps(row).encode())


@pytest.mark.slow
@given(
    st.lists(
        ROWS | st.binary(max_size=8) | st.sampled_from([b"{", b"}", b'{"msg": "\xff"}']), max_size=6
    )
)
def test_a_line_is_read_the_same_whatever_its_neighbours_are(lines):
    together = parsed(*lines)
    alone = [parsed(line, ODD) for line in lines]

    assert together.fits.tolist() == [bool(found.fits[0]) for found in alone]
    fitting = [row(found) for found in alone if found.fits[0]]
    assert [row(together, at) for at in range(len(together.content))] == fitting


def test_an_object_is_read_from_text_that_holds_nothing_else():
    assert json_object(' {"a": 1}\r') == {"a": 1}
    assert json_object("[1]") is None
    assert json_object('{"a": 1} 2') is None
