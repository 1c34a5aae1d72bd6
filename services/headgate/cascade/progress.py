"""Where each record of a batch stands, and the result it ends with.

Record + what the stages did  ->  Progress  ->  Result
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from headgate.cascade.guarantee import Claim
from headgate.errors import DeadlineError, HeadgateError
from headgate.stages.contract import Cell
from headgate.types import (
    Decision,
    GateVerdict,
    Hit,
    Judgement,
    Prediction,
    Record,
    Result,
    Shortlist,
    Step,
    Tier,
)

_DECISIONS: dict[str, Decision] = {
    "classify": Decision.ANSWERED,
    "retrieve": Decision.RETRIEVED,
    "verify": Decision.ANSWERED,
    "rerank": Decision.ANSWERED,
}


@dataclass(slots=True)
class Progress:
    """One record on its way through the flow."""

    index: int
    """Its position in the batch."""
    record: Record
    claim: Claim = Claim()  # noqa: RUF009 - frozen
    """What its answer may claim."""
    steps: list[Step] = field(default_factory=list)
    prediction: Prediction | None = None
    """The latest small model's answer."""
    evidence: tuple[Hit, ...] = ()
    judgement: Judgement | None = None
    problem: HeadgateError | None = None
    """Why the flow could not go on with it."""
    cells: dict[str, Cell] = field(default_factory=dict)
    """What each stage yielded, by stage name."""
    verdicts: dict[str, GateVerdict] = field(default_factory=dict)
    """What each gate said, by its name, in order."""

    @property
    def kept(self) -> bool:
        """Return whether a gate kept it."""
        return any(verdict.kept for verdict in self.verdicts.values())

    def shown(self, inputs: Sequence[str]) -> Cell:
        """Return what a stage that asks a large model shows it; nothing when it reads no stage."""
        return next((self.cells.get(name, ()) for name in inputs), ())

    def take(
        self,
        stage: str,
        kind: str,
        cell: Cell,
        elapsed_ms: float,
    ) -> None:
        """Note what a stage yielded."""
        self.cells[stage] = cell
        score = None
        match cell:
            case HeadgateError():
                step = Step(stage, kind, Decision.FAILED, elapsed_ms, detail=cell.reason)
                self.steps.append(step)
                return
            case Prediction():
                self.prediction, score = cell, cell.confidence
            case Shortlist():
                self.prediction, self.evidence = cell.prediction, cell.hits
                score = cell.prediction.confidence
            case Judgement():
                self.judgement = cell
            case _:
                self.evidence = cell
        self.steps.append(Step(stage, kind, _DECISIONS[kind], elapsed_ms, score))

    def judge(self, gate: str, verdict: GateVerdict, elapsed_ms: float) -> None:
        """Note what a gate decided."""
        self.verdicts[gate] = verdict
        decision = Decision.KEPT if verdict.kept else Decision.ESCALATED
        detail = f"threshold {verdict.threshold:.4f}"
        self.steps.append(Step(gate, "gate", decision, elapsed_ms, verdict.score, detail))

    def keep_for_budget(self) -> None:
        """Note that asking the large model was not worth its price."""
        detail = "a call is not worth its price now"
        self.steps.append(Step("budget", "budget", Decision.KEPT, 0.0, detail=detail))

    def refuse(self, problem: HeadgateError) -> None:
        """Leave it without an answer."""
        self.prediction, self.problem = None, problem

    def result(self) -> Result:
        """Return the record's result as things stand.

        When the flow could not go on, it is the best earlier answer, marked degraded, or the
        problem itself when there is none.
        """
        answer, tier = self._answer()
        if not answer:
            return self._result(error=self.problem)
        return self._result(answer=answer, tier=tier, degraded=degraded_by(self.problem))

    def _answer(self) -> tuple[str, Tier | None]:
        if self.judgement is not None:
            return self.judgement.answer, Tier.LARGE
        if self.prediction is not None:
            return self.prediction.answer, Tier.SMALL
        return "", None

    def _result(
        self,
        *,
        answer: str = "",
        tier: Tier | None = None,
        degraded: str = "",
        error: HeadgateError | None = None,
    ) -> Result:
        # What went another way than the policy wanted is not what was certified.
        claim = Claim() if degraded or error else self.claim
        judged = self.judgement or Judgement("", "", Result("").usage)
        return Result(
            record_id=self.record.id,
            answer=answer,
            confidence=self._confidence(answer),
            tier=tier,
            path=tuple(self.steps),
            evidence=self.evidence,
            rationale=judged.rationale,
            usage=judged.usage,
            certificate_id=claim.certificate_id,
            guarantee=claim.state,
            degraded=degraded,
            lossy_input=self.record.lossy,
            cached=judged.cached,
            error=error,
        )

    def _confidence(self, answer: str) -> float:
        """Return the small model's probability of the answer, whoever gave it."""
        if self.prediction is None or not answer:
            return 0.0
        return self.prediction.probabilities[self.prediction.options.index(answer)]


def degraded_by(problem: HeadgateError | None) -> str:
    """Return why an answer is not the one the policy wanted; empty without a problem."""
    if problem is None:
        return ""
    return "DEADLINE" if isinstance(problem, DeadlineError) else problem.reason
