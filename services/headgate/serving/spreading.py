"""Which replica of a model a gateway sends its next batch or call to.

replicas, what this gateway has under way at each  ->  replicas, the least busy first

Serve's own choice takes the better of two replicas by queue lengths that each answer brings along,
as they were when that request arrived: with batches of a second, a replica that has just become
free looks full, and idles while batches wait at another. What this gateway itself has sent and has
not got back is known exactly.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from ray.serve.config import RequestRouterConfig
from ray.serve.request_router import FIFOMixin, PendingRequest, ReplicaID, RequestRouter

if TYPE_CHECKING:
    from ray.serve.request_router import RunningReplica

PAUSE_S = 0.05
"""Longest pause between two attempts; a longer one would be spent beside a replica that is free."""
MOST_WAIT_S = 0.5
"""Longest wait for a request of this process to end while all replicas are full. Others' requests
end unseen, so then they are asked again."""


def spreading() -> RequestRouterConfig:
    """Return what a deployment of models is made with."""
    return RequestRouterConfig(request_router_class=FewestUnderWay, max_backoff_s=PAUSE_S)


class FewestUnderWay(FIFOMixin, RequestRouter):  # type: ignore[misc]  # Ray has no types
    """Prefers replicas at which fewest requests of this process are under way.

    Every gateway spreads its own evenly, so their sum is even as well. Among equals chance decides,
    or all gateways would take the same one. Serve still refuses what is over a replica's
    `max_ongoing_requests`, and drops replicas that died.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on to Serve's
        """Start with nothing under way; the arguments are Serve's own."""
        super().__init__(*args, **kwargs)
        self._under_way: Counter[ReplicaID] = Counter()
        self._one_ended = asyncio.Event()

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,
    ) -> list[list[RunningReplica]]:
        """Return the replicas in the order in which to try them, in ranks.

        Those whose queue length is unknown, as of one that answers no more, stand in the first rank
        beside the best known one: Serve asks them while that one gets the request.
        """
        if pending_request is not None:
            # Or Serve would try again at once, on this loop, for as long as none has room.
            pending_request.routing_context.should_backoff = True
        if not self.select_available_replicas(candidate_replicas):
            await self._wait()
        free = {each.replica_id for each in self.select_available_replicas(candidate_replicas)}
        shuffled = random.sample(candidate_replicas, len(candidate_replicas))
        ordered = sorted(shuffled, key=lambda each: self._rank(each, free))
        known = [each for each in ordered if self._is_known(each)]
        unknown = [each for each in ordered if not self._is_known(each)]
        return [[*known[:1], *unknown], *([each] for each in known[1:])]

    def on_send_request(self, replica_id: ReplicaID) -> None:
        """Count a request that is on its way."""
        super().on_send_request(replica_id)
        self._under_way[replica_id] += 1

    def on_request_completed(self, replica_id: ReplicaID, internal_request_id: str) -> None:
        """Count it no longer, whatever became of it."""
        super().on_request_completed(replica_id, internal_request_id)
        self._under_way[replica_id] -= 1
        if self._under_way[replica_id] <= 0:  # also of replicas that are gone
            del self._under_way[replica_id]
        self._one_ended.set()

    def _rank(self, replica: RunningReplica, free: Collection[ReplicaID]) -> tuple[bool, int]:
        return replica.replica_id not in free, self._under_way[replica.replica_id]

    def _is_known(self, replica: RunningReplica) -> bool:
        return self.replica_queue_len_cache.get(replica.replica_id) is not None

    async def _wait(self) -> None:
        """Wait until a request of this process has ended, but not for long."""
        self._one_ended.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._one_ended.wait(), MOST_WAIT_S)
