"""Trains the splitter on questions whose decomposition is known.

question, its steps  ->  where the steps lie in the question  ->  kind and spans  ->  Splitter

Nobody marked the spans: they are those whose words, and the rest's, are most like the steps'.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from headgate.errors import InputError
from headgate.models.question_words import (
    MOST_WORDS,
    RULES,
    Array,
    Span,
    Words,
    read_all,
    word_places,
)
from headgate.models.splitter import POINTERS, Kind, Splitter, cut_chain, kind_features
from headgate.models.token_encoder import TokenEncoder

LEAST_AGREEMENT = 0.6
"""Mean overlap of span and rest with the steps; below it the steps were not cut from the words."""
LONGEST_THING = 10
"""Words of one of two things that are compared."""

_SPAN_PENALTY = 30.0
_RULE_PENALTY = 0.1
_KIND_INVERSE_PENALTY = 0.1
_ROUNDS = 60
_PLAIN_WEIGHT = 0.2
"""Of a word that is in every question, beside 1 for any other."""
_PLAIN_WORDS = (
    "what which who whom whose when where how why is are was were be been do does did the a an of "
    "in on at by for to that and or it its his her has have had with from as many much"
)
_PLAIN = frozenset(_PLAIN_WORDS.split())
_REFERENCE = re.compile(r"#[0-9]+")


@dataclass(frozen=True, slots=True)
class DecomposedQuestion:
    """A question with the steps that somebody cut it into."""

    question: str
    steps: tuple[str, ...]
    """At least one; `#1` stands for the answer of step 1. One step: it needs no decomposition."""


@dataclass(frozen=True, slots=True)
class Label:
    """What the splitter should say of a question."""

    kind: Kind
    spans: tuple[Span, ...] = ()
    """None, one or two, by kind."""


def train_splitter(questions: Sequence[DecomposedQuestion], encoder: TokenEncoder) -> Splitter:
    """Train on decomposed questions; their steps are examples of what needs no decomposition.

    Raises:
        InputError: There are not two questions each of a chain, a comparison and none of both.
    """
    texts, labels = _examples(questions)
    pairs = zip(read_all(texts, encoder), labels, strict=True)
    known = [
        (words, label) for words, label in pairs if words is not None and _can_be(words, label)
    ]
    _check_variety([label.kind for _, label in known])
    everything = np.concatenate([words.edges[0] for words, _ in known])
    mean, scale = everything.mean(axis=0), everything.std(axis=0) + np.float32(1e-6)
    kinds, kind_bias = _fit_kinds(known, mean, scale)
    fitted = [_fit_pointer(known, number, mean, scale) for number in range(len(POINTERS))]
    pointers, rules = (np.stack(part) for part in zip(*fitted, strict=True))
    return Splitter(mean, scale, kinds, kind_bias, pointers, rules, encoder.fingerprint)


def cross_fit_splits(
    questions: Sequence[DecomposedQuestion], encoder: TokenEncoder, *, folds: int = 5, seed: int = 7
) -> list[tuple[str, ...]]:
    """Return the steps of each question from a splitter that was trained on the other folds.

    Raises:
        InputError: There are fewer questions than folds, or too few of a kind to train on.
    """
    if not 2 <= folds <= len(questions):
        raise InputError(
            "folds", f"{folds} of {len(questions)} questions", "Give at least 2, and as many rows."
        )
    fold = np.random.default_rng(seed).permutation(len(questions)) % folds
    found: list[tuple[str, ...]] = [()] * len(questions)
    for number in range(folds):
        held = np.flatnonzero(fold == number).tolist()
        others = [questions[row] for row in np.flatnonzero(fold != number).tolist()]
        splitter = train_splitter(others, encoder)
        for row, steps in zip(
            held, splitter.split([questions[row].question for row in held], encoder), strict=True
        ):
            found[row] = steps
    return found


def label_question(example: DecomposedQuestion) -> Label | None:
    """Return where the steps lie in the question; None where they were not cut from its words.

    Raises:
        InputError: There are no steps.
    """
    if not example.steps:
        raise InputError("steps", "a question has none", "Give the question itself as its step.")
    if len(example.steps) == 1:
        return Label(Kind.WHOLE)
    if not any(map(_REFERENCE.search, example.steps)):
        things = compared_things(example.question, example.steps[0], example.steps[1])
        if things is not None:
            return Label(Kind.COMPARISON, things)
    span = inner_span(example.question, " ".join(example.steps[:-1]), example.steps[-1])
    return None if span is None else Label(Kind.CHAIN, (span,))


def inner_span(question: str, inner: str, rest: str) -> Span | None:
    """Return the span most like `inner` whose outside is most like `rest`, if they are alike."""
    words = _words(question)
    size = min(len(words), MOST_WORDS)
    wanted, other = Counter(_step_words(inner)), Counter(_step_words(rest))
    every = Counter(words)
    best, found = 2 * LEAST_AGREEMENT, None
    for start in range(size):
        inside: Counter[str] = Counter()
        for end in range(start, size):
            inside[words[end]] += 1
            alike = _alike(inside, wanted) + _alike(every - inside, other)
            if alike > best and len(inside) < len(every):
                best, found = alike, (start, end)
    return found


def compared_things(question: str, first: str, second: str) -> tuple[Span, Span] | None:
    """Return the two things that one question asks about and the other does not, in their order.

    None where a thing is not in the question, is long, or lies in the other; or where both
    questions share no word of weight, and so ask different things.
    """
    words, one, two = _words(question), set(_step_words(first)), set(_step_words(second))
    if not (set(words) & one & two) - _PLAIN:
        return None
    spans = [_thing(words, one - two), _thing(words, two - one)]
    if None in spans:
        return None
    left, right = sorted(span for span in spans if span is not None)
    return (left, right) if left[1] < right[0] else None


def _thing(words: Sequence[str], own: set[str]) -> Span | None:
    at = [place for place, word in enumerate(words) if word in own - _PLAIN and word[0].isalnum()]
    return (at[0], at[-1]) if at and at[-1] - at[0] < LONGEST_THING else None


def _examples(questions: Sequence[DecomposedQuestion]) -> tuple[list[str], list[Label]]:
    """Return texts and labels: the questions, and what is left when they are cut."""
    found = {each.question: label_question(each) for each in questions}
    for part in _flat(_parts(each, found[each.question]) for each in questions):
        found.setdefault(part, Label(Kind.WHOLE))
    kept = {text: label for text, label in found.items() if label is not None}
    return list(kept), list(kept.values())


def _parts(example: DecomposedQuestion, label: Label | None) -> list[str]:
    """Return texts that need no decomposition: steps as they were written, and as we cut them."""
    alone = [step for step in example.steps if not _REFERENCE.search(step)]
    if label is None or label.kind is not Kind.CHAIN or len(example.steps) != 2:
        return alone
    return [*alone, cut_chain(example.question, word_places(example.question), label.spans[0])[0]]


def _can_be(words: Words, label: Label) -> bool:
    """Return whether the label's spans are such as a splitter may point at."""
    allowed = words.allowed()
    return all(allowed[span] for span in label.spans)


