"""Can other users read what is private, or change what is served?

state directory, artifacts -> modes -> [Finding]
"""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from headgate.serving.cluster.doctor.finding import Finding, Level, ok

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def state_modes(state_dir: Path) -> list[Finding]:
    """Return which files and directories of decisions others can get at.

    They hold the audits' secret and what was decided about records. A directory and what is in it
    is its owner's alone; the one around all cascades may be listed, and not written to.
    """
    if not state_dir.is_dir():
        return ok(f"no decisions are kept below {state_dir}")
    findings = [] if not _mode(state_dir) & stat.S_IWOTH else [_writable(state_dir)]
    for folder in sorted(each for each in state_dir.iterdir() if each.is_dir()):
        findings += _private(folder, 0o700)
        for file in sorted(each for each in folder.iterdir() if each.is_file()):
            # In a closed directory the mode of what is open to others does no harm.
            if file.name == "audit_key" or _mode(folder) & _OTHERS:
                findings += _private(file, 0o600)
    return findings or ok(f"only their owner reads the decisions below {state_dir}")


def artifact_modes(directory: Path) -> list[Finding]:
    """Return whether others can change a fitted directory: what it holds decides answers."""
    if not directory.is_dir():
        return []
    open_ones = [each for each in _all(directory) if _mode(each) & stat.S_IWOTH]
    if not open_ones:
        return ok(f"nobody else can change {directory}")
    what = f"everybody can change {len(open_ones)} of the files and folders of {directory}"
    return [Finding(Level.ERROR, what, f"chmod -R o-w {_shell(directory)}")]


def secret_file_mode(path: Path) -> list[Finding]:
    """Return whether others can read the file of a key."""
    return _private(path, 0o600) if path.is_file() else []


def _private(path: Path, wanted: int) -> list[Finding]:
    mode = _mode(path)
    if not mode & _OTHERS:
        return []
    what = f"other users can get at {path}: its mode is {mode:04o}"
    return [Finding(Level.ERROR, what, f"chmod {wanted:o} {_shell(path)}")]


def _writable(path: Path) -> Finding:
    what = f"everybody can put files into {path}: its mode is {_mode(path):04o}"
    return Finding(Level.ERROR, what, f"chmod 700 {_shell(path)}")


def _all(directory: Path) -> Iterator[Path]:
    yield directory
    children: Iterable[Path] = directory.rglob("*")
    yield from (each for each in children if not each.is_symlink())


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _shell(path: Path) -> str:
    return shlex.quote(str(path))
