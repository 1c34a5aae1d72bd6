"""A fitted cascade whose plans a language model writes: recorded answers, and no passages.

folder -> cascade.yaml, prompt.md, recordings -> fit -> LoadedCascade

Of question n three plans are recorded: a chain of two steps, the question whole, and no plan.
The chain leads to the year, the question whole to "some time", of which no label has anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from headgate.cascade.load import LoadedCascade, load_cascade
from headgate.domains.questions.task import read_labelled_questions
from headgate.fitting.fit import Rows, fit_cascade

CHAIN = ("Who founded the mill?", "When was #1 born?")
NO_PLAN = "I would look it up."

_FILE = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: planned}
spec:
  domain: questions
  task: {operation: answer_questions}
  artifact: fitted
  models:
    slm: {kind: lm, engine: replay, recordings: slm.jsonl}
    llm: {kind: lm, engine: replay, recordings: llm.jsonl}
  flow:
    - {name: recall, kind: read, model: slm, prompt: prompt.md}
    - {name: known, kind: gate, of: recall}
    - {name: plan, kind: decompose, model: llm, prompt: prompt.md}
    - name: steps
      kind: for_each
      of: plan
      flow: [{name: answer, kind: read, model: slm, prompt: prompt.md}]
    - {name: final, kind: synthesise, model: llm, prompt: prompt.md, of: steps}
"""


def question(number: int) -> dict[str, Any]:
    """Return the labelled row of a question."""
    text = f"When was the founder of mill {_letters(number)} born?"
    return {"id": f"q{number}", "question": text, "answers": [str(1800 + number)]}


def plan_of(*texts: str) -> str:
    """Return a plan as a language model writes it."""
    return json.dumps({"steps": [{"question": text, "needs_context": True} for text in texts]})


def write_planned(folder: Path, numbers: Iterable[int]) -> LoadedCascade:
    """Write the cascade's folder, with recordings for these questions, without fitting it."""
    folder.mkdir(parents=True, exist_ok=True)
    asked = [*numbers]
    (folder / "prompt.md").write_text("Do as it says.", encoding="utf-8")
    _write(folder / "slm.jsonl", (row for number in asked for row in _read(number)))
    _write(folder / "llm.jsonl", (row for number in asked for row in _written(number)))
    file = folder / "cascade.yaml"
    file.write_text(_FILE, encoding="utf-8")
    return load_cascade(file)


def fit_planned(folder: Path) -> LoadedCascade:
    """Return the cascade, fitted on questions 0 to 39."""
    loaded = write_planned(folder, range(40))
    _write(folder / "labels.jsonl", map(question, range(40)))
    rows = read_labelled_questions(folder / "labels.jsonl")
    fit_cascade(loaded, Rows(rows[:20], rows[20:]))
    return loaded


def _read(number: int) -> Iterable[Mapping[str, Any]]:
    """Yield what is read closed book, and the answers to steps, in a plan of one to the whole."""
    yield {"id": f"q{number}", "answer": json.dumps({"answer": ""})}
    for step, answer in enumerate(("some time", str(1800 + number)), 1):
        yield {"id": f"q{number}#{step}", "answer": json.dumps({"answer": answer})}


def _written(number: int) -> Iterable[Mapping[str, Any]]:
    """Yield the plans and what is concluded from the chain."""
    plans = (plan_of(*CHAIN), plan_of("When was the founder born?"), NO_PLAN)
    for place, text in enumerate(plans, 1):
        yield {"id": f"q{number}/plan" + (f"/{place}" if place > 1 else ""), "answer": text}
    concluded = json.dumps({"answer": str(1800 + number)})
    yield {"id": f"q{number}/answer", "answer": concluded}


def _letters(number: int) -> str:
    """Return a name of letters alone: rows that differ in numbers only are one."""
    return chr(97 + number // 26) + chr(97 + number % 26)


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
