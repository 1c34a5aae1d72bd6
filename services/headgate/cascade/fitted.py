"""What a fit left in the artifact, checked against the cascade file it is used with.

Artifact, CascadeSpec  ->  Fitted (classifiers by stage, gates by stage, metrics)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal, cast

from pydantic import ValidationError

from headgate.artifact import JSON, Artifact
from headgate.cascade.certificate import Certificate, Part
from headgate.cascade.deferral import DeferralSpec
from headgate.cascade.model_spec import EncoderSpec, ModelSpec, SplitterSpec
from headgate.cascade.spec import (
    AdviseSpec,
    AnsweringSpec,
    CandidatesSpec,
    CascadeSpec,
    CorpusSpec,
    DecomposeSpec,
    GateSpec,
    SynthesiseSpec,
    UnitStage,
)
from headgate.errors import ArtifactError
from headgate.gate.head import Head
from headgate.gate.isotonic import ClassMaps
from headgate.gate.scores import ScoreKind
from headgate.gate.threshold import KEEP_NOTHING, Gate

KIND = "cascade"
"""The kind of artifact a fit writes."""
CASES_FOLDER = "error_cases"
"""Where the case store lies in it."""
REFERENCE_SCORES = "reference_scores.json"
"""Confidences of development rows, for the monitor of drift."""
SECOND = "second-{}"
"""Name of the classifier of a second model; no stage can have it."""


class FittedClassifier(Part):
    """One classify stage."""

    file: str
    """Its file in the artifact: safetensors, or JSON for a matcher and for trust in readings."""
    inputs: Literal["text", "pair", "columns", "question", "reading", "news", "advice"]
    """Whether it reads single texts or pairs, matches the columns of two tables, splits questions,
    says how far readings are trusted, judges news, or weighs advice on it."""


class FittedRung(Part):
    """What another epsilon would have given; each holds by itself."""

    epsilon: float
    certified: bool
    threshold: float


class FittedMaps(Part):
    """What `ClassMaps` writes of itself: knots, each a list of scores and one of confidences."""

    pooled: list[list[float]]
    by_class: Mapping[str, list[list[float]]]


class FittedHead(Part):
    """What `Head` writes of itself."""

    mean: list[float]
    scale: list[float | None]
    weights: list[float]
    bias: float


class FittedGate(Part):
    """One gate."""

    score: ScoreKind
    threshold: float
    """Confidences below it are sent on."""
    class_thresholds: Mapping[str, float] = {}
    """By the answer, where it has a threshold of its own."""
    tightened: float = KEEP_NOTHING
    """The threshold while the certificate is void."""
    maps: FittedMaps | None = None
    """From score to confidence; none leaves the score as it is."""
    head: FittedHead | None = None
    """For the score `head`."""
    ladder: tuple[FittedRung, ...] = ()
    """Ascending in epsilon."""
    planned: bool = True
    """False when the plan leaves its tier out: the stage is then not run."""

    def gate(self, threshold: float, classes: Mapping[str, float]) -> Gate:
        """Return the gate with these thresholds.

        Raises:
            ValueError: Maps or head are not what they should be.
        """
        maps = None if self.maps is None else ClassMaps.from_json(self.maps.model_dump())
        head = None if self.head is None else Head.from_json(self.head.model_dump())
        return Gate(self.score, threshold, classes, maps, head)


class Fitted(Part):
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
    steps: Mapping[str, float] = {}
    """By the gate of steps of plans: readings of a lower probability are sent on."""
    certificate: Certificate | None = None
    """None when the file asks for none."""


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
            _stage_key(stage) for stage in spec.unit_flow if stage.kind not in ("verify", "rerank")
        ],
        **({"steps": [_step_key(stage) for stage in spec.step_flow]} if spec.step_flow else {}),
        **_deferral_key(spec.deferral),
    }


def _stage_key(stage: UnitStage) -> JSON:
    """Return what a fit depends on; of an answering search also how many options it leaves."""
    model = "" if isinstance(stage, GateSpec) else stage.model or ""
    key: list[JSON] = [stage.name, stage.kind, model]
    if isinstance(stage, AdviseSpec):
        return [*key, *stage.perspectives]
    if isinstance(stage, DecomposeSpec):
        return [*key, stage.max_steps]
    return [*key, stage.top_k] if isinstance(stage, CandidatesSpec | CorpusSpec) else key


def _step_key(stage: UnitStage) -> JSON:
    """Return what a fit depends on of a stage of steps: of a gate, how many it sends on."""
    share: list[JSON] = [stage.share] if isinstance(stage, GateSpec) else []
    return [_stage_key(stage), *share]


def _deferral_key(deferral: DeferralSpec) -> dict[str, JSON]:
    """Return what thresholds depend on; with an epsilon the budget is a limit of serving alone."""
    certificate = deferral.certificate
    stated = None if certificate is None else certificate.model_dump(mode="json")
    by_share = (
        certificate is None
        or (certificate.epsilon is None and certificate.kind != "two_sided")
        or deferral.on_uncertified == "run_uncertified"
    )
    return {
        "score": deferral.score,
        "second_model": deferral.second_model or "",
        "certificate": stated,
        "groups": list(deferral.groups),
        "on_uncertified": deferral.on_uncertified,
        "llm_share": deferral.share if by_share else None,
    }


def _model_key(model: ModelSpec) -> JSON:
    if isinstance(model, EncoderSpec):
        parts = (model.kind, model.source, model.revision or "", model.precision)
        # Nothing is added for an encoder as it comes, so that older artifacts still fit.
        tuning = [] if model.tuning is None else [model.tuning.augmentation]
        return [*parts, model.max_tokens, *tuning]
    if isinstance(model, SplitterSpec):
        return [model.kind, model.source, model.revision or "", model.decompositions]
    return [model.kind, getattr(model, "buckets", 0)]


def read_fitted(artifact: Artifact, spec: CascadeSpec) -> Fitted:
    """Return what was fitted.

    Raises:
        ArtifactError: The artifact was fitted for another task, model, flow or share.
    """
    try:
        # As JSON: strictly, a list of Python is no tuple.
        fitted = Fitted.model_validate_json(json.dumps(dict(artifact.facts)))
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
        "classifiers": (fitted.classifiers, classifier_names(spec)),
        "gates": (fitted.gates, _names(spec, "gate")),
        "gates of steps": (fitted.steps, [e.name for e in spec.step_flow if e.kind == "gate"]),
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


def classifier_names(spec: CascadeSpec) -> list[str]:
    """Return the stages with something fitted, and the second model's, named for its model."""
    second = spec.deferral.second_model
    weighing = [spec.weighing.name] if spec.weighing else []
    fitted = [*(stage.name for stage in spec.unit_flow if _is_fitted(stage, spec)), *weighing]
    return [*fitted, *([SECOND.format(second)] if second else [])]


def _is_fitted(stage: UnitStage, spec: CascadeSpec) -> bool:
    """Return whether a fit leaves a file for the stage."""
    if isinstance(stage, DecomposeSpec):
        return isinstance(spec.models[stage.model], SplitterSpec)
    return isinstance(stage, AnsweringSpec | SynthesiseSpec)


def _names(spec: CascadeSpec, kind: str) -> list[str]:
    return [stage.name for stage in spec.unit_flow if stage.kind == kind]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:120]}…"


def facts_of(fitted: Fitted) -> dict[str, JSON]:
    """Return the facts to write into the manifest."""
    return cast("dict[str, JSON]", fitted.model_dump(mode="json"))
