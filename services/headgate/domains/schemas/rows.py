"""Rows of JSON Lines files that name two tables, with their matches where they are known.

{"id"?, "source", "target", "matches"?}  ->  Record of two tables  ->  a LabelledRecord a column

A table is written as CSV text of several lines, as JSON, or as the path of a file below the
folder of the rows.
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

    A column that `matches` does not name matches nothing. The rows of one table are a group.

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
            raise InputError(place, error.problem, error.remedy) from None
        labelled += _labelled(tables, _matches(row, tables, place))
    return labelled


def _labelled(record: TableRecord, matches: Mapping[str, Sequence[str]]) -> list[LabelledRecord]:
    found = []
    for own, each in zip(record.source.ids, column_records(record), strict=True):
        label, *also = matches.get(own) or (NO_MATCH,)
        found.append(LabelledRecord(each, label, also=tuple(also), group=record.id))
    return found


def _matches(row: Mapping[str, Any], record: TableRecord, place: str) -> dict[str, tuple[str, ...]]:
    """Return the right targets of each source column that has some."""
    matches = row.get(MATCHES)
    if not isinstance(matches, dict):
        raise InputError(
            place, f"{MATCHES!r} is missing or no object", "Write {source column: [target column]}."
        )
    return {own: _targets(own, value, record, place) for own, value in matches.items() if value}


def _targets(own: str, value: object, record: TableRecord, place: str) -> tuple[str, ...]:
    targets = [value] if isinstance(value, str) else value
    if own not in record.source.places:
        problem = f"{MATCHES!r} names {own!r}, which is no column of the source"
        raise InputError(place, problem, "Name columns as the table does.")
    known = targets if isinstance(targets, list) else [None]
    if not all(isinstance(each, str) and each in record.target.places for each in known):
        problem = f"what {own!r} matches is no column of the target, or no list of them"
        raise InputError(place, problem, "Name columns as the target does.")
    return tuple(dict.fromkeys(known))
