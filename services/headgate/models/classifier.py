"""Fitted classifiers: what they read, and their logits.

single texts:  tf-idf n-grams | scaled vector  ->  linear          ->  logits (n, labels)
pairs:         compared vectors | lexical      ->  small networks  ->  logit (n,) that they fit
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.special import expit

from headgate.models.encoder import Vectors
from headgate.models.pairs import lexical_features, vector_features
from headgate.models.tfidf import TfIdf

Array = NDArray[np.float32]

VECTOR_WEIGHT = 0.5
"""Length of the vector beside n-gram rows of length 1; chosen on development rows."""


@dataclass(frozen=True, slots=True)
class TextClassifier:
    """A linear layer over n-grams and, when there is an encoder, the text's vector."""

    tfidf: TfIdf
    columns: NDArray[np.int32]
    """Shape (kept,): the n-gram columns that have weights, characters before words."""
    weights: Array
    """Shape (kept + dim, labels); dim is 0 without an encoder."""
    bias: Array
    """Shape (labels,)."""

    _char: sp.csr_matrix = field(init=False, repr=False, compare=False)
    _word: sp.csr_matrix = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Spread the n-gram weights over all buckets, sparse: choosing columns a call is slow."""
        labels = self.weights.shape[1]
        kept, buckets = len(self.columns), self.tfidf.buckets
        rows = np.repeat(self.columns, labels)
        places = np.tile(np.arange(labels), kept)
        values = self.weights[:kept].ravel()
        spread = sp.csr_matrix((values, (rows, places)), shape=(2 * buckets, labels))
        object.__setattr__(self, "_char", spread[:buckets])
        object.__setattr__(self, "_word", spread[buckets:])

    def logits(self, texts: Sequence[str], vectors: Vectors | None) -> Array:
        """Return unnormalised log-odds, shape (len(texts), labels).

        Args:
            texts: What to classify.
            vectors: Shape (len(texts), dim); None when the classifier has no encoder.
        """
        char, word = self.tfidf.transform(texts)
        logits = (char @ self._char + word @ self._word).toarray() + self.bias
        if vectors is not None:
            logits += vectors * VECTOR_WEIGHT @ self.weights[len(self.columns) :]
        return np.asarray(logits, np.float32)

    def save(self, path: Path) -> None:
        """Write one safetensors file."""
        own = {"columns": self.columns, "weights": self.weights, "bias": self.bias}
        _write({**own, **self.tfidf.tensors()}, path)

    @classmethod
    def load(cls, path: Path) -> TextClassifier:
        """Read what `save` wrote; the caller has checked the file's hash."""
        tensors = load_file(path)
        tfidf = TfIdf.from_tensors(tensors)
        return cls(tfidf, tensors["columns"], tensors["weights"], tensors["bias"])


def stack_features(
    tfidf: TfIdf, texts: Sequence[str], vectors: Vectors | None, columns: NDArray[np.int32]
) -> sp.csr_matrix:
    """Return the rows a text classifier is trained on: chosen n-gram columns, scaled vector."""
    ngrams = sp.hstack(tfidf.transform(texts), format="csr")[:, columns]
    if vectors is None:
        return ngrams
    return sp.hstack([ngrams, sp.csr_matrix(vectors * VECTOR_WEIGHT)], format="csr")


@dataclass(frozen=True, slots=True)
class Network:
    """One hidden layer with ReLU, or none: inputs -> hidden -> one logit."""

    layers: tuple[tuple[Array, Array], ...]
    """Weights (inputs, outputs) and biases (outputs,), in order."""

    def logit(self, features: Array) -> Array:
        """Return one logit a row, shape (n,)."""
        values = features
        for index, (weights, bias) in enumerate(self.layers):
            values = values @ weights + bias
            if index < len(self.layers) - 1:
                values = np.maximum(values, 0)
        return values[:, 0]


@dataclass(frozen=True, slots=True)
class PairClassifier:
    """Several small networks over compared texts; their probabilities are averaged."""

    tfidf: TfIdf
    mean: Array
    """Shape (features,), of the training rows."""
    scale: Array
    """Shape (features,), standard deviation of the training rows."""
    networks: tuple[Network, ...]

    def logits(
        self, firsts: Sequence[str], seconds: Sequence[str], vectors: tuple[Vectors, Vectors] | None
    ) -> Array:
        """Return the log-odds that each pair fits, shape (len(firsts),).

        Args:
            firsts: Such as log lines.
            seconds: Such as descriptions, one each.
            vectors: Of firsts and of seconds, each (n, dim); None without an encoder.
        """
        features = (pair_features(self.tfidf, firsts, seconds, vectors) - self.mean) / self.scale
        logits = np.stack([network.logit(features) for network in self.networks])
        probability = expit(logits.astype(np.float64)).mean(axis=0)
        return _log_odds(probability)

    def save(self, path: Path) -> None:
        """Write one safetensors file."""
        tensors = {"mean": self.mean, "scale": self.scale, **self.tfidf.tensors()}
        for number, network in enumerate(self.networks):
            for depth, (weights, bias) in enumerate(network.layers):
                tensors[f"network.{number}.{depth}.weights"] = weights
                tensors[f"network.{number}.{depth}.bias"] = bias
        _write(tensors, path)

    @classmethod
    def load(cls, path: Path) -> PairClassifier:
        """Read what `save` wrote; the caller has checked the file's hash."""
        tensors = load_file(path)
        networks: list[Network] = []
        while f"network.{len(networks)}.0.bias" in tensors:
            networks.append(_network(tensors, f"network.{len(networks)}"))
        tfidf = TfIdf.from_tensors(tensors)
        return cls(tfidf, tensors["mean"], tensors["scale"], tuple(networks))


def pair_features(
    tfidf: TfIdf,
    firsts: Sequence[str],
    seconds: Sequence[str],
    vectors: tuple[Vectors, Vectors] | None,
) -> Array:
    """Return the features of each pair, shape (len(firsts), [2*dim + 1 +] 6)."""
    lexical = lexical_features(firsts, seconds, tfidf)
    if vectors is None:
        return lexical
    return np.hstack([vector_features(*vectors), lexical])


def _write(tensors: Mapping[str, NDArray[np.generic]], path: Path) -> None:
    # safetensors writes the memory as it lies: it has to lie row by row.
    save_file({name: np.ascontiguousarray(each) for name, each in tensors.items()}, path)


def _network(tensors: Mapping[str, Array], prefix: str) -> Network:
    layers: list[tuple[Array, Array]] = []
    while f"{prefix}.{len(layers)}.bias" in tensors:
        place = f"{prefix}.{len(layers)}"
        layers.append((tensors[f"{place}.weights"], tensors[f"{place}.bias"]))
    return Network(tuple(layers))


def _log_odds(probability: NDArray[np.float64]) -> Array:
    clipped = np.clip(probability, 1e-12, 1 - 1e-12)
    return np.asarray(np.log(clipped) - np.log1p(-clipped), np.float32)
