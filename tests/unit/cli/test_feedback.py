import asyncio
import json

import pytest

from fakes.canned_server import CannedServer
from fakes.running_server import running
from fakes.watched_cascade import served_records, served_rows
from headgate.client import Client

GIVEN = [{"id": "a", "label": "match"}, {"id": "b", "label": "mismatch", "request_id": "call-1"}]


@pytest.fixture
async def ask(watched, parts, headgate, tmp_path):
    """Runs the verb against a server of a cascade that keeps its decisions, and one that does not.

    Three records were answered before.
    """
    async with running(watched, parts, state_dir=str(tmp_path / "state")) as server:
        await asyncio.to_thread(answer, server.target)

        async def command(cascade, path, *options):
            line = ("feedback", cascade, "--input", path, "--address", server.target, *options)
            return await asyncio.to_thread(headgate, *line)

        yield command


def answer(target):
    with Client(target) as client:
        client.run_cascade(served_records(3), cascade="made_up", request_id="call-1")


async def test_right_answers_are_taken(ask, rows):
    right = [{"id": row["id"], "label": row["label"]} for row in served_rows(3)]

    ended = await ask("made_up", rows(*right))

    assert (ended.code, ended.out) == (0, "")
    assert ended.err == "3 of 3 right answers taken\n"


async def test_what_is_not_taken_is_named_and_sets_the_exit_code(ask, rows):
    known = served_rows(2)
    given = [
        {"id": known[0]["id"], "label": "info", "request_id": "call-1"},
        {"id": "r9", "label": "info"},
        {"id": known[1]["id"], "label": "fan"},
    ]

    ended = await ask("made_up", rows(*given))

    lines = ended.out.splitlines()
    assert ended.code == 2
    assert ended.err == "1 of 3 right answers taken\n"
    assert lines[0].split() == ["id", "not", "taken"]
    assert lines[1].startswith("r9 ")
    assert "no decision about it is in the log" in lines[1]
    assert "its label is not declared" in lines[2]


async def test_json_has_a_line_a_row(ask, rows):
    given = [{"id": served_rows(1)[0]["id"], "label": "info"}, {"id": "r9", "label": "info"}]

    ended = await ask("made_up", rows(*given), "--output", "json")

    taken, refused = ended.lines
    assert taken == {"record_id": given[0]["id"], "error": None}
    assert refused["error"]["reason"] == "FEEDBACK_NOT_TAKEN"
    assert ended.code == 2


async def test_a_cascade_that_keeps_nothing_says_so(ask, rows):
    ended = await ask("parts", rows({"id": "sda-1", "label": "disk"}))

    assert ended.code == 2
    assert "it keeps no decisions" in ended.out


def told(headgate, server, path, *options):
    address = f"127.0.0.1:{server.port}"
    return headgate("feedback", "logs", "--input", path, "--address", address, *options)


def test_rows_are_sent_as_they_are(headgate, rows):
    with CannedServer() as server:
        ended = told(headgate, server, rows(*GIVEN))
        (request,) = server.requests

    assert ended.code == 0
    assert request.cascade == "logs"
    assert [(each.record_id, each.label, each.request_id) for each in request.feedback] == [
        ("a", "match", ""),
        ("b", "mismatch", "call-1"),
    ]


@pytest.mark.slow
def test_many_rows_are_sent_in_batches_and_counted_together(headgate, rows):
    with CannedServer() as server:
        server.untaken = {"r1500"}
        many = rows(*({"id": f"r{n}", "label": "match"} for n in range(2001)))
        ended = told(headgate, server, many)
        sizes = [len(each.feedback) for each in server.requests]

    assert sizes == [1000, 1000, 1]
    assert ended.err == "2000 of 2001 right answers taken\n"
    assert ended.code == 2


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        pytest.param({"label": "match"}, "'id' is missing", id="no-id"),
        pytest.param({"id": " ", "label": "match"}, "'id' is blank", id="blank-id"),
        pytest.param({"id": "a"}, "'label' is missing", id="no-label"),
        pytest.param({"id": "a", "label": ""}, "'label' is blank", id="blank-label"),
        pytest.param({"id": "a", "label": 1}, "'label' is a number", id="number"),
        pytest.param(
            {"id": "a", "label": "match", "request_id": ""}, "'request_id' is blank", id="call"
        ),
    ],
)
def test_a_wrong_row_is_named_by_its_line_before_anything_is_sent(headgate, rows, row, problem):
    with CannedServer() as server:
        path = rows(GIVEN[0], row)
        ended = told(headgate, server, path)

        assert server.requests == []
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"headgate: {path}:2: {problem}")


@pytest.mark.slow
def test_nobody_at_the_address_is_unavailable(headgate, rows):
    """Port 1 is reserved, and nothing listens there."""
    ended = headgate("feedback", "logs", "--input", rows(*GIVEN), "--address", "127.0.0.1:1")

    assert (ended.code, ended.out) == (69, "")
    assert ended.err.startswith("headgate: ")
    assert len(ended.err.splitlines()) == 1


def test_what_a_server_says_cannot_steer_the_terminal(headgate, rows):
    with CannedServer() as server:
        server.untaken = {"\x1b]0;owned\x07"}
        ended = told(headgate, server, rows({"id": "\x1b]0;owned\x07", "label": "match"}))

    assert ended.out.replace("\n", "").isprintable()
    assert "NOT_FOUND" in ended.out


@pytest.mark.slow
def test_rows_can_come_through_a_pipe(process):
    with CannedServer() as server:
        ended = process(
            *("feedback", "logs", "--input", "-", "--address", f"127.0.0.1:{server.port}"),
            input=json.dumps(GIVEN[0]) + "\n",
        )

    assert (ended.code, ended.err) == (0, "1 of 1 right answers taken\n")