def _flat(groups: Iterable[Sequence[str]]) -> list[str]:
    return [each for group in groups for each in group]


def _fit_kinds(
    known: Sequence[tuple[Words, Label]], mean: Array, scale: Array
) -> tuple[Array, Array]:
    """Return the weights (dim + MARKS + 1, kinds) and biases (kinds,) of what a question is."""
    rows = [kind_features(words, mean, scale) for words, _ in known]
    # Comparisons are few; unbalanced, hardly a question would be taken for one.
    model = LogisticRegression(C=_KIND_INVERSE_PENALTY, class_weight="balanced", max_iter=2_000)
    model.fit(np.stack(rows), [int(label.kind) for _, label in known])
    return model.coef_.T.astype(np.float32), model.intercept_.astype(np.float32)


def _fit_pointer(
    known: Sequence[tuple[Words, Label]], pointer: int, mean: Array, scale: Array
) -> tuple[Array, Array]:
    """Return the weights (4, dim) and (RULES,) under which the known spans are most probable."""
    from scipy.optimize import minimize

    kind, place = (Kind.CHAIN, 0) if pointer == 0 else (Kind.COMPARISON, pointer - 1)
    of_kind = [(words, label) for words, label in known if label.kind is kind]
    spans = _Spans.of([(words, label.spans[place]) for words, label in of_kind], mean, scale)
    dim = len(mean)

    def surprise(numbers: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, rules = numbers[: 4 * dim].reshape(4, dim), numbers[4 * dim :]
        loss, by_weights, by_rules = spans.surprise(weights, rules)
        loss += _SPAN_PENALTY * float((weights**2).sum()) + _RULE_PENALTY * float(rules @ rules)
        slopes = (by_weights + 2 * _SPAN_PENALTY * weights, by_rules + 2 * _RULE_PENALTY * rules)
        return loss, np.concatenate([slope.ravel() for slope in slopes])

    found = minimize(
        surprise,
        np.zeros(4 * dim + RULES),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _ROUNDS},
    )
    numbers = found.x.astype(np.float32)
    return numbers[: 4 * dim].reshape(4, dim), numbers[4 * dim :]


