"""An encoder whose last layers can be trained, between its first and its trained weights.

texts (n)  ->  tokens  ->  transformer  ->  mean over tokens, scaled to length 1  (n, dim)
pairs of texts  ->  loss  ->  one step of AdamW
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from headgate.errors import ModelError
from headgate.models.encoder import ReferenceEncoder, Vectors
from headgate.models.source import EncoderSource
from headgate.models.tokenizer import BatchTokenizer, pad

if TYPE_CHECKING:
    import torch

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
_PROBES = ("age at diagnosis: 34, 56", "color", "the date on which an order was shipped")
_SAME_COSINE = 0.999
"""Two float32 paths through one encoder agree better; another pooling, worse."""
_SUB_BATCH = 32
_WEIGHT_DECAY = 0.01
_LONGEST_GRADIENT = 1.0


class TrainableEncoder:
    """A transformer whose word vectors and first layers stay as they are.

    It has no dropout, so nothing in it is drawn by chance.
    """

    def __init__(self, source: EncoderSource, *, max_tokens: int, frozen_layers: int) -> None:
        """Load the weights, on the CPU.

        Args:
            source: Checked files.
            max_tokens: Longer texts are cut.
            frozen_layers: Layers that are not trained; the last one always is.

        Raises:
            ModelError: The files make no encoder, or one that does more than average its tokens.
        """
        import torch
        from transformers import AutoModel

        self._source = source
        self._tokenizer = BatchTokenizer(source.directory / "tokenizer.json", max_tokens)
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)  # of weights that the files lack and no vector depends on
                self._model = AutoModel.from_pretrained(
                    source.directory,
                    use_safetensors=True,
                    trust_remote_code=False,
                    local_files_only=True,
                )
        except Exception as error:
            raise ModelError(
                f"models.{source.name}",
                f"transformers cannot load it ({type(error).__name__})",
                "Check that the directory holds a sentence-transformers encoder.",
            ) from error
        self._model.eval()
        self._trained = _trainable(self._model, frozen_layers)
        self._first = [weight.detach().clone() for weight in self._trained]
        self._last = self._first
        self._check_pooling(max_tokens)

    def _check_pooling(self, max_tokens: int) -> None:
        """Refuse an encoder whose vectors are others than the means that are trained here."""
        wanted = ReferenceEncoder(self._source, max_tokens, "cpu").encode(_PROBES)
        own = self.encode(_PROBES)
        if wanted.shape != own.shape or float((wanted * own).sum(axis=1).min()) < _SAME_COSINE:
            raise ModelError(
                f"models.{self._source.name}",
                "its vectors are not the mean over its tokens, which is all that can be tuned",
                "Leave the tuning out for this encoder.",
            )

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dim)."""
        import torch

        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        vectors = np.empty((len(texts), int(self._model.config.hidden_size)), np.float32)
        with torch.no_grad():
            for start in range(0, len(order), _SUB_BATCH):
                rows = order[start : start + _SUB_BATCH]
                vectors[rows] = self._embed([texts[row] for row in rows]).numpy()
        return vectors

    def train(self, lessons: Trainer, steps: int, learning_rate: float) -> None:
        """Take one step for each batch of pairs; then the trained weights are in use."""
