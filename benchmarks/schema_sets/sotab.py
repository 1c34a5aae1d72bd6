"""Columns of web tables: which of the declared terms a column is about.

DATA/schema/sotabv2-subsetu_{train,val,test_replay}  ->  rows, recordings  ->  fit  ->  Evaluation

The large model is GPT-4o, zero-shot, the first of three recorded runs. It answered whole tables: a
column's recorded answer bears its part of the tokens of its table's call. As a call is made for a
table of which one column is asked as well, `llm_tokens` counts whole calls, and
`llm_tokens_by_column` the parts.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.cascade.assemble import task_of
from headgate.cascade.load import load_cascade
from headgate.cascade.open import open_engine
from headgate.domains.rows import LabelledRecord, read_labelled
from headgate.evaluation.evaluate import Evaluation, evaluate
from headgate.fitting.fit import Rows, fit_cascade
from schema_sets.gdc import Say, write_lines

Row = Mapping[str, Any]

FOLDER = "schema"
VOCABULARY = "sotabv2-subsetu_vocabulary.json"
PARTS = {"train": "train", "development": "val", "test": "test_replay"}
FILE = "sotabv2-subsetu_{}.jsonl.gz"
LARGE_ANSWER = "gpt-4o|table-0-shot-explanation-run_0"
SHARE = 0.5

CASCADE = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {{name: sotab}}
spec:
  domain: schemas
  task: {task}
  artifact: ./artifact
  models:
    slm: {{kind: encoder, source: embedded}}
    llm: {{kind: lm, engine: replay, recordings: recordings.jsonl}}
  flow:
    - {{name: triage, kind: classify, model: slm}}
    - {{name: keep, kind: gate, of: triage}}
    - {{name: decide, kind: verify, model: llm, prompt: decide.md}}
  deferral: {{budget: {{llm_share: {share}}}}}
"""
PROMPT = "Say what the column is about.\n"


@dataclass(frozen=True, slots=True)
class WebColumn:
    """One column with its answers."""

    id: str
    values: tuple[str, ...]
    others: Mapping[str, tuple[str, ...]]
    """The other columns of its table, by name."""
    label: str
    large: str
    """Empty where the large model named no term, or was not asked."""
    input_tokens: int
    output_tokens: int

    def row(self) -> dict[str, Any]:
        """Return the column as the project reads it; the names in these tables are numbers."""
        return {"id": self.id, "values": self.values, "table": self.others, "label": self.label}

    def recording(self) -> dict[str, Any]:
        """Return the recorded answer."""
        return {
            "id": self.id,
            "answer": json.dumps({"reason": "recorded", "label": self.large}),
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
        }


def missing(data: Path) -> str:
    """Return what is not there; empty when everything is."""
    names = [VOCABULARY, *map(FILE.format, PARTS.values())]
    gone = [name for name in names if not (data / FOLDER / name).is_file()]
    return f"{data / FOLDER}: no {gone[0]}." if gone else ""


def sotab_figures(data: Path, work: Path, say: Say) -> dict[str, float]:
    """Return the figures of a cascade that is fitted on train and validation tables."""
    folder = data / FOLDER
    columns = {
        part: list(_columns(folder / FILE.format(name), say)) for part, name in PARTS.items()
    }
    _write(work, folder, columns)
    evaluation = _fit_and_evaluate(work)
    troubles = {**evaluation.degraded, **evaluation.failed}
    if troubles:
        say(f"sotab: columns not answered as wanted: {troubles}")
    ids = {column.id for column in columns["test"]}
    return {
        "n": evaluation.rows,
        "accuracy": round(evaluation.cascade_accuracy, 4),
        "small_accuracy": round(evaluation.small_accuracy, 4),
        "large_accuracy": round(evaluation.large_accuracy or 0.0, 4),
        "oracle_accuracy": round(evaluation.oracle_accuracy or 0.0, 4),
        "llm_share": round(evaluation.llm_share, 4),
        "llm_tokens": _call_tokens(columns["test"], _asked(evaluation)),
        "llm_tokens_by_column": evaluation.usage.input_tokens + evaluation.usage.output_tokens,
        "llm_tokens_large_alone": _call_tokens(columns["test"], ids),
        "seconds": round(evaluation.seconds, 1),
    }


