"""The replicas of one Serve application, as a caller sees them.

method, plain arguments -> Serve handle -> replica -> result; one retry elsewhere when it dies
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from headgate.errors import HeadgateError, UnavailableError


class Replicas:
    """Calls the replicas of an application, whichever Serve chooses."""

    def __init__(self, app: str, find: Callable[[str], Any] | None = None) -> None:
        """Prepare; the application is looked up at the first call.

        Args:
            app: Name of the Serve application.
            find: Returns the handle of an application; Serve's own function when absent.
        """
        self._app = app
        self._find = find
        self._handle: Any = None

    async def call(self, method: str, argument: object) -> Any:  # noqa: ANN401 - theirs to say
        """Return what a replica answers. To be used only where answering twice does no harm.

        A caller that is cancelled cancels the call; one that waits for a first replica waits on.

        Raises:
            UnavailableError: No replica answers, also not a second one.
            HeadgateError: What the replica raised.
        """
        from grpc.aio import AioRpcError
        from ray.exceptions import ActorDiedError, ActorUnavailableError

        # Which one comes depends on how far the call was and on the transport.
        lost: tuple[type[Exception], ...] = (ActorDiedError, ActorUnavailableError, AioRpcError)
        try:
            return await self._call(method, argument)
        except lost:
            # Serve never sends on what a dying replica had.
            try:
                return await self._call(method, argument)
            except lost as error:
                raise self._unavailable("two replicas died") from error

    async def close(self) -> None:
        """Let the handle go: it would tell Serve's autoscaler of its calls for ever."""
        if self._handle is not None:
            await self._handle.shutdown_async()

    async def _call(self, method: str, argument: object) -> Any:  # noqa: ANN401
        from ray.exceptions import RayTaskError
        from ray.serve.exceptions import RayServeException

        try:
            response: Any = getattr(self._found(), method).remote(argument)
            try:
                return await response
            except asyncio.CancelledError:
                response.cancel()  # not every transport passes a cancellation on by itself
                raise
        except RayTaskError as error:
            # The transport without gRPC puts a traceback around what was raised.
            raise error.cause if isinstance(error.cause, HeadgateError) else error from None
        except RayServeException as error:
            # Serve's own: not deployed, or its replicas cannot start. No record is to blame.
            raise self._unavailable("Serve has no replica for it") from error

    def _found(self) -> Any:  # noqa: ANN401 - Ray's handle has no type
        if self._handle is None:
            from ray import serve

            self._handle = (self._find or serve.get_app_handle)(self._app)
        return self._handle

    def _unavailable(self, problem: str) -> UnavailableError:
        return UnavailableError(f"application {self._app!r}", problem, "Try again in a moment.")
