"""Opening a fitted directory.

location -> local directory -> every hash checked -> Artifact
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from headgate.artifact.manifest import (
    FIT,
    JSON,
    MANIFEST,
    Manifest,
    check_files,
    decode,
    read_manifest,
)
from headgate.artifact.remote import local_directory, shown, unreadable
from headgate.errors import ArtifactError

Scalar = TypeVar("Scalar", str, int, float)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A fitted directory whose every file was checked when it was opened."""

    directory: Path
    place: str
    """Where it came from, for messages; without credentials."""
    manifest: Manifest

    @classmethod
    def open(
        cls, location: str | Path, *, kind: str | None = None, cache: Path | None = None
    ) -> Artifact:
        """Return the artifact at a location once all its hashes are checked.

        Args:
            location: A directory, or any URL that fsspec can read; a remote one is copied first.
            kind: Refuse an artifact of another kind.
            cache: Where copies of remote artifacts are kept; the user's cache when None.

        Raises:
            ArtifactError: It is missing, incomplete, altered, unreadable or of another kind.
        """
        place = shown(location)
        directory = local_directory(location, cache)
        try:
            manifest = read_manifest(directory, place)
            check_files(directory, manifest, place)
        except OSError as error:
            raise unreadable(place, error) from error
        if kind is not None and manifest.kind != kind:
            problem = f"is of the kind {manifest.kind!r}, not {kind!r}"
            raise ArtifactError(place, problem, "Name the right directory, or fit it again.")
        return cls(directory, place, manifest)

    @property
    def kind(self) -> str:
        """Return what was fitted."""
        return self.manifest.kind

    @property
    def facts(self) -> Mapping[str, JSON]:
        """Return what the fit wrote about it."""
        return self.manifest.facts

    @property
    def revision(self) -> str:
        """Return 12 hexadecimal digits that change with any content."""
        return self.manifest.sha256[:12]

    def path(self, name: str) -> Path:
        """Return where the file of that name lies.

        Raises:
            ArtifactError: The manifest lists no such file.
        """
        if name not in self.manifest.files:
            raise ArtifactError(self.place, f"has no file {name!r}", FIT)
        return self.directory / name

    def folder(self, name: str) -> Path:
        """Return where the subfolder of that name lies.

        Raises:
            ArtifactError: The manifest lists no file in such a folder.
        """
        if not any(listed.startswith(f"{name}/") for listed in self.manifest.files):
            raise ArtifactError(self.place, f"has no folder {name!r}", FIT)
        return self.directory / name

    def fact(self, name: str, type_: type[Scalar]) -> Scalar:
        """Return one fact of the manifest.

        Raises:
            ArtifactError: It is absent or of another type.
        """
        value = self.manifest.facts.get(name)
        if not isinstance(value, type_):
            problem = f"has no fact {name!r} of the type {type_.__name__}"
            raise ArtifactError(f"{self.place}/{MANIFEST}", problem, FIT)
        return value

    def read_json(self, name: str) -> JSON:
        """Return the value in a JSON file of the artifact.

        Raises:
            ArtifactError: The manifest lists no such file, or it is not JSON.
        """
        return decode(self.path(name).read_bytes(), f"{self.place}/{name}")
