"""Runs a cascade over labelled rows and counts.

labelled rows -> engine -> Evaluation: accuracy of each tier, share, cost, latency

Where records fan out, such as tables, the rows are their parts: what gates judge and certificates
are about. They pass the cascade as they do in service, the parts of one record together.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from headgate.cascade.capabilities import verify
from headgate.cascade.engine import Engine
from headgate.cascade.fan_out import FanOut
from headgate.cascade.progress import Progress
from headgate.domains.rows import LabelledRecord, template_of
from headgate.errors import InputError
from headgate.evaluation.matched_tables import (
    MatchedTable,
    MatchingFigures,
    by_table,
    matched_table,
)
from headgate.evaluation.outcomes import Outcomes
from headgate.types import Deadline, Judgement, Record, Result, Usage

CHUNK = 250
"""Records a batch."""
CHUNK_TIMEOUT_S = 600.0
LATENCY_SAMPLE = 200
"""Records, the first ones, that pass the cascade one by one and are timed."""

Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures over one set of labelled rows."""

    rows: int
    small_accuracy: float
    """Of the small models alone."""
    cascade_accuracy: float
    llm_share: float
    """Share of rows that were sent to the large model."""
    usage: Usage
    """What the large model consumed in the cascade."""
    seconds: float
    """Wall time of the cascade over all rows, those that are timed one by one included."""
    p50_ms: float
    """Median time of one record alone, or of one whole table, in milliseconds; a large model's
    included."""
    p95_ms: float
    degraded: Mapping[str, int]
    """Rows that were not answered as wanted, by reason."""
    failed: Mapping[str, int]
    """Rows without an answer, by reason; they count as wrong."""
    large_accuracy: float | None = None
    """Of the large model alone; None when it was not asked about every row."""
    oracle_accuracy: float | None = None
    """Of whichever tier is right."""
    large_usage: Usage = field(default_factory=Usage)
    """What the large model alone consumes; answers it gave the cascade are in it."""
    outcomes: Outcomes | None = None
    """Row by row, for a report; None when the large model was not asked about every row, or there
    is no gate."""
    matching: Mapping[str, MatchingFigures] = field(default_factory=dict)
    """Of tables: of the small model alone, `small`, and of the `cascade`; otherwise empty."""


async def evaluate(
    engine: Engine,
    rows: Sequence[LabelledRecord],
    *,
    large_alone: bool,
    slices: Mapping[str, Sequence[str]] | None = None,
    report: Report = lambda step, done, total: None,
) -> Evaluation:
    """Return the figures of a cascade over labelled rows.

    Args:
        engine: The cascade.
        rows: Rows that it was not fitted on.
        large_alone: Whether to ask the large model about every row too, which costs.
        slices: Values of the rows by the name of a slice, for the outcomes.
        report: Told of progress.

    Raises:
        InputError: There are no rows.
        NotFoundError: `large_alone`, and the cascade has no large model.
    """
    if not rows:
        raise InputError("labels", "there are no rows", "Give at least one.")
    advanced = await _small(engine, rows, report)
    small = [progress.result().answer for progress in advanced]
    started = time.perf_counter()
    passed = await _cascade(engine, rows, report)
    results, seconds = passed.results, time.perf_counter() - started
    large, large_usage, outcomes = None, Usage(), None
    if large_alone:
        large, usages = await _large(engine, rows, results, report)
        large_usage = sum(usages, Usage())
        costs = np.array([usage.cost_usd for usage in usages])
        outcomes = _outcomes(rows, advanced, Alone(large, costs), slices or {})
    small_right, cascade_right = _right(small, rows), _right([r.answer for r in results], rows)
    large_right = None if large is None else _right(large, rows)
    return Evaluation(
        rows=len(rows),
        small_accuracy=float(small_right.mean()),
        cascade_accuracy=float(cascade_right.mean()),
        llm_share=sum(_asked(result) for result in results) / len(rows),
        usage=sum((result.usage for result in results), Usage()),
        seconds=seconds,
        p50_ms=float(np.percentile(passed.taken_ms, 50)),
        p95_ms=float(np.percentile(passed.taken_ms, 95)),
        degraded=Counter(result.degraded for result in results if result.degraded),
        failed=Counter(result.error.reason for result in results if result.error),
        large_accuracy=None if large_right is None else float(large_right.mean()),
        oracle_accuracy=None if large_right is None else float((small_right | large_right).mean()),
        large_usage=large_usage,
        outcomes=outcomes,
        matching=_matching(engine, rows, advanced, passed.tables),
    )


@dataclass(frozen=True, slots=True)
class _Passed:
    """What came of the cascade."""

    results: list[Result] = field(default_factory=list)
    """One a row."""
    taken_ms: list[float] = field(default_factory=list)
    """Of each record, or table, that passed alone."""
    tables: list[MatchedTable] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Alone:
    """What the large model says of every row."""

    answers: Sequence[str]
    cost_usd: NDArray[np.float64]
    """Shape (rows,)."""


