"""The demonstration, run as a newcomer runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(300)
def test_the_demonstration_fits_serves_calls_and_ends_well(embedded_int8, tmp_path):
    del embedded_int8  # made now, so that the time-out covers the demonstration only

    done = demonstrate("log_analysis", tmp_path)

    accuracy = {
        name: float(percent)
        for name, percent in re.findall(r"(alone|cascade) +│ +([\d.]+)%", done.stdout)
    }
    assert set(accuracy) == {"alone", "cascade"}
    assert_ended_well(done)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(300)
def test_the_demonstration_matches_tables(embedded_int8, tmp_path):
    del embedded_int8

    done = demonstrate("schema_matching", tmp_path)

    tables = re.findall(r"│ +(\d+) +│ +(\d+) +│ +(\d+) +│ +(\d+) +│ +\d+%", done.stdout)
    assert len(tables) == 4
    assert all(int(found) <= int(right) <= int(columns) for columns, found, right, _ in tables)
    assert_ended_well(done)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(300)
def test_the_demonstration_answers_questions(embedded_int8, tmp_path):
    del embedded_int8

    done = demonstrate("question_answering", tmp_path)

    right = re.findall(r"│ (?:steps of every question|cascade) +│ +([\d.]+)%", done.stdout)
    assert len(right) == 2
    assert "step 1:" in done.stdout
    assert_ended_well(done)


def demonstrate(cascade: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the demonstration of a cascade as a process of its own."""
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    settings = {"RAY_AUTH_MODE": "disabled", "HOME": str(home), "XDG_CACHE_HOME": cache}
    return subprocess.run(  # noqa: S603 - a program of ours
        [sys.executable, "cascades/demo.py", cascade],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def assert_ended_well(done: subprocess.CompletedProcess[str]) -> None:
    """Check what holds of every demonstration."""
    assert done.returncode == 0, done.stdout + done.stderr
    assert "recorded" in done.stdout
    assert "server stopped with exit code 0" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
