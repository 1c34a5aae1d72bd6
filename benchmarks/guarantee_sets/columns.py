"""Columns of tables: which of 50 terms a column is about.

DATA/schema/sotabv2-subsetu_{train,test_replay}.jsonl.gz  ->  tier n-grams; large: GPT-4o

The tier learns from the train tables' columns; the population is the columns of the test tables.
The large model is GPT-4o, zero-shot, the first of three recorded runs: it answers every table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from guarantee_sets.population import Bools, Population, group_numbers
from guarantee_sets.rows import Row, json_rows
from guarantee_sets.small_models import text_tier

FILES = (
    "schema/sotabv2-subsetu_train.jsonl.gz",
    "schema/sotabv2-subsetu_test_replay.jsonl.gz",
)
LARGE_ANSWER = "gpt-4o|table-0-shot-explanation-run_0"

# A bar inside a cell is escaped in some tables; cells of one column are split at bare ones.
_BAR = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Column:
    """One column with its answers."""

    table: str
    text: str
    """Its values, one after the other."""
    gold: str
    large: str
    """Empty where the large model named no term, or for train columns."""


def load(data: Path, name: str) -> Population:
    """Return the test columns."""
    train = list(_columns(json_rows(data / FILES[0])))
    judged = list(_columns(json_rows(data / FILES[1])))
    labels = sorted({column.gold for column in train})
    tier = text_tier(
        [column.text for column in train],
        [labels.index(column.gold) for column in train],
        [column.text for column in judged],
        labels=len(labels),
        encoder=None,
    )
    answers = [labels[number] for number in tier.predicted]
    return Population(
        name,
        scores=tier.scores[:, None],
        predicted=tier.predicted[:, None],
        correct=_equal(answers, [column.gold for column in judged])[:, None],
        agrees=_equal(answers, [column.large for column in judged])[:, None],
        large_correct=np.array([column.large == column.gold for column in judged]),
        groups=group_numbers([column.table for column in judged]),
    )


def _equal(answers: Sequence[str], others: Sequence[str]) -> Bools:
    return np.array([one == other for one, other in zip(answers, others, strict=True)])


def _columns(tables: Sequence[Row]) -> Iterator[Column]:
    for table in tables:
        cells = _cells(table["table_markdown"])
        answered = table["llm"][LARGE_ANSWER]["labels"] if "llm" in table else {}
        for header, gold in table["gold"].items():
            large = answered.get(header) or [""]
            text = "\n".join(cells.get(header, []))
            yield Column(table["table_file"], text, gold["text"][0], large[0])


def _cells(markdown: str) -> dict[str, list[str]]:
    """Return the values of each column by its header."""
    lines = [[cell.strip() for cell in _BAR.split(line)[1:-1]] for line in markdown.splitlines()]
    header, rows = lines[0], lines[2:]
    # A bare bar inside a cell shifts those after it: such a row cannot be told apart by column.
    whole = [row for row in rows if len(row) == len(header)] or rows
    return {name: [row[n] for row in whole if n < len(row)] for n, name in enumerate(header)}
