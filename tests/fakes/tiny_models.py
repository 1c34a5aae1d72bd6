"""Small models whose every probability is worked out by hand, and records for them.

first word of a text -> axis of a vector (8,) -> classifier -> (0.9, 0.1) | (0.1, 0.9) | ...

    "disk ..."    0.9  "disk", 0.1  "net"
    "net ..."     0.1  "disk", 0.9  "net"
    "likely ..."  0.75 "disk", 0.25 "net"
    "unsure ..."  0.5  "disk", 0.5  "net"
    "poison ..."  the encoder fails, and quotes the text as it does

Two texts fit together with a probability of 0.9 when they have the same first word, else 0.1.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from headgate.domains.logs import LogTask
from headgate.models.classifier import Network, PairClassifier, TextClassifier
from headgate.models.encoder import Vectors
from headgate.models.ngrams import count_ngrams
from headgate.models.pairs import LEXICAL_FEATURES
from headgate.models.tfidf import TfIdf
from headgate.types import Candidate, Deadline, Record

DIM = 8
BUCKETS = 1024
WORDS = ("disk", "net", "likely", "unsure")
LABELS = ("disk", "net")
LEVEL = LogTask("level", LABELS)
MATCH = LogTask("match_description", ("mismatch", "match"))
RANK = LogTask("rank_causes", ())


@dataclass
class TinyEncoder:
    """Puts a text on the axis of its first word, and remembers what it was asked."""

    fingerprint: str = "tiny-1"
    calls: list[list[str]] = field(default_factory=list)
    """The texts of each call."""
    pause_s: float = 0.0
    """How long each call takes at least, in seconds."""
    may_answer: asyncio.Event | None = None
    """Until it is set no call ends."""

    async def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), 8)."""
        self.calls.append(list(texts))
        if self.may_answer is not None:
            await self.may_answer.wait()
        await asyncio.sleep(self.pause_s)
        return np.stack([vector_of(text) for text in texts])


def vector_of(text: str) -> Vectors:
    """Return the unit vector of the text's first word, shape (8,)."""
    word = text.split(maxsplit=1)[0]
    if word == "poison":
        raise ValueError(f"cannot read {text!r}")
    axis = WORDS.index(word) if word in WORDS else len(WORDS) + sum(word.encode()) % 4
    return np.eye(DIM, dtype=np.float32)[axis]


def text_classifier() -> TextClassifier:
    """Return the classifier of the table above, over the encoder's vectors alone."""
    weights = np.zeros((DIM, 2), np.float32)
    # The vector is halved beside n-grams, so twice the log-odds are needed.
    weights[0, 0] = weights[1, 1] = 2 * math.log(9)
    weights[2, 0] = 2 * math.log(3)
    return TextClassifier(_flat_tfidf(), np.zeros(0, np.int32), weights, np.zeros(2, np.float32))


def ngram_classifier() -> TextClassifier:
    """Return a classifier without an encoder that knows one word: "disk" is surely "disk"."""
    column = BUCKETS + count_ngrams(["disk"], BUCKETS)[1].indices
    weights = np.array([[20, 0]], np.float32)
    return TextClassifier(_flat_tfidf(), column.astype(np.int32), weights, np.zeros(2, np.float32))


def broken_classifier() -> TextClassifier:
    """Return a classifier over the encoder's vectors whose every probability is NaN."""
    weights = np.zeros((DIM, 2), np.float32)
    return TextClassifier(
        _flat_tfidf(), np.zeros(0, np.int32), weights, np.full(2, math.nan, np.float32)
    )


def pair_classifier() -> PairClassifier:
    """Return the classifier of pairs described above; it looks at the cosine only."""
    features = 2 * DIM + 1 + LEXICAL_FEATURES
    weights = np.zeros((features, 1), np.float32)
    weights[2 * DIM] = 2 * math.log(9)
    network = Network(((weights, np.array([-math.log(9)], np.float32)),))
    mean, scale = np.zeros(features, np.float32), np.ones(features, np.float32)
    return PairClassifier(_flat_tfidf(), mean, scale, (network,))


def _flat_tfidf() -> TfIdf:
    return TfIdf(np.ones(BUCKETS, np.float32), np.ones(BUCKETS, np.float32))


def log(text: str, record_id: str = "") -> Record:
    """Return a record of one line; its id is the line when none is given."""
    return Record(record_id or text, {"log": text})


def described(text: str, description: str) -> Record:
    """Return a record of a line and a description."""
    return Record(text, {"log": text, "description": description})


def caused(text: str, *causes: str) -> Record:
    """Return a record of a line and its possible causes, named c0, c1, ..."""
    candidates = tuple(Candidate(f"c{place}", cause) for place, cause in enumerate(causes))
    return Record(text, {"log": text}, candidates)


@dataclass(frozen=True, slots=True)
class StandingDeadline(Deadline):
    """A deadline that never comes nearer: `at` seconds are always left."""

    def remaining_s(self) -> float:
        """Return `at`."""
        return self.at
