"""Which path records would take, and what that would cost, without calling a large model.

records -> the flow up to the large model -> Explanation a record
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headgate.cascade.engine import Engine, GateNode
from headgate.cascade.progress import Progress
from headgate.types import (
    Alternative,
    Deadline,
    Explanation,
    GateExplanation,
    Prediction,
    Record,
    Tier,
    Usage,
)


async def explain(
    engine: Engine, records: Sequence[Record], deadline: Deadline
) -> list[Explanation]:
    """Return one explanation a record, in order."""
    advanced = await engine.advance(records, deadline)
    return [_explanation(engine, progress) for progress in advanced]


def _gates(engine: Engine, progress: Progress) -> Iterator[GateExplanation]:
    """Yield how each gate came to its decision, and what it would have been at other epsilons."""
    nodes = {node.name: node for node in engine.nodes if isinstance(node, GateNode)}
    for name, verdict in progress.verdicts.items():
        node = nodes[name]
        prediction = progress.cells.get(node.of)
        yield GateExplanation(
            gate=name,
            predicted=prediction.answer if isinstance(prediction, Prediction) else "",
            raw_score=verdict.raw_score,
            confidence=verdict.score,
            threshold=verdict.threshold,
            kept=verdict.kept,
            alternatives=tuple(
                Alternative(
                    rung.epsilon, rung.certified, rung.threshold, verdict.score >= rung.threshold
                )
                for rung in node.ladder
            ),
        )


def _explanation(engine: Engine, progress: Progress) -> Explanation:
    result = progress.result()
    verify = engine.verify_stage
    escalated = verify is not None and progress.problem is None and not progress.kept
    expected = Usage()
    if escalated and verify is not None:
        request = verify.request(progress.record, progress.evidence)
        expected = verify.large_model.expected_usage(request)
    return Explanation(
        record_id=result.record_id,
        answer=result.answer,
        confidence=result.confidence,
        tier=Tier.LARGE if escalated else result.tier,
        path=result.path,
        evidence=result.evidence,
        expected_usage=expected,
        gates=tuple(_gates(engine, progress)),
        error=result.error,
    )
