"""The part of the demonstration that is about questions: an index, answers, one with its steps.

corpus.jsonl -> index;  test.jsonl (questions, answers) -> gRPC -> a line a tier, a question in full
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from headgate.batch import corpus
from headgate.batch.types import InputSpec
from headgate.cascade.load import LoadedCascade
from headgate.client import Client
from headgate.domains.questions.answers import f1
from headgate.domains.rows import LabelledRecord
from headgate.questions import Answered, GivenQuestion, PlanMade, QuestionAnswer, StepDone
from headgate.types import Tier, Usage

SHOWN = 2
"""Questions that are shown with their steps."""


def build_index(console: Console, loaded: LoadedCascade) -> None:
    """Make the passages of the sample searchable, where the cascade looks for them."""
    rows = loaded.path.parent / "sample" / "corpus.jsonl"
    for directory in loaded.corpora.values():
        made = corpus.build(Path(directory), InputSpec((str(rows),)), corpus.EncoderChoice())
        console.print(f"0. index of {rows.name}: {made.added} passages added, in {directory}")


def show_answers(console: Console, client: Client, test: Sequence[LabelledRecord]) -> None:
    """Ask all questions, of the last tier alone and of the cascade, and print what comes back."""
    questions = [GivenQuestion(row.record.id, row.record.fields["question"]) for row in test]
    answers, taken_ms = [], []
    for question in questions:
        started = time.perf_counter()
        answers += client.answer_questions([question])
        taken_ms.append((time.perf_counter() - started) * 1000)
    alone = client.verify([row.record for row in test])
    table = Table(
        "answered by", "right", "F1", "in steps", "calls, all models", "cost", "p50 / p95"
    )
    judged = [each.judgement for each in alone]
    usage = sum((each.usage for each in judged if each), Usage())
    said = [each.answer if each else "" for each in judged]
    table.add_row("steps of every question", *figures(said, test), "100%", *spent(usage), "")
    usage = sum((each.usage for each in answers), Usage())
    share = sum(each.tier is Tier.LARGE for each in answers) / len(answers)
    p50, p95 = np.percentile(taken_ms, [50, 95])
    table.add_row(
        "cascade",
        *figures([each.answer for each in answers], test),
        f"{share:.0%}",
        *spent(usage),
        f"{p50:.0f} / {p95:.0f} ms",
    )
    stepped = [answer.id for answer in answers if answer.steps]
    show_steps(console, client, [each for each in questions if each.id in stepped[:SHOWN]])
    console.print(table)


def figures(said: Sequence[str], test: Sequence[LabelledRecord]) -> tuple[str, str]:
    """Return the share of right answers and the mean F1."""
    pairs = list(zip(said, test, strict=True))
    right = sum(row.accepts(answer) for answer, row in pairs) / len(pairs)
    overlap = sum(f1(answer, (row.label, *row.also)) for answer, row in pairs) / len(pairs)
    return f"{right:.1%}", f"{overlap:.3f}"


def spent(usage: Usage) -> tuple[str, str]:
    """Return calls and cost."""
    return str(usage.calls), f"${usage.cost_usd:.5f}"


def show_steps(console: Console, client: Client, questions: Sequence[GivenQuestion]) -> None:
    """Print what becomes known of some questions, as it comes."""
    texts = {each.id: each.text for each in questions}
    for event in client.stream_answers(questions):
        match event:
            case PlanMade(name, steps):
                console.print(f"   [{name}] {texts[name]}", markup=False)
                for step in steps:
                    console.print(f"      plan {step.id}: {step.text}", markup=False)
            case StepDone(name, step):
                said = step.answer or (step.error.reason if step.error else "no answer")
                line = f"{step.question} -> {said} ({step.tier} model)"
                console.print(f"      [{name}] step {step.step}: {line}", markup=False)
            case Answered(answer):
                console.print(f"      [{answer.id}] answer: {told(answer)}", markup=False)


def told(answer: QuestionAnswer) -> str:
    """Return an answer with the titles of what it was read from."""
    titles = [passage.title for passage in answer.passages if passage.cited]
    return f"{answer.answer or 'none'} (from {', '.join(titles) or 'no passage it names'})"
