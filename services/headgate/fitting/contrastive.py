"""Tunes an encoder to a target table: its columns, however other tables write them.

Table, Wordings  ->  lessons  ->  contrastive steps
    ->  the share of the way from first to trained weights that answers held-out questions best
    ->  a directory of the encoder's files

Neither training nor choice sees a table whose matches are known.

Source:
    Liu et al. 2025, Magneto, arXiv:2412.08194, section 4, with another loss and another choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headgate.domains.schemas.augment import Wordings
from headgate.domains.schemas.columns import Column, Table
from headgate.domains.schemas.serialise import TEMPLATES
from headgate.fitting.lessons import Lessons, batches, lesson_texts, make_lessons
from headgate.fitting.trainable import Pace, TrainableEncoder
from headgate.fitting.vectors import Report
from headgate.models.encoder import Vectors
from headgate.models.source import EncoderSource, check_directory
from headgate.stages.candidates import READ_BY_ENCODER

SHARES = (0.0, 0.5, 1.0)
"""Of the way from the first to the trained weights; of equally good ones the smaller is taken."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What an encoder is taught, and how; chosen on held-out questions (docs/decisions.md)."""

    wordings: Wordings
    """What a large model wrote of the table. Noise alone would not do: tuned on it, the embedded
    encoder undid noise better and matched real tables worse."""
    seed: int = 0
    """Of what is held out and of all noise."""
    epochs: int = 4
    """How often each column is taught."""
    batch_size: int = 32
    """Columns that stand against each other in a step."""
    learning_rate: float = 1e-4
    """Of AdamW, at its highest."""
    temperature: float = 0.05
    """Cosines are divided by it."""
    max_tokens: int = 48
    """Longer texts are cut while training, where time grows with it."""
    frozen_layers: int = 2
    """First layers that stay as they are, beside the word vectors."""
    threads: int = 2
    """Of torch; sums depend, in their last digits, on how many share them."""


@dataclass(frozen=True, slots=True)
class TunedEncoder:
    """An encoder's files, and what tuning was good for."""

    source: EncoderSource
    """The checked directory."""
    metrics: Mapping[str, float]
    """`held_out_mrr_before` and `_after`, mean reciprocal ranks of held-out questions' columns
    among all; `share` of the trained weights, 0 when the first were kept; counts."""


def tune_encoder(
    source: EncoderSource,
    table: Table,
    directory: Path,
    *,
    tuning: Tuning,
    report: Report = lambda step, done, total: None,
) -> TunedEncoder:
    """Tune an encoder to a table's columns and write its files.

    The first weights are kept, and written, when no others find held-out questions better.
    Equal arguments give equal weights on machines of one kind. For 736 columns the embedded
    encoder takes 350 seconds of one core.

    Args:
        source: The encoder to start from.
        table: The target, with descriptions where there are any.
        directory: Where to write; made when it is not there.
        tuning: What is taught, and how.
        report: Told of progress.

    Raises:
        InputError: Too few of the table's columns have other names.
        ModelError: The encoder cannot be loaded, or does more than average its tokens.
    """
    generator = np.random.default_rng(tuning.seed)
    lessons = make_lessons(table, tuning.wordings, generator)
    with torch_threads(tuning.threads):
        encoder = TrainableEncoder(
            source, max_tokens=tuning.max_tokens, frozen_layers=tuning.frozen_layers
        )
        columns = _read(encoder, lessons.columns)
        scores = {SHARES[0]: _mrr(encoder, lessons, columns)}
        _teach(encoder, _Course(lessons, columns @ columns.T, tuning, generator), report)
        for share in SHARES[1:]:
            encoder.move(share)
            scores[share] = _mrr(encoder, lessons, _read(encoder, lessons.columns))
        best = max(SHARES, key=lambda share: scores[share])
        encoder.move(best)
        encoder.save(directory)
    metrics = {
        "columns": float(len(lessons.columns)),
        "questions": float(len(lessons.questions)),
        "held_out_mrr_before": scores[SHARES[0]],
        "held_out_mrr_after": scores[best],
        "share": best,
    }
    return TunedEncoder(check_directory(str(directory), directory), metrics)


@dataclass(frozen=True, slots=True)
class _Course:
    """What is taught in which order."""

    lessons: Lessons
    alike: NDArray[np.float32]
    tuning: Tuning
    generator: np.random.Generator

    @property
    def steps(self) -> int:
        return self.tuning.epochs * -(-len(self.lessons.columns) // self.tuning.batch_size)

    def pairs(self) -> Iterator[tuple[list[str], list[str]]]:
        """Yield the texts of each step; templates take turns by chance."""
        for _ in range(self.tuning.epochs):
            dealt = batches(self.lessons, self.alike, self.tuning.batch_size, self.generator)
            for places in dealt:
                template = TEMPLATES[str(self.generator.choice(READ_BY_ENCODER))]
                yield lesson_texts(self.lessons, places, template, self.generator)


def _teach(encoder: TrainableEncoder, course: _Course, report: Report) -> None:
    """Take all steps of the course."""
    pace = Pace(course.tuning.learning_rate, course.tuning.temperature)
    report("tune encoder", 0, course.steps)
    losses = encoder.train(course.pairs(), steps=course.steps, pace=pace)
    for done, _ in enumerate(losses, start=1):
        report("tune encoder", done, course.steps)


def _mrr(encoder: TrainableEncoder, lessons: Lessons, columns: Vectors) -> float:
    """Return the mean reciprocal rank of the questions' columns among all, between 0 and 1.

    Of equally good columns the right one counts as the last, and so it does among scores that are
    no numbers, which weights that ran away give.
    """
    scores = _read(encoder, lessons.questions) @ columns.T
    own = np.take_along_axis(scores, lessons.answers[:, np.newaxis], axis=1)
    return float((1 / (~(scores < own)).sum(axis=1)).mean())


def _read(encoder: TrainableEncoder, columns: Sequence[Column]) -> Vectors:
    """Return each column's vectors side by side, shape (columns, templates x dim).

    Their products are sums of one cosine a template, as columns are ranked when it is served.
    """
    texts = ([*map(TEMPLATES[template], columns)] for template in READ_BY_ENCODER)
    return np.hstack([encoder.encode(each) for each in texts])


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Let torch use so many threads, and as many as before afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
