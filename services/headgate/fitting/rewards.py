"""What a plan is worth, and which plans of a question teach a language model to write better ones.

answers of a language model that was asked for plans, answers that the plans led to
  ->  rewards  ->  the best plan | the best and the worst  ->  rows, as TRL reads them

Source:
    Collab-RAG (Xu et al. 2025), arXiv:2504.04915, section 3: half of exact match plus accuracy,
    nothing for a plan of another form; fine-tuning on rewards of 0.5 and more, then preferences
    of the best sample over the worst, ties left out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from headgate.artifact import JSON
from headgate.domains.questions.answers import NO_ANSWER, covers, exact_match
from headgate.lm.prompt import Message
from headgate.types import PlanStep

LEAST_REWARD = 0.5
"""Of a plan that is good enough to be imitated."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One answer of a language model that was asked for a plan, and what came of it."""

    id: str
    """Of the request, such as `q1/plan/2`."""
    text: str
    """As it came."""
    steps: tuple[PlanStep, ...] = ()
    """The plan in it; empty where there is no usable one."""
    answer: str = ""
    """What the plan led to; empty where nothing came of it."""
    exact: bool = False
    """Whether that is a right answer."""
    covered: bool = False
    """Whether a right answer stands in it."""
    problem: str = ""
    """Why there is no plan, or no answer."""

    @property
    def usable(self) -> bool:
        """Return whether the plan could be carried out."""
        return bool(self.steps)

    @property
    def reward(self) -> float:
        """Return 0, 0.5 or 1: the mean of exact match and accuracy; 0 without a usable plan."""
        return 0.5 * (self.exact + self.covered) if self.usable else 0.0

    @property
    def written(self) -> str:
        """Return what the model is to write, or not to write: the plan as JSON, or its own text."""
        return plan_json(self.steps) if self.usable else self.text

    def answered(self, answer: str, golds: Sequence[str]) -> Tried:
        """Return the same with the answer that the plan led to; none is never right."""
        given = answer != NO_ANSWER
        exact, covered = given and exact_match(answer, golds), given and covers(answer, golds)
        return replace(self, answer=answer, exact=exact, covered=covered)

    def to_json(self, question_id: str) -> dict[str, JSON]:
        """Return the row of what was tried."""
        return {
            "id": self.id,
            "question_id": question_id,
            "text": self.text,
            "steps": _steps(self.steps) if self.usable else None,
            "usable": self.usable,
            "answer": self.answer,
            "em": self.exact,
            "acc": self.covered,
            "reward": self.reward,
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True)
class Trial:
    """All that was tried for one question."""

    question_id: str
    prompt: Sequence[Message]
    """What the language model is asked when the cascade serves."""
    tried: Sequence[Tried]
    """At least one, in the order of the samples; the first is what serving would get."""

    @property
    def best(self) -> Tried:
        """Return the one of most reward; the first one of several."""
        return max(self.tried, key=lambda each: each.reward)

    @property
    def worst(self) -> Tried:
        """Return the one of least reward; the first one of several.

        A blank answer teaches nothing and is not taken while there are others.
        """
        written = [each for each in self.tried if each.written.strip()]
        return min(written or self.tried, key=lambda each: each.reward)

    def example(self) -> dict[str, JSON] | None:
        """Return the row to imitate; None where no plan is good enough."""
        if self.best.reward < LEAST_REWARD:
            return None
        messages = [*_prompt(self.prompt), *_said(self.best)]
        return {"messages": messages, "reward": self.best.reward, "id": self.question_id}

    def pair(self) -> dict[str, JSON] | None:
        """Return the row of a preference; None where all plans are worth the same."""
        if self.best.reward == self.worst.reward:
            return None
        return {
            "prompt": _prompt(self.prompt),
            "chosen": _said(self.best),
            "rejected": _said(self.worst),
            "chosen_reward": self.best.reward,
            "rejected_reward": self.worst.reward,
            "id": self.question_id,
        }

    def rows(self) -> list[dict[str, JSON]]:
        """Return a row for everything that was tried."""
        return [each.to_json(self.question_id) for each in self.tried]


def plan_json(steps: Sequence[PlanStep]) -> str:
    """Return the steps as the JSON object that a language model is asked for, on one line."""
    return json.dumps({"steps": _steps(steps)}, ensure_ascii=False)


def _steps(steps: Sequence[PlanStep]) -> list[JSON]:
    return [{"question": step.text, "needs_context": step.needs_context} for step in steps]


def _prompt(messages: Sequence[Message]) -> list[JSON]:
    return [{"role": each["role"], "content": each["content"]} for each in messages]


def _said(tried: Tried) -> list[JSON]:
    return [{"role": "assistant", "content": tried.written}]
