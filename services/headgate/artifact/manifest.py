"""What a manifest says, how it proves itself, and what may lie beside it.

bytes -> seal checked -> Manifest(kind, facts, files) -> every file's name, size, hash checked
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from headgate.errors import ArtifactError

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
MAX_MANIFEST_BYTES: Final = 4 * 1024 * 1024
ALLOWED_ENDINGS: Final = frozenset(
    {".bin", ".faiss", ".json", ".jsonl", ".safetensors", ".txt", ".xml"}
)

FIT: Final = "Fit it with: headgate fit CASCADE --labels LABELS."
RENEW: Final = "Copy it again from where it was fitted, or fit it again."

_SEAL: Final = "manifest_sha256"
# One subfolder at most, and nothing hidden: a part may not start with a dot.
_PART: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_NAME: Final = re.compile(rf"({_PART}/)?{_PART}")


@dataclass(frozen=True, slots=True)
class ListedFile:
    """What the manifest says of one file."""

    sha256: str
    """64 hexadecimal digits."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `manifest.json` says."""

    kind: str
    """What was fitted, such as `vector_store`."""
    facts: Mapping[str, JSON]
    """Versions, metrics and thresholds, as the fit wrote them."""
    files: Mapping[str, ListedFile]
    """Every file but the manifest, by its name relative to the directory."""
    sha256: str
    """Of the bytes of `manifest.json`; it stands for the whole content."""


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def encode(value: JSON, place: str) -> bytes:
    """Return a value as JSON; equal values give equal bytes.

    Raises:
        ArtifactError: The value holds NaN or an infinity.
    """
    try:
        text = json.dumps(value, sort_keys=True, indent=2, allow_nan=False)
    except ValueError as error:
        problem = "holds a number that JSON cannot carry (NaN or an infinity)"
        raise ArtifactError(place, problem, "Write null instead.") from error
    return f"{text}\n".encode()


def decode(content: bytes, place: str) -> JSON:
    """Return the value in JSON bytes.

    Raises:
        ArtifactError: The bytes are not JSON.
    """
    try:
        value: JSON = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(place, "is not JSON", RENEW) from error
    return value


def seal(body: Mapping[str, JSON], place: str) -> bytes:
    """Return the manifest's bytes, which hold the hash of the rest of themselves."""
    digest = hashlib.sha256(encode(body, place)).hexdigest()
    return encode({**body, _SEAL: digest}, place)


def read_manifest(directory: Path, place: str) -> Manifest:
    """Return what the manifest of a directory says; the other files are not looked at.

    Raises:
        ArtifactError: There is none, or it is not a sealed manifest of this format.
    """
    path = directory / MANIFEST
    if not os.path.lexists(path):
        raise ArtifactError(place, "there is no artifact here", FIT)
    if path.is_symlink() or not path.is_file():
        raise ArtifactError(f"{place}/{MANIFEST}", "is not a plain file", RENEW)
    with path.open("rb") as file:
        return parse_manifest(file.read(MAX_MANIFEST_BYTES + 1), place)


def parse_manifest(content: bytes, place: str) -> Manifest:
    """Return what a manifest says once its size, format, seal and names are checked.

    Raises:
        ArtifactError: One of them is wrong.
    """
    where = f"{place}/{MANIFEST}"
    if len(content) > MAX_MANIFEST_BYTES:
        raise ArtifactError(where, f"is larger than {MAX_MANIFEST_BYTES} bytes", RENEW)
    value = decode(content, where)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        problem = f"is not a manifest of format {FORMAT}"
        raise ArtifactError(where, problem, "Fit it again with this version of headgate.")
    body = {name: part for name, part in value.items() if name != _SEAL}
    # Comparing all bytes also refuses a change that JSON would not notice, such as a space.
    if content != seal(body, where):
        raise ArtifactError(where, "was altered: its own hash does not match", RENEW)
    manifest = _manifest_of(body, hashlib.sha256(content).hexdigest(), where)
    check_names(manifest.files, where)
    return manifest


def _manifest_of(body: Mapping[str, JSON], digest: str, where: str) -> Manifest:
    match body:
        case {"kind": str(kind), "facts": dict(facts), "files": dict(files)}:
            listed = {name: _listed_file(entry, where) for name, entry in files.items()}
            return Manifest(kind, facts, listed, digest)
    raise ArtifactError(where, "lacks a part that a manifest has", RENEW)


def _listed_file(entry: JSON, where: str) -> ListedFile:
    match entry:
        case {"sha256": str(sha256), "size_bytes": int(size_bytes)}:
            return ListedFile(sha256, size_bytes)
    raise ArtifactError(where, "lists a file without its hash or size", RENEW)


def check_names(names: Collection[str], place: str) -> None:
    """Check that an artifact may hold files of these names together.

    Raises:
        ArtifactError: One of them may not be there, or a `.bin` lacks its `.xml`.
    """
    for name in names:
        check_name(name, place)
        weights = PurePosixPath(name)
        # Elsewhere .bin is a pickle; beside an .xml it is the weights of an OpenVINO model.
        if weights.suffix == ".bin" and str(weights.with_suffix(".xml")) not in names:
            problem = f"holds {name!r} without an .xml of the same name"
            raise ArtifactError(place, problem, "Save the weights as .safetensors.")


def check_name(name: str, place: str) -> None:
    """Check that an artifact may hold a file of this name.

    Raises:
        ArtifactError: It leaves the directory, lies too deep, or has a forbidden ending.
    """
    if not _NAME.fullmatch(name) or name == MANIFEST:
        problem = f"cannot hold a file named {name!r}"
        remedy = "Use letters, digits, '.', '_' and '-', with one subfolder at most."
        raise ArtifactError(place, problem, remedy)
    if PurePosixPath(name).suffix not in ALLOWED_ENDINGS:
        problem = f"cannot hold {name!r}: its ending is not allowed"
        raise ArtifactError(place, problem, f"Use one of {' '.join(sorted(ALLOWED_ENDINGS))}.")


def files_in(directory: Path, place: str) -> list[str]:
    """Return the sorted names of all files under a directory.

    Raises:
        ArtifactError: There is a link, a socket or another thing that is no plain file.
    """
    names = []
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            problem = f"holds {name!r}, which is a link or not a plain file"
            raise ArtifactError(place, problem, "Put the file itself there.")
        if path.is_file():
            names.append(name)
    return names


def check_files(directory: Path, manifest: Manifest, place: str) -> None:
    """Check that a directory holds exactly what its manifest lists.

    Raises:
        ArtifactError: A file is missing, not listed, or not what was listed.
    """
    found = set(files_in(directory, place)) - {MANIFEST}
    for name in sorted(manifest.files.keys() - found):
        raise ArtifactError(f"{place}/{name}", "is missing", RENEW)
    for name in sorted(found - manifest.files.keys()):
        problem = f"holds {name!r}, which the manifest does not list"
        raise ArtifactError(place, problem, "Move the file elsewhere.")
    for name, listed in manifest.files.items():
        _check_file(directory / name, listed, f"{place}/{name}")


def _check_file(path: Path, listed: ListedFile, place: str) -> None:
    size_bytes = path.stat().st_size
    if size_bytes != listed.size_bytes:
        problem = f"has {size_bytes} bytes, not the {listed.size_bytes} of the manifest"
        raise ArtifactError(place, problem, RENEW)
    digest = sha256_of(path)
    if digest != listed.sha256:
        problem = f"was altered: sha256 is {digest[:12]}, not {listed.sha256[:12]}"
        raise ArtifactError(place, problem, RENEW)
