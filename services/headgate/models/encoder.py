"""One interface for every encoder, and the reference path through sentence-transformers.

texts (n)  ->  vectors (n, dim) float32, each of length 1
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from headgate.errors import ModelError
from headgate.models.source import EncoderSource
from headgate.models.tokenizer import encodable

Vectors = NDArray[np.float32]


class Encoder(Protocol):
    """Turns texts into vectors. Safe to call from several threads."""

    @property
    def fingerprint(self) -> str:
        """What scores and indexes depend on: weights, run time and precision."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dim), in the order of the texts."""


class ReferenceEncoder:
    """float32 through sentence-transformers, on a GPU when there is one.

    The reference against which the fast path is measured, and the path for GPUs.
    """

    def __init__(self, source: EncoderSource, max_tokens: int, device: str | None = None) -> None:
        """Load the weights.

        Args:
            source: Checked files.
            max_tokens: Longer texts are cut.
            device: `cpu` or `cuda`; the best there is when absent.

        Raises:
            ModelError: The files do not make an encoder.
        """
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # our callers show their own progress

        try:
            self._model = SentenceTransformer(
                str(source.directory),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        except Exception as error:
            raise ModelError(
                f"models.{source.name}",
                f"sentence-transformers cannot load it ({type(error).__name__})",
                "Check that the directory holds a sentence-transformers encoder.",
            ) from error
        self._model.max_seq_length = max_tokens
        self._fingerprint = f"{source.sha256[:16]}:float32:{max_tokens}"

    @property
    def fingerprint(self) -> str:
        """Return weights and precision."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Return the length of a vector."""
        return int(self._model.get_embedding_dimension() or 0)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dim)."""
        if not texts:
            return np.empty((0, self.dim), np.float32)
        vectors = self._model.encode(
            encodable(texts), batch_size=32, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, np.float32)
