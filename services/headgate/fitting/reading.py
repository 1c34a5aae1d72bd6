"""Fits how far the answers of a read stage are trusted, on questions whose answers are known.

readings (n), what they were made from, labels (n)  ->  signs, right or not  ->  Trust
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headgate.domains.questions.answers import NO_ANSWER
from headgate.domains.rows import LabelledRecord
from headgate.models.trust import Signs, Trust, fit_trust
from headgate.stages.contract import Cell, Column
from headgate.stages.read import Read
from headgate.types import Reading


def fit_reading_trust(
    stage: Read,
    cells: Column,
    *,
    columns: Mapping[str, Column],
    rows: Sequence[LabelledRecord],
) -> Trust:
    """Return the trust in a stage's answers; the default where labels are too few.

    Readings that failed and those without an answer teach nothing: the first are no answers, and
    of the second nobody asks how likely they are right.

    Args:
        stage: Says what speaks for an answer; what its own trust is makes no difference.
        cells: What it yielded of each question, length n.
        columns: What the stages of its `inputs` yielded, by name, each of length n. An earlier
            reading bears the probability it will have in service: fit its trust first.
        rows: The questions with their labels, length n.
    """
    signs: list[Signs] = []
    right: list[bool] = []
    for place, (cell, row) in enumerate(zip(cells, rows, strict=True)):
        if isinstance(cell, Reading) and cell.prediction.answer != NO_ANSWER:
            shown: dict[str, Cell] = {name: columns[name][place] for name in stage.inputs}
            signs.append(stage.signs(cell, shown))
            right.append(row.accepts(cell.prediction.answer))
    return fit_trust(signs, right)
