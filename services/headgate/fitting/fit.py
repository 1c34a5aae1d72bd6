"""Fits a cascade on labelled rows and writes its artifact.

cascade, train rows, development rows
  -> a classifier a classify stage (train) -> development rows that tune | that certify
  -> case store (errors on tuning rows) -> the large model's answers -> gates, certificate
  -> artifact

Without a certificate all development rows tune, and no large model is asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np

from headgate import __version__
from headgate.artifact import Artifact, ArtifactWriter, sha256_of
from headgate.cascade.assemble import task_of
from headgate.cascade.certificate import Certificate, hashes_of
from headgate.cascade.encoders import encoder_folder, encoder_specs, load_encoder
from headgate.cascade.fitted import (
    CASES_FOLDER,
    KIND,
    REFERENCE_SCORES,
    SECOND,
    Fitted,
    FittedClassifier,
    FittedGate,
    facts_of,
    fit_key,
)
from headgate.cascade.load import LoadedCascade
from headgate.cascade.spec import ClassifySpec, NgramsSpec, RetrieveSpec, VerifySpec
from headgate.domains.log_rows import LabelledRecord
from headgate.domains.logs import LogTask
from headgate.errors import InputError
from headgate.fitting.cases import build_case_store
from headgate.fitting.certify import Issue, certify
from headgate.fitting.evidence import Evidence, reference_scores
from headgate.fitting.gates import gates_within_budget
from headgate.fitting.needs import asks_reference, needs_tuning, refuse_many_tiers
from headgate.fitting.reference import Cases, ask_reference
from headgate.fitting.split import without_seen
from headgate.fitting.train import train_pair_classifier, train_text_classifier
from headgate.fitting.units import Units, part_units
from headgate.fitting.vectors import KnownVectors, Report
from headgate.gate.tiers import TUNE_SHARE
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
    environment: Mapping[str, str] | None = None,
    issued: datetime | None = None,
    report: Report = lambda step, done, total: None,
) -> Artifact:
    """Fit every part of the cascade and write the artifact.

    It blocks; an event loop calls it in a thread.

    Args:
        loaded: The cascade.
        rows: Labelled rows; development rows that are training rows too are left out.
        output: Where to write; the file's own `artifact` when absent.
        seed: The same rows, seed and moment of issue give the same artifact.
        environment: Where keys of the large model are looked up; empty when absent.
        issued: The moment the certificate bears; now when absent.
        report: Told of progress.

    Raises:
        InputError: Too few rows, or rows of one answer or one template only; too many tiers to
            certify; or the large model does not answer.
        ModelError: An encoder cannot be loaded, or a classifier gives no numbers.
        LmRefusedError: The large model's key is not where the file says.
        ArtifactError: The place is taken by something else.
    """
    refuse_many_tiers(loaded.spec)
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
        own = Rows(rows.train, development)
        work = _Fit(loaded, own, encoders, report, seed, dict(environment or {}))
        return work.write(writer, issued or datetime.now(UTC))


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


@dataclass(slots=True)
class _Fit:
    """One fit on its way."""

    loaded: LoadedCascade
    rows: Rows
    encoders: Mapping[str, KnownVectors]
    report: Report
    seed: int
    environment: Mapping[str, str]

    @property
    def task(self) -> LogTask:
        return task_of(self.loaded)

    def write(self, writer: ArtifactWriter, issued: datetime) -> Artifact:
        """Fit all parts in order and write them."""
        trained = self._trained()
        classifiers = {name: self._train(name, model) for name, model in trained.items()}
        predictions = {
            name: self._predict(name, model, classifiers[name]) for name, model in trained.items()
        }
        for name, classifier in classifiers.items():
            classifier.save(writer.path(_classifier_file(name)))
        units = self._units()
        cases = self._write_cases(writer, predictions[self._stages()[-1].name], units)
        evidence = self._evidence(units, predictions, cases)
        gates, certificate = self._decide(evidence, writer, issued)
        if self._watched(certificate):
            writer.write_json(REFERENCE_SCORES, reference_scores(evidence, gates))
        metrics = self._metrics(evidence, gates, cases)
        return writer.finish(KIND, facts_of(self._fitted(gates, certificate, metrics)))

    def _fitted(
        self,
        gates: Mapping[str, FittedGate],
        certificate: Certificate | None,
        metrics: Mapping[str, float],
    ) -> Fitted:
        inputs: Literal["text", "pair"] = "pair" if self.task.pairs else "text"
        return Fitted(
            key=fit_key(self.loaded.spec),
            classifiers={
                name: FittedClassifier(file=_classifier_file(name), inputs=inputs)
                for name in self._trained()
            },
            gates=gates,
            encoders={name: encoder.fingerprint for name, encoder in self.encoders.items()},
            metrics=metrics,
            versions=_versions(),
            data_sha256=_data_hash(self.rows),
            certificate=certificate,
        )

    def _trained(self) -> dict[str, str]:
        """Return the model of each classifier by its name: the stages', and a second model's."""
        second = self.loaded.spec.deferral.second_model
        own = {stage.name: stage.model for stage in self._stages()}
        return own | ({SECOND.format(second): second} if second else {})

    def _units(self) -> Units:
        """Return which development rows tune and which certify."""
        rows = self.rows.development
        deferral = self.loaded.spec.deferral
        if deferral.certificate is None:
            return Units(np.ones(len(rows), bool), np.zeros(len(rows), bool))
        tunes = needs_tuning(self.loaded.spec, len(rows))
        units = part_units(rows, TUNE_SHARE if tunes else 0.0, self.seed)
        if tunes and not units.tune.any():
            raise InputError(
                "development rows",
                "they are of one template, and this certificate needs some to tune on "
                "that share none with those that certify",
                "Give rows of more templates.",
            )
        return units

    def _evidence(
        self, units: Units, predictions: Mapping[str, Sequence[Prediction]], cases: Cases | None
    ) -> Evidence:
        second = self.loaded.spec.deferral.second_model
        return Evidence(
            self.loaded,
            self.rows.development,
            units,
            {stage.name: predictions[stage.name] for stage in self._stages()},
            predictions[SECOND.format(second)] if second else None,
            self._reference(units, cases),
        )

    def _reference(self, units: Units, cases: Cases | None) -> list[str | None]:
        """Return the large model's answers to the rows whose loss depends on them."""
        rows = self.rows.development
        answers: list[str | None] = [None] * len(rows)
        spec = self.loaded.spec.deferral
        if spec.certificate is None or not asks_reference(spec):
            return answers
        asked = np.flatnonzero(units.certify | units.tune).tolist()
        chosen = [rows[place] for place in asked]
        found = ask_reference(self.loaded, chosen, cases, self.environment, self.report)
        for place, answer in zip(asked, found, strict=True):
            answers[place] = answer
        return answers

    def _decide(
        self, evidence: Evidence, writer: ArtifactWriter, issued: datetime
    ) -> tuple[dict[str, FittedGate], Certificate | None]:
        """Return the gates, and the certificate when the file asks for one."""
        if self.loaded.spec.deferral.certificate is None:
            return gates_within_budget(evidence), None
        fingerprints = {name: each.fingerprint for name, each in self.encoders.items()}
        files = {name: sha256_of(writer.path(_classifier_file(name))) for name in self._trained()}
        own = [row for row, mine in zip(evidence.rows, evidence.units.certify, strict=True) if mine]
        issue = Issue(
            hashes_of(self.loaded, fingerprints, files),
            _data_hash(Rows((), own)),
            issued.astimezone(UTC).isoformat(timespec="seconds"),
        )
        return certify(evidence, issue, seed=self.seed)

    def _watched(self, certificate: Certificate | None) -> bool:
        return certificate is not None and self.loaded.spec.deferral.audits is not None

    def _stages(self) -> list[ClassifySpec]:
        return [stage for stage in self.loaded.spec.flow if isinstance(stage, ClassifySpec)]

    def _train(self, name: str, model: str) -> Classifier:
        self.report(f"train {name}", 0, 1)
        trained = self._train_pairs(model) if self.task.pairs else self._train_texts(model)
        self.report(f"train {name}", 1, 1)
        return trained

    def _train_texts(self, model: str) -> Classifier:
        texts = self.task.texts([row.record for row in self.rows.train])
        encoder = self.encoders.get(model)
        return train_text_classifier(
            texts,
            encoder.vectors(texts) if encoder else None,
            [self.task.labels.index(row.label) for row in self.rows.train],
            labels=len(self.task.labels),
            buckets=self._buckets(model),
        )

    def _train_pairs(self, model: str) -> Classifier:
        pairs = self.task.text_pairs([row.record for row in self.rows.train])
        encoder = self.encoders.get(model)
        vectors = (
            (encoder.vectors(pairs.firsts), encoder.vectors(pairs.seconds)) if encoder else None
        )
        return train_pair_classifier(
            pairs.firsts,
            pairs.seconds,
            vectors,
            [fits for row in self.rows.train for fits in self._fits(row)],
            buckets=self._buckets(model),
            seed=self.seed,
        )

    def _fits(self, row: LabelledRecord) -> list[bool]:
        """Return whether each of the row's pairs fits."""
        if self.task.operation == "rank_causes":
            return [candidate.id == row.label for candidate in row.record.candidates]
        return [row.label == self.task.labels[1]]

    def _buckets(self, model: str) -> int:
        spec = self.loaded.spec.models[model]
        return spec.buckets if isinstance(spec, NgramsSpec) else DEFAULT_BUCKETS

    def _predict(self, name: str, model: str, classifier: Classifier) -> list[Prediction]:
        """Return the predictions on the development rows, by the code that serves."""
        served = Classify(
            name,
            model,
            task=self.task,
            classifier=classifier,
            encoder=self.encoders.get(model),
        )
        records = [row.record for row in self.rows.development]
        return asyncio.run(served.classify(records))

    def _write_cases(
        self, writer: ArtifactWriter, predictions: Sequence[Prediction], units: Units
    ) -> Cases | None:
        """Write the case store, of errors on tuning rows, when the flow searches one.

        A certification row in it would show the large model its own label.
        """
        searches = [s for s in self.loaded.spec.flow if isinstance(s, RetrieveSpec)]
        if not searches:
            return None
        encoder = self.encoders[self.loaded.spec.encoder_of(searches[0])]
        tuning = np.flatnonzero(units.tune).tolist()
        rows = [self.rows.development[place] for place in tuning]
        store = build_case_store(self.task, rows, [predictions[p] for p in tuning], encoder)
        store.save(writer.folder(CASES_FOLDER))
        return Cases(store, encoder)

    def _metrics(
        self, evidence: Evidence, gates: Mapping[str, FittedGate], cases: Cases | None
    ) -> dict[str, float]:
        exits = evidence.exits(gates)
        kept = np.array([bool(each) for each in exits])
        right = evidence.right(self._stages()[-1].name)
        for stage in self._stages():
            own = np.array([each == stage.name for each in exits])
            right[own] = evidence.right(stage.name)[own]
        asks = any(isinstance(stage, VerifySpec) for stage in self.loaded.spec.flow)
        escalated = ~kept & asks
        return {
            "train_rows": float(len(self.rows.train)),
            "development_rows": float(len(self.rows.development)),
            "small_accuracy": float(right.mean()),
            "kept_accuracy": float(right[~escalated].mean()) if not escalated.all() else 0.0,
            "escalated_share": float(escalated.mean()),
            "error_cases": float(len(cases.store) if cases else 0),
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
