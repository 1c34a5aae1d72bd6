"""What servers answer for one record: results, explanations and the capabilities' answers.

Result <-> v1.Result, Prediction | error <-> v1.Classification, [(id, score)] <-> v1.Ranking, ...
"""

from __future__ import annotations

from collections.abc import Iterable

from headgate.errors import HeadgateError, RemoteError
from headgate.types import Explanation, Judgement, Prediction, Result, Verification
from headgate.v1 import (
    cascade_service_pb2,
    classifier_service_pb2,
    reranker_service_pb2,
    types_pb2,
    verifier_service_pb2,
)
from headgate.wire.guarantee import (
    gate_from_wire,
    gate_to_wire,
    guarantee_from_wire,
    guarantee_to_wire,
)
from headgate.wire.parts import (
    advice_from_wire,
    advice_to_wire,
    error_from_wire,
    error_to_wire,
    hit_from_wire,
    hit_to_wire,
    maybe_error_to_wire,
    plan_step_from_wire,
    plan_step_to_wire,
    step_from_wire,
    step_to_wire,
    tier_from_wire,
    tier_to_wire,
    usage_from_wire,
    usage_to_wire,
)
from headgate.wire.text import prose_to_wire


def result_to_wire(result: Result) -> types_pb2.Result:
    """Return the message for one result."""
    return types_pb2.Result(
        record_id=result.record_id,
        answer=prose_to_wire(result.answer),
        confidence=result.confidence,
        tier=tier_to_wire(result.tier),
        path=[step_to_wire(step) for step in result.path],
        evidence=[hit_to_wire(hit) for hit in result.evidence],
        rationale=prose_to_wire(result.rationale),
        usage=usage_to_wire(result.usage),
        certificate_id=result.certificate_id,
        guarantee=guarantee_to_wire(result.guarantee),
        degraded=result.degraded,
        lossy_input=result.lossy_input,
        cached=result.cached,
        error=maybe_error_to_wire(result.error),
        parts=[result_to_wire(part) for part in result.parts],
        ranking=[
            types_pb2.RankedOption(option=prose_to_wire(option), score=score)
            for option, score in result.ranking
        ],
        plan=[plan_step_to_wire(step) for step in result.plan],
        asked=prose_to_wire(result.asked),
        cited=[prose_to_wire(passage) for passage in result.cited],
        advice=[advice_to_wire(each) for each in result.advice],
    )


def result_from_wire(message: types_pb2.Result) -> Result:
    """Return the result; its error, if any, is a `RemoteError`.

    Raises:
        InputError: A tier, a decision or a guarantee is one this version does not know.
    """
    return Result(
        record_id=message.record_id,
        answer=message.answer,
        confidence=message.confidence,
        tier=tier_from_wire(message.tier),
        path=tuple(step_from_wire(step) for step in message.path),
        evidence=tuple(hit_from_wire(hit) for hit in message.evidence),
        rationale=message.rationale,
        usage=usage_from_wire(message.usage),
        certificate_id=message.certificate_id,
        guarantee=guarantee_from_wire(message.guarantee),
        degraded=message.degraded,
        lossy_input=message.lossy_input,
        cached=message.cached,
        error=error_from_wire(message.error) if message.HasField("error") else None,
        parts=tuple(result_from_wire(part) for part in message.parts),
        ranking=tuple((ranked.option, ranked.score) for ranked in message.ranking),
        plan=tuple(plan_step_from_wire(step) for step in message.plan),
        asked=message.asked,
        cited=tuple(message.cited),
        advice=tuple(advice_from_wire(each) for each in message.advice),
    )


def explanation_to_wire(explanation: Explanation) -> cascade_service_pb2.Explanation:
    """Return the message for one explanation."""
    return cascade_service_pb2.Explanation(
        record_id=explanation.record_id,
        small_answer=prose_to_wire(explanation.answer),
        confidence=explanation.confidence,
        tier=tier_to_wire(explanation.tier),
        path=[step_to_wire(step) for step in explanation.path],
        evidence=[hit_to_wire(hit) for hit in explanation.evidence],
        expected_usage=usage_to_wire(explanation.expected_usage),
        gates=[gate_to_wire(gate) for gate in explanation.gates],
        parts=[explanation_to_wire(part) for part in explanation.parts],
        error=maybe_error_to_wire(explanation.error),
    )


