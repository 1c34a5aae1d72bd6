"""Puts the stages together that answer questions, for serving and for a fit alike.

LoadedCascade, running models, what was fitted  ->  stages of questions; the engine of their steps
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from headgate.cascade.engine import About, Engine
from headgate.cascade.load import LoadedCascade
from headgate.cascade.model_spec import EncoderSpec
from headgate.cascade.nodes import GateNode, Node
from headgate.cascade.spec import (
    CorpusSpec,
    DecomposeSpec,
    GateSpec,
    ReadSpec,
    SynthesiseSpec,
    UnitStage,
    VerifySpec,
)
from headgate.domains.questions.task import StepTask
from headgate.gate.threshold import KEEP_NOTHING, Gate
from headgate.lm.large_model import LargeModel
from headgate.models.trust import Trust
from headgate.stages.catalog import Decompose, Passages, Read, Support, Synthesise
from headgate.stages.contract import TextEncoder
from headgate.stages.decompose import LmPlanner, Planner
from headgate.stages.microbatch import MAX_RUNNING, Batching
from headgate.stages.passages import Corpus, open_corpus

DEFAULT_SHARE = 0.3
"""Of the steps, where a gate of steps states none."""
DEFAULT_WIDEN = 3
QuestionSpec = ReadSpec | DecomposeSpec | CorpusSpec | SynthesiseSpec


@dataclass(frozen=True, slots=True)
class FittedQuestions:
    """What a fit found out for a cascade of questions."""

    trusts: Mapping[str, Trust] = field(default_factory=dict)
    """By the name of the read or synthesise stage; one that needs no labels where there is none."""
    planners: Mapping[str, Planner] = field(default_factory=dict)
    """By the name of the decompose stage, of those with a splitter."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """By the name of the gate of steps; everything is sent on where there is none."""


@dataclass(frozen=True, slots=True)
class QuestionBuilder:
    """Builds the stages of one cascade."""

    loaded: LoadedCascade
    encoders: Mapping[str, TextEncoder]
    large_models: Mapping[str, LargeModel]
    fitted: FittedQuestions
    _corpora: dict[tuple[str, str], Corpus] = field(default_factory=dict)
    """Opened ones; several stages may search one."""

    def with_fitted(self, fitted: FittedQuestions) -> QuestionBuilder:
        """Return a builder with the same corpora for what was fitted since."""
        return replace(self, fitted=fitted)

    def node(self, stage: QuestionSpec) -> Read | Decompose | Passages | Synthesise:
        """Return a stage that questions pass.

        Raises:
            ArtifactError: An index is not there, or made by another encoder.
        """
        match stage:
            case ReadSpec():
                return self._read(stage, self.loaded.spec.unit_flow, self._trust(stage.name))
            case DecomposeSpec():
                planner, most_steps = self._planner(stage), stage.max_steps
                return Decompose(stage.name, stage.model, planner=planner, most_steps=most_steps)
            case CorpusSpec():
                return self._passages(stage)
            case SynthesiseSpec():
                return self._synthesise(stage)

    def steps(self, about: About) -> Engine:
        """Return the engine that answers the steps of plans."""
        flow = self.loaded.spec.step_flow
        nodes = [self._step_node(stage, flow) for stage in flow]
        return Engine(about, task=StepTask(), nodes=nodes)

    def _step_node(self, stage: UnitStage, flow: Sequence[UnitStage]) -> Node:
        match stage:
            case CorpusSpec():
                return self._passages(stage)
            case ReadSpec():
                return self._read(stage, flow, self._step_trust)
            case GateSpec():
                threshold = self.fitted.thresholds.get(stage.name, KEEP_NOTHING)
                return GateNode(stage.name, stage.of, Gate("max_prob", threshold))
            case VerifySpec():
                return self._support(stage, flow)
        raise ValueError(f"a {stage.kind} answers no steps. This is a bug.")

    def _trust(self, name: str) -> Trust:
        return self.fitted.trusts.get(name, Trust.default())

    @property
    def _step_trust(self) -> Trust:
        """Return the trust in readings of steps, whose right answers nobody knows.

        It is that of the last reading of whole questions, which is shown passages as they are.
        """
        reads = [each for each in self.loaded.spec.answering if isinstance(each, ReadSpec)]
        return self._trust(reads[-1].name) if reads else Trust.default()

    def _read(self, stage: ReadSpec, flow: Sequence[UnitStage], trust: Trust) -> Read:
        return Read(
            stage.name,
            stage.model,
            large_model=self.large_models[stage.model],
            instruction=self.loaded.prompts[stage.name],
            trust=trust,
            evidence=stage.evidence,
            earlier=_read_before(stage, flow),
        )

    def _planner(self, stage: DecomposeSpec) -> Planner:
        if stage.name in self.fitted.planners:
            return self.fitted.planners[stage.name]
        instruction = self.loaded.prompts[stage.name]
        return LmPlanner(self.large_models[stage.model], instruction, stage.max_steps)

    def _passages(self, stage: CorpusSpec) -> Passages:
        model = self.loaded.spec.encoder_of(stage)
        return Passages(
            stage.name,
            model,
            corpus=self._corpus(stage.corpus, self.encoders[model]),
            encoder=self.encoders[model],
            top_k=stage.top_k,
            plan=stage.plan,
            batching=batching_of(self.loaded, model),
        )

    def _corpus(self, name: str, encoder: TextEncoder) -> Corpus:
        key = (name, encoder.fingerprint)
        if key not in self._corpora:
            directory = Path(self.loaded.corpora[name])
            self._corpora[key] = open_corpus(directory, encoder.fingerprint)
        return self._corpora[key]

    def _support(self, stage: VerifySpec, flow: Sequence[UnitStage]) -> Support:
        found = next(each for each in flow if each.name == stage.evidence)
        read = _read_before(stage, flow)
        if not isinstance(found, CorpusSpec) or read is None:
            raise ValueError("a verify of steps lacks passages or a read. This is a bug.")
        return Support(
            stage.name,
            stage.model,
            large_model=self.large_models[stage.model],
            instruction=self.loaded.prompts[stage.name],
            trust=self._step_trust,
            evidence=found.name,
            of=read,
            passages=self._passages(found),
            widen=DEFAULT_WIDEN if stage.widen is None else stage.widen,
        )

    def _synthesise(self, stage: SynthesiseSpec) -> Synthesise:
        spec = self.loaded.spec
        about = About(stage.of, "", self.loaded.revision, 1.0, {})
        return Synthesise(
            stage.name,
            stage.model,
            large_model=self.large_models[stage.model],
            instruction=self.loaded.prompts[stage.name],
            trust=self._trust(stage.name),
            plan=(spec.for_each.of if spec.for_each else None) or "",
            earlier=_read_before(stage, spec.unit_flow),
            steps=self.steps(about),
        )


def batching_of(loaded: LoadedCascade, model: str) -> Batching:
    """Return how calls of a small model are gathered."""
    spec = loaded.spec.models[model]
    if isinstance(spec, EncoderSpec):
        # Fewer than two a replica would leave replicas idle, however many gateways there are.
        running = MAX_RUNNING * (spec.replicas.max if spec.placement == "deployment" else 1)
        return Batching(spec.batch.max_size, spec.batch.max_wait_ms, running)
    return Batching()


def _read_before(stage: UnitStage, flow: Sequence[UnitStage]) -> str | None:
    """Return the last read before a stage of the flow, whose answer it may agree with."""
    before = flow[: flow.index(stage)]
    return next((each.name for each in reversed(before) if isinstance(each, ReadSpec)), None)
