"""An encoder in replicas of its own, as a stage sees it.

texts -> Serve handle -> replica -> vectors; one retry elsewhere when a replica dies
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from headgate.errors import UnavailableError
from headgate.models.encoder import Vectors


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
        self._app = app
        self._fingerprint = fingerprint
        self._find = find
        self._handle: Any = None

    @property
    def fingerprint(self) -> str:
        """Return what the replicas run."""
        return self._fingerprint

    async def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dim), in order.

        Raises:
            UnavailableError: No replica answers, also not a second one.
        """
        from grpc.aio import AioRpcError
        from ray.exceptions import ActorDiedError, ActorUnavailableError

        # Which one comes depends on how far the call was and on the transport.
        lost: tuple[type[Exception], ...] = (ActorDiedError, ActorUnavailableError, AioRpcError)
        try:
            return await self._call(texts)
        except lost:
            # Serve never sends on what a dying replica had; encoding twice does no harm.
            try:
                return await self._call(texts)
            except lost as error:
                raise self._unavailable("two replicas died") from error

    async def _call(self, texts: Sequence[str]) -> Vectors:
        from ray.serve.exceptions import RayServeException

        try:
            response: Any = self._replicas().encode.remote(list(texts))
            try:
                return np.asarray(await response, np.float32)
            except asyncio.CancelledError:
                response.cancel()  # not every transport passes a cancellation on by itself
                raise
        except RayServeException as error:
            # Serve's own: not deployed, or its replicas cannot start. No record is to blame.
            raise self._unavailable("Serve has no replica for it") from error

    def _replicas(self) -> Any:  # noqa: ANN401 - Ray's handle has no type
        if self._handle is None:
            from ray import serve

            self._handle = (self._find or serve.get_app_handle)(self._app)
        return self._handle

    def _unavailable(self, problem: str) -> UnavailableError:
        return UnavailableError(f"application {self._app!r}", problem, "Try again in a moment.")
