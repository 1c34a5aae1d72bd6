"""What is to be watched of a cascade, from its file and its artifact.

LoadedCascade, Artifact, Engine -> Watched, or None where the file asks for no audits
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from headgate.artifact import Artifact
from headgate.cascade.assemble import loaded_hashes
from headgate.cascade.certificate import Certificate
from headgate.cascade.deferral import AuditsSpec, DeferralSpec
from headgate.cascade.engine import Engine
from headgate.cascade.fitted import REFERENCE_SCORES, read_fitted
from headgate.cascade.large_models import read_secret
from headgate.cascade.load import LoadedCascade
from headgate.errors import ArtifactError
from headgate.gate.audit import AuditPlan
from headgate.gate.watch import WatchSettings
from headgate.serving.guard import Watched
from headgate.serving.watcher import Assignment

LARGEST_ALARM_EPSILON = 0.999
"""Of a certificate that bounds nothing audits see: its decisions are logged all the same."""


def watched_of(
    loaded: LoadedCascade, artifact: Artifact, engine: Engine, environment: Mapping[str, str]
) -> Watched | None:
    """Return what a guard watches.

    Raises:
        ArtifactError: It was fitted before the file asked for audits.
        LmRefusedError: The key of the audits is not where the file says.
    """
    deferral = loaded.spec.deferral
    fitted = read_fitted(artifact, loaded.spec)
    certificate = fitted.certificate
    if deferral.audits is None or certificate is None:
        return None
    if REFERENCE_SCORES not in artifact.manifest.files:
        raise ArtifactError(
            artifact.place,
            "it was fitted without audits, and the cascade file asks for them",
            "Fit it again: headgate fit CASCADE --labels LABELS.",
        )
    scores = artifact.read_json(REFERENCE_SCORES)
    name = _watched_name(certificate, loaded_hashes(loaded, artifact, fitted))
    settings = _settings(deferral, deferral.audits, certificate, name=name)
    key = read_secret(deferral.audits.key, environment).encode() if deferral.audits.key else b""
    return Watched(engine, Assignment(settings, _numbers(scores, artifact.place)), key)


def _watched_name(certificate: Certificate, loaded: Mapping[str, str]) -> str:
    """Return what decisions are logged under: the certificate's id if it is about what is loaded.

    What another prompt or model answered may not certify the files of the certificate anew.
    """
    if dict(certificate.hashes) == dict(loaded):
        return certificate.id
    content = json.dumps(dict(loaded), sort_keys=True)
    return f"{certificate.id}-{hashlib.sha256(content.encode()).hexdigest()[:6]}"


def _settings(
    deferral: DeferralSpec, audits: AuditsSpec, certificate: Certificate, *, name: str
) -> WatchSettings:
    alpha = deferral.monitor.alpha
    return WatchSettings(
        certificate_id=name,
        risk_epsilon=min(certificate.alarm_epsilon, LARGEST_ALARM_EPSILON),
        risk_alpha=alpha,
        score_alpha=alpha,
        score_drift=deferral.monitor.score_drift,
        audits=AuditPlan(audits.share, audits.max_share),
        selective=certificate.kind == "selective",
    )


def _numbers(scores: object, place: str) -> list[float]:
    if isinstance(scores, list) and scores and all(isinstance(each, float) for each in scores):
        return scores
    raise ArtifactError(f"{place}/{REFERENCE_SCORES}", "it holds no scores", "Fit it again.")
