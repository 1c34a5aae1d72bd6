"""An encoder in this process, kept off the event loop.

texts -> worker thread -> vectors
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from headgate.models.encoder import Encoder, Vectors


class InlineEncoder:
    """Runs a blocking encoder in a worker thread."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def fingerprint(self) -> str:
        """Return the encoder's own."""
        return self._encoder.fingerprint

    async def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dim), in order."""
        return await asyncio.to_thread(self._encoder.encode, texts)
