"""Embeds every text of a fit once, with progress.

texts -> distinct texts in chunks -> vectors by text
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from headgate.models.encoder import Encoder, Vectors

Report = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""

_CHUNK = 256


class KnownVectors:
    """An encoder that remembers; the same interface as one that serves."""

    def __init__(self, encoder: Encoder, report: Report) -> None:
        self._encoder = encoder
        self._report = report
        self._known: dict[str, Vectors] = {}

    @property
    def fingerprint(self) -> str:
        """Return the encoder's own."""
        return self._encoder.fingerprint

    @property
    def dim(self) -> int:
        """Return the length of a vector."""
        return self._encoder.dim

    def learn(self, texts: Iterable[str]) -> None:
        """Embed what is not known yet."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        new.sort(key=len)  # neighbours in length are padded least
        for start in range(0, len(new), _CHUNK):
            chunk = new[start : start + _CHUNK]
            self._known.update(zip(chunk, self._encoder.encode(chunk), strict=True))
            self._report("embed texts", start + len(chunk), len(new))

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dim), in order."""
        self.learn(texts)
        if not texts:
            return np.empty((0, self.dim), np.float32)
        return np.stack([self._known[text] for text in texts])

    async def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, as a stage asks for them."""
        return self.vectors(texts)
