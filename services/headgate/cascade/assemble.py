"""Puts a cascade together from its file, its artifact and the models it names.

LoadedCascade, Artifact, encoders, large models  ->  Engine
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from headgate.artifact import Artifact
from headgate.cascade.certificate import hashes_of
from headgate.cascade.engine import About, Engine
from headgate.cascade.fan_out import FanOut
from headgate.cascade.files import perspective_key
from headgate.cascade.fitted import CASES_FOLDER, SECOND, Fitted, read_fitted
from headgate.cascade.guarantee import Guarantee
from headgate.cascade.load import LoadedCascade
from headgate.cascade.nodes import GateNode, Node
from headgate.cascade.questions import (
    FittedQuestions,
    QuestionBuilder,
    QuestionSpec,
    batching_of,
)
from headgate.cascade.spec import (
    AdviseSpec,
    AssignSpec,
    CandidatesSpec,
    ClassifySpec,
    GateSpec,
    ReadSpec,
    RerankSpec,
    RetrieveSpec,
    UnitStage,
    VerifySpec,
)
from headgate.domains.schemas.common_scale import CommonScale
from headgate.domains.schemas.match_task import MATCH_COLUMNS, MatchTask, TableTask
from headgate.domains.task import Task, TextTask
from headgate.domains.tasks import task_named, text_task_named, unit_task_named
from headgate.errors import ArtifactError
from headgate.lm.large_model import LargeModel
from headgate.models.classifier import PairClassifier, TextClassifier
from headgate.models.matcher import Matcher
from headgate.models.rationale import RationaleNetwork
from headgate.models.splitter import Splitter
from headgate.models.student import Student
from headgate.models.token_encoder import OpenVinoTokenEncoder
from headgate.models.trust import Trust
from headgate.retrieval.store import VectorStore
from headgate.retrieval.targets import TargetIndexes
from headgate.stages.advise import Advise, Weigher
from headgate.stages.assign import Assign
from headgate.stages.candidates import Candidates, TargetEntry
from headgate.stages.catalog import Asking, Classify, Rerank, Retrieve, Synthesise, Verify
from headgate.stages.classify import Classifier
from headgate.stages.contract import TextEncoder
from headgate.stages.decompose import SpanPlanner
from headgate.stages.rerank import Ranking
from headgate.stages.weigh import NetworkWeigher


@dataclass(frozen=True, slots=True)
class Parts:
    """The running models a cascade is put together from, by their names in its file."""

    encoders: Mapping[str, TextEncoder]
    large_models: Mapping[str, LargeModel]
    indexes: TargetIndexes[TargetEntry] = field(default_factory=TargetIndexes)
    """Keeps target tables; shared by cascades that run in one process."""


def task_of(loaded: LoadedCascade) -> Task:
    """Return the task of what callers send."""
    return task_named(loaded.spec.task.operation, tuple(loaded.spec.task.labels))


def text_task_of(loaded: LoadedCascade) -> TextTask:
    """Return the task of a cascade whose small models classify texts."""
    return text_task_named(loaded.spec.task.operation, tuple(loaded.spec.task.labels))


def unit_task_of(loaded: LoadedCascade) -> Task:
    """Return the task of one unit: a record, or a part of what it fans out to."""
    return unit_task_named(loaded.spec.task.operation, tuple(loaded.spec.task.labels))


def assemble(loaded: LoadedCascade, artifact: Artifact, parts: Parts) -> Engine:
    """Return the engine of a fitted cascade.

    Raises:
        ArtifactError: The artifact does not belong to the file or to these encoders.
    """
    fitted = read_fitted(artifact, loaded.spec)
    _check_encoders(artifact, fitted, parts)
    units = _units(loaded, artifact, fitted, parts)
    return _fanned_out(loaded, units)


def _units(loaded: LoadedCascade, artifact: Artifact, fitted: Fitted, parts: Parts) -> Engine:
    """Return the engine of what the gates judge."""
    builder = _Builder(loaded, artifact, fitted, parts)
    deferral = loaded.spec.deferral
    limited = deferral.certificate is None or deferral.budget.llm_share is not None
    about = About(
        name=loaded.name,
        description=loaded.document.metadata.description or "",
        revision=f"{loaded.revision}-{artifact.revision}",
        llm_share=deferral.share if limited else 1.0,
        metrics=fitted.metrics,
    )
    nodes = [builder.node(stage) for stage in planned_stages(loaded.spec.unit_flow, fitted)]
    return Engine(
        about,
        task=unit_task_of(loaded),
        nodes=nodes,
        guarantee=_guarantee(loaded, artifact, fitted),
        ranker=CommonScale() if unit_task_of(loaded).operation == MATCH_COLUMNS else None,
        steps=_steps(nodes),
    )


def _steps(nodes: Sequence[Node]) -> Engine | None:
    """Return the engine of the steps of plans, where there is one among the stages."""
    found = (node.steps for node in nodes if isinstance(node, Synthesise))
    return next((steps for steps in found if isinstance(steps, Engine)), None)


def _fanned_out(loaded: LoadedCascade, units: Engine) -> Engine:
    """Return the engine of what callers send: that of units, where records are units."""
    for_each = loaded.spec.for_each
    if for_each is None or for_each.of is not None:
        return units
    spec = next(stage for stage in loaded.spec.flow if isinstance(stage, AssignSpec))
    stage = Assign(spec.name, of=spec.of, unmatched_price=spec.unmatched_price)
    return FanOut(units, name=for_each.name, task=TableTask(), assign=stage)


def planned_stages(flow: Sequence[UnitStage], fitted: Fitted) -> list[UnitStage]:
    """Return the stages that run: without tiers, and their gates, that the plan leaves out.

    A reading is left in: later ones are trusted the more when they agree with it.
    """
    unplanned = {name for name, gate in fitted.gates.items() if not gate.planned}
    gates = [stage for stage in flow if isinstance(stage, GateSpec) and stage.name in unplanned]
    reads = {stage.name for stage in flow if isinstance(stage, ReadSpec)}
    tiers = {stage.of for stage in gates} - reads
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
    return hashes_of(loaded, fitted.encoders, classifiers, fitted.steps)


def advising_stage(
    loaded: LoadedCascade, spec: AdviseSpec, large_model: LargeModel, weigher: Weigher
) -> Advise:
    """Return the stage that asks for advice and has it weighed, as the file describes it."""
    harmless, sought = loaded.spec.task.labels
    perspectives = {
        each: loaded.prompts[perspective_key(spec.name, each)] for each in spec.perspectives
    }
    return Advise(
        spec.name,
        spec.model,
        large_model=large_model,
        perspectives=perspectives,
        weigher=weigher,
        labels=(harmless, sought),
        of=loaded.spec.answering[-1].name,
    )


def asking_stage(
    loaded: LoadedCascade, spec: VerifySpec | RerankSpec, large_model: LargeModel
) -> Asking:
    """Return the stage that asks the large model, as the file describes it."""
    instruction = loaded.prompts[spec.name]
    if isinstance(spec, RerankSpec):
        return Rerank(
            spec.name,
            spec.model,
            task=MatchTask(),
            large_model=large_model,
            instruction=instruction,
            of=spec.of,
            ranking=Ranking(items_per_prompt=spec.items_per_prompt),
        )
    return Verify(
        spec.name,
        spec.model,
        task=unit_task_of(loaded),
        large_model=large_model,
        instruction=instruction,
        evidence=spec.evidence,
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


@dataclass(frozen=True)
class _Builder:
    """Builds each kind of node."""

    loaded: LoadedCascade
    artifact: Artifact
    fitted: Fitted
    parts: Parts

    def node(self, stage: UnitStage) -> Node:
        if isinstance(stage, QuestionSpec):
            return self.questions.node(stage)
        if isinstance(stage, AdviseSpec | VerifySpec | RerankSpec):
            return self._deciding(stage)
        match stage:
            case ClassifySpec():
                return self._classify(stage.name, stage.model)
            case GateSpec():
                return self._gate(stage)
            case RetrieveSpec():
                return self._retrieve(stage)
            case CandidatesSpec():
                return self._candidates(stage)

    def _deciding(self, stage: AdviseSpec | VerifySpec | RerankSpec) -> Asking:
        large_model = self.parts.large_models[stage.model]
        if not isinstance(stage, AdviseSpec):
            return asking_stage(self.loaded, stage, large_model)
        weighing = self.loaded.spec.weighing
        file = self.fitted.classifiers[weighing.name if weighing else ""].file
        network = RationaleNetwork.load(self.artifact.folder(file.rpartition("/")[0]))
        return advising_stage(self.loaded, stage, large_model, NetworkWeigher(network))

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
        readers = {"pair": PairClassifier, "news": Student}
        reader: type[Classifier] = readers.get(fitted.inputs, TextClassifier)
        return Classify(
            name,
            model,
            task=text_task_of(self.loaded),
            classifier=reader.load(self.artifact.path(fitted.file)),
            encoder=self.parts.encoders.get(model),
            batching=batching_of(self.loaded, model),
        )

    def _retrieve(self, stage: RetrieveSpec) -> Retrieve:
        model = self.loaded.spec.encoder_of(stage)
        encoder = self.parts.encoders[model]
        folder = self.artifact.folder(CASES_FOLDER)
        return Retrieve(
            stage.name,
            model,
            task=unit_task_of(self.loaded),
            store=VectorStore.load(folder, expected_encoder=encoder.fingerprint),
            encoder=encoder,
            top_k=stage.top_k,
            batching=batching_of(self.loaded, model),
        )

    def _candidates(self, stage: CandidatesSpec) -> Candidates:
        model = self.loaded.spec.encoder_of(stage)
        return Candidates(
            stage.name,
            model,
            encoder=self.parts.encoders[model],
            matcher=self._matcher(self.fitted.classifiers[stage.name].file),
            top_k=stage.top_k,
            indexes=self.parts.indexes,
            batching=batching_of(self.loaded, model),
        )

    def _matcher(self, file: str) -> Matcher:
        value = self.artifact.read_json(file)
        try:
            return Matcher.from_json(value if isinstance(value, dict) else {})
        except ValueError as error:
            problem = f"its file {file!r} holds no matcher"
            raise ArtifactError(self.artifact.place, problem, "Fit it again.") from error

    @cached_property
    def questions(self) -> QuestionBuilder:
        """Return what builds the stages of questions."""
        found = fitted_questions(self.artifact, self.fitted)
        return QuestionBuilder(self.loaded, self.parts.encoders, self.parts.large_models, found)


def fitted_questions(artifact: Artifact, fitted: Fitted) -> FittedQuestions:
    """Return what a fit left in the artifact for the stages of questions.

    Raises:
        ArtifactError: A file is none of a trust.
        ModelError: A splitter cannot be loaded.
    """
    trusts, planners = {}, {}
    for name, own in fitted.classifiers.items():
        if own.inputs == "reading":
            trusts[name] = _trust(artifact, own.file)
        elif own.inputs == "question":
            folder = artifact.folder(own.file.rpartition("/")[0])
            planners[name] = SpanPlanner(Splitter.load(folder), OpenVinoTokenEncoder(folder))
    return FittedQuestions(trusts, planners, fitted.steps)


def _trust(artifact: Artifact, file: str) -> Trust:
    value = artifact.read_json(file)
    try:
        return Trust.from_json(value if isinstance(value, dict) else {})
    except ValueError as error:
        problem = f"its file {file!r} holds no trust"
        raise ArtifactError(artifact.place, problem, "Fit it again.") from error
