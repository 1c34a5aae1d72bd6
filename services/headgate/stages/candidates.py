"""Finds the columns of a target table that a source column may correspond to.

records (n), by target -> texts a template -> vectors -> cosines ---+
                       -> names and values -> similarities ---------+-> features (m, columns, f)
    -> log-odds -> the best top_k, NO_MATCH -> shortlists (n)

A target is read and embedded once, whichever record or call asks first.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import cast

import numpy as np
from numpy.typing import NDArray

from headgate.domains.schemas.columns import Column, Table
from headgate.domains.schemas.comparison import COMPARED, TargetColumns
from headgate.domains.schemas.match_record import NO_MATCH, ColumnRecord
from headgate.domains.schemas.serialise import TEMPLATES, short_description
from headgate.errors import HeadgateError, InputError
from headgate.models.encoder import Vectors
from headgate.models.matcher import Features, LogOdds, Matcher, beliefs
from headgate.retrieval.targets import TargetIndex, TargetIndexes
from headgate.stages.contract import Batch, Cell, TextEncoder
from headgate.stages.distinct import encode_distinct
from headgate.stages.isolate import blame, run_isolated
from headgate.stages.microbatch import Batching, MicroBatcher
from headgate.types import Hit, Prediction, Record, Shortlist

READ_BY_ENCODER = ("defined", "described")
"""Both read the name and what a dictionary says of it, the second values as well: a name that says
much is not drowned by values, one that says little is helped by them."""
FEATURES = (*READ_BY_ENCODER, *COMPARED)
"""What is known of a pair, in order: a cosine a template, the names, the values."""

_NOTHING_FITS = Shortlist(Prediction((NO_MATCH,), (1.0,)))


@dataclass(frozen=True, slots=True)
class TargetEntry:
    """What is kept of a target table between calls."""

    index: TargetIndex
    columns: TargetColumns

    @property
    def size_bytes(self) -> int:
        """Return about what both take."""
        return self.index.size_bytes + self.columns.size_bytes


class Candidates:
    """Ranks the columns of each record's own target table."""

    kind = "retrieve"
    inputs: tuple[str, ...] = ()

    def __init__(
        self,
        name: str,
        model: str,
        *,
        encoder: TextEncoder,
        matcher: Matcher,
        top_k: int,
        indexes: TargetIndexes[TargetEntry],
        batching: Batching = Batching(),  # noqa: B008 - frozen
    ) -> None:
        """Put the parts together; loads nothing.

        Args:
            name: The stage's name.
            model: The encoder's name in the cascade.
            encoder: Embeds the columns of both tables.
            matcher: Weighs the features of a pair, which are `FEATURES`.
            top_k: Candidates a record.
            indexes: Keeps targets; may be shared with other stages.
            batching: How concurrent calls are gathered.

        Raises:
            ValueError: The matcher has another number of features. This is a bug.
        """
        if len(matcher) != len(FEATURES):
            raise ValueError(f"a matcher of {len(matcher)} features. This is a bug.")
        self.name, self.model, self.top_k = name, model, top_k
        self._encoder = encoder
        self._matcher = matcher
        self._indexes = indexes
        self._batcher = MicroBatcher[Record, Cell](self._shortlist_isolated, batching)

    async def warm_up(self) -> None:
        """Match one column, so that kernels are compiled before a caller waits."""
        column = Column("color", ("red", "blue"), (2, 1))
        table = Table("warm-up", (column,))
        await self.shortlist([ColumnRecord(id="", fields={}, column=column, target=table)])

    async def run(self, batch: Batch) -> list[Cell]:
        """Return a shortlist or an error a record."""
        async with asyncio.timeout(max(batch.deadline.remaining_s(), 0)):
            return await self._batcher.submit(batch.records)

    async def _shortlist_isolated(self, records: Sequence[Record]) -> list[Cell]:
        cells = await run_isolated(f"stage {self.name!r}", self.shortlist, records)
        return cast("list[Cell]", cells)

    async def shortlist(self, records: Sequence[Record]) -> list[Shortlist | HeadgateError]:
        """Return a shortlist a record, in order, without batching with other calls.

        What goes wrong with a target is the error of the records that ask for it, not of others.

        Raises:
            InputError: A record is no column of a table.
        """
        found: list[Shortlist | HeadgateError] = [_NOTHING_FITS] * len(records)
        for group in await asyncio.to_thread(_by_target, records):
            cells = await self._of_one_target([record for _, record in group])
            for (place, _), cell in zip(group, cells, strict=True):
                found[place] = cell
        return found

    async def features(self, columns: Sequence[Column], target: Table) -> Features:
        """Return what the matcher reads of each pair, such as to fit one on.

        Returns:
            Shape (columns, columns of the target, 4), as `FEATURES` names them.
        """
        return await self._features(columns, await self._entry(target))

    async def _of_one_target(
        self, records: Sequence[ColumnRecord]
    ) -> Sequence[Shortlist | HeadgateError]:
        target = records[0].target
        if not target.columns:
            return [_NOTHING_FITS] * len(records)
        try:
            entry = await self._entry(target)
        except HeadgateError as error:
            return [error] * len(records)
        except Exception as error:  # noqa: BLE001 - records of other targets must not be harmed
            return [blame(f"stage {self.name!r}", error)] * len(records)
        features = await self._features([record.column for record in records], entry)
        lookalikes = np.array([record.lookalikes for record in records])
        return await asyncio.to_thread(self._ranked, features, lookalikes, target)

    async def _entry(self, target: Table) -> TargetEntry:
        """Return what is kept of the target, made now when nothing is."""

        async def build() -> TargetEntry:
            texts = await asyncio.to_thread(_texts, target.columns)
            index = await TargetIndex.build(texts, self._embed)
            return TargetEntry(index, await asyncio.to_thread(TargetColumns, target))

        key = [target.content_hash, self._encoder.fingerprint, *READ_BY_ENCODER]
        return await self._indexes.get("|".join(key), build)

    async def _features(self, columns: Sequence[Column], entry: TargetEntry) -> Features:
        texts = await asyncio.to_thread(_texts, columns)
        views = np.split(await self._embed([*chain.from_iterable(texts)]), len(texts))
        cosines = await asyncio.to_thread(entry.index.similarities, views)
        compared = await asyncio.to_thread(entry.columns.compare, columns)
        return np.concatenate([cosines, compared], axis=-1)

    async def _embed(self, texts: Sequence[str]) -> Vectors:
        """Return the texts' vectors; that of a blank one is zero, so that it is like no other."""
        blank = [not text.strip() for text in texts]
        vectors = await encode_distinct(self._encoder, [text.strip() or "-" for text in texts])
        vectors[blank] = 0
        return vectors

    def _ranked(
        self, features: Features, lookalikes: NDArray[np.int64], target: Table
    ) -> list[Shortlist]:
        """Return the best candidates of each row; of equals the first in the target's order."""
        log_odds = self._matcher.log_odds(features, lookalikes)
        order = np.argsort(-log_odds, axis=1, kind="stable")[:, : self.top_k]
        rows = zip(order, log_odds, features, strict=True)
        return [
            self._of_one_column(best, odds[best], seen[best], target) for best, odds, seen in rows
        ]

    def _of_one_column(
        self, best: NDArray[np.intp], log_odds: LogOdds, features: Features, target: Table
    ) -> Shortlist:
        """Return the candidates at places `best` of the target; the rest is in their order."""
        ids = [target.ids[place] for place in best]
        columns = [target.columns[place] for place in best]
        hits = [
            Hit(
                own,
                float(seen[: len(READ_BY_ENCODER)].mean()),
                _said(column),
                {name: f"{value:.4f}" for name, value in zip(FEATURES, seen, strict=True)},
            )
            for own, column, seen in zip(ids, columns, features, strict=True)
        ]
        prediction = Prediction((*ids, NO_MATCH), tuple(beliefs(log_odds).tolist()))
        return Shortlist(prediction, tuple(hits))


def _by_target(records: Sequence[Record]) -> list[list[tuple[int, ColumnRecord]]]:
    """Return the records with their places, those with the same target together."""
    groups: dict[str, list[tuple[int, ColumnRecord]]] = defaultdict(list)
    for place, record in enumerate(records):
        if not isinstance(record, ColumnRecord):
            problem = "it is no column of a table"
            raise InputError(f"record {record.id!r}", problem, "Send tables to MatchSchemas.")
        groups[record.target.content_hash].append((place, record))
    return list(groups.values())


def _texts(columns: Sequence[Column]) -> list[list[str]]:
    """Return for each template the texts of all columns."""
    return [[TEMPLATES[name](column) for column in columns] for name in READ_BY_ENCODER]


def _said(column: Column) -> str:
    """Return a candidate's name and what a dictionary says of it."""
    description = short_description(column)
    return f"{column.name}: {description}" if description else column.name
