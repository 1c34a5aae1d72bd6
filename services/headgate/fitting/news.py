"""Fits a cascade of news: a student that reads the text, and a network that weighs advice on it.

train rows -> the large model's advice on some of them -> student, network
development rows -> the student's predictions, the answers of the last stage
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from headgate.artifact import ArtifactWriter
from headgate.cascade.assemble import advising_stage, text_task_of
from headgate.cascade.fitted import FittedClassifier
from headgate.cascade.load import LoadedCascade
from headgate.cascade.model_spec import EncoderSpec, NgramsSpec
from headgate.cascade.open import open_large_models
from headgate.cascade.spec import AdviseSpec, ClassifySpec
from headgate.domains.news import news_text
from headgate.domains.rows import LabelledRecord
from headgate.errors import HeadgateError
from headgate.fitting.answering import DEFAULT_BUCKETS
from headgate.fitting.rationale import NewsExample, NewsTraining, TrainedNews, train_news
from headgate.fitting.reference import refuse_many
from headgate.fitting.vectors import KnownVectors, Report
from headgate.models.hashed_tokens import HashedTokens
from headgate.models.rationale import WEIGHTS_FILE, Weighed
from headgate.models.source import resolve_source
from headgate.models.token_encoder import OpenVinoTokenEncoder, TokenEncoder
from headgate.models.token_export import write_token_encoder
from headgate.stages.advise import Advise, Weighing
from headgate.stages.classify import Classify
from headgate.stages.contract import Batch
from headgate.stages.weigh import NetworkWeigher
from headgate.types import Advice, Deadline, Judgement, Prediction, Record

AT_ONCE = 32
"""Rows that share a deadline."""
CHUNK_TIMEOUT_S = 1800.0
MOST_ADVISED = 2_000
"""Training rows that advice is asked for, the first ones; each takes a call a perspective. The
others teach the student alone."""


@dataclass(frozen=True, slots=True)
class FittedNews:
    """What was trained, and what the student says of the development rows."""

    files: Mapping[str, FittedClassifier]
    """Of the student and of the network, by the name of their stages; they are written."""
    predictions: Sequence[Prediction]
    """One a development row."""
    reference: Sequence[str | None]
    """The answers of the last stage; None where it gave none, or was not asked."""
    figures: Mapping[str, float]
    """Of the training, means and deviations over its seeds."""


@dataclass(frozen=True, slots=True)
class NewsFit:
    """What a cascade of news is fitted from."""

    loaded: LoadedCascade
    train: Sequence[LabelledRecord]
    development: Sequence[LabelledRecord]
    encoders: Mapping[str, KnownVectors]
    writer: ArtifactWriter
    environment: Mapping[str, str]
    report: Report
    seed: int
    files: dict[str, FittedClassifier] = field(default_factory=dict)

    def run(self, *, asks_reference: bool) -> FittedNews:
        """Fit student and network and write their files.

        Args:
            asks_reference: Whether the last stage is asked about development rows.

        Raises:
            InputError: Too few rows have advice, or are of a label; more than a tenth of the
                development rows got no answer.
            ModelError: The encoder cannot be converted.
            LmRefusedError: A key is not where the file says.
        """
        encoder = self._token_encoder()
        return asyncio.run(self._run(encoder, asks_reference))

    async def _run(self, encoder: TokenEncoder, asks_reference: bool) -> FittedNews:
        large_models = open_large_models(self.loaded, self.environment)
        large_model = large_models[self._spec.model]
        try:
            gathering = advising_stage(self.loaded, self._spec, large_model, _Unasked())
            trained = await asyncio.to_thread(self._train, await self._examples(gathering), encoder)
            self._write(trained)
            predictions = await self._student(trained).classify(_records(self.development))
            reference: list[str | None] = [None] * len(self.development)
            if asks_reference:
                weigher = NetworkWeigher(trained.network)
                stage = advising_stage(self.loaded, self._spec, large_model, weigher)
                reference = await self._reference(stage, predictions)
        finally:
            for model in large_models.values():
                await model.close()
        return FittedNews(self.files, predictions, reference, trained.figures)

    @property
    def _spec(self) -> AdviseSpec:
        deciding = self.loaded.spec.deciding
        if not isinstance(deciding, AdviseSpec):
            raise ValueError("the cascade asks for no advice. This is a bug.")
        return deciding

    @property
    def _quick(self) -> ClassifySpec:
        """Return the stage of the student: the last one before the advice."""
        quick = self.loaded.spec.answering[-1]
        if not isinstance(quick, ClassifySpec):
            raise ValueError("the cascade has no student. This is a bug.")
        return quick

    @property
    def _folder(self) -> str:
        weighing = self.loaded.spec.weighing
        return f"advice_{weighing.name if weighing else ''}"

    def _token_encoder(self) -> TokenEncoder:
        """Return what reads texts word by word; an exported one is written into the artifact."""
        directory = self.writer.folder(self._folder)
        directory.mkdir(exist_ok=True)
        spec = self.loaded.spec.models[self._quick.model]
        if not isinstance(spec, EncoderSpec):
            return HashedTokens()
        source = resolve_source(self.loaded.sources[self._quick.model], spec.revision)
        write_token_encoder(source, directory)
        return OpenVinoTokenEncoder(directory)

    async def _examples(self, stage: Advise) -> list[NewsExample]:
        """Return the training rows, with what is said of the first ones."""
        advised = self.train[:MOST_ADVISED]
        advice: list[tuple[Advice | None, ...]] = []
        for start in range(0, len(advised), AT_ONCE):
            records = _records(advised[start : start + AT_ONCE])
            said = await stage.gather(records, Deadline.after(CHUNK_TIMEOUT_S))
            advice += [tuple(map(_said, row)) for row in said]
            self.report(f"ask {stage.name} of training", len(advice), len(advised))
        advice += [()] * (len(self.train) - len(advised))
        sought = self.loaded.spec.task.labels[1]
        return [
            NewsExample(news_text(row.record), row.label == sought, own)
            for row, own in zip(self.train, advice, strict=True)
        ]

    def _train(self, examples: Sequence[NewsExample], encoder: TokenEncoder) -> TrainedNews:
        spec = self.loaded.spec.models[self._quick.model]
        self.report(f"train {self._quick.name}", 0, 1)
        training = NewsTraining(
            tuple(self._spec.perspectives),
            encoder,
            self.encoders.get(self._quick.model),
            spec.buckets if isinstance(spec, NgramsSpec) else DEFAULT_BUCKETS,
            self.seed,
        )
        trained = train_news(examples, training)
        self.report(f"train {self._quick.name}", 1, 1)
        return trained

    def _write(self, trained: TrainedNews) -> None:
        weighing, quick = self.loaded.spec.weighing, self._quick.name
        student = f"classify_{quick}.safetensors"
        trained.student.save(self.writer.path(student))
        trained.network.save(self.writer.folder(self._folder))
        self.files[quick] = FittedClassifier(file=student, inputs="news")
        network = FittedClassifier(file=f"{self._folder}/{WEIGHTS_FILE}", inputs="advice")
        self.files[weighing.name if weighing else ""] = network

    def _student(self, trained: TrainedNews) -> Classify:
        return Classify(
            self._quick.name,
            self._quick.model,
            task=text_task_of(self.loaded),
            classifier=trained.student,
            encoder=self.encoders.get(self._quick.model),
        )

    async def _reference(
        self, stage: Advise, predictions: Sequence[Prediction]
    ) -> list[str | None]:
        """Return what the last stage answers to the development rows."""
        found: list[str | None] = []
        problems: list[HeadgateError] = []
        rows = self.development
        for start in range(0, len(rows), AT_ONCE):
            places = slice(start, start + AT_ONCE)
            columns = {self._quick.name: predictions[places]}
            deadline = Deadline.after(CHUNK_TIMEOUT_S)
            cells = await stage.run(Batch(_records(rows[places]), deadline, columns))
            found += [cell.answer if isinstance(cell, Judgement) else None for cell in cells]
            problems += [cell for cell in cells if isinstance(cell, HeadgateError)]
            refuse_many(problems, len(rows), f"large model {self._spec.model!r}")
            self.report(f"ask {stage.name}", len(found), len(rows))
        return found


class _Unasked:
    """Stands where advice is only gathered."""

    async def weigh(self, items: Sequence[Weighing]) -> list[Weighed]:
        """Refuse.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"nothing weighs advice on {len(items)} items yet. This is a bug.")


def _said(advice: Advice | HeadgateError) -> Advice | None:
    return advice if isinstance(advice, Advice) else None


def _records(rows: Sequence[LabelledRecord]) -> list[Record]:
    return [row.record for row in rows]
