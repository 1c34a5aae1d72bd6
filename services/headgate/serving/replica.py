"""An encoder in a process of its own, on the CPUs or the GPU it asked for.

texts -> worker thread -> vectors
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headgate.artifact import Artifact
from headgate.cascade.encoders import load_encoder
from headgate.cascade.fitted import KIND
from headgate.cascade.model_spec import EncoderSpec
from headgate.errors import ArtifactError
from headgate.models.encoder import Encoder


class EncoderReplica:
    """Loads one encoder and answers calls with it."""

    def __init__(
        self, model: Mapping[str, Any], fingerprint: str, files: Mapping[str, str] | None
    ) -> None:
        """Load the weights.

        All arguments are what decides the vectors, and nothing of the cascades that use them: a
        change restarts the replicas.

        Args:
            model: `source`, `revision`, `precision` and `max_tokens`, as in `EncoderSpec`; the
                source is absolute.
            fingerprint: Of the encoder that the cascades were fitted with.
            files: `artifact` and the `folder` in it, for an int8 or a tuned encoder.

        Raises:
            ArtifactError: The files are missing or altered, or another encoder than the one the
                cascades were fitted with runs here.
            ModelError: The weights cannot be loaded.
        """
        spec = EncoderSpec.model_validate({"kind": "encoder", **model})
        artifact = Artifact.open(files["artifact"], kind=KIND) if files else None
        folder = artifact.folder(files["folder"]) if artifact and files else None
        self._encoder = _load(spec, folder)
        if self._encoder.fingerprint != fingerprint:
            raise ArtifactError(
                artifact.place if artifact else spec.source,
                f"the encoder is {self._encoder.fingerprint}, and it was fitted with {fingerprint}",
                "Fit the cascade again with the encoder that is installed here.",
            )
        self._encoder.encode(["warm-up"])

    async def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, shape (len(texts), dim), in order."""
        # In a thread: Serve's health check runs on this loop.
        return await asyncio.to_thread(self._encoder.encode, texts)


def _load(spec: EncoderSpec, folder: Path | None) -> Encoder:
    """Load the encoder; an artifact has the int8 and the tuned files."""
    if folder is not None and spec.precision == "float32":
        return load_encoder(spec, str(folder), None)
    return load_encoder(spec, spec.source, folder)
