"""What is to be watched of a cascade, from its file and its artifact.

LoadedCascade, Artifact, Engine -> Watched, or None where the file asks for no audits
"""

from __future__ import annotations

from collections.abc import Mapping

from headgate.artifact import Artifact
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
    certificate = read_fitted(artifact, loaded.spec).certificate
    if deferral.audits is None or certificate is None:
        return None
    if REFERENCE_SCORES not in artifact.manifest.files:
        raise ArtifactError(
            artifact.place,
            "it was fitted without audits, and the cascade file asks for them",
            "Fit it again: headgate fit CASCADE --labels LABELS.",
        )
    scores = artifact.read_json(REFERENCE_SCORES)
    settings = _settings(deferral, deferral.audits, certificate)
    key = read_secret(deferral.audits.key, environment).encode() if deferral.audits.key else b""
    return Watched(engine, Assignment(settings, _numbers(scores, artifact.place)), key)


def _settings(
    deferral: DeferralSpec, audits: AuditsSpec, certificate: Certificate
) -> WatchSettings:
    alpha = deferral.monitor.alpha
    return WatchSettings(
        certificate_id=certificate.id,
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
