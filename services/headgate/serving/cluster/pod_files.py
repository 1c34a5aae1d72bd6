"""Where the files that cascades read lie inside pods.

LoadedCascade, mount -> the same cascade with paths of the pods;  local path -> path in the pods

What a fit alone reads is not copied, but renamed as well: no path of this machine leaves it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from headgate.artifact.remote import shown
from headgate.cascade.lm_spec import OpenAiSpec
from headgate.cascade.load import LoadedCascade
from headgate.cascade.strict import SecretSpec
from headgate.errors import InputError

_FILES = "files"
"""Folder of the mount for what is no artifact."""


@dataclass(frozen=True, slots=True)
class PodFiles:
    """Cascades as pods see them."""

    cascades: tuple[LoadedCascade, ...]
    """Their artifacts are still the local ones, for a body is made by reading them."""
    paths: Mapping[str, str]
    """Path in the pods of each local path that is read there, as the cascades write it."""


@dataclass(slots=True)
class _Names:
    """Gives each local path one name, and no name to two."""

    mount: str
    given: dict[str, str] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)

    def of(self, local: str, name: str) -> str:
        """Return the path in the pods.

        Raises:
            InputError: Another local path has the same name there.
        """
        path = self.given.get(local) or f"{self.mount}/{name}"
        file = os.path.normpath(local)
        if self.taken.setdefault(path, file) != file:
            problem = f"in the pods it would be {path}, as {self.taken[path]} is"
            raise InputError(file, problem, "Rename one of them, or put it at a URL.")
        self.given[local] = path
        return path


def pod_files(cascades: Sequence[LoadedCascade], mount: str) -> PodFiles:
    """Return the cascades with the paths that pods have for their files.

    A local artifact is `<mount>/<name of its directory>`; recordings, weights and corpora are
    `<mount>/files/<cascade>/<name>`. URLs and hub ids stay as they are.

    Args:
        cascades: What is to be deployed.
        mount: Absolute directory that every pod sees the same volume at.

    Raises:
        InputError: Two files would have one path in the pods, or a URL is none for pods.
    """
    names = _Names(mount)
    for loaded in cascades:
        if _is_url(loaded.artifact):
            _check_url(loaded)
        else:
            names.of(loaded.artifact, os.path.basename(os.path.normpath(loaded.artifact)))
    moved = tuple(_moved(loaded, names) for loaded in cascades)
    return PodFiles(moved, dict(names.given))


def _moved(loaded: LoadedCascade, names: _Names) -> LoadedCascade:
    def placed(paths: Mapping[str, str]) -> dict[str, str]:
        return {
            key: names.of(path, f"{_FILES}/{loaded.name}/{Path(path).name}")
            if os.path.isabs(path)
            else path
            for key, path in paths.items()
        }

    def renamed(paths: Mapping[str, str]) -> dict[str, str]:
        return {key: f"{names.mount}/{_FILES}/{Path(path).name}" for key, path in paths.items()}

    return replace(
        loaded,
        path=Path(loaded.path.name),
        base_dir=Path(names.mount),
        recordings=placed(loaded.recordings),
        sources=placed(loaded.sources),
        corpora=placed(loaded.corpora),
        augmentations=renamed(loaded.augmentations),
        decompositions=renamed(loaded.decompositions),
    )


def _is_url(location: str) -> bool:
    return "://" in location


def _check_url(loaded: LoadedCascade) -> None:
    """Refuse what pods cannot read, and what would put a secret into a manifest."""
    parts = urlsplit(loaded.artifact)
    place = f"artifact of {loaded.name!r}"
    if parts.scheme in ("file", "local", "memory"):
        remedy = "Write its directory, which is then copied, or a URL that pods can read."
        raise InputError(place, f"{shown(loaded.artifact)} is on this machine only", remedy)
    if parts.username or parts.password or parts.query:
        remedy = "Write the URL alone, and let the service account of the pods read it."
        raise InputError(place, "its URL holds a user, a password or a signature", remedy)


def secrets_of(cascades: Sequence[LoadedCascade]) -> list[SecretSpec]:
    """Return where the keys of large models are read from, each once, in the order of the files."""
    secrets = [secret for loaded in cascades for secret in _secrets(loaded)]
    return list(dict.fromkeys(secrets))


def _secrets(loaded: LoadedCascade) -> list[SecretSpec]:
    models = [spec for spec in loaded.spec.models.values() if isinstance(spec, OpenAiSpec)]
    return [spec.api_key for spec in models if spec.api_key is not None]
