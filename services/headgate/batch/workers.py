"""Who does the work on units: threads of this process, or actors on a Ray cluster.

Unit -> Workers: spool, write -> Future of what was told; the same `Worker` in both
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from headgate.batch.progress import Tally
from headgate.batch.types import Unit
from headgate.batch.work import Spooled, Work, Worker, Written
from headgate.errors import UnavailableError

Told = TypeVar("Told")
_LOCAL = "local"
_REACH_S = 5.0
_RETRIES = 2
"""Of a unit whose actor or node was lost; doing it again gives the same files."""


class Workers(Protocol):
    """A number of workers, each busy with one unit at a time."""

    @property
    def count(self) -> int:
        """Return how many there are."""

    def spool(self, unit: Unit) -> Future[Spooled]:
        """Have a unit read."""

    def write(self, unit: Unit, lines_before: int) -> Future[Written]:
        """Have a unit's answers written."""

    def close(self) -> None:
        """Stop what is being done, and give everything back."""


def open_workers(work: Work, tally: Tally, *, count: int | None, address: str) -> Workers:
    """Return the workers of a job.

    Args:
        work: What to do.
        tally: Told of every block, by workers of this process.
        count: How many; one a core when None.
        address: Of a Ray cluster; `local` starts one here, and empty is this process.

    Raises:
        UnavailableError: There is no cluster.
    """
    if address:
        return RayWorkers(work, address, count)
    return ThreadWorkers(Worker(work, tally), tally, count or cores())


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


class ThreadWorkers:
    """Threads: reading, masking and writing leave Python's lock to each other."""

    def __init__(self, worker: Worker, tally: Tally, count: int) -> None:
        self.count = count
        self._worker, self._tally = worker, tally
        self._pool = ThreadPoolExecutor(count, "unit")

    def spool(self, unit: Unit) -> Future[Spooled]:
        """Have a unit read."""
        return self._pool.submit(self._worker.spool, unit)

    def write(self, unit: Unit, lines_before: int) -> Future[Written]:
        """Have a unit's answers written."""
        return self._pool.submit(self._worker.write, unit, lines_before)

    def close(self) -> None:
        """Wait until every thread has come to the end of its block."""
        self._tally.stop()
        self._pool.shutdown(cancel_futures=True)


class RayWorkers:
    """Actors, each of which takes one core and sees the directory of the job."""

    def __init__(self, work: Work, address: str, count: int | None) -> None:
        """Join a cluster, or start one, and place the actors.

        Raises:
            UnavailableError: There is none.
        """
        import ray

        self._ray = ray
        self._joined = _join(address, count)
        self.count = count or max(1, int(ray.cluster_resources().get("CPU", 1)))
        actor = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=_RETRIES)(Worker)
        self._actors = [actor.remote(work) for _ in range(self.count)]
        self._busy: Counter[int] = Counter()

    def spool(self, unit: Unit) -> Future[Spooled]:
        """Have a unit read."""
        place = self._least_busy()
        return self._future(place, self._actors[place].spool.remote(unit).future())

    def write(self, unit: Unit, lines_before: int) -> Future[Written]:
        """Have a unit's answers written."""
        place = self._least_busy()
        return self._future(place, self._actors[place].write.remote(unit, lines_before).future())

    def close(self) -> None:
        """End the actors, and the cluster if it was started here."""
        for actor in self._actors:
            self._ray.kill(actor)
        if self._joined:
            self._ray.shutdown()

    def _least_busy(self) -> int:
        place = min(range(self.count), key=self._busy.__getitem__)
        self._busy[place] += 1
        return place

    def _future(self, place: int, inner: Future[Any]) -> Future[Any]:
        """Return the future of an actor's answer, with the error that the actor raised."""
        outer: Future[Any] = Future()

        def hand_on(done: Future[Any]) -> None:
            self._busy[place] -= 1
            if not outer.set_running_or_notify_cancel():
                return  # nobody waits any more
            error = done.exception()
            if error is None:
                outer.set_result(done.result())
            else:
                # Ray wraps what an actor raised in an error of its own, with the trace as text.
                outer.set_exception(getattr(error, "cause", None) or error)

        inner.add_done_callback(hand_on)
        return outer


def _join(address: str, count: int | None) -> bool:
    """Connect to a cluster; return whether it is ours to leave."""
    import ray

    if ray.is_initialized():
        return False
    _check_reachable(address)
    own = {"num_cpus": count, "include_dashboard": False} if address == _LOCAL else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
    except (RuntimeError, ConnectionError, OSError, ValueError) as error:
        raise _no_cluster(address, error) from error
    return True


def _check_reachable(address: str) -> None:
    """Refuse an address that nobody listens at: Ray itself would wait two minutes for it."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return  # such as `auto`, of which Ray knows at once
    try:
        socket.create_connection((host.strip("[]"), int(port)), _REACH_S).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> UnavailableError:
    problem = f"no Ray cluster could be joined ({type(error).__name__})"
    return UnavailableError(address, problem, "Check the address, or leave it out.")
