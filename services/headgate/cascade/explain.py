"""Which path records would take, and what that would cost, without calling a large model.

records -> the flow up to the large model -> Explanation a record
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from headgate.cascade.engine import Engine
from headgate.cascade.fan_out import Expanded, FanOut
from headgate.cascade.nodes import GateNode
from headgate.cascade.progress import Progress
from headgate.stages.contract import prediction_of
from headgate.types import (
    Alternative,
    Deadline,
    Explanation,
    GateExplanation,
    Record,
    Tier,
    Usage,
)


async def explain(
    engine: Engine, records: Sequence[Record], deadline: Deadline
) -> list[Explanation]:
    """Return one explanation a record, in order; of its parts too, where it fans out."""
    if isinstance(engine, FanOut):
        return await _explain_wholes(engine, records, deadline)
    advanced = await engine.advance(records, deadline)
    return [_explanation(engine, progress) for progress in advanced]


async def _explain_wholes(
    engine: FanOut, records: Sequence[Record], deadline: Deadline
) -> list[Explanation]:
    wholes = await asyncio.to_thread(engine.expand, records)
    units = [unit for whole in wholes for unit in whole.units]
    parts = iter(await explain(engine.units, units, deadline))
    return [_whole(each, [next(parts) for _ in each.units]) for each in wholes]


def _whole(whole: Expanded, parts: Sequence[Explanation]) -> Explanation:
    tiers = {part.tier for part in parts}
    return Explanation(
        record_id=whole.record.id,
        tier=next((tier for tier in (Tier.LARGE, Tier.SMALL) if tier in tiers), None),
        expected_usage=sum((part.expected_usage for part in parts), Usage()),
        parts=tuple(parts),
        error=whole.problem,
    )


def _gates(engine: Engine, progress: Progress) -> Iterator[GateExplanation]:
    """Yield how each gate came to its decision, and what it would have been at other epsilons."""
    nodes = {node.name: node for node in engine.nodes if isinstance(node, GateNode)}
    for name, verdict in progress.verdicts.items():
        node = nodes[name]
        prediction = prediction_of(progress.cells.get(node.of))
        yield GateExplanation(
            gate=name,
            predicted=prediction.answer if prediction else "",
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
    asking = engine.first_asking
    goes_on = asking is not None and progress.problem is None and not progress.kept
    escalated = goes_on and asking is engine.asking
    expected = Usage()
    if goes_on and asking is not None:
        expected = asking.expected_usage(progress.record, progress.shown(asking.inputs))
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
