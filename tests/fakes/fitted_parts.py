"""Cascades that a real fit makes in a tenth of a second: n-grams, a gate, recorded answers.

folder -> cascade.yaml, answers.jsonl, prompt -> fit -> LoadedCascade, ready to be served

    "sda ..."    surely "disk"
    "eth0 ..."   surely "net"
    "reset ..."  either: goes on to the large model
"""

from __future__ import annotations

import json
from pathlib import Path

from headgate.cascade.load import LoadedCascade, load_cascade
from headgate.domains.rows import LabelledRecord
from headgate.fitting.fit import Rows, fit_cascade
from headgate.types import Record

RECORDED = "reset-1"
"""The id of the one record for which an answer is recorded: "net"."""

_REPLAY = "{kind: lm, engine: replay, recordings: answers.jsonl}"
_FILE = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {{name: {name}, description: Which part of the machine?}}
spec:
  domain: logs
  task: {{operation: level, labels: [disk, net]}}
  artifact: {artifact}
  models:
    fast: {{kind: ngrams, buckets: 1024}}
    llm: {large_model}
  flow:
    - {{name: triage, kind: classify, model: fast}}
    - {{name: keep, kind: gate, of: triage}}
    - {{name: decide, kind: verify, model: llm, prompt: decide.md}}
  deferral: {{score: max_prob, budget: {{llm_share: 0.25}}}}
"""
_PAIRS_FILE = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: pairs}
spec:
  domain: logs
  task: {operation: match_description, labels: [mismatch, match]}
  artifact: fitted
  models: {fast: {kind: ngrams, buckets: 1024}}
  flow: [{name: triage, kind: classify, model: fast}]
"""


def fit_parts(folder: Path, name: str = "parts") -> LoadedCascade:
    """Write the cascade's folder, fit it, and return it."""
    loaded = write_parts(folder, name)
    fit_cascade(loaded, Rows(_rows(range(60)), _rows(range(100, 140))))
    return loaded


def write_parts(
    folder: Path, name: str = "parts", *, artifact: str = "fitted", large_model: str = _REPLAY
) -> LoadedCascade:
    """Write the cascade's folder without fitting it.

    Args:
        folder: Where to.
        name: The cascade's.
        artifact: That of `fit_parts` may be used: the same models and stages are fitted.
        large_model: The model's block in the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "decide.md").write_text("Which part of the machine is it?", encoding="utf-8")
    answer = json.dumps({"reason": "as recorded", "label": "net"})
    row = json.dumps({"id": RECORDED, "answer": answer, "input_tokens": 20, "output_tokens": 5})
    (folder / "answers.jsonl").write_text(row + "\n", encoding="utf-8")
    file = folder / "cascade.yaml"
    content = _FILE.format(name=name, artifact=artifact, large_model=large_model)
    file.write_text(content, encoding="utf-8")
    return load_cascade(file)


def live_parts(folder: Path, fitted: LoadedCascade, base_url: str) -> LoadedCascade:
    """Return the fitted cascade as "live", with a large model behind an endpoint."""
    large_model = f"{{kind: lm, engine: openai, model: m, base_url: '{base_url}'}}"
    return write_parts(folder, "live", artifact=fitted.artifact, large_model=large_model)


def fit_pairs(folder: Path) -> LoadedCascade:
    """Return a fitted cascade "pairs" that says whether a description fits a log line."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "cascade.yaml"
    file.write_text(_PAIRS_FILE, encoding="utf-8")
    loaded = load_cascade(file)
    fit_cascade(loaded, Rows(_pair_rows(range(60)), _pair_rows(range(100, 140))))
    return loaded


def part_records() -> list[Record]:
    """Return a record of each kind: two that are kept, one recorded, one not."""
    lines = {
        "sda-1": "sda write failed",
        "eth0-1": "eth0 link down",
        RECORDED: "reset",
        "reset-2": "reset",
    }
    return [Record(record_id, {"log": line}) for record_id, line in lines.items()]


def _rows(numbers: range) -> list[LabelledRecord]:
    rows = []
    for number in numbers:
        label, line = [("net", "eth0 link down"), ("disk", "sda write failed")][number % 2]
        # The same line with both labels: no model can be sure of it.
        log = "reset" if number % 5 == 0 else f"{line} {number}"
        rows.append(LabelledRecord(Record(str(number), {"log": log}), label))
    return rows


def _pair_rows(numbers: range) -> list[LabelledRecord]:
    lines = ["sda write failed", "eth0 link down", "fan stopped"]
    rows = []
    for number in numbers:
        fits = number % 2 == 0
        fields = {
            "log": f"{lines[number % 3]} {number}",
            "description": f"{lines[(number if fits else number + 1) % 3]} {number}",
        }
        label = "match" if fits else "mismatch"
        rows.append(LabelledRecord(Record(str(number), fields), label))
    return rows
