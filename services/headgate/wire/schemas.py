"""What schema matching sends: tables to be matched, and the columns' counterparts.

GivenTable <-> v1.Table, TableMatch <-> v1.TableMatch
"""

from __future__ import annotations

from headgate.errors import InputError
from headgate.matches import (
    Abstention,
    ColumnMatch,
    GivenColumn,
    GivenTable,
    MatchCandidate,
    TableMatch,
)
from headgate.v1 import schema_matching_service_pb2
from headgate.wire.guarantee import guarantee_from_wire, guarantee_to_wire
from headgate.wire.parts import (
    error_from_wire,
    maybe_error_to_wire,
    step_from_wire,
    step_to_wire,
    tier_from_wire,
    tier_to_wire,
    unknown_number,
    usage_from_wire,
    usage_to_wire,
)
from headgate.wire.text import name_to_wire, prose_to_wire, text_from_wire, text_to_wire

_ABSTENTION_NUMBERS = {
    None: schema_matching_service_pb2.ABSTENTION_UNSPECIFIED,
    Abstention.NONE_FITS: schema_matching_service_pb2.ABSTENTION_NONE_FITS,
    Abstention.TAKEN: schema_matching_service_pb2.ABSTENTION_TAKEN,
    Abstention.UNLIKELY: schema_matching_service_pb2.ABSTENTION_UNLIKELY,
}
_ABSTENTIONS = {number: abstention for abstention, number in _ABSTENTION_NUMBERS.items()}


def table_to_wire(table: GivenTable) -> schema_matching_service_pb2.Table:
    """Return the message for one table; `table.lossy` stays behind, the server finds its own.

    Raises:
        InputError: Not exactly one of its forms is given, or a name is not valid Unicode.
    """
    place = f"table {table.name!r}"
    forms = [form for form in (table.columns, table.csv, table.arrow_ipc) if form is not None]
    if len(forms) != 1:
        problem = f"it is given in {len(forms)} forms"
        raise InputError(place, problem, "Give one of `columns`, `csv` and `arrow_ipc`.")
    message = schema_matching_service_pb2.Table(
        name=name_to_wire(place, table.name), csv=table.csv, arrow_ipc=table.arrow_ipc
    )
    if table.columns is not None:
        columns = [_column_to_wire(place, column) for column in table.columns]
        message.columns.CopyFrom(schema_matching_service_pb2.ColumnList(columns=columns))
    return message


def table_from_wire(message: schema_matching_service_pb2.Table, place: str) -> GivenTable:
    """Return the table; a file in it is not looked at.

    Args:
        message: As it came.
        place: What an error says before its problem, such as `sources[2]`.

    Raises:
        InputError: It holds nothing.
    """
    match message.WhichOneof("content"):
        case "columns":
            columns, lossy = _columns_from_wire(message.columns)
            return GivenTable(message.name, columns=columns, lossy=lossy)
        case "csv":
            return GivenTable(message.name, csv=message.csv)
        case "arrow_ipc":
            return GivenTable(message.name, arrow_ipc=message.arrow_ipc)
    raise InputError(place, "it is empty", "Give its columns, CSV or Arrow IPC.")


def table_match_to_wire(match: TableMatch) -> schema_matching_service_pb2.TableMatch:
    """Return the message for the columns of one source table."""
    return schema_matching_service_pb2.TableMatch(
        name=match.name,
        columns=[column_match_to_wire(column) for column in match.columns],
        usage=usage_to_wire(match.usage),
        notes=[prose_to_wire(note) for note in match.notes],
        lossy_input=match.lossy_input,
        degraded=match.degraded,
        error=maybe_error_to_wire(match.error),
    )


def table_match_from_wire(message: schema_matching_service_pb2.TableMatch) -> TableMatch:
    """Return the columns of one source table; its error, if any, is a `RemoteError`.

    Raises:
        InputError: A tier, a decision or the like is one this version does not know.
    """
    return TableMatch(
        name=message.name,
        columns=tuple(column_match_from_wire(column) for column in message.columns),
        usage=usage_from_wire(message.usage),
        notes=tuple(message.notes),
        lossy_input=message.lossy_input,
        degraded=message.degraded,
        error=error_from_wire(message.error) if message.HasField("error") else None,
    )


