"""Trains the heads of small models.

texts or pairs, vectors, answers  ->  TextClassifier | PairClassifier
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from headgate.errors import InputError
from headgate.models.classifier import (
    Array,
    Network,
    PairClassifier,
    TextClassifier,
    pair_features,
    stack_features,
)
from headgate.models.encoder import Vectors
from headgate.models.tfidf import TfIdf

# Chosen on development rows of four public log sets (docs/decisions.md).
TEXT_INVERSE_PENALTY = 20.0
PAIR_INVERSE_PENALTY = 0.01
HIDDEN_UNITS = 128
NETWORKS = 5
NETWORK_PENALTY = 1.0
NETWORK_PAIRS = 1_000
"""Fewer training pairs than this get one linear layer: networks would learn them by heart."""
RARER_PAIRS = 20
"""The same with fewer pairs of the rarer answer: a held-out tenth of them would tell nothing."""

_SMALLEST_DEVIATION = 1e-6
"""Below it all values of a feature are one value and rounding."""
_NEVER = -30.0
"""Log-odds of a label without training rows: possible, never the answer."""


def train_text_classifier(
    texts: Sequence[str],
    vectors: Vectors | None,
    answers: Sequence[int],
    *,
    labels: int,
    buckets: int,
) -> TextClassifier:
    """Train a linear layer on n-grams, with the vectors beside them when there are any.

    Args:
        texts: Training texts.
        vectors: Shape (len(texts), dim), or None.
        answers: Index of each text's label.
        labels: How many labels are declared; some may have no rows.
        buckets: Size of the hashed vocabulary.

    Raises:
        InputError: The rows show fewer than two labels, or no text has anything to read.
    """
    _check_variety(answers)
    tfidf = TfIdf.fit(texts, buckets)
    columns = _seen_columns(tfidf, texts)
    features = stack_features(tfidf, texts, vectors, columns)
    if not features.shape[1]:
        raise InputError(
            "training rows", "no text has a letter or a digit", "Check what the fields hold."
        )
    model = _logistic(TEXT_INVERSE_PENALTY).fit(features, answers)
    weights, bias = _spread(model, labels)
    return TextClassifier(tfidf, columns, weights, bias)


def _seen_columns(tfidf: TfIdf, texts: Sequence[str]) -> NDArray[np.int32]:
    """Return the n-gram columns that any training text has."""
    ngrams = sp.hstack(tfidf.transform(texts), format="csr")
    return np.unique(ngrams.indices).astype(np.int32)


def _spread(model: LogisticRegression, labels: int) -> tuple[Array, Array]:
    """Return weights (inputs, labels) and bias (labels,), also for labels without rows."""
    coefficients, intercepts = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # one row of weights stands for the second class
        coefficients = np.vstack([np.zeros_like(coefficients), coefficients])
        intercepts = np.array([0.0, intercepts[0]])
    weights = np.zeros((coefficients.shape[1], labels), np.float32)
    bias = np.full(labels, _NEVER, np.float32)
    weights[:, model.classes_] = coefficients.T
    bias[model.classes_] = intercepts
    return weights, bias


def train_pair_classifier(
    firsts: Sequence[str],
    seconds: Sequence[str],
    vectors: tuple[Vectors, Vectors] | None,
    fits: Sequence[bool],
    *,
    buckets: int,
    seed: int,
) -> PairClassifier:
    """Train on pairs that fit and pairs that do not.

    Args:
        firsts: Such as log lines.
        seconds: Such as descriptions, one each.
        vectors: Of both, each (n, dim); None for n-grams alone.
        fits: The answers.
        buckets: Size of the hashed vocabulary.
        seed: Of the networks' first weights and of what they hold out to stop in time.

    Raises:
        InputError: All pairs fit, or none does.
    """
    _check_variety([int(each) for each in fits])
    tfidf = TfIdf.fit([*firsts, *seconds], buckets)
    features = pair_features(tfidf, firsts, seconds, vectors)
    mean, scale = features.mean(axis=0), _scale(features)
    scaled = (features - mean) / scale
    rarer = min(sum(fits), len(fits) - sum(fits))
    if len(fits) < NETWORK_PAIRS or rarer < RARER_PAIRS:
        networks: tuple[Network, ...] = (_linear(scaled, fits),)
    else:
        networks = tuple(_network(scaled, fits, seed + number) for number in range(NETWORKS))
    return PairClassifier(tfidf, mean, scale, networks)


def _scale(features: Array) -> Array:
    """Return each feature's standard deviation, shape (features,).

    It is infinite where training rows are all alike: such a feature was never learnt, and must
    not count when a later pair differs in it.
    """
    deviation = features.std(axis=0)
    return np.where(deviation > _SMALLEST_DEVIATION, deviation, np.float32(np.inf))


def _linear(features: Array, fits: Sequence[bool]) -> Network:
    model = _logistic(PAIR_INVERSE_PENALTY).fit(features, fits)
    return Network(((model.coef_.T.astype(np.float32), model.intercept_.astype(np.float32)),))


def _network(features: Array, fits: Sequence[bool], seed: int) -> Network:
    """Train one hidden layer, stopped when a held-out tenth no longer improves."""
    model = MLPClassifier(
        (HIDDEN_UNITS,), alpha=NETWORK_PENALTY, early_stopping=True, max_iter=60, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 60 rounds are a limit, not a goal
        model.fit(features, fits)
    pairs = zip(model.coefs_, model.intercepts_, strict=True)
    return Network(tuple((w.astype(np.float32), b.astype(np.float32)) for w, b in pairs))


def _logistic(inverse_penalty: float) -> LogisticRegression:
    return LogisticRegression(C=inverse_penalty, max_iter=2_000)


def _check_variety(answers: Sequence[int]) -> None:
    if len(set(answers)) < 2:
        raise InputError(
            "training labels",
            f"{len(answers)} rows show {len(set(answers))} different answers",
            "Give rows of at least two answers.",
        )
