"""Points at the part of a question that is a question of its own.

question  ->  Words: token features (words, dim) and rules  ->  whole | chain | comparison
chain:       the span (i, j) becomes step 1, and the rest, with `#1` in its place, step 2
comparison:  two spans, and each step is the question without the other one
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from headgate.errors import ModelError
from headgate.models.question_words import (
    MARKS,
    RULES,
    Array,
    Span,
    Words,
    read_all,
    word_places,
)
from headgate.models.token_encoder import TokenEncoder

MOST_STEPS = 4
POINTERS = ("chain", "first", "second")

WEIGHTS_FILE = "splitter.safetensors"
FACTS_FILE = "splitter.json"

_REFERENCE = re.compile(r"#[0-9]")
_JOINING = frozenset({",", "the", "a", "an", "and", "or", "than"})
_NEVER = np.float32(-1e9)


class Kind(IntEnum):
    """What a question is made of."""

    WHOLE = 0
    """It needs no decomposition."""
    CHAIN = 1
    """A question inside another one, whose answer is needed first."""
    COMPARISON = 2
    """The same question about two things."""


@dataclass(frozen=True, slots=True)
class Splitter:
    """Linear layers over token features."""

    mean: Array
    """Shape (dim,), of training words."""
    scale: Array
    """Shape (dim,), standard deviation of training words."""
    kinds: Array
    """Shape (dim + MARKS + 1, 3): weights over a question's mean word and its summary."""
    kind_bias: Array
    """Shape (3,)."""
    pointers: Array
    """Shape (3, 4, dim), by `POINTERS` and by the edges of a span."""
    rules: Array
    """Shape (3, RULES)."""
    encoder: str
    """Fingerprint of the token encoder that it was fitted over."""

    def __post_init__(self) -> None:
        """Refuse weights that do not belong together.

        Raises:
            ValueError: They were fitted over other features.
        """
        dim, kinds, pointers = len(self.mean), len(Kind), len(POINTERS)
        wanted = {
            "scale": (dim,),
            "kinds": (dim + MARKS + 1, kinds),
            "kind_bias": (kinds,),
            "pointers": (pointers, 4, dim),
            "rules": (pointers, RULES),
        }
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise ValueError(
                    f"{name} has the shape {getattr(self, name).shape!r}, not {shape!r}"
                )

    def kind_log_odds(self, words: Words) -> Array:
        """Return unnormalised log-odds of each kind, shape (3,)."""
        features = kind_features(words, self.mean, self.scale)
        return np.asarray(features @ self.kinds + self.kind_bias, np.float32)

    def span_scores(self, words: Words, pointer: int) -> Array:
        """Return the score of each span, shape (words, words); very low where none can be."""
        edges = [(each - self.mean) / self.scale for each in words.edges]
        start, end, before, behind = (
            edge @ weights for edge, weights in zip(edges, self.pointers[pointer], strict=True)
        )
        ends = (start + before)[:, np.newaxis] + (end + behind)
        scores = ends + words.rules() @ self.rules[pointer]
        return np.where(words.allowed(), scores, _NEVER)

    def split(self, questions: Sequence[str], encoder: TokenEncoder) -> list[tuple[str, ...]]:
        """Return the texts of each question's steps, in order; one where it needs none.

        `#1` in a text stands for the answer of step 1. The first step of a chain is split again
        while it is a chain itself, up to `MOST_STEPS`. A question that holds such a sign of its
        own, has fewer than `FEWEST_WORDS` words or more than `MOST_WORDS`, stays whole.

        Raises:
            ModelError: The encoder is another one than the splitter was fitted over.
        """
        if encoder.fingerprint != self.encoder:
            raise ModelError(
                "splitter", "it was fitted over another token encoder", "Fit the cascade again."
            )
        plans: list[tuple[str, ...]] = [(question,) for question in questions]
        growing = [row for row, text in enumerate(questions) if not _REFERENCE.search(text)]
        for depth in range(MOST_STEPS - 1):
            heads = [plans[row][0] for row in growing]
            parts = self._parts(heads, encoder, nested=depth > 0)
            for row, part in zip(growing, parts, strict=True):
                plans[row] = _grown(part, plans[row])
            growing = [
                row
                for row, part in zip(growing, parts, strict=True)
                if len(part) == 2 and "#1" in part[1]
            ]
        return plans

    def _parts(
        self, texts: Sequence[str], encoder: TokenEncoder, *, nested: bool
    ) -> list[tuple[str, ...]]:
        """Return each text in one or two parts; what is nested is no comparison."""
        words = read_all(texts, encoder)
        return [
            (text,) if read is None else self._cut(text, read, nested)
            for text, read in zip(texts, words, strict=True)
        ]

    def _cut(self, text: str, words: Words, nested: bool) -> tuple[str, ...]:
        log_odds = self.kind_log_odds(words)
        kind = Kind(int(log_odds[: Kind.COMPARISON].argmax() if nested else log_odds.argmax()))
        match kind:
            case Kind.CHAIN:
                scores = self.span_scores(words, 0)
                if scores.max() > _NEVER:
                    return cut_chain(text, words.places, _best(scores))
            case Kind.COMPARISON:
                first, second = self.span_scores(words, 1), self.span_scores(words, 2)
                spans = _best_two(first, second)
                if min(first[spans[0]], second[spans[1]]) > _NEVER:
                    return cut_comparison(text, words.places, *spans)
        return (text,)

    def save(self, directory: Path) -> None:
        """Write `WEIGHTS_FILE` and `FACTS_FILE`."""
        names = ("mean", "scale", "kinds", "kind_bias", "pointers", "rules")
        tensors = {name: np.ascontiguousarray(getattr(self, name)) for name in names}
        save_file(tensors, directory / WEIGHTS_FILE)
        facts = json.dumps({"encoder": self.encoder}, indent=2)
        (directory / FACTS_FILE).write_text(facts, encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Splitter:
        """Read what `save` wrote; the caller has checked the files' hashes.

        Raises:
            ModelError: The files are not there, or are not a splitter's.
        """
        try:
            facts = json.loads((directory / FACTS_FILE).read_text(encoding="utf-8"))
            return cls(**load_file(directory / WEIGHTS_FILE), encoder=facts["encoder"])
        except Exception as error:
            raise ModelError(
                str(directory),
                f"the splitter cannot be loaded ({type(error).__name__})",
                "Fit the cascade again.",
            ) from error


def kind_features(words: Words, mean: Array, scale: Array) -> Array:
    """Return what tells a question's kind, shape (dim + MARKS + 1,)."""
    return np.append((words.mean - mean) / scale, words.summary())


def cut_chain(text: str, places: Sequence[Span], span: Span) -> tuple[str, ...]:
    """Return the span's text, and the rest with `#1` in its place; the whole when one is empty."""
    start, end = places[span[0]][0], places[span[1]][1]
    inner = text[start:end].strip(" ,;")
    rest = f"{text[:start].rstrip()} #1 {text[end:].lstrip()}".strip()
    rest = re.sub(r" (?=[?,.;])", "", rest)
    return (inner, rest) if inner and rest != "#1" else (text,)


def cut_comparison(text: str, places: Sequence[Span], first: Span, second: Span) -> tuple[str, ...]:
    """Return the question about the first thing alone, and about the second.

    Words that only join the two go with the one that is left out. A word that follows both belongs
    to both: of `the Harrow Bridge or the Denny Bridge` no half is left of a name.
    """
    first, second = _with_shared_words(text, places, first, second)
    start, middle = places[first[0]][0], places[first[1]][1]
    resumed, end = places[second[0]][0], places[second[1]][1]
    between = text[middle:resumed]
    joined = all(between[a:b].lower() in _JOINING for a, b in word_places(between))
    left = text[:middle] + ("" if joined else between.rstrip()) + text[end:]
    right = text[:start] + ("" if joined else between.lstrip()) + text[resumed:]
    return tuple(
        " ".join(re.sub(r"\bboth\b", "", side, flags=re.I).split()) for side in (left, right)
    )


def _with_shared_words(
    text: str, places: Sequence[Span], first: Span, second: Span
) -> tuple[Span, Span]:
    """Return the spans with the words that follow both, as far as they are the same."""
    words = [text[start:end].lower() for start, end in places]
    shared = 0
    for one, two in zip(words[first[1] + 1 : second[0]], words[second[1] + 1 :], strict=False):
        if one != two:
            break
        shared += 1
    return (first[0], first[1] + shared), (second[0], second[1] + shared)


def _grown(part: tuple[str, ...], plan: tuple[str, ...]) -> tuple[str, ...]:
    """Return the plan with its first step in parts; each later step refers to the one before."""
    if len(part) == 1:
        return plan
    later = [_shifted(text, number) for number, text in enumerate(plan[1:], 1)]
    return (*part, *later)


def _shifted(text: str, number: int) -> str:
    return text.replace(f"#{number}", f"#{number + 1}")


def _best(scores: Array) -> Span:
    start, end = np.unravel_index(int(scores.argmax()), scores.shape)
    return int(start), int(end)


def _best_two(first: Array, second: Array) -> tuple[Span, Span]:
    """Return the best two spans, the second behind the first."""
    size = len(first)
    # For each last word of a first span: its best score, and the best second span behind it.
    ahead = np.maximum.accumulate(first.max(axis=0))
    behind = np.maximum.accumulate(second.max(axis=1)[::-1])[::-1]
    cut = int((ahead[: size - 1] + behind[1:]).argmax())
    left = _best(np.where(np.arange(size)[np.newaxis] <= cut, first, _NEVER))
    right = _best(np.where(np.arange(size)[:, np.newaxis] > cut, second, _NEVER))
    return left, right
