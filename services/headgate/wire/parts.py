"""What answers are made of: steps, hits, advice, usage and one record's error.

Step <-> v1.Step, Hit <-> v1.Evidence, Advice <-> v1.Advice, Usage <-> v1.Usage
HeadgateError -> v1.RecordError -> RemoteError
"""

from __future__ import annotations

from headgate.errors import HeadgateError, InputError, RemoteError
from headgate.types import Advice, Decision, Hit, PlanStep, Step, Tier, Usage
from headgate.v1 import types_pb2
from headgate.wire.text import prose_to_wire

_UINT32_MAX = 2**32 - 1

_TIER_NUMBERS = {
    Tier.SMALL: types_pb2.TIER_SMALL,
    Tier.LARGE: types_pb2.TIER_LARGE,
}
_TIERS = {number: tier for tier, number in _TIER_NUMBERS.items()}

_DECISION_NUMBERS = {
    Decision.ANSWERED: types_pb2.DECISION_ANSWERED,
    Decision.KEPT: types_pb2.DECISION_KEPT,
    Decision.ESCALATED: types_pb2.DECISION_ESCALATED,
    Decision.RETRIEVED: types_pb2.DECISION_RETRIEVED,
    Decision.PLANNED: types_pb2.DECISION_PLANNED,
    Decision.FAILED: types_pb2.DECISION_FAILED,
}
_DECISIONS = {number: decision for decision, number in _DECISION_NUMBERS.items()}


def tier_to_wire(tier: Tier | None) -> types_pb2.Tier:
    """Return the enum value; TIER_UNSPECIFIED when no model answered."""
    return types_pb2.TIER_UNSPECIFIED if tier is None else _TIER_NUMBERS[tier]


def tier_from_wire(number: types_pb2.Tier) -> Tier | None:
    """Return the tier; None for TIER_UNSPECIFIED, which only a record without an answer has.

    Raises:
        InputError: This version knows no such tier.
    """
    if number == types_pb2.TIER_UNSPECIFIED:
        return None
    if number not in _TIERS:
        raise unknown_number("tier", number)
    return _TIERS[number]


def step_to_wire(step: Step) -> types_pb2.Step:
    """Return the message for one step; a score of None is absent from it."""
    return types_pb2.Step(
        stage=step.stage,
        kind=step.kind,
        decision=_DECISION_NUMBERS[step.decision],
        score=step.score,
        elapsed_ms=step.elapsed_ms,
        detail=prose_to_wire(step.detail),
    )


def step_from_wire(message: types_pb2.Step) -> Step:
    """Return the step.

    Raises:
        InputError: Its decision is DECISION_UNSPECIFIED or one this version does not know.
    """
    if message.decision not in _DECISIONS:
        raise unknown_number("step.decision", message.decision)
    return Step(
        stage=message.stage,
        kind=message.kind,
        decision=_DECISIONS[message.decision],
        elapsed_ms=message.elapsed_ms,
        score=message.score if message.HasField("score") else None,
        detail=message.detail,
    )


def hit_to_wire(hit: Hit) -> types_pb2.Evidence:
    """Return the message for one document that was found."""
    return types_pb2.Evidence(
        id=prose_to_wire(hit.id),
        similarity=hit.similarity,
        text=prose_to_wire(hit.text),
        metadata={prose_to_wire(key): prose_to_wire(text) for key, text in hit.metadata.items()},
    )


def hit_from_wire(message: types_pb2.Evidence) -> Hit:
    """Return the document that was found."""
    return Hit(message.id, message.similarity, message.text, dict(message.metadata))


def advice_to_wire(advice: Advice) -> types_pb2.Advice:
    """Return the message for one perspective's advice; what it consumed stays behind."""
    return types_pb2.Advice(
        perspective=prose_to_wire(advice.perspective),
        probability=advice.probability,
        rationale=prose_to_wire(advice.rationale),
        usefulness=advice.usefulness,
    )


def advice_from_wire(message: types_pb2.Advice) -> Advice:
    """Return one perspective's advice, without what it consumed."""
    return Advice(
        perspective=message.perspective,
        probability=message.probability,
        rationale=message.rationale,
        usefulness=message.usefulness if message.HasField("usefulness") else None,
    )


def usage_to_wire(usage: Usage) -> types_pb2.Usage:
    """Return the message for one usage; counts are cut to what 32 bits hold."""
    return types_pb2.Usage(
        calls=count_to_wire(usage.calls),
        input_tokens=count_to_wire(usage.input_tokens),
        output_tokens=count_to_wire(usage.output_tokens),
        cost_usd=usage.cost_usd,
        estimated=usage.estimated,
    )


def usage_from_wire(message: types_pb2.Usage) -> Usage:
    """Return the usage."""
    return Usage(
        calls=message.calls,
        input_tokens=message.input_tokens,
        output_tokens=message.output_tokens,
        cost_usd=message.cost_usd,
        estimated=message.estimated,
    )


def error_to_wire(error: HeadgateError) -> types_pb2.RecordError:
    """Return the message for one record's error."""
    message = error.message if isinstance(error, RemoteError) else str(error)
    return types_pb2.RecordError(
        code=error.status, reason=error.reason, message=prose_to_wire(message)
    )


def error_from_wire(message: types_pb2.RecordError) -> RemoteError:
    """Return the error with the server's status and reason; its class stays behind."""
    return RemoteError(message.code, message.reason, message.message)


def maybe_error_to_wire(error: HeadgateError | None) -> types_pb2.RecordError | None:
    """Return the message for an error; None for none."""
    return None if error is None else error_to_wire(error)


def count_to_wire(number: int) -> int:
    """Return the count, cut to what 32 bits hold."""
    # An endpoint may report any number of tokens; a message refuses one it cannot hold.
    return min(max(number, 0), _UINT32_MAX)


def unknown_number(place: str, number: int) -> InputError:
    """Return the error of an enum value that this version does not know."""
    return InputError(
        place,
        f"the server sent {number}, which this version does not know",
        "Update Headgate on this side.",
    )


def plan_step_to_wire(step: PlanStep) -> types_pb2.PlanStep:
    """Return the message for one step of a plan."""
    return types_pb2.PlanStep(
        id=step.id,
        text=prose_to_wire(step.text),
        needs_context=step.needs_context,
        refers_to=step.refers_to,
    )


def plan_step_from_wire(message: types_pb2.PlanStep) -> PlanStep:
    """Return one step of a plan."""
    return PlanStep(
        id=message.id,
        text=message.text,
        needs_context=message.needs_context,
        refers_to=tuple(message.refers_to),
    )
