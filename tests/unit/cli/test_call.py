import asyncio
import json

import pytest

from fakes.canned_server import CannedServer, canned_results
from fakes.fitted_parts import RECORDED
from fakes.running_server import running
from fakes.watched_cascade import served_rows
from headgate.v1 import cascade_service_pb2, types_pb2

ROWS = [
    {"id": "sda-1", "log": "sda write failed"},
    {"id": "eth0-1", "log": "eth0 link down"},
    {"id": RECORDED, "log": "reset"},
    {"id": "reset-2", "log": "reset"},
]
"""Two that are kept, one whose answer is recorded, one whose answer is not."""
ANSWERED = {"sda-1": "disk", "eth0-1": "net", RECORDED: "net"}


class Custom(CannedServer):
    """Answers RunCascade as a function of its records says."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def RunCascade(self, request, context):  # noqa: N802 - the contract's name
        self._take(request, context)
        results = self.answer(request.records, context)
        return cascade_service_pb2.RunCascadeResponse(results=results)


@pytest.fixture
async def ask(fitted, headgate):
    """Runs a verb against a real server of the fitted cascade."""
    async with running(fitted) as server:

        async def command(verb, *arguments):
            return await asyncio.to_thread(headgate, verb, *arguments, "--address", server.target)

        yield command


def _cells(ended):
    return {line.split()[0]: line.split() for line in ended.out.splitlines()}


async def test_each_record_is_a_row_with_who_answered_it(ask, rows):
    ended = await ask("call", "parts", "--input", rows(*ROWS))

    cells = _cells(ended)
    assert (ended.code, ended.err) == (0, "")
    assert list(cells) == ["id", "sda-1", "eth0-1", RECORDED, "reset-2", "4"]
    assert cells["sda-1"][1:5] == ["disk", "small", "keep", "-"]
    assert cells[RECORDED][1:5] == ["net", "large", "decide", "-"]
    assert cells["reset-2"][2:5] == ["small", "triage", "REPLAY_MISS"]
    assert ended.out.splitlines()[-1] == (
        "4 records: 3 small, 1 large, 1 degraded, 0 failed; 1 large-model calls, 0.000000 USD"
    )


async def test_json_has_a_line_a_record_with_everything(ask, rows):
    ended = await ask("call", "parts", "--input", rows(*ROWS), "--output", "json")

    found = {each["record_id"]: each for each in ended.lines}
    recorded = found[RECORDED]
    assert (ended.code, ended.err) == (0, "")
    assert list(found) == [row["id"] for row in ROWS]
    assert (recorded["answer"], recorded["tier"]) == ("net", "large")
    assert recorded["rationale"] == "as recorded"
    assert [step["stage"] for step in recorded["path"]] == ["triage", "keep", "decide"]
    assert recorded["usage"]["input_tokens"] == 20
    assert recorded["path"][1]["score"] < recorded["thresholds"]["keep"]
    assert found["reset-2"]["degraded"] == "REPLAY_MISS"


async def test_a_stream_shows_each_record_once_and_kept_ones_first(ask, rows):
    ended = await ask("call", "parts", "--input", rows(*reversed(ROWS)), "--stream")

    shown = [line.split("\t") for line in ended.out.splitlines()[:-1]]
    assert ended.code == 0
    assert {cells[0] for cells in shown[:2]} == {"sda-1", "eth0-1"}
    assert {cells[0] for cells in shown[2:]} == {RECORDED, "reset-2"}
    assert {cells[0]: cells[1] for cells in shown if cells[0] in ANSWERED} == ANSWERED


async def test_an_explanation_compares_score_and_threshold_and_calls_no_model(ask, rows):
    ended = await ask("explain", "parts", "--input", rows(*ROWS))

    lines = {line.split()[0]: line for line in ended.out.splitlines()}
    assert (ended.code, ended.err) == (0, "")
    assert "triage answered > keep kept" in lines["sda-1"]
    assert " >= " in lines["sda-1"]
    assert "triage answered > keep escalated" in lines["reset-2"]
    assert " < " in lines["reset-2"]
    assert ended.out.splitlines()[-1].startswith("4 records: 2 small, 2 large, 0 degraded")


@pytest.fixture
async def ask_watched(watched, headgate, tmp_path):
    """Runs a verb against a real server of a cascade with a certificate."""
    async with running(watched, state_dir=str(tmp_path / "state")) as server:

        async def command(verb, *arguments):
            return await asyncio.to_thread(headgate, verb, *arguments, "--address", server.target)

        yield command


async def test_each_answer_says_in_which_state_its_certificate_is(ask_watched, ask, rows):
    certified = await ask_watched("call", "made_up", "--input", rows(*served_rows(2)))
    plain = await ask("call", "parts", "--input", rows(*ROWS))

    assert certified.out.splitlines()[0].split()[6] == "guarantee"
    assert {cells[5] for cells in list(_cells(certified).values())[1:3]} == {"certified"}
    assert _cells(plain)["sda-1"][5] == "uncertified"


async def test_an_explanation_says_from_which_epsilon_on_an_answer_is_kept(ask_watched, rows):
    """80 labels without an error prove 5 % and not 2.5 %."""
    ended = await ask_watched("explain", "made_up", "--input", rows(*served_rows(1)))

    heading, row = ended.out.splitlines()[:2]
    assert "kept from epsilon" in heading
    assert " 5.00% " in row


async def test_an_explanation_as_json_has_every_epsilon(ask_watched, rows):
    line = ("explain", "made_up", "--input", rows(*served_rows(1)), "--output", "json")

    (found,) = (await ask_watched(*line)).lines

    (gate,) = found["gates"]
    assert (gate["gate"], gate["kept"], gate["predicted"]) == ("cheap_keep", True, found["answer"])
    assert gate["confidence"] >= gate["threshold"]
    kept = {each["epsilon"]: each["kept"] for each in gate["alternatives"] if each["certified"]}
    assert kept == {0.05: True, 0.1: True, 0.15: True, 0.2: True, 0.3: True}
    assert [each["epsilon"] for each in gate["alternatives"]][:4] == [0.005, 0.01, 0.02, 0.025]


async def test_without_a_certificate_no_epsilon_is_named(ask, rows):
    ended = await ask("explain", "parts", "--input", rows(ROWS[0]))

    assert ended.out.splitlines()[1].split()[-5] == "-"


async def test_an_explanation_as_json_has_expected_tokens(ask, rows):
    ended = await ask("explain", "parts", "--input", rows(*ROWS), "--output", "json")

    kept, escalated = ended.lines[0], ended.lines[3]
    assert (kept["tier"], escalated["tier"]) == ("small", "large")
    assert kept["expected_usage"]["input_tokens"] == 0
    assert escalated["expected_usage"]["input_tokens"] > 0
    assert escalated["path"][-1]["score"] < escalated["thresholds"]["keep"]


async def test_a_cascade_that_is_not_served_is_said_with_those_that_are(ask, rows):
    ended = await ask("call", "nope", "--input", rows(*ROWS))

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("headgate: NOT_FOUND (NOT_FOUND): cascade 'nope'")
    assert "Served: parts." in ended.err


async def test_rows_that_the_cascade_cannot_read_are_named_by_their_line(ask, rows):
    ended = await ask("call", "parts", "--input", rows(ROWS[0], {"line": "no log"}))

    assert (ended.code, ended.out) == (2, "")
    assert "rows.jsonl:2: " in ended.err


async def test_a_file_without_rows_is_refused(ask, rows):
    empty = rows()

    ended = await ask("call", "parts", "--input", empty)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"headgate: {empty}: ")


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["call", "explain"])
def test_nobody_at_the_address_is_unavailable(headgate, rows, verb):
    """Port 1 is reserved, and nothing listens there."""
    ended = headgate(verb, "parts", "--input", rows(*ROWS), "--address", "127.0.0.1:1")

    assert (ended.code, ended.out) == (69, "")
    assert ended.err.startswith("headgate: 127.0.0.1:1: no answer (")
    assert len(ended.err.splitlines()) == 1


def test_a_server_that_does_not_answer_in_time_is_worth_another_try(headgate, rows):
    with CannedServer() as server:
        server.hangs = True
        ended = headgate(
            "call",
            "logs",
            *("--input", rows(*ROWS)),
            *("--address", f"127.0.0.1:{server.port}"),
            *("--timeout-s", "0.05"),
        )

    assert (ended.code, ended.out) == (75, "")
    assert ended.err.startswith("headgate: DEADLINE_EXCEEDED")


@pytest.mark.slow
def test_many_rows_are_sent_in_batches(headgate, rows):
    with CannedServer() as server:
        many = rows(*({"log": f"line {number}"} for number in range(501)))
        ended = headgate(
            *("call", "logs", "--input", many, "--address", f"127.0.0.1:{server.port}")
        )
        sizes = [len(each.records) for each in server.requests if hasattr(each, "records")]

    assert sizes == [250, 250, 1]
    assert ended.out.splitlines()[-1].startswith("501 records: ")


def test_long_rows_are_sent_in_smaller_batches(headgate, rows):
    """70 lines of 60,000 bytes are 4.2 MB; a request may be 4 MiB long."""
    with CannedServer() as server:
        long = rows(*({"log": "x" * 60_000} for _ in range(70)))
        ended = headgate(
            *("call", "logs", "--input", long, "--address", f"127.0.0.1:{server.port}")
        )
        sizes = [len(each.records) for each in server.requests if hasattr(each, "records")]

    assert ended.code == 0
    assert sizes == [34, 34, 2]


def test_what_came_before_a_failure_is_shown(headgate, rows):
    def answer(records, context):
        if records[0].id == "251":
            raise RuntimeError("the second batch")
        return canned_results(records)

    with Custom(answer) as server:
        many = rows(*({"log": f"line {number}"} for number in range(251)))
        ended = headgate(
            *("call", "logs", "--input", many, "--address", f"127.0.0.1:{server.port}")
        )

    assert len(ended.out.splitlines()) == 251
    assert ended.code != 0
    assert ended.err.startswith("headgate: UNKNOWN")


def test_a_record_that_fails_is_shown_and_sets_the_exit_code(headgate, rows):
    def answer(records, context):
        late = types_pb2.RecordError(code="DEADLINE_EXCEEDED", reason="TOO_LATE", message="late")
        return [*canned_results(records[:1]), types_pb2.Result(record_id="b", error=late)]

    with Custom(answer) as server:
        two = rows({"id": "a", "log": "x"}, {"id": "b", "log": "y"})
        ended = headgate(*("call", "logs", "--input", two, "--address", f"127.0.0.1:{server.port}"))

    assert ended.code == 75
    assert _cells(ended)["b"][:5] == ["b", "-", "-", "-", "TOO_LATE"]
    assert ended.err == (
        "headgate: 1 of 2 records failed; the first: DEADLINE_EXCEEDED (TOO_LATE): late\n"
    )


def test_an_answer_cannot_steer_the_terminal(headgate, rows):
    title = "\x1b]0;owned\x07match"

    with Custom(lambda records, context: [types_pb2.Result(record_id="a", answer=title)]) as server:
        one = rows({"id": "a", "log": "x"})
        line = ("call", "logs", "--input", one, "--address", f"127.0.0.1:{server.port}")
        drawn, as_json = headgate(*line), headgate(*line, "--output", "json")

    assert _cells(drawn)["a"][1] == "]0;ownedmatch"
    assert drawn.out.replace("\n", "").isprintable()
    assert "\x1b" not in as_json.out
    assert as_json.lines[0]["answer"] == title


@pytest.mark.slow
def test_rows_can_come_through_a_pipe(process):
    with CannedServer() as server:
        ended = process(
            *("call", "logs", "--input", "-", "--address", f"127.0.0.1:{server.port}"),
            *("--output", "json"),
            input=json.dumps({"id": "a", "log": "x"}) + "\n",
        )

    assert (ended.code, ended.err) == (0, "")
    assert ended.lines[0]["record_id"] == "a"
