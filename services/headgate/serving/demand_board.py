"""Demand on its way through the cluster: from gateways to an actor, and on to Serve's autoscaler.

Meter by key -> DemandReporter, twice a second -> Board in an actor -> BoardReader -> policy
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
import weakref
from collections.abc import Mapping
from typing import Any

from headgate.errors import UnavailableError
from headgate.serving.demand import EXPIRE_S, Board, Demand, Meter
from headgate.serving.logs import get_logger
from headgate.serving.tasks import end

NAMESPACE = "headgate"
BOARD_NAME = "headgate-demand"
REPORT_EVERY_S = 0.5
ANSWER_WITHIN_S = 2.0

log = get_logger(__name__)


def find_board() -> Any:  # noqa: ANN401 - Ray's handle has no type
    """Return the actor with the board; it is started where there is none.

    Raises:
        UnavailableError: This process is part of no cluster.
    """
    import ray

    if not ray.is_initialized():  # or Ray would start one here
        raise UnavailableError("Ray", "this process is part of no cluster", "Start it in one.")
    actor_class = ray.remote(num_cpus=0, max_restarts=-1)(Board)
    return actor_class.options(
        name=BOARD_NAME,
        namespace=NAMESPACE,
        get_if_exists=True,
        # It belongs to no gateway: the one that came first may be the first to go.
        lifetime="detached",
    ).remote()


class DemandReporter:
    """Tells the board what a gateway asks of each placed large model, as long as it runs."""

    def __init__(self) -> None:
        """Prepare; nothing is told before a meter is there."""
        self._meters: dict[str, Meter] = {}
        self._gateway = uuid.uuid4().hex
        self._board: Any = None
        self._task: asyncio.Task[None] | None = None

    def meter(self, key: str) -> Meter:
        """Return the meter of a large model, the same one for the same key."""
        return self._meters.setdefault(key, Meter())

    def start(self) -> None:
        """Begin to tell, once, if there is anything to tell and a cluster to tell it to."""
        import ray

        if self._task is None and self._meters and ray.is_initialized():
            self._task = asyncio.create_task(self._report_for_ever())

    async def close(self) -> None:
        """Stop telling."""
        await end(self._task)

    async def _report_for_ever(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self._report(), ANSWER_WITHIN_S)
            except Exception as error:  # noqa: BLE001 - a lost report is made good by the next one
                self._board = None
                log.warning("demand_not_reported", type=type(error).__name__)
            await asyncio.sleep(REPORT_EVERY_S)

    async def _report(self) -> None:
        if self._board is None:
            # In a thread: it asks the cluster's control store, which may be slow.
            self._board = await asyncio.to_thread(find_board)
        demands = {key: meter.demand() for key, meter in self._meters.items()}
        await self._board.report.remote(self._gateway, demands)


class BoardReader:
    """The last reading of the board, for callers that must not wait.

    A thread reads it, from the first look on until the reader is garbage.
    """

    def __init__(self) -> None:
        """Prepare; the thread starts at the first look."""
        self._seen = _Seen()

    def look(self, key: str) -> Demand | None:
        """Return what is asked of a large model.

        None when the board cannot be reached, or no gateway tells of this model.
        """
        if not self._seen.reading:
            self._seen.reading = True
            name = "headgate-demand"
            threading.Thread(target=_read, args=(self._seen,), name=name, daemon=True).start()
            # The thread holds what was seen and not the reader, so that this one can go.
            weakref.finalize(self, self._seen.stop.set)
        demands, at = self._seen.last
        return demands.get(key) if time.monotonic() - at <= EXPIRE_S else None


class _Seen:
    """What a reader and its thread share; `last` is replaced as a whole."""

    def __init__(self) -> None:
        self.last: tuple[Mapping[str, Demand], float] = ({}, -EXPIRE_S)
        self.reading = False
        self.stop = threading.Event()


def _read(seen: _Seen) -> None:
    board: Any = None
    while not seen.stop.is_set():
        try:
            board = board or find_board()
            # Not ray.get: Ray logs a warning about it inside an actor with a loop.
            answer = board.read.remote().future().result(ANSWER_WITHIN_S)
            seen.last = (answer, time.monotonic())
        except Exception as error:  # noqa: BLE001 - scaling goes on with what Serve counts itself
            board = None
            log.warning("demand_not_read", type=type(error).__name__)
        seen.stop.wait(REPORT_EVERY_S)
