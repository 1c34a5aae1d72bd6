"""The lines of a replica: all in its file, and warnings on stderr beside."""

import json
import logging
import os

import pytest

from headgate.serving import log_files
from headgate.serving.log_files import configure_replica_logs
from headgate.serving.logs import get_logger

log = get_logger("headgate.serving.made_up")


@pytest.fixture
def session(tmp_path, monkeypatch):
    """Be a process of a session of Ray whose logs are in this folder."""
    monkeypatch.setattr(log_files, "session_folder", lambda: tmp_path / "headgate")
    for each in ("logThreads", "logProcesses", "logMultiprocessing"):
        monkeypatch.setattr(logging, each, True)  # put back afterwards
    yield tmp_path / "headgate"
    for each in logging.getLogger().handlers:
        each.close()


def events(text):
    return [json.loads(line)["event"] for line in text.splitlines()]


def test_every_line_is_in_the_file_and_warnings_are_on_stderr_too(session, capsys):
    configure_replica_logs("gateway", {})

    log.info("rpc")
    log.warning("trouble")

    (file,) = session.iterdir()
    assert file.name == f"gateway-{os.getpid()}.log"
    assert events(file.read_text()) == ["rpc", "trouble"]
    assert events(capsys.readouterr().err) == ["trouble"]


def test_a_second_configuration_writes_no_line_twice(session):
    configure_replica_logs("gateway", {})
    configure_replica_logs("watcher", {"HEADGATE_LOG_LEVEL": "debug"})

    log.debug("once")

    (file,) = session.iterdir()
    assert events(file.read_text()) == ["once"]


def test_a_full_file_is_set_aside_and_the_oldest_one_deleted(session, monkeypatch):
    monkeypatch.setattr(log_files, "FILE_SIZE_BYTES", 200)
    monkeypatch.setattr(log_files, "CHECK_EVERY", 2)
    configure_replica_logs("gateway", {})

    for number in range(20):
        log.info(f"event-{number}")

    name = f"gateway-{os.getpid()}.log"
    found = sorted(each.name for each in session.iterdir())
    assert found == [name, *(f"{name}.{number}" for number in range(1, 5))]
    assert events((session / name).read_text())[-1] == "event-19"


def test_lines_go_to_stderr_where_no_file_can_be_written(session, capsys):
    session.write_text("not a folder")

    configure_replica_logs("gateway", {})
    log.info("rpc")

    assert events(capsys.readouterr().err) == ["no_log_file", "rpc"]


def test_lines_go_to_stderr_outside_ray(capsys):
    configure_replica_logs("gateway", {})

    log.info("rpc")

    assert events(capsys.readouterr().err) == ["rpc"]
