"""Trains ARG and ARG-D on labelled news, of which some has a large model's advice.

NewsExample (n)  ->  linear student, its log-odds from other folds
                 ->  networks of ARG on the items with advice, one a seed
                 ->  their features, once  ->  simulators of ARG-D  ->  TrainedNews
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedShuffleSplit

from headgate.errors import InputError
from headgate.fitting.contrastive import torch_threads
from headgate.fitting.rationale_network import Labels, Recipe, run_in_batches, train_member
from headgate.fitting.student import Lesson, Linear, lesson_inputs, train_linear, train_simulator
from headgate.fitting.vectors import KnownVectors
from headgate.models.rationale import RationaleNetwork
from headgate.models.rationale_inputs import Array, ItemFeatures, read_items
from headgate.models.rationale_layers import Weights
from headgate.models.student import Simulator, Student
from headgate.models.token_encoder import TokenEncoder
from headgate.types import Advice

FEWEST_ADVISED = 30
"""Fewer items with advice teach nothing about whom to trust."""
MEMBERS = 5
HELD_SHARE = 0.15

_FEWEST_OF_A_LABEL = 5


@dataclass(frozen=True, slots=True)
class NewsExample:
    """A labelled item of news."""

    text: str
    """As small models read it."""
    sought: bool
    """Whether it deserves the second label."""
    advice: tuple[Advice | None, ...] = ()
    """What a large model said, by perspective; empty where nobody was asked."""

    @property
    def advised(self) -> bool:
        """Return whether any perspective has said something."""
        return any(self.advice)


@dataclass(frozen=True, slots=True)
class NewsTraining:
    """What news is trained with."""

    perspectives: tuple[str, ...]
    encoder: TokenEncoder
    """Of the words that ARG reads."""
    vectors: KnownVectors | None
    """Of the texts that the student reads; None for n-grams alone."""
    buckets: int
    seed: int = 0
    members: int = MEMBERS
    recipe: Recipe = field(default_factory=Recipe)


@dataclass(frozen=True, slots=True, eq=False)
class TrainedNews:
    """What was trained, and how well it does."""

    student: Student
    network: RationaleNetwork
    figures: Mapping[str, float]
    """`small_macro_f1`, and mean and deviation over the seeds, `_std`, of `arg_macro_f1` and
    `arg_d_macro_f1`, each on the items that said when to stop, so a little too good."""


def train_news(examples: Sequence[NewsExample], training: NewsTraining) -> TrainedNews:
    """Train the student on all examples and the network on those with advice.

    The same examples in the same order, with the same seed, give the same models.

    Raises:
        InputError: There are too few examples of a label, or with advice.
        ModelError: Advice is of an unknown perspective, or twice of the same.
    """
    return Course.of(examples, training).train()


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """A teacher with its student's simulator, and their macro-F1 on what they were held from."""

    weights: Weights
    simulator: Simulator
    teacher_f1: float
    student_f1: float


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What all seeds share."""

    labels: Labels
    """Shape (n,)."""
    linear: Linear
    inputs: Array
    """What simulators read, shape (n, inputs)."""
    advised: NDArray[np.int64]
    """Places of the examples with advice, shape (m,)."""
    items: Sequence[ItemFeatures]
    """Of the examples with advice, length m."""
    training: NewsTraining

    @classmethod
    def of(cls, examples: Sequence[NewsExample], training: NewsTraining) -> Course:
        """Train the linear student and read all examples; raises what `train_news` raises."""
        labels = np.array([each.sought for each in examples], np.bool_)
        advised = np.flatnonzero([each.advised for each in examples])
        _check(labels, labels[advised])
        texts = [each.text for each in examples]
        vectors = training.vectors.vectors(texts) if training.vectors else None
        linear = train_linear(texts, vectors, labels, buckets=training.buckets, seed=training.seed)
        items = read_items(
            [texts[row] for row in advised.tolist()],
            [examples[row].advice for row in advised.tolist()],
            linear.calibrated[advised].tolist(),
            perspectives=training.perspectives,
            encoder=training.encoder,
        )
        inputs = lesson_inputs(linear, texts, vectors)
        return cls(labels, linear, inputs, advised, items, training)

    def train(self) -> TrainedNews:
        """Train a teacher and a simulator a seed, and put them together."""
        training, linear = self.training, self.linear
        # The networks are so small that threads only wait for each other.
        with torch_threads(1):
            pairs = [self._pair(training.seed + number) for number in range(training.members)]
        student = Student(linear.classifier, tuple(each.simulator for each in pairs), linear.scale)
        members = tuple(each.weights for each in pairs)
        network = RationaleNetwork(training.perspectives, members, training.encoder)
        small = _macro_f1(linear.calibrated, self.labels)
        return TrainedNews(student, network, _figures(pairs, small))

    def teacher(self, items: Sequence[ItemFeatures], *, recipe: Recipe, seed: int) -> Weights:
        """Train one network on items of the examples with advice, in their order."""
        labels = self.labels[self.advised]
        held = _held(labels, seed)
        with torch_threads(1):
            return train_member(items, labels, held, recipe=recipe, seed=seed)

    def _pair(self, seed: int) -> _Pair:
        """Train one teacher, and with what it makes of its items one simulator."""
        recipe, labels = self.training.recipe, self.labels[self.advised]
        weights = self.teacher(self.items, recipe=recipe, seed=seed)
        log_odds, features = run_in_batches(weights, self.items)
        unseen = _held(self.labels, seed)
        lesson = Lesson(
            self.inputs, self.linear.calibrated, self.labels, self.advised, features, unseen
        )
        simulator = train_simulator(lesson, recipe, seed=seed)
        held = _held(labels, seed)
        told = lesson.base[unseen] + simulator.correction(self.inputs[unseen])
        return _Pair(
            weights,
            simulator,
            _macro_f1(log_odds[held], labels[held]),
            _macro_f1(told, self.labels[unseen]),
        )


def _held(labels: Labels, seed: int) -> NDArray[np.int64]:
    """Return the places of a share of the labels, of each about as many as there are."""
    split = StratifiedShuffleSplit(1, test_size=HELD_SHARE, random_state=seed)
    ((_, held),) = split.split(np.zeros(len(labels)), labels)
    return np.sort(held)


def _macro_f1(log_odds: Array, labels: Labels) -> float:
    return float(f1_score(labels, log_odds >= 0, average="macro"))


def _figures(pairs: Sequence[_Pair], small: float) -> dict[str, float]:
    found = {
        "arg": [each.teacher_f1 for each in pairs],
        "arg_d": [each.student_f1 for each in pairs],
    }
    figures = {"small_macro_f1": small}
    for name, values in found.items():
        figures[f"{name}_macro_f1"] = float(np.mean(values))
        figures[f"{name}_macro_f1_std"] = float(np.std(values))
    return figures


def _check(labels: Labels, advised: Labels) -> None:
    for name, some in (("examples", labels), ("examples with advice", advised)):
        rarer = int(min(some.sum(), (~some).sum()))
        if rarer < _FEWEST_OF_A_LABEL:
            raise InputError(
                f"training {name}",
                f"{rarer} of {len(some)} have the rarer label",
                f"Give {_FEWEST_OF_A_LABEL} of each at least.",
            )
    if len(advised) < FEWEST_ADVISED:
        raise InputError(
            "training examples with advice",
            f"{len(advised)} of {len(labels)} have any",
            f"Record what a large model says of at least {FEWEST_ADVISED}.",
        )
