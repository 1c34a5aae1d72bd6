"""Rows of JSON Lines files as records, with their labels where they have one.

{"id"?, FIELDS..., "candidates"?, "label"?, "reason"?}  ->  Record, LabelledRecord
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.domains.task import Task
from headgate.errors import HeadgateError, InputError
from headgate.types import Candidate, Feedback, Record

LABEL, REASON, CAUSE, FITS = "label", "reason", "cause", "fits"
CANDIDATES = "candidates"
REQUEST = "request_id"

_VARIABLE = re.compile(r"0x[0-9a-fA-F]+|\d+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_JSON_KINDS = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


Row = tuple[str, Mapping[str, Any]]
"""A place, `file:line`, and the object that stands there."""


@dataclass(frozen=True, slots=True)
class LabelledRecord:
    """A record whose right answer is known."""

    record: Record
    label: str
    """A declared label or a candidate id."""
    reason: str = ""
    """A large model's words on why, where they were recorded."""
    also: tuple[str, ...] = ()
    """Other answers that are as right."""
    group: str | None = None
    """Rows of one group are never parted; None groups by the first field's masked text."""

    def accepts(self, answer: str) -> bool:
        """Return whether an answer is right."""
        return answer == self.label or answer in self.also


def read_records(path: Path, task: Task) -> list[Record]:
    """Return the records of a JSON Lines file; labels in it are not looked at.

    A row without an id has its line's number as its id.

    Raises:
        InputError: The file cannot be read or has no rows, a row is wrong, or two rows have one
            id; with `file:line`.
    """
    rows = read_objects(path)
    records = [record_of(row, task, place) for place, row in rows]
    refuse_repeated_ids(rows, records)
    return records


def read_labelled(path: Path, task: Task) -> list[LabelledRecord]:
    """Return the labelled records of a JSON Lines file.

    For rank_causes a row may also be one pair, {"log", "cause", "fits": true or false}; pairs of
    one log become one record whose label is the cause that fits.

    Raises:
        InputError: As `read_records`, or a label is not in the answer set.
    """
    rows = read_objects(path)
    if task.operation == "rank_causes" and CAUSE in rows[0][1]:
        return _from_pairs(rows)
    labelled = [_labelled(row, task, place) for place, row in rows]
    refuse_repeated_ids(rows, [each.record for each in labelled])
    return labelled


def read_column(path: Path, key: str) -> list[str]:
    """Return what each row of a JSON Lines file has under a key of its own, as text.

    Raises:
        InputError: The file cannot be read, or a row has no text there; with `file:line`.
    """
    return [_text(row, key, place) for place, row in read_objects(path)]


def read_feedback(path: Path) -> list[Feedback]:
    """Return the right answers of a JSON Lines file: `id`, `label` and, if there, `request_id`.

    Raises:
        InputError: The file cannot be read, or a row is wrong; with `file:line`.
    """
    return [
        Feedback(
            _filled(row, "id", place),
            _filled(row, LABEL, place),
            _filled(row, REQUEST, place) if REQUEST in row else "",
        )
        for place, row in read_objects(path)
    ]


def record_of(row: Mapping[str, Any], task: Task, place: str) -> Record:
    """Return the record in a row; what is not of the task is not looked at.

    Args:
        row: By column; `id` and `candidates` where there are some.
        task: Says which fields there must be.
        place: `file:number`; the number is the id of a row without one.

    Raises:
        InputError: A field is missing or no text, or the candidates are wrong.
    """
    named = [name for name in (*task.fields, *task.optional_fields) if name in row]
    fields = {name: _text({name: task.cell(row[name], place)}, name, place) for name in named}
    default_id = place.rpartition(":")[2]
    record_id = _filled(row, "id", place) if "id" in row else default_id
    record = Record(record_id, fields, _candidates(row, place))
    try:
        task.check(record)
    except HeadgateError as error:
        raise InputError(place, error.problem, error.remedy) from None
    return record


def template_of(row: LabelledRecord) -> str:
    """Return the row's group: its own, or its first text with the numbers masked."""
    if row.group is not None:
        return row.group
    return masked(next(iter(row.record.fields.values())))


def unit_of(record: Record) -> tuple[str, ...]:
    """Return what copies of a record share: all its texts with their numbers masked.

    The order of its candidates makes no difference.
    """
    candidates = sorted(masked(each.text) for each in record.candidates)
    return (*(masked(text) for text in record.fields.values()), *candidates)


def masked(text: str) -> str:
    """Return a text with its numbers masked."""
    return _VARIABLE.sub("#", text)


