"""What callers send: records, candidates and log records.

Record, position  <->  v1.Record | v1.LogRecord
"""

from __future__ import annotations

from headgate.errors import InputError
from headgate.types import Candidate, Record
from headgate.v1 import log_analysis_service_pb2, types_pb2
from headgate.wire.text import name_to_wire, text_from_wire, text_to_wire

_DESCRIPTION = "description"
_LOG_FIELDS = frozenset({"log", "line"})


def candidate_to_wire(candidate: Candidate) -> types_pb2.Candidate:
    """Return the message for one candidate.

    Raises:
        InputError: Its id is not valid Unicode.
    """
    return types_pb2.Candidate(
        id=name_to_wire("candidate", candidate.id), text=text_to_wire(candidate.text)
    )


def candidate_from_wire(message: types_pb2.Candidate) -> tuple[Candidate, bool]:
    """Return the candidate, and whether bytes of its text were replaced by U+FFFD."""
    text, lossy = text_from_wire(message.text)
    return Candidate(message.id, text), lossy


def record_to_wire(record: Record) -> types_pb2.Record:
    """Return the message for one record; `record.lossy` stays behind, the server finds its own.

    Raises:
        InputError: An id or a field's name is not valid Unicode.
    """
    place = f"record {record.id!r}"
    return types_pb2.Record(
        id=name_to_wire(place, record.id),
        fields={
            name_to_wire(place, name): text_to_wire(text) for name, text in record.fields.items()
        },
        candidates=[candidate_to_wire(candidate) for candidate in record.candidates],
    )


def record_from_wire(message: types_pb2.Record, index: int) -> Record:
    """Return the record; never raises, whatever the bytes are.

    Args:
        message: As it came.
        index: Its position in the request, from 0; the id when the message has none.
    """
    fields = {name: text_from_wire(data) for name, data in message.fields.items()}
    candidates = [candidate_from_wire(candidate) for candidate in message.candidates]
    return Record(
        id=message.id or str(index),
        fields={name: text for name, (text, _) in fields.items()},
        candidates=tuple(candidate for candidate, _ in candidates),
        lossy=any(lossy for _, lossy in (*fields.values(), *candidates)),
    )


def log_record_to_wire(record: Record) -> log_analysis_service_pb2.LogRecord:
    """Return the message for one record of the `logs` domain; its candidates are the causes.

    Raises:
        InputError: The record has not exactly one of the fields `log` and `line`, or has a field
            other than these and `description`; or an id is not valid Unicode.
    """
    place = f"record {record.id!r}"
    log_fields = record.fields.keys() - {_DESCRIPTION}
    if len(log_fields) != 1 or not log_fields <= _LOG_FIELDS:
        raise InputError(
            place,
            f"the fields {sorted(record.fields)} are not those of a log record",
            "Give `log` or `line`, with or without `description`; or run the cascade itself.",
        )
    (log_field,) = log_fields
    return log_analysis_service_pb2.LogRecord(
        id=name_to_wire(place, record.id),
        log=text_to_wire(record.fields[log_field]),
        description=text_to_wire(record.fields.get(_DESCRIPTION, "")),
        causes=[candidate_to_wire(candidate) for candidate in record.candidates],
    )


def log_record_from_wire(
    message: log_analysis_service_pb2.LogRecord, index: int, field: str
) -> Record:
    """Return the record; never raises, whatever the bytes are.

    Args:
        message: As it came. An empty description is no description.
        index: Its position in the request, from 0; the id when the message has none.
        field: The record's field for the log, as the cascade's operation names it: `log` or `line`.
    """
    fields = {field: message.log}
    if message.description:
        fields[_DESCRIPTION] = message.description
    return record_from_wire(
        types_pb2.Record(id=message.id, fields=fields, candidates=message.causes), index
    )
