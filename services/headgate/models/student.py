"""ARG-D: what ARG would say without asking anybody; it reads the text and nothing else.

texts (n), vectors (n, dim)  ->  linear over n-grams and vector  ->  log-odds (n,)
                             ->  small networks: what advice would add  ->  logits (n, 2)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from safetensors.numpy import load_file, save_file

from headgate.models.classifier import Array, TextClassifier
from headgate.models.encoder import Vectors
from headgate.models.tfidf import TfIdf

SKETCH_DIM = 256
"""Of what stands for a text without an encoder."""


@dataclass(frozen=True, slots=True, eq=False)
class Simulator:
    """Guesses the feature of ARG from a text, and what it comes to.

    hidden: (inputs, hidden), feature: (hidden, feature), out: (feature,).
    """

    hidden: Array
    hidden_bias: Array
    feature: Array
    feature_bias: Array
    out: Array

    def correction(self, inputs: Array) -> Array:
        """Return what is added to the log-odds, shape (n,), of inputs (n, inputs)."""
        hidden = np.maximum(inputs @ self.hidden + self.hidden_bias, 0)
        added: Array = (hidden @ self.feature + self.feature_bias) @ self.out
        return added


_NAMES = ("hidden", "hidden_bias", "feature", "feature_bias", "out")


@dataclass(frozen=True, slots=True, eq=False)
class Student:
    """A text classifier of two labels and what a teacher with advice has taught it."""

    linear: TextClassifier
    simulators: tuple[Simulator, ...]
    scale: Array
    """Shape (2,): slope and bias of the linear part's log-odds."""

    def logits(self, texts: Sequence[str], vectors: Vectors | None) -> Array:
        """Return unnormalised log-odds, shape (len(texts), 2).

        Args:
            texts: What to classify.
            vectors: Shape (len(texts), dim); None when the student has no encoder.
        """
        logits = self.linear.logits(texts, vectors)
        plain = logits[:, 1] - logits[:, 0]
        inputs = student_inputs(self.linear.tfidf, texts, vectors, plain)
        added = np.mean([each.correction(inputs) for each in self.simulators], axis=0)
        log_odds = plain * self.scale[0] + self.scale[1] + added
        return np.stack([np.zeros_like(log_odds), log_odds], axis=1).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write one safetensors file."""
        linear = self.linear
        tensors: dict[str, np.ndarray] = {
            "linear.columns": linear.columns,
            "linear.weights": linear.weights,
            "linear.bias": linear.bias,
            "scale": self.scale,
            **{f"linear.{name}": each for name, each in linear.tfidf.tensors().items()},
        }
        for number, simulator in enumerate(self.simulators):
            for name in _NAMES:
                tensors[f"simulator.{number}.{name}"] = getattr(simulator, name)
        save_file({name: np.ascontiguousarray(each) for name, each in tensors.items()}, path)

    @classmethod
    def load(cls, path: Path) -> Student:
        """Read what `save` wrote; the caller has checked the file's hash."""
        tensors = load_file(path)
        own = {name: tensors[f"linear.{name}"] for name in ("char_idf", "word_idf")}
        linear = TextClassifier(
            TfIdf.from_tensors(own),
            tensors["linear.columns"],
            tensors["linear.weights"],
            tensors["linear.bias"],
        )
        simulators: list[Simulator] = []
        while f"simulator.{len(simulators)}.out" in tensors:
            simulators.append(_simulator(tensors, len(simulators)))
        return cls(linear, tuple(simulators), tensors["scale"])


def student_inputs(
    tfidf: TfIdf, texts: Sequence[str], vectors: Vectors | None, plain: Array
) -> Array:
    """Return what a simulator reads, shape (n, dim + 1): the text and the linear log-odds.

    Without an encoder a sketch of the n-grams stands for the vector.
    """
    dense = sketch(tfidf, texts) if vectors is None else np.asarray(vectors, np.float32)
    return np.hstack([dense, plain[:, np.newaxis]]).astype(np.float32)


def sketch(tfidf: TfIdf, texts: Sequence[str]) -> Array:
    """Return n-grams in few dimensions, about as similar as before, shape (n, `SKETCH_DIM`).

    Source:
        Charikar et al. 2002, Finding frequent items in data streams (count sketch).
    """
    char, word = tfidf.transform(texts)
    return _folded(char) + _folded(word)


def _folded(ngrams: sp.csr_matrix) -> Array:
    """Return a sparse matrix (n, buckets) in `SKETCH_DIM` columns, dense."""
    # Buckets are hashes already: their low bits choose a place, the next one a sign.
    signs = 1 - 2 * (ngrams.indices // SKETCH_DIM % 2).astype(np.float32)
    parts = (ngrams.data * signs, ngrams.indices % SKETCH_DIM, ngrams.indptr)
    folded: Array = sp.csr_matrix(parts, shape=(ngrams.shape[0], SKETCH_DIM)).toarray()
    return folded.astype(np.float32)


def _simulator(tensors: Mapping[str, Array], number: int) -> Simulator:
    return Simulator(*(tensors[f"simulator.{number}.{name}"] for name in _NAMES))
