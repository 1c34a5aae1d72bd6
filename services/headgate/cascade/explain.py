"""Which path records would take, and what that would cost, without calling a large model.

records -> the flow up to the large model -> Explanation a record
"""

from __future__ import annotations

from collections.abc import Sequence

from headgate.cascade.engine import Engine
from headgate.cascade.progress import Progress
from headgate.types import Deadline, Decision, Explanation, Record, Tier, Usage


async def explain(
    engine: Engine, records: Sequence[Record], deadline: Deadline
) -> list[Explanation]:
    """Return one explanation a record, in order."""
    advanced = await engine.advance(records, deadline)
    return [_explanation(engine, progress) for progress in advanced]


def _explanation(engine: Engine, progress: Progress) -> Explanation:
    result = progress.result()
    verify = engine.verify_stage
    escalated = (
        verify is not None
        and progress.problem is None
        and not any(step.decision is Decision.KEPT for step in progress.steps)
    )
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
        error=result.error,
    )
