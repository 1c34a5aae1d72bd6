"""How fast questions are split and passages found, and how fast a corpus is indexed.

DATA/questions/hotpotqa_corpus -> `headgate index build` -> passages a second, Corpus
Corpus, questions -> decompose, retrieve, by 1 and 16 clients -> questions a second, p95
vectors of the corpus -> synthetic ones (1,000,000) -> the same index -> p99 of a search, recall

No large model is asked, and nothing is read: what is measured is what each question costs here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headgate.batch.corpus import MAX_LINE_BYTES, EncoderChoice, build
from headgate.batch.types import InputSpec
from headgate.fitting.splitter import train_splitter
from headgate.models.encoder import Encoder
from headgate.models.token_encoder import TokenEncoder
from headgate.retrieval.corpus import dense
from headgate.retrieval.corpus.rows import Numbers, Rows
from headgate.retrieval.corpus.segment import Segment
from headgate.stages.contract import Batch
from headgate.stages.decompose import Decompose, SpanPlanner
from headgate.stages.inline import InlineEncoder
from headgate.stages.passages import Corpus, Passages, open_corpus
from headgate.types import Deadline, Record
from question_sets.hotpotqa import CORPUS, RecordedQuestion

CLIENTS = (1, 16)
TOP_K = 10
TIMEOUT_S = 600.0
SEED = 7

_BLOCK = 50_000
_NOISE = 0.45  # of the standard deviation of the real vectors

Figures = dict[str, float]
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BuiltCorpus:
    """The corpus of the questions, and how long it took."""

    corpus: Corpus
    passages_per_s: float


def build_corpus(data: Path, work: Path, encoder: Encoder) -> BuiltCorpus:
    """Index the corpus as `headgate index build` does; the encoder is loaded already."""
    directory = work / "corpus"
    spec = InputSpec((str(data / CORPUS),), max_line_bytes=MAX_LINE_BYTES)
    started = time.perf_counter()
    made = build(directory, spec, EncoderChoice(), load=lambda _: encoder)
    taken_s = time.perf_counter() - started
    return BuiltCorpus(open_corpus(directory, encoder.fingerprint), made.embedded / taken_s)


def small_path_figures(
    questions: Sequence[RecordedQuestion], corpus: Corpus, encoder: Encoder, tokens: TokenEncoder
) -> dict[str, Figures]:
    """Return questions a second and p95 of splitting and retrieving, by the number of clients.

    Half of the questions train the splitter, the others are asked.
    """
    half = len(questions) // 2
    splitter = train_splitter([each.decomposed() for each in questions[:half]], tokens)
    records = [Record(each.id, {"question": each.question}) for each in questions[half:]]
    figures: dict[str, Figures] = {}
    for clients in CLIENTS:
        plan = Decompose("plan", "splitter", planner=SpanPlanner(splitter, tokens))
        passages = Passages(
            "passages",
            "embedder",
            corpus=corpus,
            encoder=InlineEncoder(encoder),
            top_k=TOP_K,
            plan="plan",
        )
        own = asyncio.run(_by_clients(clients, records, plan, passages))
        figures[f"clients_{clients}"] = own
    return figures


async def _by_clients(
    clients: int, records: Sequence[Record], plan: Decompose, passages: Passages
) -> Figures:
    """Return the figures of so many clients, each of which waits for its answer."""
    await plan.warm_up()
    await passages.warm_up()
    waiting, taken_s = iter(records), list[float]()

    async def client() -> None:
        for record in waiting:
            taken_s.append(await _asked(record, plan, passages))

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    whole_s = time.perf_counter() - started
    return {
        "questions_per_s": round(len(records) / whole_s, 1),
        "p95_ms": _percentile_ms(taken_s, 95),
    }


async def _asked(record: Record, plan: Decompose, passages: Passages) -> float:
    """Return the seconds until the passages of a question are there."""
    started, deadline = time.perf_counter(), Deadline.after(TIMEOUT_S)
    planned = await plan.run(Batch([record], deadline, {}))
    (found,) = await passages.run(Batch([record], deadline, {plan.name: planned}))
    if isinstance(found, Exception):
        raise found
    return time.perf_counter() - started


def search_figures(corpus: Corpus, queries: Vectors, count: int, work: Path) -> Figures:
    """Return how fast and how well the nearest of many synthetic vectors are found.

    Args:
        corpus: Whose vectors the synthetic ones are made of.
        queries: Of real questions, shape (m, dim); one is searched for after the other.
        count: Synthetic vectors.
        work: A folder for them, 1.2 KB each.
    """
    vectors = _synthetic(corpus, count, work / "synthetic.npy")
    rows, live = _rows(vectors), np.arange(count, dtype=np.int64)
    path = work / "dense.faiss"
    started = time.perf_counter()
    dense.write(path, rows, live)
    built_s = time.perf_counter() - started
    found, taken_s = _searched(dense.Dense.open(rows, live, path), queries)
    pairs = zip(_exact(vectors, queries), found, strict=True)
    shares = [np.isin(exact, own).mean() for exact, own in pairs]
    return {
        "vectors": count,
        "search_p50_ms": _percentile_ms(taken_s, 50),
        "search_p99_ms": _percentile_ms(taken_s, 99),
        "search_recall_at_10": round(float(np.mean(shares)), 4),
        "search_build_s": round(built_s, 1),
    }


def _searched(index: dense.Dense, queries: Vectors) -> tuple[list[Numbers], list[float]]:
    """Return what is found for each query, and the seconds that each took by itself."""
    found, taken_s = list[Numbers](), list[float]()
    index.nearest(queries[:1], TOP_K)
    for query in queries:
        started = time.perf_counter()
        ((positions, _),) = index.nearest(query[np.newaxis], TOP_K)
        taken_s.append(time.perf_counter() - started)
        found.append(positions)
    return found, taken_s


def _rows(vectors: NDArray[np.float16]) -> Rows:
    """Return vectors as those of passages; the passages have no texts, and nobody reads them."""
    nothing = pa.RecordBatch.from_pydict({"id": pa.array([], pa.string())})
    keys = np.empty((0, 2), np.uint64)
    return Rows([Segment(Path("synthetic"), 0, vectors, keys, nothing)], vectors.shape[1])


def _synthetic(corpus: Corpus, count: int, path: Path) -> NDArray[np.float16]:
    """Return vectors like those of real passages, in a file: mixtures of two, with noise.

    The noise has the covariance of the real ones: noise that is alike in all directions would be
    far from every question, and make the search easier than it is.
    """
    index = corpus.index
    real = index.rows.vectors(index.live).astype(np.float32)
    rng, mean = np.random.default_rng(SEED), real.mean(axis=0)
    values, axes = np.linalg.eigh(np.cov((real - mean).T))
    spread = (axes * np.sqrt(np.maximum(values, 0))).T.astype(np.float32) * np.float32(_NOISE)
    made = np.lib.format.open_memmap(path, "w+", np.float16, (count, real.shape[1]))
    for start in range(0, count, _BLOCK):
        size = min(_BLOCK, count - start)
        one, two = rng.integers(len(real), size=(2, size))
        part = rng.uniform(0.5, 1, (size, 1)).astype(np.float32)
        noise = rng.standard_normal((size, real.shape[1]), np.float32) @ spread
        mixed = part * real[one] + (1 - part) * real[two] + noise
        made[start : start + size] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return made


def _exact(vectors: NDArray[np.float16], queries: Vectors) -> NDArray[np.int64]:
    """Return the true nearest of each query, shape (m, `TOP_K`), in no order."""
    scores = np.full((len(queries), TOP_K), -np.inf, np.float32)
    nearest = np.zeros((len(queries), TOP_K), np.int64)
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK].astype(np.float32)
        near = faiss.knn(queries, block, TOP_K, metric=faiss.METRIC_INNER_PRODUCT)
        scores, nearest = np.hstack([scores, near[0]]), np.hstack([nearest, near[1] + start])
        best = np.argpartition(-scores, TOP_K - 1, axis=1)[:, :TOP_K]
        scores = np.take_along_axis(scores, best, axis=1)
        nearest = np.take_along_axis(nearest, best, axis=1)
    return nearest


def _percentile_ms(taken_s: Sequence[float], percentile: float) -> float:
    return round(float(np.percentile(taken_s, percentile)) * 1e3, 2)
