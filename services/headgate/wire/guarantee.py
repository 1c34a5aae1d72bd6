"""What is said of the quality of answers: states, certificates and gates.

GuaranteeState <-> v1.GuaranteeState, CertificateSummary <-> v1.CertificateSummary,
GateExplanation <-> v1.GateExplanation
"""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from headgate.types import Alternative, CertificateSummary, GateExplanation, GuaranteeState
from headgate.v1 import cascade_service_pb2, types_pb2
from headgate.wire.parts import count_to_wire, unknown_number
from headgate.wire.text import prose_to_wire

_STATE_NUMBERS = {
    GuaranteeState.CERTIFIED: types_pb2.GUARANTEE_STATE_CERTIFIED,
    GuaranteeState.SUSPECT: types_pb2.GUARANTEE_STATE_SUSPECT,
    GuaranteeState.VOID: types_pb2.GUARANTEE_STATE_VOID,
    GuaranteeState.UNCERTIFIED: types_pb2.GUARANTEE_STATE_UNCERTIFIED,
}
_STATES = {number: state for state, number in _STATE_NUMBERS.items()}


def guarantee_to_wire(state: GuaranteeState) -> types_pb2.GuaranteeState:
    """Return the enum value."""
    return _STATE_NUMBERS[state]


def guarantee_from_wire(number: types_pb2.GuaranteeState) -> GuaranteeState:
    """Return the state; a server older than the field sends none and guarantees nothing.

    Raises:
        InputError: This version knows no such state.
    """
    if number == types_pb2.GUARANTEE_STATE_UNSPECIFIED:
        return GuaranteeState.UNCERTIFIED
    if number not in _STATES:
        raise unknown_number("guarantee", number)
    return _STATES[number]


def certificate_to_wire(certificate: CertificateSummary) -> cascade_service_pb2.CertificateSummary:
    """Return the message for one certificate; counts are cut to what 32 bits hold.

    Raises:
        ValueError: `issued` is neither empty nor a time in ISO 8601.
    """
    return cascade_service_pb2.CertificateSummary(
        id=certificate.id,
        kind=certificate.kind,
        mode=certificate.mode,
        epsilon=certificate.epsilon,
        delta=certificate.delta,
        certified=certificate.certified,
        n=count_to_wire(certificate.n),
        bad=count_to_wire(certificate.bad),
        p_value=certificate.p_value,
        automation=certificate.automation,
        labels_needed=count_to_wire(certificate.labels_needed),
        issued=_time_to_wire(certificate.issued),
        state=guarantee_to_wire(certificate.state),
        problem=prose_to_wire(certificate.problem),
    )


def certificate_from_wire(message: cascade_service_pb2.CertificateSummary) -> CertificateSummary:
    """Return the certificate; `issued` reads `2026-02-03T04:05:06+00:00`.

    Raises:
        InputError: Its state is one this version does not know.
    """
    return CertificateSummary(
        id=message.id,
        kind=message.kind,
        mode=message.mode,
        epsilon=message.epsilon,
        delta=message.delta,
        certified=message.certified,
        n=message.n,
        bad=message.bad,
        p_value=message.p_value,
        automation=message.automation,
        labels_needed=message.labels_needed,
        issued=message.issued.ToDatetime(UTC).isoformat() if message.HasField("issued") else "",
        state=guarantee_from_wire(message.state),
        problem=message.problem,
    )


def gate_to_wire(gate: GateExplanation) -> cascade_service_pb2.GateExplanation:
    """Return the message for one gate's decision about one record."""
    return cascade_service_pb2.GateExplanation(
        gate=gate.gate,
        predicted=gate.predicted,
        raw_score=gate.raw_score,
        confidence=gate.confidence,
        threshold=gate.threshold,
        kept=gate.kept,
        alternatives=[_alternative_to_wire(each) for each in gate.alternatives],
    )


def gate_from_wire(message: cascade_service_pb2.GateExplanation) -> GateExplanation:
    """Return one gate's decision about one record."""
    return GateExplanation(
        gate=message.gate,
        predicted=message.predicted,
        raw_score=message.raw_score,
        confidence=message.confidence,
        threshold=message.threshold,
        kept=message.kept,
        alternatives=tuple(_alternative_from_wire(each) for each in message.alternatives),
    )


def _alternative_to_wire(alternative: Alternative) -> cascade_service_pb2.Alternative:
    return cascade_service_pb2.Alternative(
        epsilon=alternative.epsilon,
        certified=alternative.certified,
        threshold=alternative.threshold,
        kept=alternative.kept,
    )


def _alternative_from_wire(message: cascade_service_pb2.Alternative) -> Alternative:
    return Alternative(message.epsilon, message.certified, message.threshold, message.kept)


def _time_to_wire(time: str) -> Timestamp | None:
    """Return the moment, None for an empty text; without an offset it is UTC."""
    if not time:
        return None
    moment = Timestamp()
    moment.FromDatetime(datetime.fromisoformat(time))
    return moment
