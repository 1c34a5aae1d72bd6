"""Writing a fitted directory, whole or not at all.

files -> hidden directory beside the place -> manifest -> renamed into the place
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from headgate.artifact.manifest import (
    FORMAT,
    JSON,
    MANIFEST,
    check_name,
    check_names,
    encode,
    files_in,
    parse_manifest,
    read_manifest,
    seal,
    sha256_of,
)
from headgate.artifact.reader import Artifact
from headgate.errors import ArtifactError


class ArtifactWriter:
    """Writes an artifact beside its place and moves it there when it is finished.

    Used as a context manager. Leaving it without `finish`, by an exception or not, leaves
    nothing behind and an older artifact as it was. The directory is readable to its owner only,
    for it can hold records of users.
    """

    def __init__(self, directory: Path) -> None:
        """Start an artifact.

        Raises:
            ArtifactError: The place is taken by something else than an artifact of ours.
        """
        self.directory = Path(os.path.abspath(directory))
        self._place = str(self.directory)
        _check_target(self.directory)
        parent = self.directory.parent
        parent.mkdir(parents=True, exist_ok=True)
        self._partial = Path(tempfile.mkdtemp(".partial", f".{self.directory.name}.", parent))

    def __enter__(self) -> ArtifactWriter:
        """Return the writer."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Drop what was not finished."""
        shutil.rmtree(self._partial, ignore_errors=True)

    def path(self, name: str) -> Path:
        """Return where to write the file of that name; its folder is there.

        Raises:
            ArtifactError: No artifact may hold a file of that name.
        """
        check_name(name, self._place)
        path = self._partial / name
        path.parent.mkdir(exist_ok=True)
        return path

    def folder(self, name: str) -> Path:
        """Return where to write the subfolder of that name; it is not made here.

        Raises:
            ArtifactError: No artifact may hold a folder of that name.
        """
        check_name(f"{name}/{MANIFEST}", self._place)
        return self._partial / name

    def write_json(self, name: str, value: JSON) -> None:
        """Write a value as a JSON file.

        Raises:
            ArtifactError: The name is not allowed, or the value holds NaN or an infinity.
        """
        self.path(name).write_bytes(encode(value, f"{self._place}/{name}"))

    def finish(self, kind: str, facts: Mapping[str, JSON]) -> Artifact:
        """Hash everything, write the manifest and put the artifact in its place.

        The same files, kind and facts give the same manifest, byte for byte.

        Raises:
            ArtifactError: A file or fact may not be in an artifact, or something else than an
                artifact has taken its place.
        """
        files = {name: _listing(self._partial / name) for name in self._names()}
        body: dict[str, JSON] = {"format": FORMAT, "kind": kind, "facts": facts, "files": files}
        content = seal(body, f"{self._place}/{MANIFEST}")
        manifest = parse_manifest(content, self._place)
        (self._partial / MANIFEST).write_bytes(content)
        _sync(self._partial)
        _check_target(self.directory)
        _put_in_place(self._partial, self.directory)
        return Artifact(self.directory, self._place, manifest)

    def _names(self) -> list[str]:
        names = files_in(self._partial, self._place)
        check_names(names, self._place)
        return names


def _listing(path: Path) -> JSON:
    return {"sha256": sha256_of(path), "size_bytes": path.stat().st_size}


def _check_target(directory: Path) -> None:
    """Refuse to replace anything but an artifact of ours, be its files damaged or not."""
    if not os.path.lexists(directory):
        return
    place, remedy = str(directory), "Choose another directory, or move it away."
    if directory.is_symlink() or not directory.is_dir():
        raise ArtifactError(place, "is there already and is not a directory", remedy)
    if not any(directory.iterdir()):
        return
    try:
        listed = read_manifest(directory, place).files.keys() | {MANIFEST}
        others = set(files_in(directory, place)) - listed
    except ArtifactError as error:
        raise ArtifactError(place, "is there already and is not an artifact", remedy) from error
    if others:
        raise ArtifactError(place, f"would be replaced but holds {min(others)!r}", remedy)


def _sync(directory: Path) -> None:
    """Wait until everything under a directory is on the disk."""
    for path in (directory, *directory.rglob("*")):
        _sync_one(path)


def _sync_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put_in_place(partial: Path, target: Path) -> None:
    """Rename a directory to its place, moving an older one out of the way.

    POSIX cannot exchange two directories in one step: a crash between the two renames leaves
    both of them whole beside the place, under hidden names.
    """
    previous = partial.with_suffix(".previous")
    replaces = target.exists()
    if replaces:
        target.rename(previous)
    try:
        partial.rename(target)
    except OSError:
        if replaces:
            previous.rename(target)
        raise
    _sync_one(target.parent)
    shutil.rmtree(previous, ignore_errors=True)
