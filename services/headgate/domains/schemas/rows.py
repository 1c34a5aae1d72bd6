"""Rows of JSON Lines files that name two tables, with their matches where they are known.

{"id"?, "source", "target", "matches"?}  ->  Record of two tables  ->  a LabelledRecord a column

A table is written as CSV text, as JSON, or as the path of a file below the folder of the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headgate.domains.rows import LabelledRecord, read_objects, record_of, refuse_repeated_ids
from headgate.domains.schemas.match_record import NO_MATCH, TableRecord, column_records
from headgate.domains.schemas.match_task import TableTask
from headgate.errors import HeadgateError, InputError

MATCHES = "matches"


def read_labelled_tables(path: Path, task: TableTask) -> list[LabelledRecord]:
    """Return the source columns of all tables of a file, each with its right answers.

    A column that `matches` does not name matches nothing. The columns of a table are a group,
    under whatever id and against whatever target it comes again: they are alike.

    Raises:
        InputError: The file or a table cannot be read, a row is wrong, or a match names a column
            that is not there; with `file:line`.
    """
    rows = read_objects(path)
    records = [record_of(row, task, place) for place, row in rows]
    refuse_repeated_ids(rows, records)
    labelled: list[LabelledRecord] = []
    for (place, row), record in zip(rows, records, strict=True):
        try:
            tables = task.tables(record)
        except HeadgateError as error:
            problem = f"{error.place}: {error.problem}"
            raise InputError(place, problem, error.remedy) from None
        labelled += _labelled(tables, _matches(row, tables, place))
    return labelled


def _labelled(record: TableRecord, matches: Mapping[str, Sequence[str]]) -> list[LabelledRecord]:
    found = []
    for own, each in zip(record.source.ids, column_records(record), strict=True):
        label, *also = matches.get(own) or (NO_MATCH,)
        group = record.source.content_hash
        found.append(LabelledRecord(each, label, also=tuple(also), group=group))
    return found


def _matches(row: Mapping[str, Any], record: TableRecord, place: str) -> dict[str, tuple[str, ...]]:
    """Return the right targets of each source column that the row names."""
    matches = row.get(MATCHES)
    if not isinstance(matches, dict):
        found = "is no object" if MATCHES in row else "is missing"
        remedy = "Write {source column: [target column]}; {} when nothing matches."
        raise InputError(place, f"{MATCHES!r} {found}", remedy)
    return {own: _targets(own, value, record, place) for own, value in matches.items()}


def _targets(own: str, value: object, record: TableRecord, place: str) -> tuple[str, ...]:
    """Return a column's targets without repeats; null is none of them."""
    if own not in record.source.places:
        problem = f"{MATCHES!r} names {own!r}, which is no column of the source"
        raise InputError(place, problem, "Name columns as the table does.")
    if value is None:
        return ()
    targets = [value] if isinstance(value, str) else value
    if not isinstance(targets, list) or not all(isinstance(each, str) for each in targets):
        problem = f"what {own!r} matches is no list of columns"
        raise InputError(place, problem, f"Write {{{own!r}: [target column]}}.")
    for each in targets:
        if each not in record.target.places:
            problem = f"{own!r} matches {each!r}, which is no column of the target"
            raise InputError(place, problem, "Name columns as the target does.")
    return tuple(dict.fromkeys(targets))
