"""Certificates that no fit issued, for what reads them.

changes -> Certificate;  artifact, LoadedCascade -> the artifact with a certificate of its own files
"""

from __future__ import annotations

from typing import Any

from fakes.tiny_cascade import with_facts
from headgate.artifact import Artifact
from headgate.cascade.certificate import Certificate, GroupCertificate, hashes_of
from headgate.cascade.fitted import read_fitted
from headgate.cascade.load import LoadedCascade

HASHES = {"prompt of 'decide'": "a" * 64, "encoder 'slm'": "tiny-1"}


def certificate(**changes: Any) -> Certificate:
    """Return a certificate on 300 labels: at most 2 % of all answers differ, 95 % sure."""
    fields = {
        "kind": "agree",
        "mode": "stream",
        "epsilon": 0.02,
        "delta": 0.05,
        "certified": True,
        "reason": "",
        "tiers": ("triage",),
        "n": 300,
        "bad": 1,
        "p_value": 0.0169,
        "automation": 0.5,
        "labels_needed": 0,
        "groups": (),
        "alarm_epsilon": 0.02,
        "hashes": HASHES,
        "data_sha256": "0" * 64,
        "issued": "2026-02-03T04:05:06+00:00",
    }
    return Certificate(**(fields | changes))


def uncertified(**changes: Any) -> Certificate:
    """Return the certificate of a fit whose labels did not suffice."""
    few = {"certified": False, "reason": "12 certification units do not prove it", "n": 12}
    return certificate(**(few | {"tiers": (), "labels_needed": 149} | changes))


def group(name: str, **changes: Any) -> GroupCertificate:
    """Return what is certified for one predicted label."""
    fields = {"certified": True, "epsilon": 0.02, "n": 150, "bad": 0, "p_value": 0.0483}
    return GroupCertificate(**({"group": name, "labels_needed": 0} | fields | changes))


def with_certificate(artifact: Artifact, loaded: LoadedCascade, **changes: Any) -> Artifact:
    """Return the artifact with a certificate that is about its files and the cascade's prompts."""
    fitted = read_fitted(artifact, loaded.spec)
    files = {
        name: artifact.manifest.files[each.file].sha256 for name, each in fitted.classifiers.items()
    }
    hashes = hashes_of(loaded, fitted.encoders, files)
    issued = certificate(**({"hashes": hashes} | changes))
    return with_facts(artifact, certificate=issued.model_dump(mode="json"))
