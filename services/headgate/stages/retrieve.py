"""Finds the past cases most like a record.

records (n) -> query texts -> vectors (unique texts, dim) -> hits (n), nearest first
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

from headgate.domains.task import Task
from headgate.retrieval.store import VectorStore
from headgate.stages.contract import Batch, Cell, Hits, TextEncoder
from headgate.stages.distinct import encode_distinct
from headgate.stages.isolate import run_isolated
from headgate.stages.microbatch import Batching, MicroBatcher


class Retrieve:
    """Searches one index of the artifact."""

    kind = "retrieve"
    inputs: tuple[str, ...] = ()

    def __init__(
        self,
        name: str,
        model: str,
        *,
        task: Task,
        store: VectorStore,
        encoder: TextEncoder,
        top_k: int,
        batching: Batching = Batching(),  # noqa: B008 - frozen
    ) -> None:
        """Put the parts together; loads nothing.

        Args:
            name: The stage's name.
            model: The encoder's name in the cascade.
            task: Says what a record's query text is.
            store: Documents embedded by the same encoder.
            encoder: Embeds the queries.
            top_k: Hits a record.
            batching: How concurrent calls are gathered.
        """
        self.name, self.model, self.top_k = name, model, top_k
        self._task = task
        self._store = store
        self._encoder = encoder
        self._batcher = MicroBatcher[str, Cell](self._search_isolated, batching)

    async def warm_up(self) -> None:
        """Search once."""
        await self._search(["link eth0 is down"])

    async def run(self, batch: Batch) -> list[Cell]:
        """Return the hits or an error a record."""
        async with asyncio.timeout(max(batch.deadline.remaining_s(), 0)):
            return await self._batcher.submit([self._task.query_text(r) for r in batch.records])

    async def search(self, queries: Sequence[str], top_k: int) -> list[Hits]:
        """Return up to `top_k` hits a query text, nearest first."""
        vectors = await encode_distinct(self._encoder, queries)
        return list(await asyncio.to_thread(self._store.search, vectors, top_k))

    async def _search(self, queries: Sequence[str]) -> list[Hits]:
        return await self.search(queries, self.top_k)

    async def _search_isolated(self, queries: Sequence[str]) -> list[Cell]:
        cells = await run_isolated(f"stage {self.name!r}", self._search, queries)
        return cast("list[Cell]", cells)
