"""Files that are whole or not there.

content -> hidden file beside the place -> fsync -> renamed into the place -> fsync of the folder
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from headgate.artifact import JSON

PRIVATE_FOLDER = 0o700


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield where to write; what is there at the end of the block takes the place of `path`.

    After an exception nothing is left behind. A process that is killed leaves the hidden file,
    which the next writer of the same place replaces.

    Raises:
        OSError: It cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        sync(partial)
        partial.replace(path)
        sync(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: JSON) -> None:
    """Write a value as a JSON file, whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    with replacing(path) as partial:
        partial.write_text(json.dumps(value, indent=1), encoding="ascii")


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def private_folder(path: Path) -> None:
    """Make a folder that only its owner may enter, with those above it as they come.

    Raises:
        OSError: It cannot be made.
    """
    path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
