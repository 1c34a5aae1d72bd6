"""Fits a cascade on labelled rows and writes its artifact.

cascade, train rows, development rows
  -> a classifier a classify stage (train) -> a threshold a gate (development)
  -> case store (development errors) -> artifact
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headgate import __version__
from headgate.artifact import Artifact, ArtifactWriter
from headgate.cascade.assemble import task_of
from headgate.cascade.encoders import encoder_folder, encoder_specs, load_encoder
from headgate.cascade.fitted import (
    CASES_FOLDER,
    KIND,
    Fitted,
    FittedClassifier,
    FittedGate,
    facts_of,
    fit_key,
    score_kind,
)
from headgate.cascade.load import LoadedCascade
from headgate.cascade.spec import (
    ClassifySpec,
    GateSpec,
    NgramsSpec,
    RetrieveSpec,
    VerifySpec,
)
from headgate.domains.log_rows import LabelledRecord
from headgate.domains.logs import LogTask
from headgate.errors import InputError
from headgate.fitting.cases import build_case_store
from headgate.fitting.split import without_seen
from headgate.fitting.train import train_pair_classifier, train_text_classifier
from headgate.fitting.vectors import KnownVectors, Report
from headgate.gate.scores import score_answers
from headgate.gate.threshold import KEEP_NOTHING, threshold_for_share, threshold_not_worse
from headgate.models.quantize import int8_directory
from headgate.models.source import resolve_source
from headgate.stages.classify import Classifier, Classify
from headgate.types import Prediction

MIN_DEVELOPMENT_ROWS = 20
"""Fewer set no threshold worth the name."""
DEFAULT_BUCKETS = 2**18


@dataclass(frozen=True, slots=True)
class Rows:
    """What a fit learns from and what it is judged on; they share no row."""

    train: Sequence[LabelledRecord]
    development: Sequence[LabelledRecord]


def fit_cascade(
    loaded: LoadedCascade,
    rows: Rows,
    *,
    output: Path | None = None,
    seed: int = 0,
    report: Report = lambda step, done, total: None,
) -> Artifact:
    """Fit every part of the cascade and write the artifact.

    It blocks; an event loop calls it in a thread.

    Args:
        loaded: The cascade.
        rows: Labelled rows; development rows that are training rows too are left out.
        output: Where to write; the file's own `artifact` when absent.
        seed: The same rows and seed give the same artifact.
        report: Told of progress.

    Raises:
        InputError: Too few rows, or rows of one answer only.
        ModelError: An encoder cannot be loaded.
        ArtifactError: The place is taken by something else.
    """
    development = without_seen(rows.development, rows.train)
    if len(development) < MIN_DEVELOPMENT_ROWS:
        raise InputError(
            "development rows",
            f"there are {len(development)} that are not training rows",
            f"Give at least {MIN_DEVELOPMENT_ROWS}, with --dev or by more labels.",
        )
    directory = output if output is not None else _local_target(loaded)
    with ArtifactWriter(directory) as writer:
        encoders = _load_encoders(loaded, writer, report)
        work = _Fit(loaded, Rows(rows.train, development), encoders, report, seed)
        return work.write(writer)


def _local_target(loaded: LoadedCascade) -> Path:
    if "://" in loaded.artifact:
        raise InputError(
            "spec.artifact",
            "a fit writes to a local directory, and this is a URL",
            "Name a directory with --artifact, and copy it there.",
        )
    return Path(loaded.artifact)


def _load_encoders(
    loaded: LoadedCascade, writer: ArtifactWriter, report: Report
) -> dict[str, KnownVectors]:
    """Load each encoder; int8 files are made, or found cached, and copied into the artifact."""
    encoders = {}
    for name, spec in encoder_specs(loaded).items():
        report(f"load encoder {name}", 0, 1)
        int8: Path | None = None
        if spec.precision == "int8":
            int8 = int8_directory(resolve_source(loaded.sources[name], spec.revision))
            shutil.copytree(int8, writer.folder(encoder_folder(name)))
        encoder = load_encoder(spec, loaded.sources[name], int8)
        encoders[name] = KnownVectors(encoder, report)
        report(f"load encoder {name}", 1, 1)
    return encoders


@dataclass(frozen=True, slots=True)
class _Gated:
    """The gates, and what they do with the development rows."""

    gates: Mapping[str, FittedGate]
    correct: NDArray[np.bool_]
    """Shape (rows,): whether the answer is right that the small models give together."""
    escalated: NDArray[np.bool_]
    """Shape (rows,): whether the large model is asked."""


@dataclass(slots=True)
class _Fit:
    """One fit on its way."""

    loaded: LoadedCascade
    rows: Rows
    encoders: Mapping[str, KnownVectors]
    report: Report
    seed: int

    @property
    def task(self) -> LogTask:
        return task_of(self.loaded)

    def write(self, writer: ArtifactWriter) -> Artifact:
        """Fit all parts in order and write them."""
        classifiers = {stage.name: self._train(stage) for stage in self._stages()}
        predictions = {
            stage.name: self._predict(stage, classifiers[stage.name]) for stage in self._stages()
        }
        for name, classifier in classifiers.items():
            classifier.save(writer.path(_classifier_file(name)))
        gated = self._set_gates(predictions)
        cases = self._write_cases(writer, predictions[self._stages()[-1].name])
        fitted = Fitted(
            key=fit_key(self.loaded.spec),
            classifiers={
                name: FittedClassifier(
                    file=_classifier_file(name), inputs="pair" if self.task.pairs else "text"
                )
                for name in classifiers
            },
            gates=gated.gates,
            encoders={name: encoder.fingerprint for name, encoder in self.encoders.items()},
            metrics=self._metrics(gated, cases),
            versions=_versions(),
            data_sha256=_data_hash(self.rows),
        )
        return writer.finish(KIND, facts_of(fitted))

    def _stages(self) -> list[ClassifySpec]:
        return [stage for stage in self.loaded.spec.flow if isinstance(stage, ClassifySpec)]

    def _train(self, stage: ClassifySpec) -> Classifier:
        self.report(f"train {stage.name}", 0, 1)
        trained = self._train_pairs(stage) if self.task.pairs else self._train_texts(stage)
        self.report(f"train {stage.name}", 1, 1)
        return trained

    def _train_texts(self, stage: ClassifySpec) -> Classifier:
        texts = self.task.texts([row.record for row in self.rows.train])
        encoder = self.encoders.get(stage.model)
        return train_text_classifier(
            texts,
            encoder.vectors(texts) if encoder else None,
            [self.task.labels.index(row.label) for row in self.rows.train],
            labels=len(self.task.labels),
            buckets=self._buckets(stage),
        )

    def _train_pairs(self, stage: ClassifySpec) -> Classifier:
        pairs = self.task.text_pairs([row.record for row in self.rows.train])
        encoder = self.encoders.get(stage.model)
        vectors = (
            (encoder.vectors(pairs.firsts), encoder.vectors(pairs.seconds)) if encoder else None
        )
        return train_pair_classifier(
            pairs.firsts,
            pairs.seconds,
            vectors,
            [fits for row in self.rows.train for fits in self._fits(row)],
            buckets=self._buckets(stage),
            seed=self.seed,
        )

    def _fits(self, row: LabelledRecord) -> list[bool]:
        """Return whether each of the row's pairs fits."""
        if self.task.operation == "rank_causes":
            return [candidate.id == row.label for candidate in row.record.candidates]
        return [row.label == self.task.labels[1]]

    def _buckets(self, stage: ClassifySpec) -> int:
        model = self.loaded.spec.models[stage.model]
        return model.buckets if isinstance(model, NgramsSpec) else DEFAULT_BUCKETS

    def _predict(self, stage: ClassifySpec, classifier: Classifier) -> list[Prediction]:
        """Return the stage's predictions on the development rows, by the code that serves."""
        served = Classify(
            stage.name,
            stage.model,
            task=self.task,
            classifier=classifier,
            encoder=self.encoders.get(stage.model),
        )
        records = [row.record for row in self.rows.development]
        return asyncio.run(served.classify(records))

    def _set_gates(self, predictions: Mapping[str, Sequence[Prediction]]) -> _Gated:
        """Fit the gates in order, each on the development rows that reach it."""
        score = score_kind(self.loaded.spec)
        gates = [stage for stage in self.loaded.spec.flow if isinstance(stage, GateSpec)]
        correct = self._correct(predictions[self._stages()[-1].name])
        reached = np.ones(len(self.rows.development), bool)
        fitted = {}
        for gate in gates:
            own = predictions[gate.of]
            scores = score_answers([each.probabilities for each in own], score)
            threshold = self._threshold(gate, scores, reached, predictions)
            fitted[gate.name] = FittedGate(score=score, threshold=threshold)
            kept = reached & (scores >= threshold)
            correct[kept] = self._correct(own)[kept]
            reached &= ~kept
        asks = any(isinstance(stage, VerifySpec) for stage in self.loaded.spec.flow)
        return _Gated(fitted, correct, reached & asks)

    def _threshold(
        self,
        gate: GateSpec,
        scores: NDArray[np.float64],
        reached: NDArray[np.bool_],
        predictions: Mapping[str, Sequence[Prediction]],
    ) -> float:
        """Return a gate's threshold: by quality before a small model, by budget before the large.

        Args:
            gate: One gate of the flow.
            scores: Shape (rows,), of the stage before it.
            reached: Shape (rows,), the rows that no earlier gate keeps.
            predictions: Of each classify stage, by its name.
        """
        names = [stage.name for stage in self._stages()]
        later = names[names.index(gate.of) + 1 :]
        if not later:
            # The budget is a share of all records: those kept earlier count as never sent.
            share = self.loaded.spec.deferral.budget.llm_share
            return threshold_for_share(np.where(reached, scores, KEEP_NOTHING), share)
        own, following = self._correct(predictions[gate.of]), self._correct(predictions[later[0]])
        return threshold_not_worse(scores[reached], own[reached], following[reached])

    def _correct(self, predictions: Sequence[Prediction]) -> NDArray[np.bool_]:
        labels = [row.label for row in self.rows.development]
        return np.array([p.answer == label for p, label in zip(predictions, labels, strict=True)])

    def _write_cases(self, writer: ArtifactWriter, predictions: Sequence[Prediction]) -> int:
        """Write the case store when the flow searches one; return how many cases it has."""
        searches = [s for s in self.loaded.spec.flow if isinstance(s, RetrieveSpec)]
        if not searches:
            return 0
        encoder = self.encoders[self.loaded.spec.encoder_of(searches[0])]
        store = build_case_store(self.task, self.rows.development, predictions, encoder)
        store.save(writer.folder(CASES_FOLDER))
        return len(store)

    def _metrics(self, gated: _Gated, cases: int) -> dict[str, float]:
        kept = gated.correct[~gated.escalated]
        return {
            "train_rows": float(len(self.rows.train)),
            "development_rows": float(len(self.rows.development)),
            "small_accuracy": float(gated.correct.mean()),
            "kept_accuracy": float(kept.mean()) if len(kept) else 0.0,
            "escalated_share": float(gated.escalated.mean()),
            "error_cases": float(cases),
        }


def _classifier_file(stage: str) -> str:
    return f"classify_{stage}.safetensors"


def _versions() -> dict[str, str]:
    libraries = ("numpy", "openvino", "sentence-transformers", "scikit-learn", "faiss-cpu")
    return {"headgate": __version__, **{name: version(name) for name in libraries}}


def _data_hash(rows: Rows) -> str:
    """Return a hash of every row and of which part it is in."""
    digest = hashlib.sha256()
    for part in (rows.train, rows.development):
        for row in part:
            candidates = [[each.id, each.text] for each in row.record.candidates]
            content = [dict(row.record.fields), candidates, row.label, row.reason]
            digest.update(json.dumps(content, sort_keys=True).encode() + b"\n")
        digest.update(b"--\n")
    return digest.hexdigest()
