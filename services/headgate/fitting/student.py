"""Trains ARG-D: a linear classifier, and networks that guess what advice would add.

texts, vectors, labels  ->  log-odds from other folds (n,)  ->  slope, bias
teacher's features of items with advice (m, feature)  ->  Simulator, one a teacher  ->  Student
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from headgate.fitting.rationale_network import Labels, Recipe, best_epoch, surprise_at
from headgate.models.classifier import TextClassifier, stack_features
from headgate.models.encoder import Vectors
from headgate.models.rationale_inputs import Array
from headgate.models.rationale_layers import Weights
from headgate.models.student import Simulator, student_inputs
from headgate.models.tfidf import TfIdf

if TYPE_CHECKING:
    import torch

    from headgate.fitting.rationale_module import Guesser

INVERSE_PENALTIES = (0.3, 3.0, 30.0)
"""Of the linear part; which one is chosen on the training texts."""
FOLDS = 5
_FEW = 4_000
"""Above as many texts, one fold chooses the penalty as well as all do."""
_ROUNDS = 1_000
_BATCH = 128
_LOOSE = 100.0
_LEAST_SPREAD = np.float32(1e-3)
_FEATURE_LOSS = 1.0
"""How much being like the teacher's feature counts beside being right."""


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """The linear part, and what it says of its own training texts when it has not seen them."""

    classifier: TextClassifier
    log_odds: Array
    """Shape (n,), each from a classifier that was trained on other folds."""
    scale: Array
    """Shape (2,): slope and bias under which those are probabilities."""

    @property
    def calibrated(self) -> Array:
        """Return the log-odds on the scale of probabilities, shape (n,)."""
        return np.asarray(self.log_odds * self.scale[0] + self.scale[1], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What a simulator is trained on."""

    inputs: Array
    """Shape (n, inputs)."""
    base: Array
    """Shape (n,): calibrated log-odds that it corrects."""
    labels: Labels
    taught: NDArray[np.int64]
    """Places of the items of which there is a teacher's feature, shape (m,)."""
    features: Array
    """Shape (m, feature)."""
    held: NDArray[np.int64]
    """Places that only say when to stop."""


def train_linear(
    texts: Sequence[str], vectors: Vectors | None, labels: Labels, *, buckets: int, seed: int
) -> Linear:
    """Train on all texts, and on all but each fold; there are two of each label at least."""
    tfidf = TfIdf.fit(texts, buckets)
    ngrams = sp.hstack(tfidf.transform(texts), format="csr")
    columns = np.unique(ngrams.indices).astype(np.int32)
    rows = stack_features(tfidf, texts, vectors, columns)
    folds = _folds(labels, seed)
    chosen = _choose_penalty(rows, labels, folds)
    log_odds = _from_other_folds(rows, labels, folds, chosen)
    model = _logistic(chosen).fit(rows, labels)
    weights = np.stack([np.zeros(rows.shape[1]), model.coef_[0]], axis=1).astype(np.float32)
    bias = np.array([0.0, model.intercept_[0]], np.float32)
    classifier = TextClassifier(tfidf, columns, weights, bias)
    return Linear(classifier, log_odds, _calibrate(log_odds, labels))


def _folds(labels: Labels, seed: int) -> list[NDArray[np.int64]]:
    """Return the places of each fold, with about as many of each label as the others."""
    count = min(FOLDS, int(labels.sum()), int((~labels).sum()))
    split = StratifiedKFold(count, shuffle=True, random_state=seed)
    return [held for _, held in split.split(np.zeros(len(labels)), labels)]


def _choose_penalty(
    rows: sp.csr_matrix, labels: Labels, folds: Sequence[NDArray[np.int64]]
) -> float:
    """Return the inverse penalty under which texts of other folds surprise least.

    News that repeats itself wants weak penalties and news that is all new strong ones.
    """
    asked = folds if len(labels) <= _FEW else folds[:1]
    places = np.concatenate(asked)

    def surprise(inverse_penalty: float) -> float:
        log_odds = _from_other_folds(rows, labels, asked, inverse_penalty)[places]
        slope, bias = _calibrate(log_odds, labels[places])
        return surprise_at(log_odds * slope + bias, labels[places])

    return min(INVERSE_PENALTIES, key=surprise)


def _from_other_folds(
    rows: sp.csr_matrix, labels: Labels, folds: Sequence[NDArray[np.int64]], inverse_penalty: float
) -> Array:
    """Return the log-odds of each text in the folds, shape (n,); 0 for others."""
    log_odds = np.zeros(len(labels), np.float32)
    for held in folds:
        others = np.setdiff1d(np.arange(len(labels)), held)
        model = _logistic(inverse_penalty).fit(rows[others], labels[others])
        log_odds[held] = model.decision_function(rows[held])
    return log_odds


def lesson_inputs(linear: Linear, texts: Sequence[str], vectors: Vectors | None) -> Array:
    """Return what simulators read of the training texts, shape (n, inputs)."""
    return student_inputs(linear.classifier.tfidf, texts, vectors, linear.log_odds)


def train_simulator(lesson: Lesson, recipe: Recipe, *, seed: int) -> Simulator:
    """Return a simulator; one that adds nothing where held-out items speak against it.

    Source:
        Hu et al. 2024, arXiv:2309.12247, section 4.3.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _train(lesson, recipe)


def _train(lesson: Lesson, recipe: Recipe) -> Simulator:
    import torch

    from headgate.fitting.rationale_module import Guesser

    network = Guesser(lesson.inputs.shape[1], lesson.features.shape[1])
    optimizer = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    loss_of_rows = _loss(lesson, network)
    kept = np.setdiff1d(np.arange(len(lesson.labels)), lesson.held)

    def train_epoch() -> None:
        network.train()
        order = kept[torch.randperm(len(kept)).numpy()]
        for start in range(0, len(order), _BATCH):
            loss = loss_of_rows(order[start : start + _BATCH])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()

    def surprise(weights: Weights) -> float:
        added = Simulator(**weights).correction(lesson.inputs[lesson.held])
        return surprise_at(lesson.base[lesson.held] + added, lesson.labels[lesson.held])

    return Simulator(**best_epoch(train_epoch, network.weights, surprise, recipe))


def _loss(lesson: Lesson, network: Guesser) -> Callable[[NDArray[np.int64]], torch.Tensor]:
    """Return what tells the loss of some rows: of answers, and of features that are known."""
    import torch
    from torch.nn import functional

    inputs, base = torch.from_numpy(lesson.inputs), torch.from_numpy(lesson.base)
    wanted = torch.from_numpy(lesson.labels.astype(np.float32))
    spread = lesson.features.std(axis=0) + _LEAST_SPREAD
    features = torch.zeros(len(base), lesson.features.shape[1])
    features[lesson.taught] = torch.from_numpy((lesson.features - lesson.features.mean(0)) / spread)
    known = torch.zeros(len(base), 1)
    known[lesson.taught] = 1

    def loss_of_rows(rows: NDArray[np.int64]) -> torch.Tensor:
        feature, added = network(inputs[rows])
        log_odds = base[rows] + added
        wrong = functional.binary_cross_entropy_with_logits(log_odds, wanted[rows])
        unlike = ((feature - features[rows]) ** 2 * known[rows]).mean(1).sum()
        loss: torch.Tensor = wrong + _FEATURE_LOSS * unlike / known[rows].sum().clamp_min(1)
        return loss

    return loss_of_rows


def _calibrate(log_odds: Array, labels: Labels) -> Array:
    """Return slope and bias under which log-odds of unseen texts are probabilities."""
    model = _logistic(_LOOSE).fit(log_odds[:, np.newaxis], labels)
    # A classifier that is worse than chance is no guide: its sign must not be turned round.
    return np.array([max(float(model.coef_[0, 0]), 0.0), model.intercept_[0]], np.float32)


def _logistic(inverse_penalty: float) -> LogisticRegression:
    return LogisticRegression(C=inverse_penalty, max_iter=_ROUNDS)
