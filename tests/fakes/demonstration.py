"""The demonstration of a cascade, run as a process of its own.

name of a cascade -> cascades/demo.py -> what it printed, and how it ended
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


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
