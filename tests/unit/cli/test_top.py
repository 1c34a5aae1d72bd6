"""`headgate top`: one look for programs and people, and a live one on a terminal."""

import os
import pty
import re
import signal
import subprocess
import sys

import pytest

from fakes.exposition import free_port
from fakes.fitted_parts import part_records
from fakes.metrics_endpoint import metrics_endpoint, told
from fakes.running_server import running
from headgate import __version__, wire
from headgate.cli.top import drawn, number, seconds
from headgate.cli.traffic import CascadeView, GatewayView, TierView, View
from headgate.serving.metrics import serve_metrics
from headgate.v1.cascade_service_pb2 import RunCascadeRequest

BEFORE = told(small=10, large=10, audits=100, margin=0.875)
AFTER = told(small=17, large=12, degraded=1, audits=120, margin=0.75, in_flight=2)
"""Ten records more: 7 small, 2 large, 1 degraded."""


@pytest.fixture
def once(headgate):
    """Looks once at these addresses, for a moment."""

    def look(*addresses, output="table"):
        named = [part for address in addresses for part in ("--metrics", address)]
        return headgate("top", "--once", "--interval-s", "0.05", "--output", output, *named)

    return look


def cells(ended):
    return [line.split() for line in ended.out.splitlines()]


def test_one_look_shows_cascades_tiers_and_gateways(once):
    with metrics_endpoint(BEFORE, AFTER) as address:
        ended = once(address)

    whole, triage, decide = cells(ended)[1:4]
    assert (ended.code, ended.err) == (0, "")
    assert whole[:3] == ["logs", "certified", "all"]
    assert whole[-5:] == ["10.0%", "0.0000", "0.750", "120", "12"]
    assert (triage[0], triage[2:4]) == ("triage", ["80.0%", "30.0%"])
    assert (decide[0], decide[2:]) == ("decide", ["20.0%", "-", "-"])
    assert cells(ended)[-1] == [address, "9.9", "2", "0.0"]


def test_json_has_the_same_in_one_line(once):
    with metrics_endpoint(BEFORE, AFTER) as address:
        ended = once(address, output="json")

    (cascade,) = ended.data["cascades"]
    assert (ended.code, len(ended.out.splitlines())) == (0, 1)
    assert (cascade["name"], cascade["state"], cascade["margin"]) == ("logs", "certified", 0.75)
    assert [tier["name"] for tier in cascade["tiers"]] == ["triage", "decide"]
    assert cascade["degraded"] == pytest.approx(0.1)
    assert ended.data["gateways"] == [
        {
            "address": address,
            "version": "9.9",
            "in_flight": 2,
            "refused_per_s": 0.0,
            "problem": "",
        }
    ]


def test_one_that_does_not_answer_is_named_beside_those_that_do(once):
    nobody = f"127.0.0.1:{free_port()}"
    with metrics_endpoint(BEFORE, AFTER) as address:
        ended = once(nobody, address)

    assert (ended.code, ended.err) == (0, "")
    assert cells(ended)[-2] == [nobody, "no", "answer", "(ConnectionRefusedError)", "-", "-"]
    assert cells(ended)[1][0] == "logs"


def test_where_none_answers_the_exit_code_says_so(once):
    nobody = f"127.0.0.1:{free_port()}"

    ended = once(nobody)

    assert ended.code == 69
    assert ended.err == (
        f"headgate: {nobody}: no answer (ConnectionRefusedError). "
        "Serve metrics with `headgate serve --metrics-port`, or name another --metrics.\n"
    )
    assert cells(ended)[-1][0] == nobody


@pytest.mark.parametrize("address", ["9464", "host:port", ""])
def test_what_is_no_address_is_a_mistake_of_usage(once, address):
    ended = once(address)

    assert (ended.code, ended.out) == (2, "")
    assert "HOST:PORT" in ended.err


def test_without_a_terminal_it_says_how_to_go_on(headgate):
    ended = headgate("top")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "headgate: stdout: it is no terminal. Add --once, or --output json.\n"


def test_nothing_that_a_gateway_tells_reaches_the_terminal_as_a_command(once):
    with metrics_endpoint(told(cascade="\x1b[31mred")) as address:
        ended = once(address)

    assert ended.code == 0
    assert "\x1b" not in ended.out


@pytest.mark.slow
async def test_a_real_gateway_is_read(parts, headgate, once):
    port = free_port()
    async with running(parts) as server:
        stop = serve_metrics(server.host, f"127.0.0.1:{port}")
        records = list(map(wire.record_to_wire, part_records()))
        await server.rpc("RunCascade")(RunCascadeRequest(records=records))
        ended = once(f"127.0.0.1:{port}")
        stop()

    assert (ended.code, ended.err) == (0, "")
    assert cells(ended)[1][:3] == ["parts", "uncertified", "all"]
    assert [line[0] for line in cells(ended)[2:4]] == ["triage", "decide"]
    assert cells(ended)[-1] == [f"127.0.0.1:{port}", __version__, "0", "0.0"]


@pytest.mark.slow
def test_on_a_terminal_it_draws_until_it_is_interrupted():
    ours, theirs = pty.openpty()
    with metrics_endpoint(BEFORE, AFTER) as address:
        line = (sys.executable, "-m", "headgate.cli.main", "top", "--metrics", address)
        with subprocess.Popen(  # noqa: S603 - our own program
            [*line, "--interval-s", "0.1"], stdout=theirs, stderr=theirs, stdin=theirs
        ) as process:
            os.close(theirs)
            seen = b""
            while b"80.0%" not in seen:
                seen += os.read(ours, 4096)
            process.send_signal(signal.SIGINT)
            while part := _read(ours):
                seen += part
            code = process.wait(10)
    os.close(ours)

    text = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", seen).decode()
    assert code == 0
    assert "logs" in text
    assert "Traceback" not in text
    assert seen.rindex(b"\x1b[?1049l") > seen.index(b"\x1b[?1049h")  # the screen is given back


def _read(terminal):
    """Return what is still to be read; nothing when the other end is closed."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def test_what_is_unknown_is_a_dash():
    tiers = (TierView("triage", None, None, None, None),)
    cascade = CascadeView("logs", None, None, None, "void", None, None, None, tiers)

    text = drawn(View((GatewayView("g:1", problem="no answer"),), (cascade,)))

    assert text.splitlines()[1].split() == ["logs", "void", "all", *"------"]
    assert text.splitlines()[2].split() == ["triage", *"----"]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.0004, "0 ms"), (0.25, "250 ms"), (1.26, "1.3 s")]
)
def test_times_are_short(value, text):
    assert seconds(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (0.0, "0.0"), (12345.67, "12,345.7")])
def test_numbers_are_short(value, text):
    assert number(value) == text
