"""The lower layers of an encoder, token by token: what each word is in its sentence.

texts (n)  ->  Tokens: vectors (tokens, dim) float32 and where each token stands in the text

Upper layers know what a text is about and no longer which word is a subject; and leaving them out
is cheaper. The full encoder's pooled vectors cannot stand in: they have forgotten the words.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from headgate.artifact import sha256_of
from headgate.errors import ModelError
from headgate.models.openvino_runtime import compile_model
from headgate.models.tokenizer import encodable, pad

LAYERS = 3
"""Of the encoder's: of the six of the embedded one, features of the third find spans best."""
MOST_TOKENS = 160
"""Longer texts are cut; one question in a thousand has as many."""

MODEL_FILE = "tokens.xml"
WEIGHTS_FILE = "tokens.bin"
TOKENIZER_FILE = "tokenizer.json"
FILES = (MODEL_FILE, WEIGHTS_FILE, TOKENIZER_FILE)

_AT_ONCE = 16
INPUTS = ("input_ids", "attention_mask")


@dataclass(frozen=True, slots=True)
class TokenFeatures:
    """A text as the encoder sees it."""

    vectors: NDArray[np.float32]
    """Shape (tokens, dim), with the special tokens at both ends."""
    offsets: NDArray[np.int64]
    """Shape (tokens, 2): first character and the one behind the last; equal for special tokens."""


class TokenEncoder(Protocol):
    """Turns texts into features of their tokens. Safe to call from several threads."""

    @property
    def fingerprint(self) -> str:
        """What a model over the features depends on: weights, layers and run time."""

    @property
    def dim(self) -> int:
        """Length of a token's vector."""

    def tokens(self, texts: Sequence[str]) -> list[TokenFeatures]:
        """Return the features of each text, in order; what is behind `MOST_TOKENS` is cut."""


class OpenVinoTokenEncoder:
    """Runs the files that `token_export.write_token_encoder` wrote."""

    def __init__(self, directory: Path) -> None:
        """Compile the model for this CPU; takes about a second.

        Raises:
            ModelError: The files are not there or do not make an encoder.
        """
        try:
            self._load(directory)
        except Exception as error:
            raise ModelError(
                str(directory),
                f"the token encoder cannot be loaded ({type(error).__name__})",
                "Fit the cascade again.",
            ) from error

    def _load(self, directory: Path) -> None:
        # Features must not depend on whether a CPU has bfloat16: the splitter's weights do not.
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        model = compile_model(directory / MODEL_FILE, hints)
        self._request = model.create_infer_request()
        self._dim = int(model.output(0).get_partial_shape()[2].get_length())
        self._tokenizer = open_tokenizer(directory / TOKENIZER_FILE)
        self._fingerprint = f"{sha256_of(directory / WEIGHTS_FILE)[:16]}:tokens:{LAYERS}"
        self._one_at_a_time = threading.Lock()

    @property
    def fingerprint(self) -> str:
        """Return weights and layers."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Return the length of a token's vector."""
        return self._dim

    def tokens(self, texts: Sequence[str]) -> list[TokenFeatures]:
        """Return the features of each text, in order."""
        encodings = self._tokenizer.encode_batch(encodable(texts))
        features: list[TokenFeatures] = []
        for start in range(0, len(encodings), _AT_ONCE):
            part = encodings[start : start + _AT_ONCE]
            hidden = self._run([each.ids for each in part])
            for each, vectors in zip(part, hidden, strict=True):
                offsets = np.array(each.offsets, np.int64).reshape(-1, 2)
                features.append(TokenFeatures(vectors[: len(offsets)].copy(), offsets))
        return features

    def _run(self, ids: Sequence[list[int]]) -> NDArray[np.float32]:
        """Return shape (texts, longest, dim)."""
        inputs = dict(zip(INPUTS, pad(ids), strict=True))
        with self._one_at_a_time:
            self._request.infer(inputs)
            return np.array(self._request.get_output_tensor().data, np.float32)


def open_tokenizer(path: Path) -> Tokenizer:
    """Return a tokenizer that cuts at `MOST_TOKENS` and pads nothing."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(MOST_TOKENS)
    tokenizer.no_padding()
    return tokenizer
