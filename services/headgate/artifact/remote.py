"""Where an artifact lies on this machine.

location (a directory or any URL of fsspec) -> local directory, copied when it is remote
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import fsspec
import platformdirs
from fsspec.implementations.local import LocalFileSystem

from headgate.artifact.manifest import (
    FIT,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    Manifest,
    check_files,
    parse_manifest,
)
from headgate.errors import ArtifactError

_CHUNK_BYTES: Final = 1024 * 1024


class FileSystem(Protocol):
    """The one thing we ask of a file system of fsspec."""

    def open(self, path: str, mode: str) -> BinaryIO:
        """Open a file; the mode is always `rb`."""


def shown(location: str | Path) -> str:
    """Return a location as a message may show it: no user, password or signature."""
    return re.sub(r"//[^/]*@", "//", str(location)).split("?")[0]


def local_directory(location: str | Path, cache: Path | None) -> Path:
    """Return the local directory of an artifact, having copied it when it is remote.

    The directory is not checked yet. A copy lies in a folder named by the hash of its manifest,
    so replicas on one machine copy once; files that the manifest does not list are not copied.

    Args:
        location: A directory, or any URL that fsspec can read.
        cache: Where copies are kept; the user's cache directory when None.

    Raises:
        ArtifactError: There is no artifact, or it cannot be read.
    """
    if "://" not in str(location):
        return Path(location).expanduser().resolve()
    place = shown(location)
    try:
        files, root = fsspec.core.url_to_fs(str(location))
        if isinstance(files, LocalFileSystem):
            return Path(root).resolve()
        return _fetch(files, root, place, cache or platformdirs.user_cache_path("headgate"))
    except ArtifactError:
        raise
    except FileNotFoundError as error:
        raise ArtifactError(place, "there is no artifact here", FIT) from error
    except Exception as error:  # a driver may raise anything: this is the border
        raise unreadable(place, error) from error


def unreadable(place: str, error: Exception) -> ArtifactError:
    """Return our error; of theirs only the type is told, for its text can hold a key."""
    problem = f"cannot be read ({type(error).__name__})"
    return ArtifactError(place, problem, "Check the location and who may read it.")


def _fetch(files: FileSystem, root: str, place: str, cache: Path) -> Path:
    with files.open(f"{root}/{MANIFEST}", "rb") as source:
        content = source.read(MAX_MANIFEST_BYTES + 1)
    manifest = parse_manifest(content, place)
    kept = cache / "artifacts" / manifest.sha256
    if _is_whole(kept, manifest):
        return kept
    shutil.rmtree(kept, ignore_errors=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".") as scratch:
        copy = Path(scratch) / "copy"
        copy.mkdir()
        (copy / MANIFEST).write_bytes(content)
        for name in manifest.files:
            _copy(files, f"{root}/{name}", copy / name, manifest.files[name].size_bytes)
        _keep(copy, kept)
    return kept


def _is_whole(kept: Path, manifest: Manifest) -> bool:
    try:
        check_files(kept, manifest, str(kept))
    except ArtifactError:
        return False
    return (kept / MANIFEST).is_file()


def _copy(files: FileSystem, url: str, path: Path, size_bytes: int) -> None:
    """Copy a file, and one byte more than listed at most: a lying store cannot fill the disk."""
    path.parent.mkdir(exist_ok=True)
    left = size_bytes + 1
    with files.open(url, "rb") as source, path.open("wb") as sink:
        while left and (chunk := source.read(min(left, _CHUNK_BYTES))):
            sink.write(chunk)
            left -= len(chunk)


def _keep(copy: Path, kept: Path) -> None:
    try:
        copy.rename(kept)
    except OSError:
        # Another replica was first; what it put there is checked like ours.
        if not kept.is_dir():
            raise
