"""Does Ray ask for a token, and is ours kept from others?

environment, token file, dashboard -> [Finding]

Whoever reaches a Ray that asks for no token runs code on all its machines.
"""

from __future__ import annotations

import ipaddress
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from headgate.serving.cluster.auth import HOME_FILE, PATH_VARIABLE, find_token
from headgate.serving.cluster.doctor.finding import Finding, Level, ok

MODE_VARIABLE = "RAY_AUTH_MODE"
TIMEOUT_S = 5.0
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def token_mode(address: str, environment: Mapping[str, str]) -> list[Finding]:
    """Return whether Ray's own commands would use a token with this cluster.

    Args:
        address: URL of the cluster's dashboard.
        environment: Of this process.
    """
    mode = environment.get(MODE_VARIABLE, "")
    if mode == "token":
        return ok(f"{MODE_VARIABLE} is token")
    if is_local(address):
        return ok(f"{MODE_VARIABLE} is {mode or 'not set'}, and the cluster is on this machine")
    what = f"{MODE_VARIABLE} is {mode or 'not set'}, and {address} is another machine"
    return [Finding(Level.ERROR, what, f"export {MODE_VARIABLE}=token")]


def token_file(environment: Mapping[str, str], home: Path) -> list[Finding]:
    """Return whether others can read the token's file.

    Raises:
        InputError: What is there is no token.
    """
    token = find_token(environment, home)
    path = Path(environment.get(PATH_VARIABLE) or home / HOME_FILE)
    if not path.is_file():
        where = f"it comes from {token.source}" if token else "there is none"
        return ok(f"no file holds a token of Ray; {where}")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        what = f"other users may read the token of Ray: {path} has mode {mode:04o}"
        return [Finding(Level.ERROR, what, f"chmod 600 {path}")]
    return ok(f"{path} has mode {mode:04o}")


def open_dashboard(address: str, *, timeout_s: float = TIMEOUT_S) -> list[Finding]:
    """Return whether the dashboard answers somebody without a token.

    Nobody there at all is no finding: whoever asks the cluster says so.
    """
    try:
        response = httpx2.get(
            f"{address}/api/v0/nodes?limit=1", timeout=timeout_s, follow_redirects=False
        )
    except httpx2.HTTPError:
        return []
    if response.status_code in (401, 403):
        return ok(f"{address} asks for a token")
    if response.status_code != 200:
        return []
    what = f"{address} answers without a token"
    if is_local(address):
        return [Finding(Level.NOTE, f"{what}; it is on this machine, for all its users")]
    mend = f"Start Ray on every node with {MODE_VARIABLE}=token; ray get-auth-token --generate"
    return [Finding(Level.ERROR, f"{what}: whoever reaches it runs code there", mend)]


def is_local(address: str) -> bool:
    """Return whether an address is one of this machine's alone."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, not an address
        return host == "localhost"
