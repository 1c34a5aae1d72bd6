"""What a caller is told of two tables: each column's candidates and the one-to-one pairs.

TableRecord, Result (answer: pairs as JSON; parts: one a column)  ->  TableMatch
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from headgate.domains.schemas.columns import Table
from headgate.domains.schemas.match_record import NO_MATCH, TableRecord
from headgate.domains.schemas.tables import ReadTable
from headgate.matches import Abstention, ColumnMatch, MatchCandidate, TableMatch
from headgate.types import Hit, Result, Usage

NAME_SIMILARITY = "name_similarity"
VALUE_OVERLAP = "value_overlap"
LARGE_SCORE = "large_score"
"""Metadata of a column's evidence: numbers between 0 and 1, as text."""


def table_match(record: TableRecord, result: Result) -> TableMatch:
    """Return the counterparts of a source table's columns, in the order of the table.

    Args:
        record: The two tables.
        result: Its parts are the results of the source columns, in order; its answer is a JSON
            object of the pairs, {source id: target id}. With an error it may have neither.

    Raises:
        ValueError: The parts are not one a column. This is a bug.
    """
    pairs = json.loads(result.answer) if result.answer else {}
    columns = () if result.error is not None and not result.parts else _columns(record, result)
    taken = frozenset(pairs.values())
    return TableMatch(
        name=record.id,
        columns=tuple(
            _column_match(record.source, index, part, pairs, taken)
            for index, part in enumerate(columns)
        ),
        usage=sum((part.usage for part in result.parts), Usage()),
        notes=(*_notes(record.source), *(f"target: {note}" for note in _notes(record.target))),
        lossy_input=record.lossy or result.lossy_input,
        degraded=result.degraded,
        error=result.error,
    )


def _columns(record: TableRecord, result: Result) -> tuple[Result, ...]:
    if len(result.parts) != len(record.source.columns):
        raise ValueError("a table needs one result a column. This is a bug.")
    return result.parts


def _column_match(
    source: Table,
    index: int,
    result: Result,
    pairs: Mapping[str, str],
    taken: frozenset[str],
) -> ColumnMatch:
    own = source.ids[index]
    target = pairs.get(own)
    return ColumnMatch(
        id=own,
        name=source.columns[index].name,
        index=index,
        target=target,
        abstention=None if target is not None else _abstention(result, taken),
        candidates=_candidates(result),
        none_score=dict(result.ranking).get(NO_MATCH),
        confidence=result.confidence,
        tier=result.tier,
        path=result.path,
        rationale=result.rationale,
        usage=result.usage,
        certificate_id=result.certificate_id,
        guarantee=result.guarantee,
        degraded=result.degraded,
        cached=result.cached,
        error=result.error,
    )


def _abstention(result: Result, taken: frozenset[str]) -> Abstention | None:
    """Return why a column has no counterpart; its error says so by itself.

    The result's own answer is no help: it was set when the pairs were chosen.
    """
    if result.error is not None:
        return None
    best = max(result.ranking, key=lambda scored: scored[1], default=(NO_MATCH, 1.0))[0]
    if best == NO_MATCH:
        return Abstention.NONE_FITS
    return Abstention.TAKEN if best in taken else Abstention.UNLIKELY


def _candidates(result: Result) -> tuple[MatchCandidate, ...]:
    hits = {hit.id: hit for hit in result.evidence}
    return tuple(
        _candidate(option, score, hits.get(option))
        for option, score in result.ranking
        if option != NO_MATCH
    )


def _candidate(target: str, score: float, hit: Hit | None) -> MatchCandidate:
    if hit is None:
        return MatchCandidate(target, score)
    return MatchCandidate(
        target,
        score,
        similarity=hit.similarity,
        name_similarity=_number(hit, NAME_SIMILARITY),
        value_overlap=_number(hit, VALUE_OVERLAP),
        large_score=_number(hit, LARGE_SCORE),
    )


def _number(hit: Hit, key: str) -> float | None:
    return float(hit.metadata[key]) if key in hit.metadata else None


def _notes(table: Table) -> tuple[str, ...]:
    return table.notes if isinstance(table, ReadTable) else ()
