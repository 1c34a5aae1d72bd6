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
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    settings = {"RAY_AUTH_MODE": "disabled", "HOME": str(tmp_path), "XDG_CACHE_HOME": cache}

    done = subprocess.run(
        [sys.executable, "cascades/demo.py", "log_analysis"],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    accuracy = {
        name: float(percent)
        for name, percent in re.findall(r"(alone|cascade) +│ +([\d.]+)%", done.stdout)
    }
    assert set(accuracy) == {"alone", "cascade"}
    assert "recorded" in done.stdout
    assert "server stopped with exit code 0" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
