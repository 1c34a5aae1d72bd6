"""One run at a time in the directory of a job.

directory, job -> lock file, held by the kernel as long as the process lives -> Owner in it
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from headgate.errors import JobLockedError

FILE = "lock"
_MOST_BYTES = 4096
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_ENDED = "Z"
"""The state of a process that has ended and whose parent has not asked how."""
_WITHOUT_LOCKS = (errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK)
"""What file systems say that know no locks; there the owner in the file has to do."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who works in the directory."""

    pid: int
    host: str
    started: str
    """Boot of the host and start of the process in it: tells a process from a later one of its
    number. Empty where the system does not say."""
    job: str

    @classmethod
    def here(cls, job: str) -> Owner:
        """Return this process as an owner."""
        return cls(os.getpid(), socket.gethostname(), _started(os.getpid()), job)

    @property
    def gone(self) -> bool:
        """Return whether it certainly works no more; of another host nothing is certain."""
        if self.host != socket.gethostname():
            return False
        return not _alive(self.pid) or _started(self.pid) != self.started


@contextlib.contextmanager
def held(directory: Path, job: str) -> Iterator[None]:
    """Hold the directory's lock inside the block.

    A lock whose owner has ended on this host is taken over. The file stays, empty: removing it
    would let two processes hold locks on two files of one name.

    Raises:
        JobLockedError: Another run holds it; names its process and host.
        OSError: The file cannot be written.
    """
    path = directory / FILE
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(handle, path, Owner.here(job))
        try:
            yield
        finally:
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def owner_of(directory: Path) -> Owner | None:
    """Return who works in the directory now; None when nobody is known to."""
    try:
        handle = os.open(directory / FILE, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        owner = _read(handle)
    finally:
        os.close(handle)
    return None if owner is None or owner.gone else owner


def _take(handle: int, path: Path, owner: Owner) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _locked(path, _read(handle)) from None
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
    # The kernel of another host may not know of this one's locks: what the file says counts too.
    before = _read(handle)
    if before is not None and not before.gone:
        raise _locked(path, before)
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(asdict(owner)).encode(), 0)
    os.fsync(handle)


def _read(handle: int) -> Owner | None:
    """Return the owner in the file; None when there is none, or what is there is cut off."""
    try:
        values = json.loads(os.pread(handle, _MOST_BYTES, 0))
        return Owner(int(values["pid"]), values["host"], values["started"], values["job"])
    except (ValueError, KeyError, TypeError):
        return None


def _locked(path: Path, owner: Owner | None) -> JobLockedError:
    who = "another process" if owner is None else f"process {owner.pid} on {owner.host}"
    return JobLockedError(
        str(path.parent),
        f"{who} works in it",
        f"Wait until it has ended; if that host is gone for good, delete {path}.",
    )


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(pid: int) -> str:
    """Return the boot of this host and the ticks from there to the start of a process."""
    try:
        boot = _BOOT.read_text(encoding="ascii").strip()
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name of the program, in brackets, may hold blanks; the start is field 22 of all.
    state, *rest = status.rpartition(")")[2].split()
    return "" if state == _ENDED else f"{boot}:{rest[18]}"
