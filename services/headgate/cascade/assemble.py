"""Puts a cascade together from its file, its artifact and the models it names.

LoadedCascade, Artifact, encoders, large models  ->  Engine
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from headgate.artifact import Artifact
from headgate.cascade.certificate import hashes_of
from headgate.cascade.engine import About, Engine, GateNode, Node
from headgate.cascade.fitted import CASES_FOLDER, SECOND, Fitted, read_fitted
from headgate.cascade.guarantee import Guarantee
from headgate.cascade.load import LoadedCascade
from headgate.cascade.spec import (
    ClassifySpec,
    EncoderSpec,
    GateSpec,
    RetrieveSpec,
    StageSpec,
    VerifySpec,
)
from headgate.domains.logs import LogTask
from headgate.errors import ArtifactError
from headgate.lm.large_model import LargeModel
from headgate.models.classifier import PairClassifier, TextClassifier
from headgate.retrieval.store import VectorStore
from headgate.stages.catalog import Classify, Retrieve, Verify
from headgate.stages.contract import TextEncoder
from headgate.stages.microbatch import Batching


@dataclass(frozen=True, slots=True)
class Parts:
    """The running models a cascade is put together from, by their names in its file."""

    encoders: Mapping[str, TextEncoder]
    large_models: Mapping[str, LargeModel]


def task_of(loaded: LoadedCascade) -> LogTask:
    """Return the domain's task that the file names."""
    return LogTask(loaded.spec.task.operation, tuple(loaded.spec.task.labels))


def assemble(loaded: LoadedCascade, artifact: Artifact, parts: Parts) -> Engine:
    """Return the engine of a fitted cascade.

    Raises:
        ArtifactError: The artifact does not belong to the file or to these encoders.
    """
    fitted = read_fitted(artifact, loaded.spec)
    _check_encoders(artifact, fitted, parts)
    builder = _Builder(loaded, artifact, fitted, parts)
    nodes = [builder.node(stage) for stage in planned_stages(loaded.spec.flow, fitted)]
    deferral = loaded.spec.deferral
    limited = deferral.certificate is None or deferral.budget.llm_share is not None
    about = About(
        name=loaded.name,
        description=loaded.document.metadata.description or "",
        revision=f"{loaded.revision}-{artifact.revision}",
        llm_share=deferral.share if limited else 1.0,
        metrics=fitted.metrics,
    )
    return Engine(
        about,
        task=task_of(loaded),
        nodes=nodes,
        guarantee=_guarantee(loaded, artifact, fitted),
    )


def planned_stages(flow: Sequence[StageSpec], fitted: Fitted) -> list[StageSpec]:
    """Return the stages that run: without tiers, and their gates, that the plan leaves out."""
    unplanned = {name for name, gate in fitted.gates.items() if not gate.planned}
    tiers = {stage.of for stage in flow if isinstance(stage, GateSpec) and stage.name in unplanned}
    return [stage for stage in flow if stage.name not in unplanned | tiers]


def _guarantee(loaded: LoadedCascade, artifact: Artifact, fitted: Fitted) -> Guarantee:
    deferral = loaded.spec.deferral
    if fitted.certificate is None:
        return Guarantee()
    return Guarantee(
        fitted.certificate,
        problem=fitted.certificate.problem(loaded_hashes(loaded, artifact, fitted)),
        pass_through=deferral.on_uncertified == "pass_through",
        tightens=deferral.monitor.on_alarm == "tighten",
    )


def loaded_hashes(loaded: LoadedCascade, artifact: Artifact, fitted: Fitted) -> dict[str, str]:
    """Return the hash of each thing that a certificate is about, as it is loaded now."""
    files = artifact.manifest.files
    fitted_files = {name: each.file for name, each in fitted.classifiers.items()}
    classifiers = {name: files[own].sha256 for name, own in fitted_files.items() if own in files}
    return hashes_of(loaded, fitted.encoders, classifiers)


def _check_encoders(artifact: Artifact, fitted: Fitted, parts: Parts) -> None:
    """Refuse encoders other than those the thresholds and the index were made with."""
    for name, fingerprint in fitted.encoders.items():
        if parts.encoders[name].fingerprint != fingerprint:
            raise ArtifactError(
                artifact.place,
                f"encoder {name!r} is {parts.encoders[name].fingerprint}, "
                f"and it was fitted with {fingerprint}",
                "Fit it again with the encoder that is installed here.",
            )


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds each kind of node."""

    loaded: LoadedCascade
    artifact: Artifact
    fitted: Fitted
    parts: Parts

    def node(self, stage: ClassifySpec | GateSpec | RetrieveSpec | VerifySpec) -> Node:
        match stage:
            case ClassifySpec():
                return self._classify(stage.name, stage.model)
            case GateSpec():
                return self._gate(stage)
            case RetrieveSpec():
                return self._retrieve(stage)
            case VerifySpec():
                return self._verify(stage)

    def _gate(self, stage: GateSpec) -> GateNode:
        fitted = self.fitted.gates[stage.name]
        second = self.loaded.spec.deferral.second_model
        try:
            gate = fitted.gate(fitted.threshold, fitted.class_thresholds)
        except ValueError as error:
            place, problem = self.artifact.place, f"its gate {stage.name!r} is not one of a fit"
            raise ArtifactError(place, problem, "Fit it again.") from error
        return GateNode(
            stage.name,
            stage.of,
            gate,
            tightened=replace(gate, threshold=fitted.tightened, class_thresholds={}),
            second=self._classify(SECOND.format(second), second) if second else None,
            ladder=fitted.ladder,
        )

    def _classify(self, name: str, model: str) -> Classify:
        fitted = self.fitted.classifiers[name]
        reader = PairClassifier if fitted.inputs == "pair" else TextClassifier
        return Classify(
            name,
            model,
            task=task_of(self.loaded),
            classifier=reader.load(self.artifact.path(fitted.file)),
            encoder=self.parts.encoders.get(model),
            batching=self._batching(model),
        )

    def _retrieve(self, stage: RetrieveSpec) -> Retrieve:
        model = self.loaded.spec.encoder_of(stage)
        encoder = self.parts.encoders[model]
        folder = self.artifact.folder(CASES_FOLDER)
        return Retrieve(
            stage.name,
            model,
            task=task_of(self.loaded),
            store=VectorStore.load(folder, expected_encoder=encoder.fingerprint),
            encoder=encoder,
            top_k=stage.top_k,
            batching=self._batching(model),
        )

    def _verify(self, stage: VerifySpec) -> Verify:
        return Verify(
            stage.name,
            stage.model,
            task=task_of(self.loaded),
            large_model=self.parts.large_models[stage.model],
            instruction=self.loaded.prompts[stage.name],
            evidence=stage.evidence,
        )

    def _batching(self, model: str) -> Batching:
        spec = self.loaded.spec.models[model]
        if isinstance(spec, EncoderSpec):
            return Batching(spec.batch.max_size, spec.batch.max_wait_ms)
        return Batching()
