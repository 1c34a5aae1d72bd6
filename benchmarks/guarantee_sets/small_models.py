"""Small tiers fitted by the project's own code, on training rows only.

training texts or pairs, answers  ->  classifiers over n-grams, with the encoder beside them
  ->  answers and scores of the rows that are judged
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from guarantee_sets.population import Floats, Places
from headgate.fitting.answering import DEFAULT_BUCKETS
from headgate.fitting.train import train_pair_classifier, train_text_classifier
from headgate.fitting.vectors import KnownVectors
from headgate.gate.scores import OptionTable
from headgate.models.encoder import Vectors
from headgate.models.quantize import int8_directory
from headgate.models.quantized import QuantizedEncoder
from headgate.models.source import EMBEDDED, resolve_source

MAX_TOKENS = 256
SEED = 0

Pairs = tuple[Sequence[str], Sequence[str]]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What one tier says of each record."""

    predicted: Places
    """Shape (n,): index of the likeliest label."""
    scores: Floats
    """Shape (n,): its probability."""


def embedded_encoder() -> KnownVectors:
    """Return the packaged encoder in int8, which remembers texts for the rest of the run."""
    directory = int8_directory(resolve_source(EMBEDDED))
    encoder = QuantizedEncoder(directory, MAX_TOKENS)
    return KnownVectors(encoder, lambda step, done, total: None)


def text_tier(
    train: Sequence[str],
    answers: Sequence[int],
    judged: Sequence[str],
    *,
    labels: int,
    encoder: KnownVectors | None,
) -> Answers:
    """Return the answers of a text classifier; over n-grams alone without an encoder."""
    classifier = train_text_classifier(
        train,
        encoder.vectors(train) if encoder else None,
        answers,
        labels=labels,
        buckets=DEFAULT_BUCKETS,
    )
    vectors = encoder.vectors(judged) if encoder else None
    return _answers(np.asarray(classifier.logits(judged, vectors), float))


def pair_tier(
    train: Pairs, fits: Sequence[bool], judged: Pairs, *, encoder: KnownVectors | None
) -> Answers:
    """Return the answers of a pair classifier: 1 where a pair fits."""
    classifier = train_pair_classifier(
        *train, _both(encoder, train), fits, buckets=DEFAULT_BUCKETS, seed=SEED
    )
    logits = np.asarray(classifier.logits(*judged, _both(encoder, judged)), float)
    return _answers(np.stack([np.zeros_like(logits), logits], axis=1))


def _both(encoder: KnownVectors | None, pairs: Pairs) -> tuple[Vectors, Vectors] | None:
    return None if encoder is None else (encoder.vectors(pairs[0]), encoder.vectors(pairs[1]))


def _answers(logits: Floats) -> Answers:
    table = OptionTable.of(softmax(logits, axis=1).tolist())
    return Answers(table.predicted, table.max_prob())
