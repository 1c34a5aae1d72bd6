"""An encoder in replicas of its own, as a stage sees it.

texts -> Serve handle -> replica -> vectors; one retry elsewhere when a replica dies
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from headgate.models.encoder import Vectors
from headgate.serving.replicas import Replicas


class RemoteEncoder:
    """Calls the replicas of an encoder's application."""

    def __init__(
        self, app: str, fingerprint: str, find: Callable[[str], Any] | None = None
    ) -> None:
        """Prepare; the application is looked up at the first call.

        Args:
            app: Name of the Serve application.
            fingerprint: What the artifact was fitted with; replicas refuse to start with another.
            find: Returns the handle of an application; Serve's own function when absent.
        """
        self._replicas = Replicas(app, find)
        self._fingerprint = fingerprint

    @property
    def fingerprint(self) -> str:
        """Return what the replicas run."""
        return self._fingerprint

    async def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dim), in order.

        Raises:
            UnavailableError: No replica answers, also not a second one.
        """
        return np.asarray(await self._replicas.call("encode", list(texts)), np.float32)
