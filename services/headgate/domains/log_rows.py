"""Rows of JSON Lines files as records, with their labels where they have one.

{"id"?, FIELDS..., "candidates"?, "label"?, "reason"?}  ->  Record, LabelledRecord
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.domains.logs import LogTask
from headgate.errors import HeadgateError, InputError
from headgate.types import Candidate, Record

LABEL, REASON, CAUSE, FITS = "label", "reason", "cause", "fits"


@dataclass(frozen=True, slots=True)
class LabelledRecord:
    """A record whose right answer is known."""

    record: Record
    label: str
    """A declared label or a candidate id."""
    reason: str = ""
    """A large model's words on why, where they were recorded."""


def read_records(path: Path, task: LogTask) -> list[Record]:
    """Return the records of a JSON Lines file; labels in it are not looked at.

    Raises:
        InputError: The file cannot be read, or a row is wrong; with `file:line`.
    """
    return [_record(row, task, place) for place, row in _rows(path)]


def read_labelled(path: Path, task: LogTask) -> list[LabelledRecord]:
    """Return the labelled records of a JSON Lines file.

    For rank_causes a row may also be one pair, {"log", "cause", "fits": true or false}; pairs of
    one log become one record whose label is the cause that fits.

    Raises:
        InputError: The file cannot be read, a row is wrong, or a label is not in the answer set.
    """
    rows = list(_rows(path))
    if task.operation == "rank_causes" and rows and CAUSE in rows[0][1]:
        return _from_pairs(rows, task)
    return [_labelled(row, task, place) for place, row in rows]


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each row with its place."""
    try:
        content = path.read_bytes()
    except OSError as error:
        problem = f"the file cannot be read ({type(error).__name__})"
        raise InputError(str(path), problem, "Check the path and its permissions.") from error
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            row = json.loads(line.decode("utf-8"))
        except (UnicodeDecodeError, ValueError, RecursionError):
            raise InputError(place, "not a JSON object in UTF-8", "Write {...}.") from None
        if not isinstance(row, dict):
            raise InputError(place, "not a JSON object", "Write {...}.")
        yield place, row


def _record(row: Mapping[str, Any], task: LogTask, place: str) -> Record:
    fields = {name: _text(row, name, place) for name in task.fields if name in row}
    default_id = place.rpartition(":")[2]
    record_id = _text(row, "id", place) if "id" in row else default_id
    record = Record(record_id, fields, _candidates(row, place))
    try:
        task.check(record)
    except HeadgateError as error:
        raise InputError(place, error.problem, error.remedy) from None
    return record


def _candidates(row: Mapping[str, Any], place: str) -> tuple[Candidate, ...]:
    """Return the candidates: strings are numbered from 1, objects bring id and text."""
    values = row.get("candidates", [])
    if not isinstance(values, list):
        raise InputError(place, "'candidates' is not a list", "List texts, or {id, text}.")
    found = []
    for number, value in enumerate(values, start=1):
        if isinstance(value, str):
            found.append(Candidate(str(number), value))
        elif isinstance(value, dict):
            found.append(Candidate(_text(value, "id", place), _text(value, "text", place)))
        else:
            raise InputError(place, "a candidate is no text", "List texts, or {id, text}.")
    return tuple(found)


def _labelled(row: Mapping[str, Any], task: LogTask, place: str) -> LabelledRecord:
    record = _record(row, task, place)
    label = _text(row, LABEL, place)
    options = task.options(record)
    if label not in options:
        raise InputError(
            place, f"the label {label!r} is not in the answer set", f"Use one of {list(options)}."
        )
    reason = _text(row, REASON, place) if REASON in row else ""
    return LabelledRecord(record, label, reason)


def _from_pairs(rows: list[tuple[str, Mapping[str, Any]]], task: LogTask) -> list[LabelledRecord]:
    """Gather the pairs of each log; logs without exactly one right and one wrong are left out."""
    causes: dict[str, dict[str, bool]] = {}
    for place, row in rows:
        fits = row.get(FITS)
        if not isinstance(fits, bool):
            raise InputError(place, "'fits' is not true or false", "Say whether the cause fits.")
        log, cause = _text(row, "log", place), _text(row, CAUSE, place)
        causes.setdefault(log, {})[cause] = fits
    gathered = []
    for number, (log, fits_by_cause) in enumerate(causes.items(), start=1):
        candidates = tuple(Candidate(str(i), c) for i, c in enumerate(fits_by_cause, start=1))
        right = [str(i) for i, fits in enumerate(fits_by_cause.values(), start=1) if fits]
        if len(right) == 1 and len(candidates) > 1:
            record = Record(str(number), {"log": log}, candidates)
            task.check(record)
            gathered.append(LabelledRecord(record, right[0]))
    if not gathered:
        raise InputError(
            rows[0][0].rpartition(":")[0],
            "no log has one cause that fits and one that does not",
            "Add such pairs.",
        )
    return gathered


def _text(row: Mapping[str, Any], name: str, place: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        found = "missing" if name not in row else f"{type(value).__name__} and not a text"
        raise InputError(place, f"{name!r} is {found}", f"Write {name!r} as a string.")
    return value
