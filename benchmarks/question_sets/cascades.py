"""Cascades that answer recorded questions, fitted on folds that they are not reported on.

questions -> recordings, cascade file -> fit (3 folds learn, 1 sets the gates) -> engine (1 fold)
          -> answers and calls of all questions

All is done as `headgate fit` and a server do it. Readings are recorded ones, with the passages that
were shown then, so nothing is retrieved here. How large a share goes to the tree is chosen on the
fold that sets the gates: the smallest one that costs no more than `GIVEN_UP` of F1 there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headgate.cascade.load import LoadedCascade, load_cascade
from headgate.cascade.open import open_engine
from headgate.domains.questions.answers import exact_match, f1
from headgate.domains.questions.plan import format_plan
from headgate.domains.questions.task import read_labelled_questions
from headgate.domains.rows import LabelledRecord
from headgate.fitting.fit import Rows, fit_cascade
from headgate.types import Deadline, Record, Result
from question_sets.hotpotqa import Recorded, RecordedQuestion, Say, write_lines
from question_sets.readings import FOLDS, Figures, folds_of

SHARES = (0.05, 0.1, 0.2, 0.3)
"""Of the questions that go to the tree; what a cascade file may say."""
GIVEN_UP = 0.005
EPSILON = 0.1
TIMEOUT_S = 600.0

CASCADE = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {{name: qa_quality}}
spec:
  domain: questions
  task: {{operation: answer_questions}}
  artifact: ./artifacts/{name}
  models:
    closed: {{kind: lm, engine: replay, recordings: closed.jsonl}}
    open: {{kind: lm, engine: replay, recordings: open.jsonl}}
    plans: {{kind: lm, engine: replay, recordings: plans.jsonl}}
    large: {{kind: lm, engine: replay, recordings: large.jsonl}}
  flow:
    - {{name: recall, kind: read, model: closed, prompt: prompt.md}}
    - {{name: known, kind: gate, of: recall}}
    - {{name: direct, kind: read, model: open, prompt: prompt.md}}
    - {{name: sure, kind: gate, of: direct}}
    - {{name: plan, kind: decompose, model: plans, prompt: prompt.md}}
    - name: steps
      kind: for_each
      of: plan
      flow:
        - {{name: answer, kind: read, model: open, prompt: prompt.md}}
    - {{name: final, kind: synthesise, model: large, prompt: prompt.md, of: steps}}
  deferral: {deferral}
"""
BUDGET = "{{budget: {{llm_share: {}}}}}"
CERTIFIED = f"{{certificate: {{kind: regret, epsilon: {EPSILON}}}}}"
PROMPT = "Answer the question.\n"


@dataclass(frozen=True, slots=True)
class Answered:
    """What a cascade made of some questions."""

    results: Mapping[str, Result]
    """By the question's id."""
    certified: int = 0
    """Folds whose gates are certified."""

    def f1(self, questions: Sequence[RecordedQuestion]) -> float:
        """Return the mean F1; a question without an answer has 0."""
        return float(np.mean([f1(self.results[each.id].answer, each.golds) for each in questions]))

    def figures(self, questions: Sequence[RecordedQuestion]) -> Figures:
        """Return EM, F1 and calls a question, and the calls that the recorded method would make."""
        results = [(self.results[each.id], each) for each in questions]
        exact = [exact_match(result.answer, each.golds) for result, each in results]
        return {
            "em": round(float(np.mean(exact)), 4),
            "f1": round(self.f1(questions), 4),
            "llm_calls": round(float(np.mean([own.usage.calls for own, _ in results])), 4),
            "llm_calls_recorded": round(
                float(np.mean([_recorded_calls(own, each) for own, each in results])), 4
            ),
            "tree_share": round(float(np.mean([_asked_tree(own) for own, _ in results])), 4),
        }


def write_inputs(questions: Sequence[RecordedQuestion], work: Path) -> None:
    """Write the recorded answers as the four models' recordings, and the prompt."""
    (work / "prompt.md").write_text(PROMPT)
    write_lines(work / "closed.jsonl", [_reading(each.id, each.closed) for each in questions])
    write_lines(work / "open.jsonl", [row for each in questions for row in _open(each)])
    write_lines(work / "plans.jsonl", list(map(_plan, questions)))
    concluded = [_reading(f"{each.id}/answer", each.child) for each in questions]
    write_lines(work / "large.jsonl", concluded)