@dataclass(frozen=True, slots=True)
class _Spans:
    """All spans that could be cut out of some questions, one below the other."""

    edges: NDArray[np.float32]
    """Shape (4, words of all questions, dim)."""
    ends: NDArray[np.int64]
    """Shape (spans, 2): the rows of a span's first and last word."""
    rules: Array
    """Shape (spans, RULES)."""
    starts: NDArray[np.int64]
    """Shape (questions,): the row of each question's first span."""
    right: NDArray[np.int64]
    """Shape (questions,): the row of each question's known span."""

    @classmethod
    def of(cls, known: Sequence[tuple[Words, Span]], mean: Array, scale: Array) -> _Spans:
        """Lay the spans of each question below those of the ones before."""
        masks = [words.allowed() for words, _ in known]
        first_words = np.cumsum([0, *(len(words.texts) for words, _ in known)])
        starts = np.cumsum([0, *(int(mask.sum()) for mask in masks)])[:-1]
        edges = [np.concatenate([words.edges[edge] for words, _ in known]) for edge in range(4)]
        right = [
            int(mask.ravel()[: span[0] * len(mask) + span[1]].sum())
            for mask, (_, span) in zip(masks, known, strict=True)
        ]
        return cls(
            np.stack([(edge - mean) / scale for edge in edges]),
            np.concatenate(
                [np.argwhere(m) + at for m, at in zip(masks, first_words[:-1], strict=True)]
            ),
            np.concatenate(
                [words.rules()[mask] for mask, (words, _) in zip(masks, known, strict=True)]
            ),
            starts,
            starts + np.array(right),
        )

    def surprise(
        self, weights: NDArray[np.float64], rules: NDArray[np.float64]
    ) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Return minus the log-probability of the known spans, in nats, and its slopes."""
        start, end, before, behind = np.einsum("ewd,ed->ew", self.edges, weights)
        scores = (start + before)[self.ends[:, 0]] + (end + behind)[self.ends[:, 1]]
        scores += self.rules @ rules
        sizes = np.diff(np.append(self.starts, len(scores)))
        highest = np.repeat(np.maximum.reduceat(scores, self.starts), sizes)
        exponents = np.exp(scores - highest)
        totals = np.repeat(np.add.reduceat(exponents, self.starts), sizes)
        logs = scores - highest - np.log(totals)
        slope = exponents / totals
        slope[self.right] -= 1
        words = self.edges.shape[1]
        at_start = np.bincount(self.ends[:, 0], slope, words)
        at_end = np.bincount(self.ends[:, 1], slope, words)
        pulls = np.stack([at_start, at_end, at_start, at_end])
        return (
            -float(logs[self.right].sum()),
            np.einsum("ew,ewd->ed", pulls, self.edges),
            slope @ self.rules,
        )


def _words(text: str) -> list[str]:
    return [text[start:end].lower() for start, end in word_places(text)]


def _step_words(step: str) -> list[str]:
    """Return the words of a step without those that stand for answers."""
    return _words(_REFERENCE.sub(" ", step))


def _alike(one: Counter[str], two: Counter[str]) -> float:
    """Return the weighted F1 of two bags of words, 0 to 1."""
    total = _weight(one) + _weight(two)
    return 2 * _weight(one & two) / total if total else 0.0


def _weight(words: Counter[str]) -> float:
    return sum(
        count * (_PLAIN_WEIGHT if word in _PLAIN else 1.0)
        for word, count in words.items()
        if word[0].isalnum()
    )


def _check_variety(kinds: Sequence[Kind]) -> None:
    counts = Counter(kinds)
    for kind in Kind:
        if counts[kind] < 2:
            raise InputError(
                "decomposed questions",
                f"{counts[kind]} of {len(kinds)} examples are of the kind {kind.name.lower()}",
                "Give at least two of each kind: whole, chain and comparison.",
            )
