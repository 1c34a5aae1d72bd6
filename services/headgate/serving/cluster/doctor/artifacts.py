"""Is what a cascade answers by there, whole and its own, and does its certificate hold?

LoadedCascade -> artifact, hashes, fitted facts -> certificate, state of its watch -> [Finding]
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from headgate.artifact import Artifact
from headgate.cascade.assemble import loaded_hashes
from headgate.cascade.fitted import KIND, Fitted, read_fitted
from headgate.cascade.load import LoadedCascade
from headgate.errors import ArtifactError
from headgate.serving.cluster.doctor.finding import Finding, Level, ok

STATE_FILE = "watch-{}.json"


def artifact(loaded: LoadedCascade) -> list[Finding]:
    """Return whether the fitted directory is there, unaltered, and fitted for this file."""
    try:
        opened = Artifact.open(loaded.artifact, kind=KIND)
        read_fitted(opened, loaded.spec)
    except ArtifactError as error:
        return [Finding(Level.ERROR, f"{error.place}: {error.problem}", _fit(loaded))]
    return ok(f"{opened.place} is whole, revision {opened.revision}")


def certificate(loaded: LoadedCascade, state_dir: Path) -> list[Finding]:
    """Return whether the certificate is about what is loaded, and whether audits voided it.

    A missing or foreign artifact is no finding here; `artifact` says it.

    Args:
        loaded: The cascade.
        state_dir: Where this machine keeps decisions.

    Raises:
        ArtifactError: An index of passages is not there.
    """
    try:
        opened = Artifact.open(loaded.artifact, kind=KIND)
        fitted = read_fitted(opened, loaded.spec)
    except ArtifactError:
        return []
    if fitted.certificate is None:
        return ok(f"{loaded.name} asks for no certificate")
    problem = fitted.certificate.problem(loaded_hashes(loaded, opened, fitted))
    if problem:
        return [_uncertified(loaded, fitted, problem)]
    changed = _watched(loaded, fitted.certificate.id, state_dir)
    return changed or ok(f"{loaded.name}: {fitted.certificate.sentence()}")


def _uncertified(loaded: LoadedCascade, fitted: Fitted, problem: str) -> Finding:
    assert fitted.certificate is not None  # noqa: S101 - for the types
    if fitted.certificate.certified:
        what = f"the certificate of {loaded.name} is of something else: {problem}"
        return Finding(Level.ERROR, what, _fit(loaded))
    return Finding(Level.WARNING, f"{loaded.name} is not certified: {problem}", _fit(loaded))


def _watched(loaded: LoadedCascade, certificate_id: str, state_dir: Path) -> list[Finding]:
    """Return what the watch of this certificate has seen, by the file that it keeps."""
    path = state_dir / loaded.name / STATE_FILE.format(certificate_id)
    if not path.is_file():
        return []
    command = f"headgate recertify {_shell(loaded.path)} --state-dir {_shell(state_dir)}"
    match _last_state(path):
        case None:
            return [Finding(Level.ERROR, f"{path} cannot be read", f"{command}; move it away")]
        case "void":
            return [
                Finding(Level.ERROR, f"audits voided the certificate of {loaded.name}", command)
            ]
        case "suspect":
            what = f"scores of {loaded.name} have drifted from those that were certified"
            return [Finding(Level.WARNING, what, command)]
    return []


def _last_state(path: Path) -> str | None:
    """Return the state after the last change; empty when there was none, None for no such file."""
    try:
        changes = json.loads(path.read_text("utf-8"))["changes"]
        return str(changes[-1]["after"]) if changes else ""
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def locations(loaded: LoadedCascade, nodes: int) -> list[Finding]:
    """Return what a cascade reads from paths that each node of a cluster would need.

    Args:
        loaded: The cascade.
        nodes: How many nodes are alive.
    """
    if nodes < 2:
        return []
    found = _paths(loaded)
    if not found:
        return ok(f"{loaded.name} reads nothing from paths of one machine")
    what = f"{loaded.name} reads {', '.join(found)} from a path, and {nodes} nodes need it"
    mend = "Mount it on every node at the same path, or name a URL: artifact: s3://bucket/name"
    return [Finding(Level.WARNING, what, mend)]


def _paths(loaded: LoadedCascade) -> Sequence[str]:
    sources = [each for each in loaded.sources.values() if each.startswith("/")]
    places = [loaded.artifact, *loaded.recordings.values(), *loaded.corpora.values(), *sources]
    return [each for each in places if "://" not in each]


def _fit(loaded: LoadedCascade) -> str:
    return f"headgate fit {_shell(loaded.path)} --labels LABELS"


def _shell(path: Path) -> str:
    return shlex.quote(str(path))