def _outcomes(
    rows: Sequence[LabelledRecord],
    advanced: Sequence[Progress],
    large: Alone,
    slices: Mapping[str, Sequence[str]],
) -> Outcomes | None:
    """Return the rows one by one; None for a flow without a gate."""
    if not any(progress.verdicts for progress in advanced):
        return None
    return Outcomes(
        ids=tuple(row.record.id for row in rows),
        scores=np.array([_surest(progress) for progress in advanced]),
        kept=np.array([each.kept or each.problem is not None for each in advanced]),
        gold=tuple(row.label for row in rows),
        small=_named((progress.result().answer for progress in advanced), rows),
        large=_named(large.answers, rows),
        small_cost_usd=np.array([each.result().usage.cost_usd for each in advanced]),
        large_cost_usd=large.cost_usd,
        slices={name: tuple(values) for name, values in slices.items()},
        groups=tuple(template_of(row) for row in rows),
    )


def _surest(progress: Progress) -> float:
    """Return the highest confidence of the gates; one that has none is as unsure as can be."""
    scores = [verdict.score for verdict in progress.verdicts.values()]
    return max((each for each in scores if not math.isnan(each)), default=-math.inf)


def _asked(result: Result) -> bool:
    return any(step.kind in ("verify", "rerank", "synthesise", "advise") for step in result.path)


def _right(answers: Sequence[str], rows: Sequence[LabelledRecord]) -> np.ndarray:
    return np.array([row.accepts(answer) for answer, row in zip(answers, rows, strict=True)])


def _named(answers: Iterable[str], rows: Sequence[LabelledRecord]) -> tuple[str, ...]:
    """Return the answers with every right one named as the row's label is."""
    pairs = zip(answers, rows, strict=True)
    return tuple(row.label if row.accepts(answer) else answer for answer, row in pairs)


def _chunks(engine: Engine, rows: Sequence[LabelledRecord]) -> list[Sequence[LabelledRecord]]:
    """Return the rows in batches; those of one table are one."""
    if isinstance(engine, FanOut):
        return list(by_table(rows))
    return [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]


def _records(rows: Sequence[LabelledRecord]) -> list[Record]:
    return [row.record for row in rows]


async def _small(engine: Engine, rows: Sequence[LabelledRecord], report: Report) -> list[Progress]:
    advanced: list[Progress] = []
    for chunk in _chunks(engine, rows):
        deadline = Deadline.after(CHUNK_TIMEOUT_S)
        advanced += await engine.units.advance(_records(chunk), deadline, reads=True)
        report("small models alone", len(advanced), len(rows))
    return advanced


async def _cascade(engine: Engine, rows: Sequence[LabelledRecord], report: Report) -> _Passed:
    """Pass every row once, and time the first records, each alone; or each table.

    Running some again to time them would cost calls, or time a cache.
    """
    passed = _Passed()
    tables = isinstance(engine, FanOut)
    first = _chunks(engine, rows) if tables else [[row] for row in rows[:LATENCY_SAMPLE]]
    for batch in first:
        started = time.perf_counter()
        found = await engine.units.run(_records(batch), Deadline.after(CHUNK_TIMEOUT_S))
        if isinstance(engine, FanOut):
            passed.tables.append(matched_table(batch, found, engine.assign))
        passed.taken_ms.append((time.perf_counter() - started) * 1000)
        passed.results.extend(found)
        report("cascade", len(passed.results), len(rows))
    for chunk in _chunks(engine, rows[len(passed.results) :]):
        found = await engine.units.run(_records(chunk), Deadline.after(CHUNK_TIMEOUT_S))
        passed.results.extend(found)
        report("cascade", len(passed.results), len(rows))
    return passed


def _matching(
    engine: Engine,
    rows: Sequence[LabelledRecord],
    advanced: Sequence[Progress],
    tables: Sequence[MatchedTable],
) -> dict[str, MatchingFigures]:
    """Return the figures of whole tables."""
    if not isinstance(engine, FanOut):
        return {}
    each = iter(advanced)
    alone = [
        matched_table(table, [_ranked(next(each)) for _ in table], engine.assign)
        for table in by_table(rows)
    ]
    return {"small": MatchingFigures.of(alone), "cascade": MatchingFigures.of(tables)}


def _ranked(progress: Progress) -> Result:
    """Return the small model's result with its own ranking, which is best first already."""
    found = progress.prediction
    ranking = zip(found.options, found.probabilities, strict=True) if found else ()
    return replace(progress.result(), ranking=tuple(ranking))


async def _large(
    engine: Engine, rows: Sequence[LabelledRecord], results: Sequence[Result], report: Report
) -> tuple[list[str], list[Usage]]:
    """Return the large model's answers, and what each costs without the cascade's help."""
    found: list[Judgement | None] = []
    for chunk in _chunks(engine, rows):
        verified = await verify(engine, _records(chunk), Deadline.after(CHUNK_TIMEOUT_S))
        found += [each.judgement for each in verified]
        report("large model alone", len(found), len(rows))
    # What comes from the cache was paid for by the cascade, or by an equal row.
    usages = [
        result.usage if judgement and judgement.cached else _usage_of(judgement)
        for judgement, result in zip(found, results, strict=True)
    ]
    return [each.answer if each else "" for each in found], usages


def _usage_of(judgement: Judgement | None) -> Usage:
    return judgement.total_usage if judgement else Usage()
