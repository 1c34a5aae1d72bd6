"""Fits a cascade on labelled rows and writes its artifact.

cascade, train rows, development rows
  -> a classifier a classify stage (train) -> development rows that tune | that certify
  -> case store (errors on tuning rows) -> the large model's answers -> gates, certificate
  -> artifact

Without a certificate all development rows tune, and no large model is asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from headgate import __version__
from headgate.artifact import Artifact, ArtifactWriter, sha256_of
from headgate.cascade.assemble import unit_task_of
from headgate.cascade.certificate import Certificate, hashes_of
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
from headgate.cascade.spec import AnsweringSpec, CandidatesSpec, RerankSpec, RetrieveSpec
from headgate.domains.rows import LabelledRecord
from headgate.domains.tasks import content_of
from headgate.errors import InputError
from headgate.fitting.answering import Answering, Trainer
from headgate.fitting.cases import build_case_store
from headgate.fitting.certify import Issue, certify
from headgate.fitting.encoders import EncoderFit, FittedEncoders
from headgate.fitting.evidence import Evidence, reference_scores
from headgate.fitting.gates import gates_within_budget
from headgate.fitting.needs import asks_reference, needs_tuning, refuse_many_tiers
from headgate.fitting.news import FittedNews, NewsFit
from headgate.fitting.questions import QuestionFit
from headgate.fitting.reference import Cases, ask_reference, past_cases
from headgate.fitting.split import without_seen
from headgate.fitting.units import Units, part_units
from headgate.fitting.vectors import KnownVectors, Report
from headgate.gate.tiers import TUNE_SHARE
from headgate.stages.contract import Cell
from headgate.types import Prediction

MIN_DEVELOPMENT_ROWS = 20
"""Fewer set no threshold worth the name."""


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
        fitted = EncoderFit(loaded, writer, report, seed).run([*rows.train, *development])
        own = Rows(rows.train, development)
        work = _Fit(loaded, own, fitted, report, seed, dict(environment or {}))
        return work.write(writer, issued or datetime.now(UTC))


def _local_target(loaded: LoadedCascade) -> Path:
    if "://" in loaded.artifact:
        raise InputError(
            "spec.artifact",
            "a fit writes to a local directory, and this is a URL",
            "Name a directory with --artifact, and copy it there.",
        )
    return Path(loaded.artifact)


@dataclass(frozen=True, slots=True)
class _Small:
    """The fitted small models, and what both models say of the development rows."""

    files: Mapping[str, FittedClassifier]
    """By the name of the stage; they are written."""
    predictions: Mapping[str, Sequence[Prediction]]
    """By the name of the stage, one a row."""
    reference: Sequence[str | None]
    """The large model's answers; None where it was not asked or gave none."""
    cases: Cases | None = None
    steps: Mapping[str, float] = field(default_factory=dict)
    """Threshold of each gate of steps."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Of the training, for the metrics."""


