"""Watchers where they run: in this process, or as Ray actors that outlive a gateway.

directory of a cascade -> WatcherHandle
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

from headgate.cascade.decision_log import Decision
from headgate.errors import UnavailableError
from headgate.serving.log_files import configure_replica_logs
from headgate.serving.watcher import Assignment, AuditAnswer, Status, Watcher
from headgate.types import Feedback

NAMESPACE = "headgate"


class LocalWatcher:
    """A watcher in this process, for one gateway alone."""

    def __init__(self, directory: str) -> None:
        """Open the log of the directory."""
        self._watcher = Watcher(directory)

    async def key(self) -> bytes:
        """Return the secret of the audits' coins."""
        return await asyncio.to_thread(self._watcher.key)

    async def assign(self, assignment: Assignment) -> Status:
        """Watch a certificate."""
        return await asyncio.to_thread(self._watcher.assign, assignment)

    async def report(
        self, decisions: Sequence[Decision], audits: Sequence[AuditAnswer]
    ) -> Status | None:
        """Take what happened; None when there is no assignment."""
        return await asyncio.to_thread(self._watcher.report, decisions, audits)

    async def feedback(self, feedback: Sequence[Feedback]) -> list[str]:
        """Note right answers; return what is wrong with each."""
        return await asyncio.to_thread(self._watcher.feedback, feedback)

    async def close(self) -> None:
        """Save and close."""
        await asyncio.to_thread(self._watcher.close)


class WatcherActor(Watcher):
    """A watcher alone in its process."""

    def __init__(self, directory: str) -> None:
        """Open the log of the directory."""
        configure_replica_logs("watcher")
        super().__init__(directory)


class ActorWatcher:
    """A watcher in an actor of the cluster, shared by all gateways that name its directory."""

    def __init__(self, directory: str) -> None:
        """Find the actor, or start it. Ray starts it anew when its process dies."""
        import ray

        digest = hashlib.sha256(directory.encode()).hexdigest()[:12]
        actor_class = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=2)(WatcherActor)
        self._actor: Any = actor_class.options(
            name=f"watcher-{digest}",
            namespace=NAMESPACE,
            get_if_exists=True,
            # It belongs to the cascade and not to the gateway that happened to come first.
            lifetime="detached",
        ).remote(directory)

    async def key(self) -> bytes:
        """Return the secret of the audits' coins."""
        return bytes(await _answer(self._actor.key.remote()))

    async def assign(self, assignment: Assignment) -> Status:
        """Watch a certificate."""
        status: Status = await _answer(self._actor.assign.remote(assignment))
        return status

    async def report(
        self, decisions: Sequence[Decision], audits: Sequence[AuditAnswer]
    ) -> Status | None:
        """Take what happened; None when there is no assignment."""
        call = self._actor.report.remote(list(decisions), list(audits))
        status: Status | None = await _answer(call)
        return status

    async def feedback(self, feedback: Sequence[Feedback]) -> list[str]:
        """Note right answers; return what is wrong with each."""
        problems: list[str] = await _answer(self._actor.feedback.remote(list(feedback)))
        return problems

    async def close(self) -> None:
        """Have it save and leave it running: other gateways may use it."""
        await _answer(self._actor.save.remote())


async def _answer(call: Any) -> Any:  # noqa: ANN401 - Ray's references have no type
    """Return what the actor answers; its errors without Ray's text, which is a traceback.

    Raises:
        UnavailableError: The actor is gone, or did not start.
    """
    from ray.exceptions import RayActorError, RayTaskError

    try:
        return await call
    except RayTaskError as error:
        raise error.cause from None
    except RayActorError as error:
        raise UnavailableError(
            "watcher", "its process is gone or did not start", "Try again, or see its log."
        ) from error