def explanation_from_wire(message: cascade_service_pb2.Explanation) -> Explanation:
    """Return the explanation; its error, if any, is a `RemoteError`.

    Raises:
        InputError: A tier or a decision is one this version does not know.
    """
    return Explanation(
        record_id=message.record_id,
        answer=message.small_answer,
        confidence=message.confidence,
        tier=tier_from_wire(message.tier),
        path=tuple(step_from_wire(step) for step in message.path),
        evidence=tuple(hit_from_wire(hit) for hit in message.evidence),
        expected_usage=usage_from_wire(message.expected_usage),
        gates=tuple(gate_from_wire(gate) for gate in message.gates),
        parts=tuple(explanation_from_wire(part) for part in message.parts),
        error=error_from_wire(message.error) if message.HasField("error") else None,
    )


def prediction_to_wire(
    record_id: str, prediction: Prediction | HeadgateError
) -> classifier_service_pb2.Classification:
    """Return the message for one classification, most probable option first.

    Options that are equally probable keep the order in which they were declared.
    """
    if isinstance(prediction, HeadgateError):
        return classifier_service_pb2.Classification(
            record_id=record_id, error=error_to_wire(prediction)
        )
    scored = zip(prediction.options, prediction.probabilities, strict=True)
    return classifier_service_pb2.Classification(
        record_id=record_id,
        answer=prediction.answer,
        confidence=prediction.confidence,
        options=[
            classifier_service_pb2.ScoredOption(option=option, probability=probability)
            for option, probability in sorted(scored, key=lambda pair: -pair[1])
        ],
    )


def prediction_from_wire(
    message: classifier_service_pb2.Classification,
) -> Prediction | RemoteError:
    """Return the prediction, most probable option first; or the record's error."""
    if message.HasField("error"):
        return error_from_wire(message.error)
    return Prediction(
        options=tuple(scored.option for scored in message.options),
        probabilities=tuple(scored.probability for scored in message.options),
    )


def verification_to_wire(verification: Verification) -> verifier_service_pb2.Verification:
    """Return the message for one verification; whether it was cached stays behind."""
    message = verifier_service_pb2.Verification(
        record_id=verification.record_id, error=maybe_error_to_wire(verification.error)
    )
    if verification.confirmed is not None:
        message.confirmed = verification.confirmed
    judgement = verification.judgement
    if judgement is not None:
        message.answer = judgement.answer
        message.rationale = prose_to_wire(judgement.rationale)
        message.usage.CopyFrom(usage_to_wire(judgement.total_usage))
    return message


def verification_from_wire(message: verifier_service_pb2.Verification) -> Verification:
    """Return the verification; with an error, a `RemoteError`, it has no judgement."""
    confirmed = message.confirmed if message.HasField("confirmed") else None
    if message.HasField("error"):
        error = error_from_wire(message.error)
        return Verification(message.record_id, confirmed=confirmed, error=error)
    judgement = Judgement(message.answer, message.rationale, usage_from_wire(message.usage))
    return Verification(message.record_id, judgement, confirmed)


def ranking_to_wire(ranking: Iterable[tuple[str, float]]) -> reranker_service_pb2.Ranking:
    """Return the message for one ranking of (candidate id, score), best first."""
    return reranker_service_pb2.Ranking(
        candidates=[
            reranker_service_pb2.RankedCandidate(id=candidate_id, score=score)
            for candidate_id, score in ranking
        ]
    )


def ranking_from_wire(message: reranker_service_pb2.Ranking) -> tuple[tuple[str, float], ...]:
    """Return the ranking as (candidate id, score), best first."""
    return tuple((candidate.id, candidate.score) for candidate in message.candidates)