def _write(work: Path, folder: Path, columns: Mapping[str, Sequence[WebColumn]]) -> None:
    """Write cascade, labels and recorded answers as a user would have them."""
    vocabulary = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
    terms = [vocabulary["label_text"][label] for label in vocabulary["labels"]]
    task = json.dumps({"operation": "label_columns", "labels": terms})
    (work / "cascade.yaml").write_text(CASCADE.format(task=task, share=SHARE))
    (work / "decide.md").write_text(PROMPT)
    for part, own in columns.items():
        write_lines(work / f"{part}.jsonl", [column.row() for column in own])
    answers = [column.recording() for column in columns["test"]]
    write_lines(work / "recordings.jsonl", answers)


def _fit_and_evaluate(work: Path) -> Evaluation:
    loaded = load_cascade(work / "cascade.yaml")
    task = task_of(loaded)
    parts: dict[str, list[LabelledRecord]] = {
        part: read_labelled(work / f"{part}.jsonl", task) for part in PARTS
    }
    fit_cascade(loaded, Rows(parts["train"], parts["development"]))
    return asyncio.run(evaluate(open_engine(loaded, {}), parts["test"], large_alone=True))


def _asked(evaluation: Evaluation) -> set[str]:
    """Return the ids of the columns that the gate sent on."""
    outcomes = evaluation.outcomes
    if outcomes is None:
        return set()
    return {own for own, kept in zip(outcomes.ids, outcomes.kept, strict=True) if not kept}


def _call_tokens(columns: Sequence[WebColumn], asked: set[str]) -> int:
    """Return the tokens of the calls for all tables of which a column is asked."""
    tables = {_table_of(column) for column in columns if column.id in asked}
    own = [column for column in columns if _table_of(column) in tables]
    return sum(column.input_tokens + column.output_tokens for column in own)


def _table_of(column: WebColumn) -> str:
    return column.id.rpartition("/")[0]


def _columns(path: Path, say: Say) -> Iterator[WebColumn]:
    """Yield the labelled columns of a part; blank ones cannot be read and are told."""
    blank = 0
    for number, table in enumerate(_tables(path)):
        names, rows = cells(table["table_markdown"])
        whole = {name: tuple(row[place] for row in rows) for place, name in enumerate(names)}
        for column in _of_table(table, str(number), whole):
            blank += not any(column.values)
            if any(column.values):
                yield column
    if blank:
        say(f"{path.name}: {blank} columns without a value are left out")


def _tables(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _of_table(table: Row, number: str, whole: Mapping[str, tuple[str, ...]]) -> Iterator[WebColumn]:
    """Yield the labelled columns of one table, the tokens of its call parted among them."""
    recorded = table["llm"][LARGE_ANSWER] if "llm" in table else {}
    inputs = _parted(recorded.get("prompt_tokens") or 0, len(table["gold"]))
    outputs = _parted(recorded.get("completion_tokens") or 0, len(table["gold"]))
    tokens = zip(inputs, outputs, strict=True)
    for (name, gold), (input_tokens, output_tokens) in zip(
        table["gold"].items(), tokens, strict=True
    ):
        yield WebColumn(
            id=f"{table.get('id', number)}/{name}",
            values=whole.get(name, ()),
            others={other: values for other, values in whole.items() if other != name},
            label=gold["text"][0],
            large=(recorded.get("labels", {}).get(name) or [""])[0],
            input_tokens=input_tokens,
            output_tokens=output_tokens,
        )


def _parted(total: int, parts: int) -> list[int]:
    """Return whole numbers that sum to the total and differ by one at most."""
    return [total // parts + (place < total % parts) for place in range(parts)]


def cells(markdown: str) -> tuple[list[str], list[list[str]]]:
    """Return the names and the rows of a table in Markdown; rows that cannot be told are left out.

    Bars within cells are not always escaped; but all cells of a column are written equally wide.
    """
    head, rule, *lines = markdown.split("\n")
    widths = [len(each) for each in rule.strip()[1:-1].split("|")]
    rows = [row for line in lines if (row := _row(line.strip(), widths)) is not None]
    return [name.strip() for name in head.strip()[1:-1].split("|")], rows


def _row(line: str, widths: Sequence[int]) -> list[str] | None:
    parts = line[1:-1].split("|")
    if len(parts) == len(widths):
        return [part.strip() for part in parts]
    found, start = [], 1
    for width in widths:
        if line[start + width : start + width + 1] != "|":
            return None
        found.append(line[start : start + width].strip())
        start += width + 1
    return found
