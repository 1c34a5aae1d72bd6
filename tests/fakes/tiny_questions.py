"""A cascade of questions of tiny size, put together node by node, and who is asked in it.

ScriptedReader (small, large) -> recall, gate, plan, direct, gate, steps of plans -> Engine
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from fakes.scripted_reader import Asked, Said, ScriptedReader, reading_model
from fakes.tiny_engine import soon
from headgate.cascade.engine import About, Engine
from headgate.cascade.nodes import GateNode
from headgate.domains.questions.task import QuestionTask, StepTask
from headgate.gate.threshold import Gate
from headgate.lm.decompose import DecomposeRequest
from headgate.models.trust import Trust
from headgate.stages.catalog import Decompose, Read, Synthesise
from headgate.stages.decompose import LmPlanner
from headgate.types import Deadline, Decision, Origin, PlanStep, Record, Result, Usage

CHAIN = "When was the founder of the Harbour Mill born?"
EASY = "Which bird is black?"
STEPS = (
    PlanStep(1, "Who founded the Harbour Mill?"),
    PlanStep(2, "When was #1 born?", True, (1,)),
)
SAYS = {
    EASY: "The Rook",
    "Who founded the Harbour Mill?": "Ada Rook",
    "When was Ada Rook born?": "1902",
}
"""What the small model knows; of the rest it says that it is unknown."""
WAY = ["recall", "known", "plan", "direct", "sure", "final"]
NONE, EVERY = 0.9, 0.5
"""Thresholds: none of the small model's readings is kept, and every one that has an answer."""


class Lm(ScriptedReader):
    """Counts how often it is closed."""

    closed = 0

    async def close(self) -> None:
        """Count it."""
        self.closed += 1


def small(request: Asked) -> Said:
    """Say what there is in the table above."""
    return {"answer": SAYS.get(request.question, "unknown")}


def guesses(request: Asked) -> Said:
    """Say what `small` does, and something of what it does not know."""
    return {"answer": SAYS.get(request.question, "the 1800s")}


def large(request: Asked) -> Said:
    """Split the question, and conclude from the last step."""
    if isinstance(request, DecomposeRequest):
        steps = [{"question": step.text, "needs_context": True} for step in STEPS]
        return {"steps": steps}
    found = request.steps[-1][1]
    return {"answer": "unknown" if found == "no answer" else f"The {found}."}


@dataclass
class Cascade:
    """An engine, and who is asked."""

    engine: Engine
    slm: Lm
    llm: Lm

    @property
    def asked(self) -> tuple[list[str], list[str]]:
        """Return the ids of what the small model was asked, and the large one, in order."""
        return self.slm.asked, self.llm.asked

    async def answer(
        self, *questions: str, deadline: Deadline | None = None, origin: Origin | None = None
    ) -> list[Result]:
        """Return the results of questions with the ids q1, q2, ..."""
        records = [asks(text, f"q{number}") for number, text in enumerate(questions, 1)]
        return await self.engine.run(records, deadline or soon(), origin=origin or Origin())


def cascade(
    slm: Callable[[Asked], Said] = small,
    llm: Callable[[Asked], Said] = large,
    *,
    known: float = EVERY,
    sure: float = EVERY,
    concludes: float = 0.6,
) -> Cascade:
    """Return recall, gate, plan, direct, gate and the steps of plans, each read once.

    Args:
        slm: What the small model says; its answers are trusted by 0.8.
        llm: What the large model says.
        known: Threshold of the first gate.
        sure: Threshold of the second gate.
        concludes: How far the large model's answers are trusted.
    """
    readers = Lm(slm), Lm(llm, concludes)
    small_model, large_model = (reading_model(each) for each in readers)

    def read(name: str, earlier: str | None = None) -> Read:
        return Read(
            name,
            "slm",
            large_model=small_model,
            instruction=f"Prompt of {name}.",
            trust=Trust.default(),
            earlier=earlier,
        )

    steps = Engine(about("steps"), task=StepTask(), nodes=[read("answer")])
    final = Synthesise(
        "final",
        "llm",
        large_model=large_model,
        instruction="Conclude.",
        trust=Trust.default(),
        plan="plan",
        earlier="direct",
        steps=steps,
    )
    nodes = [
        read("recall"),
        GateNode("known", "recall", Gate("max_prob", known)),
        Decompose("plan", "llm", planner=LmPlanner(large_model, "Split.", 8)),
        read("direct", "recall"),
        GateNode("sure", "direct", Gate("max_prob", sure)),
        final,
    ]
    engine = Engine(about("questions"), task=QuestionTask(), nodes=nodes, steps=steps)
    return Cascade(engine, *readers)


def about(name: str) -> About:
    """Return what is told of an engine."""
    return About(name, "", "r", 1.0, {})


def asks(text: str, record_id: str = "q1") -> Record:
    """Return the record of a question."""
    return Record(record_id, {"question": text})


def way(result: Result) -> list[tuple[str, Decision]]:
    """Return what each stage did with it."""
    return [(step.stage, step.decision) for step in result.path]


def times(calls: int) -> Usage:
    """Return what so many calls consume."""
    return Usage(calls, 10 * calls, 5 * calls, pytest.approx(20e-6 * calls))
