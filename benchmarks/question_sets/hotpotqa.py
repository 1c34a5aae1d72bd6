"""Questions over two paragraphs of Wikipedia, with what a large model once made of each.

DATA/questions/hotpotqa_replay  ->  RecordedQuestion (500): gold, and a tree of recorded answers
DATA/questions/hotpotqa_corpus  ->  a JSON Lines file as `headgate index build` takes it

A tree has the question at its root and the steps of a plan as leaves. Each node was answered from
memory (closed book) and from passages (open book), the root also from its leaves (child); the one
that the recorded method returned is `chosen`. `<1>` in a step stands for the answer of the first
leaf; here it is `#1`.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.domains.questions.plan import Plan, undecomposed, validated
from headgate.errors import InputError
from headgate.fitting.splitter import DecomposedQuestion
from headgate.types import PlanStep

QUESTIONS = "questions/hotpotqa_replay.jsonl.gz"
CORPUS = "questions/hotpotqa_corpus.jsonl.gz"

Say = Callable[[str], None]

_REFERENCE = re.compile(r"<([1-9][0-9]?)>")


@dataclass(frozen=True, slots=True)
class Recorded:
    """An answer with the mean log-probability of its tokens."""

    text: str
    log_prob: float


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """A leaf of the tree."""

    text: str
    """With `#1` for the answer of step 1."""
    asked: str
    """As it was asked, with recorded answers in their places."""
    chosen: Recorded


@dataclass(frozen=True, slots=True)
class RecordedQuestion:
    """A question with its recorded answers."""

    id: str
    question: str
    golds: tuple[str, ...]
    supporting: frozenset[str]
    """Ids of the passages that are needed to answer it."""
    closed: Recorded
    open: Recorded
    child: Recorded
    """From its steps; where there are none, the chosen one."""
    chosen: Recorded
    steps: tuple[RecordedStep, ...]
    """None where the recorded method left the question whole."""

    def plan(self) -> Plan:
        """Return the recorded plan; the question as it stands where the plan is not usable."""
        steps = [PlanStep(number, step.text) for number, step in enumerate(self.steps, 1)]
        try:
            return validated(steps) if len(steps) > 1 else undecomposed(self.question)
        except InputError:
            return undecomposed(self.question)

    def decomposed(self) -> DecomposedQuestion:
        """Return the plan as the splitter learns from it."""
        texts = tuple(step.text for step in self.steps) if len(self.steps) > 1 else ()
        return DecomposedQuestion(self.question, texts or (self.question,))


def missing(data: Path) -> str:
    """Return what is not there; empty when everything is."""
    gone = [name for name in (QUESTIONS, CORPUS) if not (data / name).is_file()]
    return f"{data}: no {gone[0]}. Name the data folder." if gone else ""


def load(data: Path) -> list[RecordedQuestion]:
    """Return all questions in the order of the file."""
    with gzip.open(data / QUESTIONS, "rt", encoding="utf-8") as file:
        return [_question(json.loads(line)) for line in file]


def _question(row: Mapping[str, Any]) -> RecordedQuestion:
    *leaves, root = row["recorded"]["tree"]
    chosen = Recorded(*root["answer"])
    return RecordedQuestion(
        id=row["id"],
        question=row["question"],
        golds=tuple(row["gold_answers"]),
        supporting=frozenset(row["supporting_ids"]),
        closed=Recorded(*root["cb_answer"]),
        open=Recorded(*root["ob_answer"]),
        child=Recorded(*root["child_answer"]) if leaves else chosen,
        chosen=chosen,
        steps=tuple(map(_step, leaves)),
    )


def _step(leaf: Mapping[str, Any]) -> RecordedStep:
    text = _REFERENCE.sub(r"#\1", leaf["question_text"])
    return RecordedStep(text, leaf["question"], Recorded(*leaf["answer"]))


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as JSON Lines."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
