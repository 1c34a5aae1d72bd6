"""Encoders that remember what they have read, since every fold reads the same.

texts  ->  features, float16 while they wait
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from headgate.fitting.vectors import KnownVectors
from headgate.models.quantize import int8_directory
from headgate.models.quantized import QuantizedEncoder
from headgate.models.source import EMBEDDED, resolve_source
from headgate.models.token_encoder import OpenVinoTokenEncoder, TokenEncoder, TokenFeatures
from headgate.models.token_export import write_token_encoder

MAX_TOKENS = 256


class KnownTokens:
    """A token encoder that remembers."""

    def __init__(self, encoder: TokenEncoder) -> None:
        self._encoder = encoder
        self._known: dict[str, TokenFeatures] = {}

    @property
    def fingerprint(self) -> str:
        """Return the encoder's own."""
        return self._encoder.fingerprint

    @property
    def dim(self) -> int:
        """Return the length of a token's vector."""
        return self._encoder.dim

    def tokens(self, texts: Sequence[str]) -> list[TokenFeatures]:
        """Return the features of each text, in order."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        for text, each in zip(new, self._encoder.tokens(new) if new else [], strict=True):
            kept = each.vectors.astype(np.float16)
            self._known[text] = TokenFeatures(kept, each.offsets)
        return [
            TokenFeatures(self._known[text].vectors.astype(np.float32), self._known[text].offsets)
            for text in texts
        ]


def embedded_tokens(work: Path) -> KnownTokens:
    """Return the lower layers of the packaged encoder."""
    directory = work / "tokens"
    directory.mkdir()
    write_token_encoder(resolve_source(EMBEDDED), directory)
    return KnownTokens(OpenVinoTokenEncoder(directory))


def embedded_vectors() -> KnownVectors:
    """Return the packaged encoder in int8."""
    directory = int8_directory(resolve_source(EMBEDDED))
    return KnownVectors(QuantizedEncoder(directory, MAX_TOKENS), lambda step, done, total: None)
