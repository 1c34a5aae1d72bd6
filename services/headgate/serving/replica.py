"""An encoder in a process of its own, on the CPUs or the GPU it asked for.

texts -> worker thread -> vectors
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headgate.artifact import Artifact
from headgate.cascade.encoders import fitted_encoder
from headgate.cascade.fitted import KIND, read_fitted
from headgate.cascade.load import from_inline
from headgate.errors import ArtifactError


class EncoderReplica:
    """Loads one encoder of a fitted cascade and answers calls with it."""

    def __init__(self, cascade: Mapping[str, Any], model: str) -> None:
        """Load the weights.

        Args:
            cascade: What `cascade.load.inline` made of the file.
            model: The encoder's name in it.

        Raises:
            ArtifactError: It is missing or altered, or was fitted with another encoder than runs
                here.
        """
        loaded = from_inline(cascade)
        artifact = Artifact.open(loaded.artifact, kind=KIND)
        fitted_with = read_fitted(artifact, loaded.spec).encoders[model]
        self._encoder = fitted_encoder(loaded, artifact, model)
        if self._encoder.fingerprint != fitted_with:
            raise ArtifactError(
                artifact.place,
                f"encoder {model!r} is {self._encoder.fingerprint}, "
                f"and it was fitted with {fitted_with}",
                "Fit it again with the encoder that is installed here.",
            )
        self._encoder.encode(["warm-up"])

    async def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, shape (len(texts), dim), in order."""
        # In a thread: Serve's health check runs on this loop.
        return await asyncio.to_thread(self._encoder.encode, texts)
