"""Where each record of a batch stands, and the result it ends with.

Record + what the stages did  ->  Progress  ->  Result
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from headgate.cascade.guarantee import Claim
from headgate.errors import BudgetError, DeadlineError, HeadgateError, LmError
from headgate.stages.contract import Cell, PaidCell
from headgate.types import (
    Decision,
    GateVerdict,
    Hit,
    Judgement,
    Planned,
    PlanStep,
    Prediction,
    Reading,
    Record,
    Result,
    Shortlist,
    Step,
    Tier,
    Usage,
)

_SPOILING = (BudgetError, DeadlineError, LmError)
_DECISIONS: dict[str, Decision] = {
    "classify": Decision.ANSWERED,
    "retrieve": Decision.RETRIEVED,
    "decompose": Decision.PLANNED,
    "read": Decision.ANSWERED,
    "synthesise": Decision.ANSWERED,
    "advise": Decision.ANSWERED,
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

    def shown(self, inputs: Sequence[str]) -> dict[str, Cell]:
        """Return what a stage that asks a language model is told of it, by stage."""
        return {name: self.cells[name] for name in inputs if name in self.cells}

    def take(
        self,
        stage: str,
        kind: str,
        cell: Cell,
        elapsed_ms: float,
    ) -> None:
        """Note what a stage yielded."""
        self.cells[stage] = cell
        score, detail = None, ""
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
            case Reading():
                self.prediction, score = cell.prediction, cell.prediction.confidence
            case Planned():
                detail = cell.fallback or _in_steps(len(cell.steps))
            case Judgement():
                self.judgement, score = cell, cell.confidence
                self.evidence = cell.evidence or self.evidence
            case _:
                self.evidence = cell
        self.steps.append(Step(stage, kind, _DECISIONS[kind], elapsed_ms, score, detail))

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
        return self._result(answer=answer, tier=tier, degraded=self.degraded)

    @property
    def degraded(self) -> str:
        """Return why its answer is not what the policy wanted; empty when it is.

        A plan that nobody could pay, or a step that went wrong, spoils the answer made without it.
        A step that is not asked, because an earlier one found no answer, does not.
        """
        parts = self.judgement.parts if self.judgement else ()
        unpaid = [each for each in self.cells.values() if isinstance(each, BudgetError)]
        wrong = [part.error for part in parts if isinstance(part.error, _SPOILING)]
        degraded = [part.degraded for part in parts]
        reasons = [degraded_by(self.problem), *degraded, *map(degraded_by, (*unpaid, *wrong))]
        return next(filter(None, reasons), "")

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
        judged = self.judgement or Judgement("", "", Usage())
        paid = [each for each in self.cells.values() if isinstance(each, PaidCell)]
        return Result(
            record_id=self.record.id,
            answer=answer,
            confidence=self._confidence(answer),
            tier=tier,
            path=tuple(self.steps),
            evidence=self.evidence,
            rationale=judged.rationale,
            usage=sum((_usage(each) for each in paid), Usage()),
            certificate_id=claim.certificate_id,
            guarantee=claim.state,
            degraded=degraded,
            lossy_input=self.record.lossy,
            cached=bool(paid) and all(map(_is_cached, paid)),
            error=error,
            parts=judged.parts,
            plan=self._plan(),
            cited=self._cited(),
            advice=judged.advice,
        )

    def _confidence(self, answer: str) -> float:
        """Return the small model's probability of the answer, whoever gave it.

        Of an answer that is a free text it is the probability that was given with it.
        """
        if self.judgement is not None and self.judgement.confidence is not None:
            return self.judgement.confidence
        if self.prediction is None:
            return 0.0
        options = zip(self.prediction.options, self.prediction.probabilities, strict=True)
        return dict(options).get(answer, 0.0)

    def _plan(self) -> tuple[PlanStep, ...]:
        """Return the plan by which it was answered, or the one that was made before that."""
        if self.judgement is not None and self.judgement.plan:
            return self.judgement.plan
        plans = [each.steps for each in self.cells.values() if isinstance(each, Planned)]
        return plans[-1] if plans and len(plans[-1]) > 1 else ()

    def _cited(self) -> tuple[str, ...]:
        """Return the passages that the answer was read from, by whoever gave it."""
        if self.judgement is not None:
            return self.judgement.cited
        readings = [each for each in self.cells.values() if isinstance(each, Reading)]
        return readings[-1].passages if readings else ()


def _is_cached(cell: PaidCell) -> bool:
    """Return whether nothing had to be asked for it, for its parts neither."""
    parts = cell.parts if isinstance(cell, Judgement) else ()
    return cell.cached and not any(part.usage.calls for part in parts)


def _usage(cell: PaidCell) -> Usage:
    return cell.total_usage if isinstance(cell, Judgement) else cell.usage


def _in_steps(steps: int) -> str:
    return "1 step" if steps == 1 else f"{steps} steps"


def degraded_by(problem: HeadgateError | None) -> str:
    """Return why an answer is not the one the policy wanted; empty without a problem."""
    if problem is None:
        return ""
    return "DEADLINE" if isinstance(problem, DeadlineError) else problem.reason
