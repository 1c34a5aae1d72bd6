"""What a corpus index on disk consists of, and the proof that it is whole.

DIRECTORY/manifest.json -> Manifest: segments, generation, files by name with size and hash
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from headgate.artifact.manifest import JSON, MANIFEST, ListedFile, seal, sha256_of
from headgate.errors import ArtifactError

KIND: Final = "corpus"
FORMAT: Final = 1
MAX_MANIFEST_BYTES: Final = 64 * 1024 * 1024
BUILD: Final = "Build it with: headgate index build --input PLACE --output DIR."
REBUILD: Final = "Copy it again from where it was built, or build it again."

_NAME: Final = re.compile(
    r"(segments|generation-\d+)/\w[\w.-]*\.(arrow|faiss|json|npy|safetensors)"
)


@dataclass(frozen=True, slots=True)
class ListedSegment:
    """Passages that were committed together."""

    name: str
    """Such as `segments/000012`; of its files, without the ending."""
    first: int
    """Number of its first passage."""
    count: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `manifest.json` says."""

    generation: int
    """From 1; grows with every change of what can be found."""
    encoder: str
    """The fingerprint of what made the vectors."""
    model: Mapping[str, JSON]
    """What the builder needs to load the same encoder again."""
    dim: int
    passages: int
    """Those that can be found."""
    duplicates: int
    """Those that cannot, because another has the same content."""
    next_number: int
    """Of the next passage: numbers are not used again."""
    segments: tuple[ListedSegment, ...]
    """In the order of their numbers."""
    files: Mapping[str, ListedFile]
    """All but the manifest, by name."""

    @property
    def folder(self) -> str:
        """Return the folder of what was made of the segments together."""
        return generation_folder(self.generation)

    @property
    def size_bytes(self) -> int:
        """Return what all files take."""
        return sum(each.size_bytes for each in self.files.values())

    def encoded(self) -> bytes:
        """Return the bytes of `manifest.json`, with their own hash in them."""
        segments: list[JSON] = [[each.name, each.first, each.count] for each in self.segments]
        files: dict[str, JSON] = {
            name: [each.size_bytes, each.sha256] for name, each in self.files.items()
        }
        body: dict[str, JSON] = {
            "format": FORMAT,
            "kind": KIND,
            "generation": self.generation,
            "encoder": self.encoder,
            "model": dict(self.model),
            "dim": self.dim,
            "passages": self.passages,
            "duplicates": self.duplicates,
            "next_number": self.next_number,
            "segments": segments,
            "files": files,
        }
        return seal(body, MANIFEST)


def generation_folder(generation: int) -> str:
    """Return the folder of a generation's files."""
    return f"generation-{generation:06d}"


def read_manifest(directory: Path) -> Manifest | None:
    """Return what the manifest of a directory says; None when there is none.

    Raises:
        ArtifactError: It is altered, or no manifest of a corpus index.
    """
    path = directory / MANIFEST
    if not os.path.lexists(path):
        return None
    with path.open("rb") as file:
        content = file.read(MAX_MANIFEST_BYTES + 1)
    place = str(path)
    try:
        body = json.loads(content)
        digest = body.pop("manifest_sha256")
        if content != seal(body, place) or not digest:
            raise ArtifactError(place, "was altered: its own hash does not match", REBUILD)
        return _manifest_of(body, place)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArtifactError(place, "is not the manifest of a corpus index", REBUILD) from error


def listed(path: Path) -> ListedFile:
    """Return the size and hash of a file."""
    return ListedFile(sha256_of(path), path.stat().st_size)


def check_files(directory: Path, manifest: Manifest) -> None:
    """Check every file that the manifest lists; others, such as of a build at work, may be there.

    Raises:
        FileNotFoundError: One is not there: deleted, or replaced by a newer generation.
        ArtifactError: One is not what was listed.
    """
    for name, expected in manifest.files.items():
        size_bytes = (directory / name).stat().st_size
        if size_bytes != expected.size_bytes:
            problem = f"has {size_bytes} bytes, not the {expected.size_bytes} of the manifest"
            raise ArtifactError(str(directory / name), problem, REBUILD)
    for name, expected in manifest.files.items():
        digest = sha256_of(directory / name)
        if digest != expected.sha256:
            problem = f"was altered: sha256 is {digest[:12]}, not {expected.sha256[:12]}"
            raise ArtifactError(str(directory / name), problem, REBUILD)


def _manifest_of(body: dict[str, Any], place: str) -> Manifest:
    if (body["format"], body["kind"]) != (FORMAT, KIND):
        problem = f"is of the kind {body['kind']!r}, format {body['format']!r}"
        raise ArtifactError(place, problem, BUILD)
    for name in body["files"]:
        if not _NAME.fullmatch(name):
            raise ArtifactError(place, f"lists a file {name!r}", REBUILD)
    return Manifest(
        int(body["generation"]),
        str(body["encoder"]),
        dict(body["model"]),
        int(body["dim"]),
        int(body["passages"]),
        int(body["duplicates"]),
        int(body["next_number"]),
        tuple(ListedSegment(*each) for each in body["segments"]),
        {name: ListedFile(digest, size) for name, (size, digest) in body["files"].items()},
    )