def answered_by_budget(questions: Sequence[RecordedQuestion], work: Path, say: Say) -> Answered:
    """Return the answers of cascades within a budget, each question by one not fitted on it.

    Raises:
        HeadgateError: A cascade cannot be fitted or opened.
    """
    results: dict[str, Result] = {}
    for fold in range(FOLDS):
        train, development = _parts(questions, fold)
        tried: dict[float, tuple[LoadedCascade, float]] = {}
        for share in SHARES:
            name, deferral = f"share_{share}_{fold}", BUDGET.format(share)
            loaded = _fitted(name, deferral, (train, development), work)
            tried[share] = loaded, Answered(_answers(loaded, development)).f1(development)
        enough = max(own for _, own in tried.values()) - GIVEN_UP
        share, (loaded, own) = next(each for each in tried.items() if each[1][1] >= enough)
        say(f"fold {fold}: share {share}, F1 {own:.4f} on the rows that chose it")
        results |= _answers(loaded, _fold(questions, fold))
    return Answered(results)


def answered_by_certificate(
    questions: Sequence[RecordedQuestion], work: Path, say: Say
) -> Answered:
    """Return the answers of cascades whose regret is certified, where the labels suffice.

    Raises:
        HeadgateError: A cascade cannot be fitted or opened.
    """
    results: dict[str, Result] = {}
    certified = 0
    for fold in range(FOLDS):
        loaded = _fitted(f"certified_{fold}", CERTIFIED, _parts(questions, fold), work)
        own = _answers(loaded, _fold(questions, fold))
        states = {str(each.guarantee) for each in own.values()}
        certified += states == {"certified"}
        say(f"fold {fold}: guarantee {sorted(states)}")
        results |= own
    return Answered(results, certified)


def _parts(
    questions: Sequence[RecordedQuestion], fold: int
) -> tuple[list[RecordedQuestion], list[RecordedQuestion]]:
    """Return the questions to learn from and those that set the gates of a fold's cascade."""
    before = (fold - 1) % FOLDS
    folds = zip(questions, folds_of(len(questions)), strict=True)
    others = [each for each, own in folds if own not in (fold, before)]
    return others, _fold(questions, before)


def _fold(questions: Sequence[RecordedQuestion], fold: int) -> list[RecordedQuestion]:
    folds = folds_of(len(questions))
    return [each for each, own in zip(questions, folds, strict=True) if own == fold]


def _fitted(
    name: str,
    deferral: str,
    parts: tuple[Sequence[RecordedQuestion], Sequence[RecordedQuestion]],
    work: Path,
) -> LoadedCascade:
    """Return the cascade, written and fitted as a user would do it."""
    path = work / f"{name}.yaml"
    path.write_text(CASCADE.format(name=name, deferral=deferral))
    loaded = load_cascade(path)
    train, development = (_labelled(part, work / "labels.jsonl") for part in parts)
    fit_cascade(loaded, Rows(train, development))
    return loaded


def _labelled(questions: Sequence[RecordedQuestion], path: Path) -> list[LabelledRecord]:
    rows = [{"id": each.id, "question": each.question, "answers": each.golds} for each in questions]
    write_lines(path, rows)
    return read_labelled_questions(path)


def _answers(loaded: LoadedCascade, questions: Sequence[RecordedQuestion]) -> dict[str, Result]:
    """Return the results by the question's id.

    Raises:
        HeadgateError: There is no answer to one of them.
    """
    engine = open_engine(loaded, {})
    records = [Record(each.id, {"question": each.question}) for each in questions]
    results = asyncio.run(engine.run(records, Deadline.after(TIMEOUT_S)))
    for result in results:
        if result.error is not None:
            raise result.error
    return {result.record_id: result for result in results}


def _asked_tree(result: Result) -> bool:
    return any(step.kind == "synthesise" for step in result.path)


def _recorded_calls(result: Result, question: RecordedQuestion) -> int:
    """Return the calls if the tree were the recorded method's: two a step."""
    reads = sum(step.kind == "read" for step in result.path)
    return reads + (2 + 2 * len(question.steps) if _asked_tree(result) else 0)


def _open(question: RecordedQuestion) -> Iterator[dict[str, Any]]:
    """Yield the open-book answers to a question and to its steps."""
    yield _reading(question.id, question.open)
    plan = question.plan()
    chosen = [step.chosen for step in question.steps] if plan.decomposed else [question.child]
    for number, answer in enumerate(chosen, 1):
        yield _reading(f"{question.id}#{number}", answer)


def _reading(id_: str, recorded: Recorded) -> dict[str, Any]:
    answer = json.dumps({"answer": recorded.text})
    return {"id": id_, "answer": answer, "log_prob": recorded.log_prob}


def _plan(question: RecordedQuestion) -> dict[str, str]:
    return {"id": f"{question.id}/plan", "answer": format_plan(question.plan())}