def column_match_to_wire(match: ColumnMatch) -> schema_matching_service_pb2.ColumnMatch:
    """Return the message for one source column; what is None is absent from it."""
    return schema_matching_service_pb2.ColumnMatch(
        id=prose_to_wire(match.id),
        name=prose_to_wire(match.name),
        index=match.index,
        target=None if match.target is None else prose_to_wire(match.target),
        abstention=_ABSTENTION_NUMBERS[match.abstention],
        candidates=[_candidate_to_wire(candidate) for candidate in match.candidates],
        none_score=match.none_score,
        confidence=match.confidence,
        tier=tier_to_wire(match.tier),
        path=[step_to_wire(step) for step in match.path],
        rationale=prose_to_wire(match.rationale),
        usage=usage_to_wire(match.usage),
        certificate_id=match.certificate_id,
        guarantee=guarantee_to_wire(match.guarantee),
        degraded=match.degraded,
        cached=match.cached,
        error=maybe_error_to_wire(match.error),
    )


def column_match_from_wire(message: schema_matching_service_pb2.ColumnMatch) -> ColumnMatch:
    """Return one source column; its error, if any, is a `RemoteError`.

    Raises:
        InputError: A tier, a decision or the like is one this version does not know.
    """
    if message.abstention not in _ABSTENTIONS:
        raise unknown_number("abstention", message.abstention)
    return ColumnMatch(
        id=message.id,
        name=message.name,
        index=message.index,
        target=message.target if message.HasField("target") else None,
        abstention=_ABSTENTIONS[message.abstention],
        candidates=tuple(_candidate_from_wire(candidate) for candidate in message.candidates),
        none_score=message.none_score if message.HasField("none_score") else None,
        confidence=message.confidence,
        tier=tier_from_wire(message.tier),
        path=tuple(step_from_wire(step) for step in message.path),
        rationale=message.rationale,
        usage=usage_from_wire(message.usage),
        certificate_id=message.certificate_id,
        guarantee=guarantee_from_wire(message.guarantee),
        degraded=message.degraded,
        cached=message.cached,
        error=error_from_wire(message.error) if message.HasField("error") else None,
    )


def _column_to_wire(place: str, column: GivenColumn) -> schema_matching_service_pb2.Column:
    return schema_matching_service_pb2.Column(
        name=name_to_wire(place, column.name),
        description=text_to_wire(column.description),
        values=[text_to_wire(value) for value in column.values],
    )


def _columns_from_wire(
    message: schema_matching_service_pb2.ColumnList,
) -> tuple[tuple[GivenColumn, ...], bool]:
    """Return the columns, and whether bytes of them were replaced by U+FFFD."""
    columns: list[GivenColumn] = []
    any_lossy = False
    for column in message.columns:
        texts = [text_from_wire(data) for data in (column.description, *column.values)]
        (description, _), *values = texts
        columns.append(GivenColumn(column.name, tuple(text for text, _ in values), description))
        any_lossy = any_lossy or any(lossy for _, lossy in texts)
    return tuple(columns), any_lossy


def _candidate_to_wire(candidate: MatchCandidate) -> schema_matching_service_pb2.MatchCandidate:
    return schema_matching_service_pb2.MatchCandidate(
        target=prose_to_wire(candidate.target),
        score=candidate.score,
        similarity=candidate.similarity,
        name_similarity=candidate.name_similarity,
        value_overlap=candidate.value_overlap,
        large_score=candidate.large_score,
    )


def _candidate_from_wire(message: schema_matching_service_pb2.MatchCandidate) -> MatchCandidate:
    given = {field.name: number for field, number in message.ListFields()}
    return MatchCandidate(
        target=message.target,
        score=message.score,
        similarity=given.get("similarity"),
        name_similarity=given.get("name_similarity"),
        value_overlap=given.get("value_overlap"),
        large_score=given.get("large_score"),
    )
