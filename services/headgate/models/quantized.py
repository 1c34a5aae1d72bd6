"""The fast CPU path: an int8 encoder on OpenVINO, tokenised and batched here.

texts (n)  ->  sorted by length, cut into sub-batches  ->  vectors (n, dim) float32
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from headgate.artifact import sha256_of
from headgate.errors import ModelError
from headgate.models.encoder import Vectors
from headgate.models.tokenizer import BatchTokenizer, Tokens, pad

MODEL_FILE = "model.xml"
WEIGHTS_FILE = "model.bin"
TOKENIZER_FILE = "tokenizer.json"
FILES = (MODEL_FILE, WEIGHTS_FILE, TOKENIZER_FILE)

SUB_BATCH = 16
"""Texts an inference call; 8 to 32 measured alike, larger ones pad more than they save."""
WIDTH_MULTIPLE = 16
"""Widths are rounded up to it: OpenVINO compiles kernels for each new shape."""


class QuantizedEncoder:
    """An int8 encoder read from a directory of `FILES`."""

    def __init__(self, directory: Path, max_tokens: int) -> None:
        """Compile the model for this CPU; takes about a second.

        Args:
            directory: Holds the files that `quantize.write_int8` wrote.
            max_tokens: Longer texts are cut.

        Raises:
            ModelError: The files are not there or do not make an encoder.
        """
        try:
            self._load(directory, max_tokens)
        except Exception as error:
            raise ModelError(
                str(directory),
                f"the int8 encoder cannot be loaded ({type(error).__name__})",
                "Fit the cascade again.",
            ) from error

    def _load(self, directory: Path, max_tokens: int) -> None:
        import openvino

        core = openvino.Core()
        self._compiled = core.compile_model(
            str(directory / MODEL_FILE), "CPU", {"PERFORMANCE_HINT": "LATENCY"}
        )
        self._tokenizer = BatchTokenizer(directory / TOKENIZER_FILE, max_tokens)
        self._dim = int(self._compiled.output(0).get_partial_shape()[1].get_length())
        weights = sha256_of(directory / WEIGHTS_FILE)
        self._fingerprint = f"{weights[:16]}:int8:{max_tokens}"

    @property
    def fingerprint(self) -> str:
        """Return weights and precision."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Return the length of a vector."""
        return self._dim

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dim)."""
        vectors = np.empty((len(texts), self._dim), np.float32)
        if not texts:
            return vectors
        tokens = self._tokenizer.encode(texts)
        # Neighbours in length share a sub-batch, so that little of it is padding.
        order = sorted(range(len(tokens)), key=lambda row: len(tokens[row]))
        for start in range(0, len(order), SUB_BATCH):
            rows = order[start : start + SUB_BATCH]
            vectors[rows] = self._infer([tokens[row] for row in rows])
        return vectors

    def _infer(self, tokens: Sequence[Tokens]) -> Vectors:
        ids, mask = pad(tokens, WIDTH_MULTIPLE)
        request = self._compiled.create_infer_request()  # one a call: requests are not thread-safe
        output = request.infer({"input_ids": ids, "attention_mask": mask})
        return np.asarray(output[0], np.float32)
