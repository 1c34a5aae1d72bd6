"""Every way to judge news, on items that nothing was trained on.

training examples  ->  Course, models  ->  log-odds of the second label of judged items, by method

`small` is the linear part of the student, `arg_d` the student; both read the text alone.
`concat` is a linear classifier of text and rationales, as one text. `average` is the mean of what
the large model says, and `llm_*` what it says from one perspective, without anything learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headgate.fitting.rationale import Course, NewsExample, NewsTraining
from headgate.fitting.rationale_network import Recipe
from headgate.fitting.student import train_linear
from headgate.models.rationale import RationaleNetwork
from headgate.models.rationale_inputs import read_items
from headgate.types import Advice
from news_sets.sets import PERSPECTIVES

Floats = NDArray[np.float64]
ByMethod = Mapping[str, Floats]

_LEAST = 1e-4


@dataclass(frozen=True, slots=True)
class Fold:
    """What is trained on and what is judged."""

    train: Sequence[NewsExample]
    judged: Sequence[NewsExample]
    training: NewsTraining

    def log_odds(self) -> ByMethod:
        """Return each method's log-odds of the judged items, shape (judged,)."""
        trained = Course.of(self.train, self.training).train()
        texts, vectors = self._texts()
        plain = trained.student.linear.logits(texts, vectors)
        student = trained.student.logits(texts, vectors)[:, 1].astype(np.float64)
        slope, bias = trained.student.scale
        verdicts = _verdicts(self.judged)
        return {
            "small": (plain[:, 1] - plain[:, 0]) * slope + bias,
            **{f"llm_{name}": verdicts[:, at] for at, name in enumerate(PERSPECTIVES)},
            "average": _mean_verdict(self.judged),
            "concat": self._concatenated(),
            "arg": _weighed(trained.network, self.judged, student),
            "arg_d": student,
        }

    def ablated(self) -> ByMethod:
        """Return the log-odds of ARG without some of its parts, shape (judged,)."""
        course = Course.of(self.train, self.training)
        texts, vectors = self._texts()
        plain = course.linear.classifier.logits(texts, vectors)
        student = (plain[:, 1] - plain[:, 0]) * course.linear.scale[0] + course.linear.scale[1]
        whole = self.training.recipe
        recipes = {
            "arg": whole,
            "arg_without_usefulness": replace(whole, usefulness=0.0),
            "arg_without_judgement": replace(whole, judgement=0.0),
        }
        found = {name: self._variant(course, each, student) for name, each in recipes.items()}
        for name in PERSPECTIVES:
            found[f"arg_{name}_alone"] = self._variant(course, whole, student, name)
        return found

    def _variant(
        self, course: Course, recipe: Recipe, student: Floats, only: str | None = None
    ) -> Floats:
        """Return the log-odds of ARG by another recipe, or with one perspective only."""
        advised = [_only(self.train[row], only) for row in course.advised.tolist()]
        items = read_items(
            [each.text for each in advised],
            [each.advice for each in advised],
            course.linear.calibrated[course.advised].tolist(),
            perspectives=PERSPECTIVES,
            encoder=self.training.encoder,
        )
        seeds = range(self.training.seed, self.training.seed + self.training.members)
        members = tuple(course.teacher(items, recipe=recipe, seed=seed) for seed in seeds)
        network = RationaleNetwork(PERSPECTIVES, members, self.training.encoder)
        return _weighed(network, [_only(each, only) for each in self.judged], student)

    def _texts(self) -> tuple[list[str], NDArray[np.float32] | None]:
        texts = [each.text for each in self.judged]
        known = self.training.vectors
        return texts, known.vectors(texts) if known else None

    def _concatenated(self) -> Floats:
        advised = [each for each in self.train if each.advised]
        labels = np.array([each.sought for each in advised], np.bool_)
        linear = train_linear(
            [_concat(each) for each in advised],
            None,
            labels,
            buckets=self.training.buckets,
            seed=self.training.seed,
        )
        logits = linear.classifier.logits([_concat(each) for each in self.judged], None)
        slope, bias = linear.scale
        return np.asarray((logits[:, 1] - logits[:, 0]) * slope + bias, np.float64)


def _weighed(network: RationaleNetwork, judged: Sequence[NewsExample], student: Floats) -> Floats:
    texts, advice = [each.text for each in judged], [each.advice for each in judged]
    found = network.weigh(texts, advice, student.tolist())
    return _odds(np.array([each.probability for each in found]))


def _verdicts(judged: Sequence[NewsExample]) -> Floats:
    return _odds(np.array([[each.probability for each in _said(item)] for item in judged]))


def _mean_verdict(judged: Sequence[NewsExample]) -> Floats:
    return _odds(np.array([np.mean([e.probability for e in _said(item)]) for item in judged]))


def _odds(probability: Floats) -> Floats:
    clipped = np.clip(probability, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float64)


def _said(item: NewsExample) -> list[Advice]:
    return [each for each in item.advice if each is not None]


def _only(item: NewsExample, perspective: str | None) -> NewsExample:
    if perspective is None:
        return item
    return replace(item, advice=tuple(e for e in _said(item) if e.perspective == perspective))


def _concat(item: NewsExample) -> str:
    return "\n".join([item.text, *(each.rationale for each in _said(item))])
