"""`headgate serve` as a person or a supervisor runs it: a process, its signals, its streams."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from fakes.fitted_parts import RECORDED, fit_parts, part_records, write_parts
from headgate.client import Client

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 60


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    return fit_parts(tmp_path_factory.mktemp("fitted"))


@pytest.fixture
def port():
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def serve():
    """Starts `headgate serve`; what still runs at the end is killed."""
    started = []

    def command(*arguments):
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "headgate.cli.main", "serve", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "RAY_AUTH_MODE": "disabled"},
        )
        started.append(process)
        return process

    yield command
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.ray
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_served_cascade_answers_until_it_is_told_to_stop(fitted, port, serve, number):
    address = f"127.0.0.1:{port}"

    process = serve(fitted.path, "--port", port)
    with Client(address) as client:
        client.wait_until_ready(START_TIMEOUT_S)
        results = client.run_cascade(part_records(), cascade="parts")
    # Being ready is said a moment after the gateway is; without that line this would hang.
    said = [process.stderr.readline(), process.stderr.readline()]
    process.send_signal(number)
    out, rest = process.communicate(timeout=STOP_TIMEOUT_S)

    assert [result.answer for result in results[:3]] == ["disk", "net", "net"]
    assert results[2].record_id == RECORDED
    assert said[0].startswith(f"starting parts on {address}")
    assert said[1].startswith(f"serving parts on {address} (ready in ")
    # Nothing of Ray's: neither its log lines nor a traceback.
    assert (process.returncode, out, rest) == (0, "", "draining\nstopped\n")


@pytest.mark.ray
def test_a_signal_during_the_start_is_not_lost(fitted, port, serve):
    process = serve(fitted.path, "--port", port)
    said = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, rest = process.communicate(timeout=START_TIMEOUT_S)

    assert said.startswith("starting parts")
    assert (process.returncode, out) == (0, "")
    assert rest.splitlines()[1:] == ["draining", "stopped"]


def test_a_taken_port_ends_at_once(fitted, serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = serve(fitted.path, "--port", taken.getsockname()[1])
        out, said = process.communicate(timeout=STOP_TIMEOUT_S)

    assert (process.returncode, out) == (69, "")
    assert "something listens there already" in said
    assert "Traceback" not in said


def test_a_cascade_that_is_not_fitted_ends_at_once(port, serve, tmp_path):
    process = serve(write_parts(tmp_path).path, "--port", port)
    out, said = process.communicate(timeout=STOP_TIMEOUT_S)

    assert (process.returncode, out) == (2, "")
    assert "there is no artifact here" in said
    assert "Traceback" not in said
