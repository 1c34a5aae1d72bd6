"""What tables say of results and explanations.

Result | Explanation -> cells of a row;  many -> one line of counts and cost
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from headgate.cli.output import JSON, dollars, plain_fields
from headgate.types import Decision, Explanation, GateExplanation, Result, Step, Usage

Answer = TypeVar("Answer", Result, Explanation)
Thresholds = Mapping[str, float | None]
"""By the name of the gate."""


@dataclass(frozen=True, slots=True)
class Form(Generic[Answer]):
    """How one kind of answer is shown."""

    columns: tuple[str, ...]
    numbers: int
    """How many columns, counted from the last, hold numbers."""
    cells: Callable[[Answer, Thresholds], tuple[str, ...]]
    usage: Callable[[Answer], Usage]


def _result_cells(result: Result, thresholds: Thresholds) -> tuple[str, ...]:
    return (
        result.record_id,
        result.answer or "-",
        result.tier or "-",
        _decided_by(result.path),
        _problem(result.degraded, result.error),
        str(result.guarantee),
        f"{result.confidence:.4f}",
        dollars(result.usage.cost_usd),
        f"{sum(step.elapsed_ms for step in result.path):.1f}",
    )


def _explanation_cells(explanation: Explanation, thresholds: Thresholds) -> tuple[str, ...]:
    expected = explanation.expected_usage
    return (
        explanation.record_id,
        explanation.answer or "-",
        explanation.tier or "-",
        " > ".join(f"{step.stage} {step.decision}" for step in explanation.path),
        _compared(explanation.path, thresholds),
        _kept_from(explanation.gates),
        _problem("", explanation.error),
        f"{explanation.confidence:.4f}",
        str(expected.input_tokens + expected.output_tokens),
        dollars(expected.cost_usd),
    )


RESULT = Form(
    ("id", "answer", "tier", "decided by", "degraded", "guarantee", "confidence", "USD", "ms"),
    numbers=3,
    cells=_result_cells,
    usage=lambda result: result.usage,
)
EXPLANATION = Form(
    (
        "id",
        "small answer",
        "tier",
        "path",
        "score and threshold",
        "kept from epsilon",
        "failed",
        "confidence",
        "expected tokens",
        "expected USD",
    ),
    numbers=3,
    cells=_explanation_cells,
    usage=lambda explanation: explanation.expected_usage,
)


def _decided_by(path: Sequence[Step]) -> str:
    """Return the stage whose answer is returned, or the gate that let it out."""
    deciding = [step for step in path if step.decision in (Decision.ANSWERED, Decision.KEPT)]
    return deciding[-1].stage if deciding else "-"


def _problem(degraded: str, error: Exception | None) -> str:
    return getattr(error, "reason", degraded) or "-"


def _compared(path: Sequence[Step], thresholds: Thresholds) -> str:
    """Return each gate's score beside its threshold."""
    compared = []
    for step in path:
        threshold = thresholds.get(step.stage)
        if threshold is not None and step.score is not None:
            sign = ">=" if step.decision is Decision.KEPT else "<"
            compared.append(f"{step.score:.4f} {sign} {threshold:.4f}")
    return ", ".join(compared) or "-"


def _kept_from(gates: Sequence[GateExplanation]) -> str:
    """Return the smallest epsilon that a label set of the fit certifies and that keeps it."""
    kept = [each.epsilon for gate in gates for each in gate.alternatives if each.kept]
    return f"{min(kept):.2%}" if kept else "-"


def lines_of(answer: Answer) -> Sequence[Answer]:
    """Return what is shown on a line of its own: a record, or each part whose path is explained.

    Of a table, the pairs are one answer; which way it takes is told of its columns.
    """
    if isinstance(answer, Explanation) and answer.parts:
        return answer.parts
    return (answer,)


def as_json(answer: Result | Explanation, thresholds: Thresholds) -> dict[str, JSON]:
    """Return everything about one record, with the thresholds of the gates it passed."""
    paths = [answer.path, *(part.path for part in answer.parts)]
    gates = dict.fromkeys(step.stage for path in paths for step in path if step.kind == "gate")
    own: dict[str, JSON] = {gate: thresholds.get(gate) for gate in gates}
    return {**plain_fields(answer), "thresholds": own}


def summary(answers: Sequence[Answer], form: Form[Answer]) -> str:
    """Return one line: how many records, who answers them, at what cost."""
    tiers = [str(each.tier) for each in answers]
    failed = sum(each.error is not None for each in answers)
    degraded = sum(bool(getattr(each, "degraded", "")) for each in answers)
    usage = sum((form.usage(each) for each in answers), Usage())
    return (
        f"{len(answers)} records: {tiers.count('small')} small, {tiers.count('large')} large, "
        f"{degraded} degraded, {failed} failed; {usage.calls} large-model calls, "
        f"{dollars(usage.cost_usd)} USD"
    )
