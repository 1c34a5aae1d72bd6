"""The small model of each answering stage: trained, then asked by the code that serves.

train rows, encoders  ->  Answering (a stage, its file)  ->  a prediction a development row
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from headgate.cascade.assemble import text_task_of
from headgate.cascade.load import LoadedCascade
from headgate.cascade.model_spec import NgramsSpec
from headgate.cascade.spec import CandidatesSpec
from headgate.domains.rows import LabelledRecord
from headgate.errors import HeadgateError
from headgate.fitting.matching import train_matcher
from headgate.fitting.train import train_pair_classifier, train_text_classifier
from headgate.fitting.vectors import KnownVectors, Report
from headgate.models.classifier import PairClassifier
from headgate.models.matcher import Matcher
from headgate.retrieval.targets import TargetIndexes
from headgate.stages.candidates import FEATURES, Candidates, TargetEntry
from headgate.stages.classify import Classifier, Classify
from headgate.stages.contract import Batch, prediction_of
from headgate.types import Deadline, Prediction

DEFAULT_BUCKETS = 2**18
PREDICT_TIMEOUT_S = 3600.0
"""For all development rows together; a fit has nobody waiting."""


@dataclass(frozen=True, slots=True)
class Answering:
    """One answering stage with the small model that was fitted for it."""

    stage: Classify | Candidates
    small_model: Classifier | Matcher

    @property
    def inputs(self) -> Literal["text", "pair", "columns"]:
        """Return what the small model reads."""
        if isinstance(self.small_model, Matcher):
            return "columns"
        return "pair" if isinstance(self.small_model, PairClassifier) else "text"

    @property
    def file(self) -> str:
        """Return the name of its file in the artifact."""
        if isinstance(self.small_model, Matcher):
            return f"match_{self.stage.name}.json"
        return f"classify_{self.stage.name}.safetensors"

    def save(self, path: Path) -> None:
        """Write the small model."""
        if isinstance(self.small_model, Matcher):
            path.write_text(json.dumps(self.small_model.to_json()), encoding="utf-8")
        else:
            self.small_model.save(path)

    def predict(self, rows: Sequence[LabelledRecord]) -> list[Prediction]:
        """Return a prediction a row, in order.

        Raises:
            HeadgateError: A row cannot be answered.
        """
        return asyncio.run(self._predict(rows))

    async def _predict(self, rows: Sequence[LabelledRecord]) -> list[Prediction]:
        records = [row.record for row in rows]
        if isinstance(self.stage, Classify):
            return await self.stage.classify(records)
        cells = await self.stage.run(Batch(records, Deadline.after(PREDICT_TIMEOUT_S), {}))
        for cell in cells:
            if isinstance(cell, HeadgateError):
                raise cell
        return [found for cell in cells if (found := prediction_of(cell)) is not None]


@dataclass(frozen=True, slots=True)
class Trainer:
    """What stages are trained from."""

    loaded: LoadedCascade
    rows: Sequence[LabelledRecord]
    """For training."""
    encoders: Mapping[str, KnownVectors]
    report: Report
    seed: int

    def candidates(self, stage: CandidatesSpec) -> Answering:
        """Return a fitted search for candidates."""
        model = self.loaded.spec.encoder_of(stage)
        indexes: TargetIndexes[TargetEntry] = TargetIndexes()

        def serving(matcher: Matcher) -> Candidates:
            return Candidates(
                stage.name,
                model,
                encoder=self.encoders[model],
                matcher=matcher,
                top_k=stage.top_k,
                indexes=indexes,
            )

        self.report(f"train {stage.name}", 0, 1)
        matcher = train_matcher(serving(Matcher.default(len(FEATURES))), self.rows)
        self.report(f"train {stage.name}", 1, 1)
        return Answering(serving(matcher), matcher)

    def classifier(self, name: str, model: str) -> Answering:
        """Return a fitted classify stage of a model."""
        self.report(f"train {name}", 0, 1)
        pairs = text_task_of(self.loaded).pairs
        trained = self._train_pairs(model) if pairs else self._train_texts(model)
        self.report(f"train {name}", 1, 1)
        stage = Classify(
            name,
            model,
            task=text_task_of(self.loaded),
            classifier=trained,
            encoder=self.encoders.get(model),
        )
        return Answering(stage, trained)

    def _train_texts(self, model: str) -> Classifier:
        task = text_task_of(self.loaded)
        texts = task.texts([row.record for row in self.rows])
        encoder = self.encoders.get(model)
        return train_text_classifier(
            texts,
            encoder.vectors(texts) if encoder else None,
            [task.labels.index(row.label) for row in self.rows],
            labels=len(task.labels),
            buckets=self._buckets(model),
        )

    def _train_pairs(self, model: str) -> Classifier:
        pairs = text_task_of(self.loaded).text_pairs([row.record for row in self.rows])
        encoder = self.encoders.get(model)
        vectors = (
            (encoder.vectors(pairs.firsts), encoder.vectors(pairs.seconds)) if encoder else None
        )
        return train_pair_classifier(
            pairs.firsts,
            pairs.seconds,
            vectors,
            [fits for row in self.rows for fits in self._fits(row)],
            buckets=self._buckets(model),
            seed=self.seed,
        )

    def _fits(self, row: LabelledRecord) -> list[bool]:
        """Return whether each of the row's pairs fits."""
        task = text_task_of(self.loaded)
        if task.ranks:
            return [candidate.id == row.label for candidate in row.record.candidates]
        return [row.label == task.labels[1]]

    def _buckets(self, model: str) -> int:
        spec = self.loaded.spec.models[model]
        return spec.buckets if isinstance(spec, NgramsSpec) else DEFAULT_BUCKETS
