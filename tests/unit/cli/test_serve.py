import os
import signal
import socket
from pathlib import Path

import pytest

from fakes.fitted_parts import write_parts
from headgate.cli.options import state_directory
from headgate.cli.serve import stop_signal


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "203.0.113.9", "headgate.example"])  # noqa: S104
def test_plaintext_beyond_this_machine_has_to_be_asked_for(headgate, fitted, host):
    ended = headgate("serve", fitted.path, "--host", host)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"headgate: --host {host}: others could reach it")
    assert "--insecure" in ended.err
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost"])
def test_a_taken_port_is_said_before_anything_starts(headgate, fitted, host):
    with socket.create_server(("127.0.0.1" if host == "localhost" else host, 0)) as taken:
        port = taken.getsockname()[1]
        ended = headgate("serve", fitted.path, "--host", host, "--port", port)

    assert (ended.code, ended.out) == (69, "")
    assert ended.err.splitlines()[-1] == (
        f"headgate: {host}:{port}: something listens there already. "
        "Stop it, or choose another host or port."
    )


def test_an_address_of_another_machine_is_said(headgate, fitted):
    """203.0.113.0/24 is for examples, and nobody's."""
    ended = headgate("serve", fitted.path, "--host", "203.0.113.9", "--insecure")

    assert ended.code == 69
    assert "203.0.113.9:50051: no place to listen" in ended.err


def test_a_taken_port_of_metrics_is_said_before_anything_starts(headgate, fitted):
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        socket.create_server(("127.0.0.1", 0)) as free,
    ):
        ports = free.getsockname()[1], taken.getsockname()[1]
        free.close()
        ended = headgate("serve", fitted.path, "--port", ports[0], "--metrics-port", ports[1])

    assert (ended.code, ended.out) == (69, "")
    assert ended.err.splitlines()[-1].startswith(
        f"headgate: 127.0.0.1:{ports[1]}: something listens there already."
    )


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_port_of_metrics_is_one_that_scrapers_can_use(headgate, fitted, port):
    ended = headgate("serve", fitted.path, "--metrics-port", port)

    assert ended.code == 2
    assert "--metrics-port" in ended.err


def test_state_is_kept_where_the_command_line_says_or_in_the_users_own_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "own"))

    assert state_directory(Path("kept")) == tmp_path / "kept"
    assert state_directory(None) == tmp_path / "own" / "headgate"


def test_a_cascade_that_is_not_fitted_is_said_before_anything_starts(headgate, tmp_path):
    loaded = write_parts(tmp_path)

    ended = headgate("serve", loaded.path, "--port", "50999")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines()[-1].startswith(
        f"headgate: {loaded.artifact}: there is no artifact here."
    )


def test_a_missing_key_is_said_before_anything_starts(headgate, fitted, tmp_path):
    live = "{kind: lm, engine: openai, model: m, api_key: {env: NO_SUCH_KEY}}"
    loaded = write_parts(tmp_path, artifact=fitted.artifact, large_model=live)

    ended = headgate("serve", loaded.path, "--port", "50999")

    assert ended.code == 2
    assert "environment variable NO_SUCH_KEY: it holds no key" in ended.err


def test_two_cascades_of_one_name_are_refused(headgate, fitted):
    ended = headgate("serve", fitted.path, fitted.path, "--port", "50999")

    assert ended.code == 2
    assert "'parts'" in ended.err


@pytest.mark.parametrize("port", ["0", "65536", "grpc"])
def test_a_port_is_a_number_that_callers_can_use(headgate, fitted, port):
    ended = headgate("serve", fitted.path, "--port", port)

    assert ended.code == 2
    assert "--port" in ended.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_is_waited_for_and_a_second_one_interrupts(number):
    with stop_signal() as wait:
        os.kill(os.getpid(), number)
        wait()

        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)


def test_a_signal_that_came_before_the_wait_ends_it():
    """Such as one during the start."""
    with stop_signal() as wait:
        os.kill(os.getpid(), signal.SIGTERM)

        wait()


def test_signals_mean_afterwards_what_they_meant_before():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    with stop_signal():
        pass

    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
