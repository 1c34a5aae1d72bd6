"""Do the versions fit each other?

installed packages, the cluster's Ray -> [Finding]
"""

from __future__ import annotations

import platform
import re
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version

from headgate import __version__
from headgate.serving.cluster.doctor.finding import Finding, Level, ok
from headgate.serving.cluster.rest import OLDEST, TOO_NEW

OLDEST_PYTHON = (3, 11)
_RANGE = f">={'.'.join(map(str, OLDEST))},<{TOO_NEW[0]}"


def local_versions(
    python: str = platform.python_version(),
    version_of: Callable[[str], str] = installed_version,
) -> list[Finding]:
    """Return whether Python and Ray of this machine are of versions that Headgate runs on.

    Args:
        python: Version of Python.
        version_of: Returns a package's version, or raises PackageNotFoundError.
    """
    if _numbers(python) < OLDEST_PYTHON:
        what = f"Python {python}, and Headgate needs 3.11 or later"
        return [Finding(Level.ERROR, what, "Make the environment anew with Python 3.11.")]
    try:
        ray = version_of("ray")
    except PackageNotFoundError:
        what = f"Headgate {__version__}, Python {python}, no Ray: nothing can be served from here"
        return [Finding(Level.NOTE, what, "pip install 'headgate[server]'")]
    if not in_range(ray):
        what = f"Ray {ray} is installed, and Headgate needs {_RANGE}"
        return [Finding(Level.ERROR, what, f"pip install 'ray[serve]{_RANGE}'")]
    return ok(f"Headgate {__version__}, Python {python}, Ray {ray}")


def in_range(ray: str) -> bool:
    """Return whether Headgate runs on this version of Ray."""
    return OLDEST <= _numbers(ray) < TOO_NEW


def cluster_version(cluster: str, local: str | None) -> list[Finding]:
    """Return whether the cluster's Ray is that of this machine.

    Args:
        cluster: The cluster's version, in range.
        local: This machine's; None when there is none.
    """
    if local is None or cluster == local:
        return ok(f"the cluster runs Ray {cluster}")
    what = f"the cluster runs Ray {cluster}, and this machine has {local}"
    return [Finding(Level.WARNING, what, f"pip install 'ray[serve]=={cluster}'")]


def local_ray() -> str | None:
    """Return the version of Ray that is installed here; None when there is none."""
    try:
        return installed_version("ray")
    except PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    """Return major and minor; zeros for what is no version."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return tuple(map(int, found.groups())) if found else (0, 0)