def read_objects(path: Path) -> list[Row]:
    """Return every row of a JSON Lines file with its place; at least one.

    Raises:
        InputError: The file cannot be read, has no rows, or a row is no JSON object.
    """
    rows = list(_rows(path))
    if not rows:
        raise InputError(str(path), "there are no rows in it", "Write one JSON object a line.")
    return rows


def _rows(path: Path) -> Iterator[Row]:
    try:
        content = path.read_bytes()
    except OSError as error:
        problem = f"the file cannot be read ({type(error).__name__})"
        raise InputError(str(path), problem, "Check the path and its permissions.") from error
    lines = content.removeprefix(codecs.BOM_UTF8).splitlines()
    for number, line in enumerate(lines, start=1):
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


def refuse_repeated_ids(rows: Sequence[Row], records: Sequence[Record]) -> None:
    """Refuse two rows of one id: results and recorded answers are found by it.

    Raises:
        InputError: At the second one.
    """
    first_lines: dict[str, str] = {}
    for (place, _), record in zip(rows, records, strict=True):
        line = place.rpartition(":")[2]
        first = first_lines.setdefault(record.id, line)
        if first != line:
            raise InputError(
                place,
                f"the id {record.id!r} is also that of line {first}",
                "Give each row its own; a row without one has its line's number.",
            )


def _candidates(row: Mapping[str, Any], place: str) -> tuple[Candidate, ...]:
    """Return the candidates: strings are numbered from 1, objects bring id and text."""
    values = row.get(CANDIDATES, [])
    if not isinstance(values, list):
        raise InputError(place, "'candidates' is not a list", "List texts, or {id, text}.")
    found = []
    for number, value in enumerate(values, start=1):
        where = f"{place}: candidates[{number - 1}]"
        own = {"id": str(number), "text": value} if isinstance(value, str) else value
        if not isinstance(own, dict):
            raise InputError(where, "not a text", "List texts, or {id, text}.")
        found.append(Candidate(_text(own, "id", where), _text(own, "text", where)))
    return tuple(found)


def _labelled(row: Mapping[str, Any], task: Task, place: str) -> LabelledRecord:
    record = record_of(row, task, place)
    label = _text(row, LABEL, place)
    options = task.options(record)
    if label not in options:
        raise InputError(
            place, f"the label {label!r} is not in the answer set", f"Use one of {list(options)}."
        )
    reason = _text(row, REASON, place) if REASON in row else ""
    return LabelledRecord(record, label, reason)


def _from_pairs(rows: Sequence[Row]) -> list[LabelledRecord]:
    """Gather the pairs of each log; logs without exactly one right and one wrong are left out."""
    logs: dict[str, dict[str, set[bool]]] = {}
    for place, row in rows:
        log, cause = _filled(row, "log", place), _filled(row, CAUSE, place)
        logs.setdefault(log, {}).setdefault(cause, set()).add(_fits(row, place))
    gathered = [
        LabelledRecord(_ranked(number, log, list(verdicts)), str(right))
        for number, (log, verdicts) in enumerate(logs.items(), start=1)
        if (right := _right_cause(list(verdicts.values()))) is not None
    ]
    if not gathered:
        raise InputError(
            rows[0][0].rpartition(":")[0],
            "no log has one cause that fits and one that does not",
            "Add such pairs.",
        )
    return gathered


def _fits(row: Mapping[str, Any], place: str) -> bool:
    fits = row.get(FITS)
    if not isinstance(fits, bool):
        raise InputError(place, "'fits' is not true or false", "Say whether the cause fits.")
    return fits


def _ranked(number: int, log: str, causes: Sequence[str]) -> Record:
    candidates = (Candidate(str(place), cause) for place, cause in enumerate(causes, start=1))
    return Record(str(number), {"log": log}, tuple(candidates))


def _right_cause(verdicts: Sequence[set[bool]]) -> int | None:
    """Return the number of the one cause that fits; None when rows contradict each other."""
    right = [number for number, said in enumerate(verdicts, start=1) if True in said]
    contradicted = any(len(said) > 1 for said in verdicts)
    return right[0] if len(right) == 1 and len(verdicts) > 1 and not contradicted else None


def _filled(row: Mapping[str, Any], name: str, place: str) -> str:
    value = _text(row, name, place)
    if not value.strip():
        raise InputError(place, f"{name!r} is blank", f"Write some text as {name!r}.")
    return value


def _text(row: Mapping[str, Any], name: str, place: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        kind = _JSON_KINDS.get(type(value), f"a {type(value).__name__}")
        found = f"{kind} and not a text" if name in row else "missing"
        raise InputError(place, f"{name!r} is {found}", f"Write {name!r} as a string.")
    if _SURROGATE.search(value):
        # No encoding can carry it, so it would fail much later, in a hash or a request.
        raise InputError(place, f"{name!r} has half a surrogate pair", "Write whole characters.")
    return value
