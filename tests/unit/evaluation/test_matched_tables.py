"""Whole tables from the results of their columns, worked out by hand."""

import pytest

from fakes.tiny_tables import tables
from headgate.domains.rows import LabelledRecord
from headgate.domains.schemas.match_record import NO_MATCH, column_records
from headgate.errors import StageError
from headgate.evaluation.matched_tables import (
    MatchedTable,
    MatchingFigures,
    by_table,
    matched_table,
)
from headgate.stages.assign import Assign
from headgate.types import Result

ASSIGN = Assign("match", of="columns", unmatched_price=0.3)


def columns(*names, record_id="t", right=None):
    """Return labelled columns of one table; what `right` does not name matches nothing."""
    found = column_records(tables(*names, record_id=record_id))
    targets = [(right or {}).get(name, (NO_MATCH,)) for name in names]
    return [
        LabelledRecord(record, own[0], also=tuple(own[1:]))
        for record, own in zip(found, targets, strict=True)
    ]


def results(rows, *rankings):
    """Return a result a row; each ranking is {option: score}, best first."""
    pairs = zip(rows, rankings, strict=True)
    return [Result(row.record.id, "-", ranking=tuple(own.items())) for row, own in pairs]


def test_the_columns_of_one_table_stay_together():
    rows = [*columns("disk_a", "disk_b"), *columns("disk_a", record_id="u")]

    assert [[row.record.id for row in each] for each in by_table(rows)] == [
        ["t/disk_a", "t/disk_b"],
        ["u/disk_a"],
    ]


def test_no_rows_are_no_tables():
    assert by_table([]) == []


def test_rankings_and_pairs_hold_columns_of_the_target_alone():
    rows = columns("a", "b", right={"a": ("disk_x", "net_x")})
    found = results(rows, {"disk_x": 0.8, NO_MATCH: 0.2}, {NO_MATCH: 0.9, "disk_x": 0.1})

    assert matched_table(rows, found, ASSIGN) == MatchedTable(
        rankings={"a": [("disk_x", 0.8)], "b": [("disk_x", 0.1)]},
        pairs={"a": "disk_x"},
        truth={"a": frozenset({"disk_x", "net_x"}), "b": frozenset()},
    )


def test_a_column_that_failed_has_no_ranking_and_no_pair():
    rows = columns("a", right={"a": ("disk_x",)})
    failed = [Result("t/a", error=StageError("stage", "no", "Look."))]

    found = matched_table(rows, failed, ASSIGN)

    assert (found.rankings, found.pairs) == ({"a": []}, {})


def test_ids_with_slashes_are_taken_whole():
    rows = columns("disk/t/x", record_id="t/x", right={"disk/t/x": ("disk_x",)})

    found = matched_table(rows, results(rows, {"disk_x": 1.0}), ASSIGN)

    assert found.pairs == {"disk/t/x": "disk_x"}
    assert len(by_table(rows)) == 1


def test_figures_are_means_over_the_tables_that_have_them():
    """One is matched at the second rank, one at the first, and one has nothing to match."""
    second = columns("a", right={"a": ("net_x",)})
    first = columns("b", right={"b": ("disk_x",)})
    nothing = columns("c")
    tables_ = [
        matched_table(second, results(second, {"disk_x": 0.6, "net_x": 0.2}), ASSIGN),
        matched_table(first, results(first, {"disk_x": 0.6, NO_MATCH: 0.4}), ASSIGN),
        matched_table(nothing, results(nothing, {NO_MATCH: 1.0}), ASSIGN),
    ]

    found = MatchingFigures.of(tables_)

    assert found == MatchingFigures(3, pytest.approx(0.75), pytest.approx(0.5), pytest.approx(0.5))


def test_what_no_table_has_is_not_known():
    nothing = columns("c")
    found = MatchingFigures.of([matched_table(nothing, results(nothing, {NO_MATCH: 1.0}), ASSIGN)])

    assert found == MatchingFigures(1, None, None, None)
