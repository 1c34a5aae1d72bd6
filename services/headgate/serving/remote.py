"""An encoder in replicas of its own, as a stage sees it.

texts -> Serve handle -> replica -> vectors; one retry elsewhere when a replica dies
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from headgate.errors import UnavailableError
from headgate.models.encoder import Vectors

if TYPE_CHECKING:
    from ray.serve.handle import DeploymentHandle


class RemoteEncoder:
    """Calls the replicas of an encoder's application."""

    def __init__(self, app: str, fingerprint: str) -> None:
        """Prepare; the application is looked up at the first call.

        Args:
            app: Name of the Serve application.
            fingerprint: What the artifact was fitted with; replicas refuse to start with another.
        """
        self._app = app
        self._fingerprint = fingerprint
        self._handle: DeploymentHandle | None = None

    @property
    def fingerprint(self) -> str:
        """Return what the replicas run."""
        return self._fingerprint

    async def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dim), in order.

        Raises:
            UnavailableError: No replica answers, also not a second one.
        """
        from ray.exceptions import ActorDiedError, ActorUnavailableError

        lost: tuple[type[Exception], ...] = (ActorDiedError, ActorUnavailableError)
        try:
            return await self._call(texts)
        except lost:
            # Serve never sends on what a dying replica had; encoding twice does no harm.
            try:
                return await self._call(texts)
            except lost as error:
                raise self._unavailable("two replicas died") from error

    async def _call(self, texts: Sequence[str]) -> Vectors:
        response: Any = self._replicas().encode.remote(list(texts))
        try:
            return np.asarray(await response, np.float32)
        except asyncio.CancelledError:
            response.cancel()  # not every transport passes a cancellation on by itself
            raise

    def _replicas(self) -> DeploymentHandle:
        from ray import serve
        from ray.serve.exceptions import RayServeException

        if self._handle is None:
            try:
                self._handle = serve.get_app_handle(self._app)
            except RayServeException as error:
                raise self._unavailable("it is not deployed") from error
        return self._handle

    def _unavailable(self, problem: str) -> UnavailableError:
        return UnavailableError(f"application {self._app!r}", problem, "Try again in a moment.")
