"""Columns of web tables: which of the declared terms a column is about.

DATA/schema/sotabv2-subsetu_{train,val,test_replay}  ->  rows, recordings  ->  fit  ->  Evaluation

The large model is GPT-4o, zero-shot, the first of three recorded runs. It answered whole tables: a
column's recorded answer bears its part of the tokens of its table's call. As a call is made for a
table of which one column is asked as well, `llm_tokens` counts whole calls.
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
    return f"{data / FOLDER}: no {gone[0]}" if gone else ""


def sotab_figures(data: Path, work: Path, say: Say) -> dict[str, float]:
    """Return the figures of a cascade that is fitted on train and validation tables."""
    folder = data / FOLDER
    columns = {
        part: list(_columns(folder / FILE.format(name), say)) for part, name in PARTS.items()
    }
    _write(work, folder, columns)
    evaluation, asked = asyncio.run(_fit_and_evaluate(work))
    troubles = {**evaluation.degraded, **evaluation.failed}
    if troubles:
        say(f"sotab: columns not answered as wanted: {troubles}")
    return {
        "n": evaluation.rows,
        "accuracy": round(evaluation.cascade_accuracy, 4),
        "small_accuracy": round(evaluation.small_accuracy, 4),
        "large_accuracy": round(evaluation.large_accuracy or 0.0, 4),
        "oracle_accuracy": round(evaluation.oracle_accuracy or 0.0, 4),
        "llm_share": round(evaluation.llm_share, 4),
        "llm_tokens": _call_tokens(columns["test"], asked),
        "llm_tokens_large_alone": _call_tokens(columns["test"], {c.id for c in columns["test"]}),
        "seconds": round(evaluation.seconds, 1),
    }
