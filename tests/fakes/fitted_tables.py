"""A cascade of tables that a real fit makes in seconds: a tiny encoder, recorded answers.

folder -> encoder/, cascade.yaml, recordings.jsonl, tables -> fit -> LoadedCascade, ready to serve

A source column matches the target column of its name. "dusk" is near to none; for "dusk" of the
table "asked" an answer is recorded: the target's "dawn".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fakes.tiny_transformer import write_tiny_transformer
from headgate.artifact import Artifact
from headgate.cascade.assemble import task_of
from headgate.cascade.load import LoadedCascade, load_cascade
from headgate.domains.rows import LabelledRecord
from headgate.domains.tasks import read_labels
from headgate.fitting.fit import Rows, fit_cascade

NAMES = ("disk", "river", "pump", "owner", "valley", "colour", "weight", "bridge")
TARGET = {
    name: {"description": f"The {name}.", "values": [f"{name} one", f"{name} two"]}
    for name in (*NAMES, "dawn")
}
ASKED = "asked"
"""The table for whose column "dusk" an answer is recorded."""

_FILE = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: tables}
spec:
  domain: schemas
  task: {operation: match_columns}
  artifact: fitted
  models:
    slm: {kind: encoder, source: ./encoder, precision: float32}
    llm: {kind: lm, engine: replay, recordings: recordings.jsonl}
  flow:
    - name: columns
      kind: for_each
      flow:
        - {name: candidates, kind: retrieve, index: target, model: slm, top_k: 5}
        - {name: keep, kind: gate, of: candidates}
        - {name: judge, kind: rerank, model: llm, prompt: judge.md, of: candidates}
    - {name: match, kind: assign, of: columns, unmatched_price: 0.2}
  deferral: DEFERRAL
"""
_BUDGET = "{score: max_prob, budget: {llm_share: 0.25}}"


def write_tables(folder: Path, deferral: str = _BUDGET) -> LoadedCascade:
    """Write the cascade's folder without fitting it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tiny_transformer(folder / "encoder", [*NAMES, "dusk", "dawn", "one", "two", "the"])
    (folder / "judge.md").write_text("Which fits?", encoding="utf-8")
    answer = json.dumps({"matches": [{"id": "dawn", "score": 0.9}]})
    row = json.dumps({"id": f"{ASKED}/dusk", "answer": answer, "input_tokens": 9})
    (folder / "recordings.jsonl").write_text(row + "\n", encoding="utf-8")
    file = folder / "cascade.yaml"
    file.write_text(_FILE.replace("DEFERRAL", deferral), encoding="utf-8")
    return load_cascade(file)


def fit_tables(folder: Path) -> LoadedCascade:
    """Write the cascade's folder, fit it, and return it."""
    loaded = write_tables(folder)
    refit(loaded)
    return loaded


def refit(
    loaded: LoadedCascade, rows: Rows | None = None, *, output: Path | None = None, seed: int = 0
) -> Artifact:
    """Fit the cascade on made-up tables, or on these rows."""
    rows = rows or Rows(labelled(loaded, "train", 3), labelled(loaded, "dev", 6))
    return fit_cascade(loaded, rows, output=output, seed=seed)


def labelled(loaded: LoadedCascade, name: str, tables: int) -> list[LabelledRecord]:
    """Return the columns of several tables, each a column short of the target's."""
    rows = [
        table_row(f"{name}-{number}", (*NAMES[:number], *NAMES[number + 1 :], "dusk"))
        for number in range(tables)
    ]
    path = write_rows(loaded.base_dir / f"{name}.jsonl", *rows)
    return read_labels(path, task_of(loaded))


def table_row(record_id: str, names: Sequence[str], **more: Any) -> dict[str, Any]:
    """Return a row with a table of these columns, which match those of the target by name."""
    matches = {name: [name] for name in names if name in TARGET}
    return {"id": record_id, "source": csv_of(record_id, names), "target": TARGET,
            "matches": matches, **more}  # fmt: skip


def csv_of(cell: str, names: Sequence[str]) -> str:
    """Return a table with one row, whose cells are of this table alone."""
    cells = ",".join(f"{name} {cell}" for name in names)
    return f"{','.join(names)}\n{cells}\n"


def write_rows(path: Path, *rows: Mapping[str, Any]) -> Path:
    """Write rows as JSON Lines."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path
