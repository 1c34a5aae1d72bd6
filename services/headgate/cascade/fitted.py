"""What a fit left in the artifact, checked against the cascade file it is used with.

Artifact, CascadeSpec  ->  Fitted (classifiers by stage, gates by stage, metrics)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from headgate.artifact import JSON, Artifact
from headgate.cascade.spec import CascadeSpec, EncoderSpec, ModelSpec
from headgate.errors import ArtifactError
from headgate.gate.scores import ScoreKind

KIND = "cascade"
"""The kind of artifact a fit writes."""
CASES_FOLDER = "error_cases"
"""Where the case store lies in it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FittedClassifier(_Part):
    """One classify stage."""

    file: str
    """Its safetensors file in the artifact."""
    inputs: Literal["text", "pair"]
    """Whether it reads single texts or pairs."""


class FittedGate(_Part):
    """One gate."""

    score: ScoreKind
    threshold: float
    """Scores below it are sent on."""


class Fitted(_Part):
    """Everything a fit decided, beside the weights."""

    key: Mapping[str, object]
    """What of the cascade file was fitted for; see `fit_key`."""
    classifiers: Mapping[str, FittedClassifier]
    gates: Mapping[str, FittedGate]
    encoders: Mapping[str, str]
    """Fingerprint of each encoder, by its name in the cascade."""
    metrics: Mapping[str, float]
    """Figures on the development rows."""
    versions: Mapping[str, str]
    """Of Headgate and of the libraries that shape scores."""
    data_sha256: str
    """Over the label rows."""


def fit_key(spec: CascadeSpec) -> dict[str, JSON]:
    """Return what of a cascade file its artifact depends on.

    A change of anything else, such as a prompt, a batch size or a placement, needs no new fit.
    """
    small = {name: model for name, model in spec.models.items() if model.kind != "lm"}
    return {
        "operation": spec.task.operation,
        "labels": list(spec.task.labels),
        "models": {name: _model_key(model) for name, model in small.items()},
        "stages": [
            [stage.name, stage.kind, "" if stage.kind == "gate" else stage.model or ""]
            for stage in spec.flow
            if stage.kind in ("classify", "gate", "retrieve")
        ],
        "score": score_kind(spec),
        "llm_share": spec.deferral.budget.llm_share,
    }


def _model_key(model: ModelSpec) -> JSON:
    if isinstance(model, EncoderSpec):
        parts = (model.kind, model.source, model.revision or "", model.precision)
        return [*parts, model.max_tokens]
    return [model.kind, getattr(model, "buckets", 0)]


def score_kind(spec: CascadeSpec) -> ScoreKind:
    """Return the score the gates use; `auto` is the highest probability."""
    return "max_prob" if spec.deferral.score == "auto" else spec.deferral.score


def read_fitted(artifact: Artifact, spec: CascadeSpec) -> Fitted:
    """Return what was fitted.

    Raises:
        ArtifactError: The artifact was fitted for another task, model, flow or share.
    """
    try:
        fitted = Fitted.model_validate(dict(artifact.facts))
    except ValidationError as error:
        raise ArtifactError(
            artifact.place, "its facts are not those of a fitted cascade", "Fit it again."
        ) from error
    wanted = fit_key(spec)
    for name, value in wanted.items():
        if fitted.key.get(name) != value:
            raise ArtifactError(
                artifact.place,
                f"it was fitted for another {name}: {_shown(fitted.key.get(name))}, "
                f"and the cascade file says {_shown(value)}",
                "Fit it again: headgate fit CASCADE --labels LABELS.",
            )
    _check_complete(artifact, fitted, spec)
    return fitted


def _check_complete(artifact: Artifact, fitted: Fitted, spec: CascadeSpec) -> None:
    """Refuse an artifact with a part too few, or too many: one that is absent is not compared."""
    parts = {
        "classifiers": (fitted.classifiers, _names(spec, "classify")),
        "gates": (fitted.gates, _names(spec, "gate")),
        "encoders": (fitted.encoders, [n for n, m in spec.models.items() if m.kind == "encoder"]),
    }
    for part, (found, wanted) in parts.items():
        if set(found) != set(wanted):
            raise ArtifactError(
                artifact.place,
                f"it has the {part} {_shown(sorted(found))}, "
                f"and the cascade file needs {_shown(sorted(wanted))}",
                "Fit it again: headgate fit CASCADE --labels LABELS.",
            )


def _names(spec: CascadeSpec, kind: str) -> list[str]:
    return [stage.name for stage in spec.flow if stage.kind == kind]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:120]}…"


def facts_of(fitted: Fitted) -> dict[str, JSON]:
    """Return the facts to write into the manifest."""
    return cast("dict[str, JSON]", fitted.model_dump(mode="json"))
