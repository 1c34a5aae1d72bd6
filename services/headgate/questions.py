"""What question answering takes from callers and tells them: questions in, answers with evidence.

GivenQuestion  ->  PlanMade, StepDone (one a step), Answered  ->  QuestionAnswer: steps, passages

All frozen, none with I/O, and nothing here but the standard library: clients import it.
"""

from __future__ import annotations

from dataclasses import dataclass

from headgate.errors import HeadgateError
from headgate.types import GuaranteeState, PlanStep, Step, Tier, Usage


@dataclass(frozen=True, slots=True)
class GivenQuestion:
    """A question as a caller has it."""

    id: str
    """Unique among the questions of a call; its position when empty."""
    text: str
    lossy: bool = False
    """True when bytes of the text that were not UTF-8 were replaced by U+FFFD."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage of the corpus that was found for a question."""

    id: str
    """In the corpus."""
    title: str
    """Of the document it is from; empty when it has none."""
    text: str
    similarity: float
    """Cosine, between -1 and 1."""
    cited: bool = False
    """True when the answer was read from it."""


@dataclass(frozen=True, slots=True)
class StepAnswer:
    """The answer to one step of a plan; or its error."""

    step: int
    """Its number in the plan."""
    question: str = ""
    """As it was asked, with earlier answers in their places."""
    answer: str = ""
    """Empty when there is none."""
    abstained: bool = False
    """True when a model looked for an answer and found none."""
    confidence: float = 0.0
    """Probability that the answer is right."""
    tier: Tier | None = None
    """Which model answered."""
    passages: tuple[Passage, ...] = ()
    """What was found for it, best first."""
    path: tuple[Step, ...] = ()
    usage: Usage = Usage()  # noqa: RUF009 - frozen
    """What language models consumed for it."""
    degraded: str = ""
    """Why this is not the answer the policy wanted; empty when it is."""
    error: HeadgateError | None = None


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """The answer to one question with everything that led to it; or its error."""

    id: str
    answer: str = ""
    """A short text; empty when there is none."""
    abstained: bool = False
    """True when the models looked for an answer and found none."""
    confidence: float = 0.0
    """Probability that the answer is right."""
    tier: Tier | None = None
    """Which model answered."""
    passages: tuple[Passage, ...] = ()
    """What was found for it, best first."""
    plan: tuple[PlanStep, ...] = ()
    """How it was split; empty when that was not tried, or it is one step."""
    steps: tuple[StepAnswer, ...] = ()
    """One a step of the plan, in order; empty when the steps were not asked."""
    path: tuple[Step, ...] = ()
    rationale: str = ""
    usage: Usage = Usage()  # noqa: RUF009 - frozen
    """What language models consumed for it, its steps included."""
    certificate_id: str = ""
    """The certificate the answer falls under; empty when it falls under none."""
    guarantee: GuaranteeState = GuaranteeState.UNCERTIFIED
    """The state of that certificate when the answer was given."""
    degraded: str = ""
    """Why this is not the answer the policy wanted; empty when it is."""
    cached: bool = False
    lossy_input: bool = False
    error: HeadgateError | None = None


@dataclass(frozen=True, slots=True)
class PlanMade:
    """A question was split."""

    question_id: str
    steps: tuple[PlanStep, ...]
    """At least one, in order."""


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step of a question's plan was answered, or failed."""

    question_id: str
    answer: StepAnswer


@dataclass(frozen=True, slots=True)
class Answered:
    """A question has its answer or its error; nothing of it follows."""

    answer: QuestionAnswer

    @property
    def question_id(self) -> str:
        """Return the question's id."""
        return self.answer.id


AnswerEvent = PlanMade | StepDone | Answered
"""What becomes known of one question."""
