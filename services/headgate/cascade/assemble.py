"""Puts a cascade together from its file, its artifact and the models it names.

LoadedCascade, Artifact, encoders, large models  ->  Engine
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headgate.artifact import Artifact
from headgate.cascade.engine import Engine, GateNode, Node
from headgate.cascade.fitted import CASES_FOLDER, Fitted, read_fitted
from headgate.cascade.load import LoadedCascade
from headgate.cascade.spec import ClassifySpec, EncoderSpec, GateSpec, RetrieveSpec, VerifySpec
from headgate.domains.logs import LogTask
from headgate.errors import ArtifactError
from headgate.gate.threshold import Gate
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
    nodes = [builder.node(stage) for stage in loaded.spec.flow]
    return Engine(
        name=loaded.name,
        description=loaded.document.metadata.description or "",
        revision=f"{loaded.revision}-{artifact.revision}",
        task=task_of(loaded),
        nodes=nodes,
        llm_share=loaded.spec.deferral.budget.llm_share,
        metrics=fitted.metrics,
    )


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
                return self._classify(stage)
            case GateSpec():
                fitted = self.fitted.gates[stage.name]
                return GateNode(stage.name, stage.of, Gate(fitted.score, fitted.threshold))
            case RetrieveSpec():
                return self._retrieve(stage)
            case VerifySpec():
                return self._verify(stage)

    def _classify(self, stage: ClassifySpec) -> Classify:
        fitted = self.fitted.classifiers[stage.name]
        reader = PairClassifier if fitted.inputs == "pair" else TextClassifier
        return Classify(
            stage.name,
            stage.model,
            task=task_of(self.loaded),
            classifier=reader.load(self.artifact.path(fitted.file)),
            encoder=self.parts.encoders.get(stage.model),
            batching=self._batching(stage.model),
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
