"""How well whole tables were matched, from the results of their columns.

labelled columns of a table, their results -> one-to-one pairs -> MatchedTable
tables -> MatchingFigures: means over the tables
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from headgate.domains.rows import LabelledRecord
from headgate.domains.schemas.match_record import NO_MATCH, ColumnRecord, table_id
from headgate.evaluation.matching import (
    Rankings,
    Truth,
    mean_reciprocal_rank,
    one_to_one_f1,
    recall_at_truth,
)
from headgate.stages.assign import Assign
from headgate.types import Result


@dataclass(frozen=True, slots=True)
class MatchedTable:
    """What was found for one table, beside what is right."""

    rankings: Rankings
    pairs: dict[str, str]
    """Target by source; one to one."""
    truth: Truth


@dataclass(frozen=True, slots=True)
class MatchingFigures:
    """Means over tables, 0 to 1; each of the tables for which it is defined, None for none."""

    tables: int
    mrr: float | None
    """Mean reciprocal rank of the first right target."""
    recall_at_truth: float | None
    """Share of the true pairs among as many best ones of the table."""
    one_to_one_f1: float | None
    """F1 of the one-to-one pairs."""

    @classmethod
    def of(cls, tables: Sequence[MatchedTable]) -> MatchingFigures:
        """Return the means over some tables."""
        return cls(
            tables=len(tables),
            mrr=_mean(mean_reciprocal_rank(each.rankings, each.truth) for each in tables),
            recall_at_truth=_mean(recall_at_truth(each.rankings, each.truth) for each in tables),
            one_to_one_f1=_mean(one_to_one_f1(each.pairs, each.truth) for each in tables),
        )


def by_table(rows: Sequence[LabelledRecord]) -> list[list[LabelledRecord]]:
    """Return labelled columns, those of one table together; they stand next to each other."""
    return [list(own) for _, own in groupby(rows, key=_table_of)]


def matched_table(
    rows: Sequence[LabelledRecord], results: Sequence[Result], assign: Assign
) -> MatchedTable:
    """Return what was found for a table.

    Args:
        rows: Its columns; at least one.
        results: Of the columns, each with its ranking, before pairs were chosen.
        assign: Chooses the pairs.
    """
    names = [row.record.fields["column"] for row in rows]
    joined = assign.join(_table_of(rows[0]), results)
    named = list(zip(names, joined.parts, strict=True))
    return MatchedTable(
        rankings={name: _without_none(part) for name, part in named},
        pairs={name: part.answer for name, part in named if part.answer not in ("", NO_MATCH)},
        truth={name: _right(row) for name, row in zip(names, rows, strict=True)},
    )


def _table_of(row: LabelledRecord) -> str:
    if not isinstance(row.record, ColumnRecord):
        raise TypeError("a table has columns only. This is a bug.")
    return table_id(row.record)


def _without_none(result: Result) -> list[tuple[str, float]]:
    return [(target, score) for target, score in result.ranking if target != NO_MATCH]


def _right(row: LabelledRecord) -> frozenset[str]:
    return frozenset({row.label, *row.also} - {NO_MATCH})


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
