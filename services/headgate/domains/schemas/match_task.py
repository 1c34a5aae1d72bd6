"""Matching the columns of two tables: what callers send, and what each column is asked.

TableTask: Record("source", "target")  ->  TableRecord  ->  a ColumnRecord a column
MatchTask: ColumnRecord, its candidates  ->  what a large model is shown of them
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from headgate.domains.schemas.columns import Column, Table
from headgate.domains.schemas.match_record import (
    NO_MATCH,
    VALUE_SEPARATOR,
    ColumnRecord,
    TableRecord,
)
from headgate.domains.schemas.profile import profile_of
from headgate.domains.schemas.samples import mixed
from headgate.domains.schemas.table_files import table_text
from headgate.domains.schemas.tables import read_table
from headgate.errors import InputError
from headgate.types import Candidate, Prediction, Record

MATCH_COLUMNS = "match_columns"
SHOWN_VALUES = 8
"""Of a source column and of each candidate; more values only lengthen the prompt."""
KEPT_TARGETS = 4
"""Texts whose tables are kept; each is at most 64 MiB."""
SHOWN_CHARS = 300
"""Of a description, and of a list of values or names."""

_SOURCE, _TARGET = "source", "target"


@dataclass(frozen=True, slots=True)
class MatchTask:
    """Which column of the target does a source column correspond to?"""

    operation: str = MATCH_COLUMNS
    labels: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    optional_fields: tuple[str, ...] = ()

    def options(self, record: Record) -> tuple[str, ...]:
        """Return the ids of the target's columns, and that none fits."""
        return (*_column(record).target.ids, NO_MATCH)

    def cell(self, value: object, place: str) -> object:
        """Return the value as it is; no row holds a column alone."""
        del place
        return value

    def canonical(self, answer: str) -> str:
        """Return the answer as it is: it is one of the options."""
        return answer

    def check(self, record: Record) -> None:
        """Refuse what is no column of a table.

        Raises:
            InputError: It is a record of another kind.
        """
        _column(record)

    def query_text(self, record: Record) -> str:
        """Return the column's name and values."""
        column = _column(record).column
        return "\n".join([column.name, *mixed(column, SHOWN_VALUES)])

    def shown_fields(self, record: Record) -> dict[str, str]:
        """Return what a large model is shown of the source column, by name."""
        column = _column(record).column
        shown = {
            "source column": column.name or "(no name)",
            "description": _cut(column.description),
            "kind of values": profile_of(column).kind,
            "values": _values(column),
        }
        return {name: text for name, text in shown.items() if text}

    def shown_candidates(self, record: Record, prediction: Prediction) -> tuple[Candidate, ...]:
        """Return what a large model may choose from: the options that are columns, in order."""
        target = _column(record).target
        columns = [each for each in prediction.options if each != NO_MATCH]
        return tuple(Candidate(each, _described(target.column(each))) for each in columns)


@dataclass(frozen=True, slots=True)
class TableTask:
    """Which columns of two tables correspond?"""

    operation: str = MATCH_COLUMNS
    labels: tuple[str, ...] = ()
    fields: tuple[str, ...] = (_SOURCE, _TARGET)
    """Each a table as CSV text, or as JSON: {name: {"description", "values"}}."""
    optional_fields: tuple[str, ...] = ()

    def options(self, record: Record) -> tuple[str, ...]:
        """Return nothing: an answer is a set of pairs."""
        del record
        return ()

    def cell(self, value: object, place: str) -> object:
        """Return a table as text: JSON as it is, and of a file that is named its content.

        Raises:
            InputError: The file is not below the folder of the rows, or cannot be read.
        """
        if isinstance(value, dict | list):
            return json.dumps(value, ensure_ascii=False)
        return table_text(value, place) if isinstance(value, str) else value

    def canonical(self, answer: str) -> str:
        """Return the answer as it is: it is one of the options."""
        return answer

    def check(self, record: Record) -> None:
        """Refuse a record without two tables.

        Raises:
            InputError: A table is missing or blank, or there is something else.
        """
        if isinstance(record, TableRecord):
            return
        place = f"record {record.id!r}"
        missing = [name for name in self.fields if not record.fields.get(name, "").strip()]
        if missing:
            problem = f"the table {missing[0]!r} is missing or blank"
            raise InputError(place, problem, "Send two tables, as CSV or JSON text.")
        unknown = sorted(record.fields.keys() - set(self.fields))
        if unknown or record.candidates:
            what = f"field {unknown[0]!r}" if unknown else "candidates"
            problem = f"it has {what}, and match_columns reads two tables"
            raise InputError(place, problem, "Send source and target alone.")

    def query_text(self, record: Record) -> str:
        """Return nothing: whole tables have no past cases."""
        del record
        return ""

    def tables(self, record: Record) -> TableRecord:
        """Return the record with its tables read.

        Raises:
            InputError: A table cannot be read, or a column of the target has the name of an answer
                that is none.
        """
        found = record if isinstance(record, TableRecord) else self._both(record)
        if NO_MATCH in found.target.places:
            problem = f"{_TARGET}: it has a column {NO_MATCH!r}"
            remedy = "Rename it: that is what no match is called."
            raise InputError(f"record {record.id!r}", problem, remedy)
        return found

    def _both(self, record: Record) -> TableRecord:
        source, target = (self._read(record, name) for name in self.fields)
        return TableRecord(record.id, {}, lossy=record.lossy, source=source, target=target)

    def _read(self, record: Record, name: str) -> Table:
        text = record.fields[name]
        try:
            return _target_of(text) if name == _TARGET else _read_text(text, name)
        except InputError as error:
            # What is wrong is told without its place too, as in the dead letters of a batch.
            problem = f"{error.place}: {error.problem}"
            raise InputError(f"record {record.id!r}", problem, error.remedy) from None


@lru_cache(maxsize=KEPT_TARGETS)
def _target_of(text: str) -> Table:
    """Return the table of a text that many records have; threads may ask at once."""
    return _read_text(text, _TARGET)


def _read_text(text: str, name: str) -> Table:
    return read_table(text.encode("utf-8", "replace"), name, place=name)


def _column(record: Record) -> ColumnRecord:
    if isinstance(record, ColumnRecord):
        return record
    raise InputError(
        f"record {record.id!r}", "it is no column of a table", "Send tables to MatchSchemas."
    )


def _described(column: Column) -> str:
    """Return a candidate in one line: name, description, values."""
    parts = [column.name or "(no name)", _cut(column.description)]
    values = _values(column)
    parts += [f"values: {values}"] if values else []
    return "; ".join(part for part in parts if part)


def _values(column: Column) -> str:
    return _cut(VALUE_SEPARATOR.join(mixed(column, SHOWN_VALUES)))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