@dataclass(slots=True)
class _Fit:
    """One fit on its way."""

    loaded: LoadedCascade
    rows: Rows
    fitted_encoders: FittedEncoders
    report: Report
    seed: int
    environment: Mapping[str, str]

    @property
    def encoders(self) -> Mapping[str, KnownVectors]:
        return self.fitted_encoders.encoders

    def write(self, writer: ArtifactWriter, issued: datetime) -> Artifact:
        """Fit all parts in order and write them."""
        units = self._units()
        small = self._questions(writer) if self._reads else self._classifiers(writer, units)
        evidence = self._evidence(units, small)
        gates, certificate = self._decide(evidence, writer, small, issued)
        if self._watched(certificate):
            writer.write_json(REFERENCE_SCORES, reference_scores(evidence, gates))
        facts = Fitted(
            key=fit_key(self.loaded.spec),
            classifiers=small.files,
            gates=gates,
            steps=small.steps,
            encoders={name: encoder.fingerprint for name, encoder in self.encoders.items()},
            metrics={**self._metrics(evidence, gates, small.cases), **small.figures},
            versions=_versions(),
            data_sha256=_data_hash(self.rows),
            certificate=certificate,
        )
        return writer.finish(KIND, facts_of(facts))

    @property
    def _reads(self) -> bool:
        """Return whether the small models read the answers to questions."""
        return self.loaded.spec.domain == "questions"

    @property
    def _taught(self) -> str:
        """Return the stage whose model learns from advice, if there is one."""
        return self._stages()[-1].name if self.loaded.spec.weighing is not None else ""

    def _questions(self, writer: ArtifactWriter) -> _Small:
        """Fit the stages of questions, and ask all of them about the development rows."""
        deferral = self.loaded.spec.deferral
        fit = QuestionFit(
            self.loaded,
            self.rows.train,
            self.rows.development,
            self.encoders,
            writer,
            self.environment,
            self.report,
        )
        found = fit.run(asks_reference=asks_reference(deferral))
        return _Small(found.files, found.predictions, found.reference, steps=found.thresholds)

    def _classifiers(self, writer: ArtifactWriter, units: Units) -> _Small:
        """Train the small models, and ask the large one about the development rows it needs."""
        fitted = self._answering()
        for each in fitted.values():
            each.save(writer.path(each.file))
        rows, last = self.rows.development, self._stages()[-1].name
        predictions: dict[str, Sequence[Prediction]] = {
            name: each.predict(rows) for name, each in fitted.items()
        }
        files = {
            name: FittedClassifier(file=each.file, inputs=each.inputs)
            for name, each in fitted.items()
        }
        figures: Mapping[str, float] = {}
        reference: Sequence[str | None] | None = None
        if self._taught:
            news = self._news(writer)
            files |= news.files
            predictions[last] = news.predictions
            figures, reference = news.figures, news.reference
        cases = self._write_cases(writer, predictions[last], units)
        if reference is None:
            reference = self._reference(units, predictions, cases)
        return _Small(files, predictions, reference, cases, figures=figures)

    def _news(self, writer: ArtifactWriter) -> FittedNews:
        """Train the student and what weighs advice, and ask for advice on development rows."""
        fit = NewsFit(
            self.loaded,
            self.rows.train,
            self.rows.development,
            self.encoders,
            writer,
            self.environment,
            self.report,
            self.seed,
        )
        return fit.run(asks_reference=asks_reference(self.loaded.spec.deferral))

    def _answering(self) -> dict[str, Answering]:
        """Return the fitted stages by name, a second model's too."""
        trainer = Trainer(self.loaded, self.rows.train, self.encoders, self.report, self.seed)
        found = {
            stage.name: trainer.candidates(stage)
            if isinstance(stage, CandidatesSpec)
            else trainer.classifier(stage.name, stage.model)
            for stage in self._stages()
            if stage.name != self._taught
        }
        second = self.loaded.spec.deferral.second_model
        if second:
            name = SECOND.format(second)
            found[name] = trainer.classifier(name, second)
        return found

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
                "they are of one template or table, and this certificate needs some to tune on "
                "that share none with those that certify",
                "Give rows of more.",
            )
        return units

    def _evidence(self, units: Units, small: _Small) -> Evidence:
        predictions = small.predictions
        second = self.loaded.spec.deferral.second_model
        return Evidence(
            self.loaded,
            self.rows.development,
            units,
            {stage.name: predictions[stage.name] for stage in self._stages()},
            predictions[SECOND.format(second)] if second else None,
            small.reference,
        )

    def _reference(
        self, units: Units, predictions: Mapping[str, Sequence[Prediction]], cases: Cases | None
    ) -> list[str | None]:
        """Return the large model's answers to the rows whose loss depends on them."""
        rows = self.rows.development
        answers: list[str | None] = [None] * len(rows)
        spec = self.loaded.spec.deferral
        if spec.certificate is None or not asks_reference(spec):
            return answers
        asked = np.flatnonzero(units.certify | units.tune).tolist()
        chosen = [rows[place] for place in asked]
        shown: Sequence[Cell]
        if isinstance(self.loaded.spec.deciding, RerankSpec):
            ranked = predictions[self._stages()[-1].name]
            shown = [ranked[place] for place in asked]
        else:
            shown = past_cases(self.loaded, chosen, cases)
        found = ask_reference(self.loaded, chosen, shown, self.environment, self.report)
        for place, answer in zip(asked, found, strict=True):
            answers[place] = answer
        return answers

    def _decide(
        self,
        evidence: Evidence,
        writer: ArtifactWriter,
        small: _Small,
        issued: datetime,
    ) -> tuple[dict[str, FittedGate], Certificate | None]:
        """Return the gates, and the certificate when the file asks for one."""
        if self.loaded.spec.deferral.certificate is None:
            return gates_within_budget(evidence), None
        fingerprints = {name: each.fingerprint for name, each in self.encoders.items()}
        files = small.files.items()
        hashes = {name: sha256_of(writer.path(each.file)) for name, each in files}
        own = [row for row, mine in zip(evidence.rows, evidence.units.certify, strict=True) if mine]
        issue = Issue(
            hashes_of(self.loaded, fingerprints, hashes, small.steps),
            _data_hash(Rows((), own)),
            issued.astimezone(UTC).isoformat(timespec="seconds"),
        )
        return certify(evidence, issue, seed=self.seed)

    def _watched(self, certificate: Certificate | None) -> bool:
        return certificate is not None and self.loaded.spec.deferral.audits is not None

    def _stages(self) -> list[AnsweringSpec]:
        return self.loaded.spec.answering

    def _write_cases(
        self, writer: ArtifactWriter, predictions: Sequence[Prediction], units: Units
    ) -> Cases | None:
        """Write the case store, of errors on tuning rows, when the flow searches one.

        A certification row in it would show the large model its own label.
        """
        flow = self.loaded.spec.unit_flow
        searches = [each for each in flow if isinstance(each, RetrieveSpec)]
        if not searches:
            return None
        encoder = self.encoders[self.loaded.spec.encoder_of(searches[0])]
        tuning = np.flatnonzero(units.tune).tolist()
        rows = [self.rows.development[place] for place in tuning]
        store = build_case_store(
            unit_task_of(self.loaded), rows, [predictions[p] for p in tuning], encoder
        )
        store.save(writer.folder(CASES_FOLDER))
        return Cases(store, encoder)

    def _metrics(
        self, evidence: Evidence, gates: Mapping[str, FittedGate], cases: Cases | None
    ) -> dict[str, float]:
        exits = evidence.exits(gates)
        kept = np.array([bool(each) for each in exits])
        right = np.zeros(len(exits), bool)  # of a flow whose every record goes to the large model
        for stage in self._stages()[-1:]:
            right = evidence.right(stage.name)
        for stage in self._stages():
            own = np.array([each == stage.name for each in exits])
            right[own] = evidence.right(stage.name)[own]
        asks = self.loaded.spec.deciding is not None
        escalated = ~kept & asks
        return {
            "train_rows": float(len(self.rows.train)),
            "development_rows": float(len(self.rows.development)),
            "small_accuracy": float(right.mean()),
            "kept_accuracy": float(right[~escalated].mean()) if not escalated.all() else 0.0,
            "escalated_share": float(escalated.mean()),
            "error_cases": float(len(cases.store) if cases else 0),
            **self.fitted_encoders.metrics,
        }


def _versions() -> dict[str, str]:
    libraries = ("numpy", "openvino", "sentence-transformers", "scikit-learn", "faiss-cpu")
    return {"headgate": __version__, **{name: version(name) for name in libraries}}


def _data_hash(rows: Rows) -> str:
    """Return a hash of every row and of which part it is in."""
    digest = hashlib.sha256()
    for part in (rows.train, rows.development):
        for row in part:
            content = [*content_of(row.record), row.label, row.reason, *row.also]
            digest.update(json.dumps(content, sort_keys=True).encode() + b"\n")
        digest.update(b"--\n")
    return digest.hexdigest()
