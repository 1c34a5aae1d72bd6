"""Finds passages of a corpus for questions, and for the steps that a question was split into.

records (n), plans -> distinct texts (m) -> vectors (m, dim) -> one batch of searches
                   -> bridged by titles, each record by itself -> hits (n), best first
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, cast

import numpy as np

from headgate.domains.questions.bridge import Scores, bridged, queries
from headgate.domains.questions.plan import Plan, undecomposed
from headgate.domains.questions.task import CONTEXT, NO_CONTEXT, QUESTION
from headgate.domains.questions.titles import Titles
from headgate.models.encoder import Vectors
from headgate.retrieval.corpus.generation import id_hash
from headgate.retrieval.corpus.index import DEPTH, CorpusIndex
from headgate.stages.contract import Batch, Cell, Hits, TextEncoder
from headgate.stages.distinct import encode_distinct
from headgate.stages.isolate import run_isolated
from headgate.stages.microbatch import Batching, MicroBatcher
from headgate.types import Hit, Planned, Record

TITLE: Final = "title"
"""Key of a hit's metadata; the title may be empty."""


@dataclass(frozen=True, slots=True)
class Query:
    """What passages are wanted for."""

    question: str
    plan: Plan

    def texts(self) -> list[str]:
        """Return what is searched for: the question, and steps that no answer is missing in."""
        return queries(self.question, self.plan)


@dataclass(frozen=True, slots=True)
class Corpus:
    """An index with the titles of all its passages; safe to use from several threads."""

    index: CorpusIndex
    titles: Titles

    def find(
        self, queries: Sequence[Query], texts: Sequence[str], vectors: Vectors, top_k: int
    ) -> list[Hits]:
        """Return up to `top_k` passages a query, best first; the similarity is the question's.

        Args:
            queries: What is wanted, length n.
            texts: All that they search for, each once, length m.
            vectors: Of the texts, shape (m, dim), of length 1.
            top_k: At least 1.

        Raises:
            InputError: The vectors do not fit the index, or `top_k` is below 1.
        """
        found = self.index.search(texts, vectors, max(DEPTH, top_k))
        scores = {
            text: {each.passage.id: each.score for each in hits}
            for text, hits in zip(texts, found, strict=True)
        }
        rows = dict(zip(texts, vectors, strict=True))
        return [
            self._hits(rows[query.question], self._ranked(query, scores)[:top_k])
            for query in queries
        ]

    def _ranked(self, query: Query, scores: Mapping[str, Scores]) -> list[str]:
        """Return the ids of all passages for one query, best first."""
        ranked = bridged(
            query.question,
            query.plan,
            search=lambda texts: [scores[text] for text in texts],
            titles=self.titles,
            texts=lambda passage: self.index.passages([passage])[0].text,
        )
        return [passage for passage, _ in ranked]

    def _hits(self, vector: Vectors, ids: Sequence[str]) -> Hits:
        hashes = np.array([id_hash(each) for each in ids], np.uint64)
        positions = self.index.ids[1, np.searchsorted(self.index.ids[0], hashes)].astype(np.int64)
        cosines = self.index.dense.cosines(vector, positions).tolist()
        passages = self.index.passages(ids)
        return tuple(
            Hit(each.id, cosine, each.text, {TITLE: each.title})
            for each, cosine in zip(passages, cosines, strict=True)
        )


def open_corpus(directory: Path, encoder: str) -> Corpus:
    """Return the corpus in a directory once the hashes of its files are checked.

    Args:
        directory: What `headgate index build` made.
        encoder: Fingerprint of what will embed the questions.

    Raises:
        ArtifactError: It is missing, unfinished, altered, or made by another encoder.
    """
    index = CorpusIndex.open(directory, encoder=encoder)
    return Corpus(index, Titles(dict(_titles(index))))


class Passages:
    """Searches one corpus, by meaning, by words and by the titles that passages name."""

    kind = "retrieve"

    def __init__(
        self,
        name: str,
        model: str,
        *,
        corpus: Corpus,
        encoder: TextEncoder,
        top_k: int,
        plan: str | None = None,
        batching: Batching = Batching(),  # noqa: B008 - frozen
    ) -> None:
        """Put the parts together; loads nothing.

        Args:
            name: The stage's name.
            model: The encoder's name in the cascade.
            corpus: Passages embedded by the same encoder.
            encoder: Embeds the questions.
            top_k: Passages a question.
            plan: The stage whose steps are searched for too; None for the question alone.
            batching: How concurrent calls are gathered.
        """
        self.name, self.model, self.top_k = name, model, top_k
        self.plan = plan
        self.inputs = (plan,) if plan else ()
        self._corpus = corpus
        self._encoder = encoder
        self._batcher = MicroBatcher[Query, Cell](self._find_isolated, batching)

    async def warm_up(self) -> None:
        """Search once."""
        await self.search(["Who built the mill?"], self.top_k)

    async def run(self, batch: Batch) -> list[Cell]:
        """Return the hits or an error a record; none for one that needs no context."""
        plans = batch.columns[self.plan] if self.plan else [None] * len(batch.records)
        queries = {
            place: _query(record, plan)
            for place, (record, plan) in enumerate(zip(batch.records, plans, strict=True))
            if record.fields.get(CONTEXT) != NO_CONTEXT
        }
        async with asyncio.timeout(max(batch.deadline.remaining_s(), 0)):
            cells = await self._batcher.submit(list(queries.values()))
        found = dict(zip(queries, cells, strict=True))
        return [found.get(place, ()) for place in range(len(batch.records))]

    async def search(self, texts: Sequence[str], top_k: int) -> list[Hits]:
        """Return up to `top_k` passages a text, best first.

        Raises:
            Exception: The encoder failed on one of the texts.
        """
        return await self._find([Query(text, undecomposed(text)) for text in texts], top_k)

    async def _find(self, queries: Sequence[Query], top_k: int) -> list[Hits]:
        if not len(self._corpus.index):
            return [()] * len(queries)
        texts = list(dict.fromkeys(text for query in queries for text in query.texts()))
        vectors = await encode_distinct(self._encoder, texts)
        return await asyncio.to_thread(self._corpus.find, queries, texts, vectors, top_k)

    async def _find_isolated(self, queries: Sequence[Query]) -> list[Cell]:
        find = partial(self._find, top_k=self.top_k)
        cells = await run_isolated(f"stage {self.name!r}", find, queries)
        return cast("list[Cell]", cells)


def _query(record: Record, plan: Cell | None) -> Query:
    """Return what is wanted for a record; a plan that failed leaves its question."""
    question = record.fields[QUESTION]
    if isinstance(plan, Planned):
        return Query(question, Plan(plan.steps))
    return Query(question, undecomposed(question))


def _titles(index: CorpusIndex) -> Iterator[tuple[str, str]]:
    """Yield id and title of each passage that can be found, a segment at a time."""
    for segment in index.rows.segments:
        first, last = np.searchsorted(index.live, (segment.first, segment.first + len(segment)))
        rows = index.live[first:last] - segment.first
        ids, titles = segment.ids(), segment.texts.column("title").to_pylist()
        yield from ((ids[row], titles[row]) for row in rows.tolist())
