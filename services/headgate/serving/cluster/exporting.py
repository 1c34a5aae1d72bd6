"""Files of an export into a directory, in the place of those of an earlier one.

text by path -> directory that holds these files and nothing else
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from headgate.errors import InputError
from headgate.serving.cluster.kubernetes import HEADER


def write_export(files: Mapping[str, str], directory: Path) -> None:
    """Write the files; those of an earlier export that are not among them go.

    Nothing is written where a file is in the way that no export made.

    Args:
        files: Text by path below the directory.
        directory: New, empty, or of an earlier export.

    Raises:
        InputError: Something else is there.
        OSError: The directory cannot be written.
    """
    present = sorted(directory.rglob("*")) if directory.exists() else []
    for path in present:
        if path.is_symlink() or not (path.is_dir() or _is_ours(path)):
            problem = f"{path.relative_to(directory)} is there, and no export made it"
            raise InputError(str(directory), problem, "Choose a new directory, or move it away.")
    for path in present:
        if path.is_file():
            path.unlink()
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.readline().rstrip() == HEADER.encode()
