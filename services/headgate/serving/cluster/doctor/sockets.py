"""Who listens on this machine, as the kernel tells it.

/proc/net/tcp, /proc/net/tcp6, /proc/<pid>/fd -> [Listening]
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_LISTEN = "0A"
"""The state of a socket that listens; kernel, include/net/tcp_states.h."""


@dataclass(frozen=True, slots=True)
class Listening:
    """A port that takes connections."""

    host: str
    """The address it is bound to."""
    port: int
    program: str
    """Command line of its process; empty when that is another user's."""

    @property
    def is_private(self) -> bool:
        """Return whether only this machine reaches it."""
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def is_ray(self) -> bool:
        """Return whether it is a process of Ray."""
        # Replicas and workers rename themselves; the rest is started from the installed package.
        renamed = self.program.startswith(("ray::", "ray-dashboard"))
        return renamed or "/site-packages/ray/" in self.program


def listening(proc: Path = PROC) -> list[Listening]:
    """Return the TCP ports that this machine listens on, in the order of their numbers.

    Empty where the system has no such files, as outside Linux.
    """
    found = dict(_sockets(proc))
    programs = _programs(proc, set(found))
    ports = {(*place, programs.get(inode, "")) for inode, place in found.items()}
    return [Listening(*each) for each in sorted(ports, key=lambda each: (each[1], each[0]))]


def _sockets(proc: Path) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yield inode, address and port of each socket that listens."""
    for name in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / name).read_text("ascii").splitlines()[1:]
        except (OSError, UnicodeDecodeError):
            continue
        for line in lines:
            parts = line.split()
            if len(parts) > 9 and parts[3] == _LISTEN:
                host, _, port = parts[1].partition(":")
                yield parts[9], (_address(host), int(port, 16))


def _address(text: str) -> str:
    """Return an address that the kernel wrote as 32-bit words in the machine's own byte order."""
    words = [bytes.fromhex(text[start : start + 8]) for start in range(0, len(text), 8)]
    ordered = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    address = ipaddress.ip_address(ordered)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _programs(proc: Path, inodes: set[str]) -> dict[str, str]:
    """Return the command line of the process of each socket, where we may look."""
    found: dict[str, str] = {}
    for process in proc.iterdir() if proc.is_dir() else ():
        if process.name.isdecimal():
            # Processes end while they are looked at, and other users' are closed to us.
            with contextlib.suppress(OSError):
                for inode in _inodes(process) & inodes:
                    found[inode] = _command(process)
    return found


def _inodes(process: Path) -> set[str]:
    links = set()
    for handle in (process / "fd").iterdir():
        with contextlib.suppress(OSError):
            links.add(os.readlink(handle))
    return {each[8:-1] for each in links if each.startswith("socket:[")}


def _command(process: Path) -> str:
    return (
        (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    )
