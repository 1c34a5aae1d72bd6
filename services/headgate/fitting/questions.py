"""Fits a cascade of questions: what splits them, how far readings are trusted, which steps go on.

decompositions -> splitter;  train questions -> every stage, nothing kept -> trusts, thresholds
development questions -> every stage -> predictions of each read, answers of the last stage

All stages are those that serve. Each is asked once about each question, whatever it costs: a
training question takes every read, its plan, all its steps and the final answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from headgate.artifact import ArtifactWriter
from headgate.cascade.fitted import FittedClassifier
from headgate.cascade.load import LoadedCascade
from headgate.cascade.model_spec import SplitterSpec
from headgate.cascade.open import open_large_models
from headgate.cascade.questions import (
    DEFAULT_SHARE,
    FittedQuestions,
    QuestionBuilder,
    QuestionSpec,
)
from headgate.cascade.spec import DecomposeSpec, GateSpec, SynthesiseSpec
from headgate.domains.questions.answers import NO_ANSWER
from headgate.domains.rows import LabelledRecord
from headgate.errors import HeadgateError
from headgate.fitting.decompositions import fit_splitter, read_decompositions
from headgate.fitting.reading import fit_reading_trust
from headgate.fitting.reference import refuse_many
from headgate.fitting.vectors import KnownVectors, Report
from headgate.gate.threshold import KEEP_NOTHING
from headgate.models.source import resolve_source
from headgate.models.splitter import WEIGHTS_FILE
from headgate.models.trust import Trust, fit_trust
from headgate.stages.catalog import Read, Synthesise
from headgate.stages.contract import Batch, Cell, Stage, prediction_of
from headgate.stages.decompose import SpanPlanner
from headgate.stages.synthesise import Conclusion
from headgate.types import Deadline, Judgement, Prediction, Reading

AT_ONCE = 32
"""Questions that share a deadline."""
CHUNK_TIMEOUT_S = 1800.0
"""For as many questions: each may ask a language model a dozen times."""

Columns = dict[str, list[Cell]]


@dataclass(frozen=True, slots=True)
class FittedCascade:
    """What was found out, and what the stages say of the development questions."""

    files: Mapping[str, FittedClassifier]
    """By the name of the stage; they are written."""
    thresholds: Mapping[str, float]
    """By the gate of steps."""
    predictions: Mapping[str, Sequence[Prediction]]
    """By the name of the read, one a development question."""
    reference: Sequence[str | None]
    """The answers of the last stage; None where it gave none, or was not asked."""


@dataclass(frozen=True, slots=True)
class QuestionFit:
    """What a cascade of questions is fitted from."""

    loaded: LoadedCascade
    train: Sequence[LabelledRecord]
    development: Sequence[LabelledRecord]
    encoders: Mapping[str, KnownVectors]
    writer: ArtifactWriter
    environment: Mapping[str, str]
    report: Report = lambda step, done, total: None
    files: dict[str, FittedClassifier] = field(default_factory=dict)

    def run(self, *, asks_reference: bool) -> FittedCascade:
        """Fit every part and write its file.

        Args:
            asks_reference: Whether the last stage is asked about development questions.

        Raises:
            InputError: Decompositions are wrong or too few; more than a tenth of the questions
                got no answer.
            ArtifactError: An index of passages is not there, or made by another encoder.
            LmRefusedError: A key is not where the file says.
        """
        planners = {
            stage.name: self._splitter(stage, spec)
            for stage in self.loaded.spec.unit_flow
            if isinstance(stage, DecomposeSpec)
            and isinstance(spec := self.loaded.spec.models[stage.model], SplitterSpec)
        }
        return asyncio.run(self._run(FittedQuestions(planners=planners), asks_reference))

    async def _run(self, fitted: FittedQuestions, asks_reference: bool) -> FittedCascade:
        large_models = open_large_models(self.loaded, self.environment)
        builder = QuestionBuilder(self.loaded, self.encoders, large_models, fitted)
        try:
            builder = await self._trained(builder)
            columns = await self._walk(builder)
            reference: list[str | None] = [None] * len(self.development)
            if asks_reference and self._last is not None:
                node = builder.node(self._last)
                cells = await self._cells(node, self.development, columns, "the last stage")
                reference = [e.answer if isinstance(e, Judgement) else None for e in cells]
        finally:
            for model in large_models.values():
                await model.close()
        reads = {stage.name for stage in self.loaded.spec.answering}
        predictions = {name: [_predicted(cell) for cell in columns[name]] for name in reads}
        return FittedCascade(self.files, builder.fitted.thresholds, predictions, reference)

    @property
    def _last(self) -> SynthesiseSpec | None:
        deciding = self.loaded.spec.deciding
        return deciding if isinstance(deciding, SynthesiseSpec) else None

    def _splitter(self, stage: DecomposeSpec, spec: SplitterSpec) -> SpanPlanner:
        """Return the planner of a stage; what serving needs of it is written into the artifact."""
        self.report(f"train {stage.name}", 0, 1)
        folder = f"splitter_{stage.model}"
        directory = self.writer.folder(folder)
        directory.mkdir(exist_ok=True)
        source = resolve_source(self.loaded.sources[stage.model], spec.revision)
        questions = read_decompositions(Path(self.loaded.decompositions[stage.model]))
        planner = fit_splitter(source, questions, directory)
        file = f"{folder}/{WEIGHTS_FILE}"
        self.files[stage.name] = FittedClassifier(file=file, inputs="question")
        self.report(f"train {stage.name}", 1, 1)
        return planner

    async def _trained(self, builder: QuestionBuilder) -> QuestionBuilder:
        """Return a builder with the trusts and thresholds that the training questions teach."""
        columns: Columns = {}
        for stage in self._stages():
            node = builder.node(stage)
            cells = await self._cells(node, self.train, columns, f"{stage.name} of training")
            if isinstance(node, Read):
                trust = fit_reading_trust(node, cells, columns=columns, rows=self.train)
                builder = self._trusting(builder, stage.name, trust)
                cells = _trusted(builder.node(stage), cells, columns)
            columns[stage.name] = cells
        last = self._last
        if last is None:
            return builder
        node = builder.node(last)
        if not isinstance(node, Synthesise):
            raise ValueError("the last stage concludes nothing. This is a bug.")
        concluded = await self._concluded(node, columns)
        builder = self._trusting(builder, last.name, _conclusive(concluded, self.train))
        thresholds = {gate.name: _threshold(gate, concluded) for gate in self._step_gates()}
        return builder.with_fitted(replace(builder.fitted, thresholds=thresholds))

    def _trusting(self, builder: QuestionBuilder, name: str, trust: Trust) -> QuestionBuilder:
        """Return a builder with one more trust, which is written down."""
        file = f"trust_{name}.json"
        self.writer.write_json(file, trust.to_json())
        self.files[name] = FittedClassifier(file=file, inputs="reading")
        trusts = {**builder.fitted.trusts, name: trust}
        return builder.with_fitted(replace(builder.fitted, trusts=trusts))

    def _stages(self) -> list[QuestionSpec]:
        """Return the stages before the last one that are no gates."""
        flow = self.loaded.spec.unit_flow
        stages = [stage for stage in flow if isinstance(stage, QuestionSpec)]
        return [stage for stage in stages if not isinstance(stage, SynthesiseSpec)]

    def _step_gates(self) -> list[GateSpec]:
        return [stage for stage in self.loaded.spec.step_flow if isinstance(stage, GateSpec)]

    async def _cells(
        self, node: Stage, rows: Sequence[LabelledRecord], columns: Columns, told: str
    ) -> list[Cell]:
        """Return what a stage yields of each question."""
        cells: list[Cell] = []
        for start in range(0, len(rows), AT_ONCE):
            cells += await node.run(_batch(node, rows, columns, start))
            self.report(told, len(cells), len(rows))
            failed = [cell for cell in cells if isinstance(cell, HeadgateError)]
            refuse_many(failed, len(rows), f"stage {node.name!r}")
        return cells

    async def _concluded(
        self, node: Synthesise, columns: Columns
    ) -> list[Conclusion | HeadgateError]:
        """Return what is concluded of each training question, all its steps sent on."""
        found: list[Conclusion | HeadgateError] = []
        for start in range(0, len(self.train), AT_ONCE):
            found += await node.conclude(_batch(node, self.train, columns, start))
            self.report(f"{node.name} of training", len(found), len(self.train))
            failed = [each for each in found if isinstance(each, HeadgateError)]
            refuse_many(failed, len(self.train), f"stage {node.name!r}")
        return found

    async def _walk(self, builder: QuestionBuilder) -> Columns:
        """Return what every stage before the last yields of the development questions."""
        columns: Columns = {}
        for stage in self._stages():
            node = builder.node(stage)
            columns[stage.name] = await self._cells(node, self.development, columns, stage.name)
        return columns


def _batch(node: Stage, rows: Sequence[LabelledRecord], columns: Columns, start: int) -> Batch:
    """Return the questions from a place on that share a deadline."""
    places = slice(start, start + AT_ONCE)
    own = {name: columns[name][places] for name in node.inputs}
    return Batch([row.record for row in rows[places]], Deadline.after(CHUNK_TIMEOUT_S), own)


def _trusted(node: Stage, cells: Sequence[Cell], columns: Columns) -> list[Cell]:
    """Return readings with the probabilities that the stage gives them now; nobody is asked."""
    if not isinstance(node, Read):
        raise ValueError(f"stage {node.name!r} reads nothing. This is a bug.")
    found: list[Cell] = []
    for place, cell in enumerate(cells):
        shown = {name: columns[name][place] for name in node.inputs}
        found.append(node.trusted(cell, shown) if isinstance(cell, Reading) else cell)
    return found


def _conclusive(
    concluded: Sequence[Conclusion | HeadgateError], rows: Sequence[LabelledRecord]
) -> Trust:
    """Return the trust in what is concluded from steps."""
    known = [
        (each.signs, row.accepts(each.reading.prediction.answer))
        for each, row in zip(concluded, rows, strict=True)
        if isinstance(each, Conclusion) and each.signs is not None
    ]
    return fit_trust([signs for signs, _ in known], [right for _, right in known])


def _threshold(gate: GateSpec, concluded: Sequence[Conclusion | HeadgateError]) -> float:
    """Return the probability below which the gate's share of the steps lies."""
    share = DEFAULT_SHARE if gate.share is None else gate.share
    parts = [part for each in concluded if isinstance(each, Conclusion) for part in each.parts]
    steps = [step for part in parts for step in part.path]
    scores = [step.score for step in steps if step.stage == gate.name and step.score is not None]
    if share == 1 or not scores:
        return KEEP_NOTHING
    return float(np.quantile(scores, share, method="higher")) if share else 0.0


def _predicted(cell: Cell) -> Prediction:
    """Return what was read; where that failed, that there is no answer."""
    return prediction_of(cell) or Prediction((NO_ANSWER,), (0.0,))
