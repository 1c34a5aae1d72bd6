"""The rows of the output, put together of where they stand and what was answered.

spool of a unit: places (n), codes (n) + answers (items) -> tables (n rows), a block at a time
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headgate.batch.outputs.columns import first_rows
from headgate.batch.spool import TEXTS, UnitSpool, reading
from headgate.batch.types import DeadLetter, DeadLetters, Unit

HEADER = ("timestamp", "level", "component")
"""Columns of lines that have a header."""
_LINE_ANSWER = (
    "answer",
    "confidence",
    "tier",
    "score",
    "certificate_id",
    "guarantee",
    "degraded",
)
_ROW_ANSWER = (*_LINE_ANSWER[:4], "rationale", *_LINE_ANSWER[4:], "cost_usd")
_DECIDED = ("answer", "tier", "certificate_id", "guarantee", "degraded")
FOLDER_COLUMNS = {
    "template": ("file", "date", "level", "component", "template_id", *_DECIDED),
    "line": ("file", "date", "level", "component", *_DECIDED),
    "row": ("file", *_DECIDED),
}
"""Columns whose values may become folders, by what is answered once."""
_PARTS = "parts"
_FAULT = ("error", "problem")
"""Columns that say why there is no answer; such rows are dead letters."""


def template_tables(
    unit: Unit, spool: UnitSpool, answers: pa.Table, lines_before: int
) -> Iterator[pa.Table]:
    """Yield the rows of lines that have the answer of their template.

    Args:
        unit: Whose lines they are.
        spool: Its files; they say which template each shape is of.
        answers: One row a template, with its id.
        lines_before: Lines of the file in earlier units.
    """
    template_of = np.load(spool.templates, allow_pickle=False)
    for places in reading(spool.rows):
        own = template_of[places["code"].to_numpy()]
        answered = answers.take(pa.array(own))
        yield _line_table(unit, places, answered, lines_before, ("template_id", *_LINE_ANSWER))


def line_tables(unit: Unit, spool: UnitSpool, lines_before: int) -> Iterator[pa.Table]:
    """Yield the rows of lines that were answered by themselves; see `template_tables`."""
    for places, answered in _blocks(spool):
        yield _line_table(unit, places, answered, lines_before, _LINE_ANSWER)


def row_tables(unit: Unit, spool: UnitSpool, *, parts: bool = False) -> Iterator[pa.Table]:
    """Yield the rows of records; of equal ones in a block only the first one cost something.

    Args:
        unit: Whose rows they are.
        spool: Its files.
        parts: Whether there is a column of what each record fanned out to.
    """
    names = (*_ROW_ANSWER, *([_PARTS] if parts else []), *_FAULT)
    for places, answered in _blocks(spool):
        codes = places["code"].to_numpy()
        paid = np.zeros(len(codes), bool)
        paid[first_rows(codes, int(codes.max(initial=-1)) + 1)] = True
        cost_usd = pc.if_else(pa.array(paid), answered["cost_usd"].combine_chunks(), 0.0)
        columns = {
            "file": _constant(unit.file.place, len(codes)),
            "row": places["row"],
            "id": places["id"],
            **{name: answered[name] for name in names},
            "cost_usd": cost_usd,
        }
        yield pa.table(columns)


def without_unanswered(table: pa.Table, unit: Unit, letters: DeadLetters) -> pa.Table:
    """Return the rows that have an answer, in the columns of the output.

    Each of the others becomes a dead letter.
    """
    unanswered = _unanswered(table)
    rest = table.drop_columns(list(_FAULT))
    if not unanswered.any():
        return rest
    number = "row" if "row" in table.column_names else "line"
    wanted = [name for name in (number, "offset", *_FAULT) if name in table.column_names]
    for row in table.select(wanted).filter(pa.array(unanswered)).to_pylist():
        place = (unit.number, unit.file.place, row[number])
        letters.add(DeadLetter(*place, row["error"], row["problem"], row.get("offset")))
    return rest.filter(pa.array(~unanswered))


def _unanswered(table: pa.Table) -> NDArray[np.bool_]:
    """Return which rows have an error, shape (n,)."""
    found = np.zeros(table.num_rows, bool)
    start = 0
    for chunk in table["error"].chunks:
        reasons = np.array([bool(reason) for reason in chunk.dictionary.to_pylist()], bool)
        if reasons.any():
            found[start : start + len(chunk)] = reasons[chunk.indices.to_numpy()]
        start += len(chunk)
    return found


def _blocks(spool: UnitSpool) -> Iterator[tuple[pa.RecordBatch, pa.Table]]:
    """Yield the places and the answers of the rows of each block."""
    for places, answers in zip(reading(spool.rows), reading(spool.answers), strict=True):
        yield places, pa.Table.from_batches([answers]).take(places["code"])


def _line_table(
    unit: Unit,
    places: pa.RecordBatch,
    answered: pa.Table,
    lines_before: int,
    names: tuple[str, ...],
) -> pa.Table:
    columns = {
        "file": _constant(unit.file.place, places.num_rows),
        "line": pc.add(places["line"], lines_before),
        "offset": places["offset"],
        **{name: places[name] for name in HEADER},
        **{name: answered[name] for name in (*names, *_FAULT)},
        "lossy": places["lossy"],
    }
    return pa.table(columns)


def _constant(text: str, count: int) -> pa.DictionaryArray:
    codes = pa.array(np.zeros(count, np.int32))
    return pa.DictionaryArray.from_arrays(codes, pa.array([text], TEXTS.value_type))
