"""What servers say of their cascades.

CascadeSummary <-> v1.CascadeSummary, CascadeDescription <-> v1.DescribeCascadeResponse
"""

from __future__ import annotations

from headgate.types import CascadeDescription, CascadeSummary, StageSummary
from headgate.v1 import cascade_service_pb2
from headgate.wire.guarantee import certificate_from_wire, certificate_to_wire
from headgate.wire.text import prose_to_wire


def summary_to_wire(summary: CascadeSummary) -> cascade_service_pb2.CascadeSummary:
    """Return the message for one line about a cascade; a certificate of None is absent from it."""
    certificate = summary.certificate
    return cascade_service_pb2.CascadeSummary(
        name=summary.name,
        revision=summary.revision,
        description=prose_to_wire(summary.description),
        ready=summary.ready,
        problem=prose_to_wire(summary.problem),
        certificate=None if certificate is None else certificate_to_wire(certificate),
    )


def summary_from_wire(message: cascade_service_pb2.CascadeSummary) -> CascadeSummary:
    """Return one line about a cascade.

    Raises:
        InputError: The state of its certificate is one this version does not know.
    """
    certificate = certificate_from_wire(message.certificate)
    return CascadeSummary(
        name=message.name,
        revision=message.revision,
        description=message.description,
        ready=message.ready,
        problem=message.problem,
        certificate=certificate if message.HasField("certificate") else None,
    )


def stage_to_wire(stage: StageSummary) -> cascade_service_pb2.StageSummary:
    """Return the message for one stage; a threshold of None is absent from it."""
    return cascade_service_pb2.StageSummary(
        name=stage.name, kind=stage.kind, model=stage.model, threshold=stage.threshold
    )


def stage_from_wire(message: cascade_service_pb2.StageSummary) -> StageSummary:
    """Return one stage."""
    return StageSummary(
        name=message.name,
        kind=message.kind,
        model=message.model,
        threshold=message.threshold if message.HasField("threshold") else None,
    )


def description_to_wire(
    description: CascadeDescription,
) -> cascade_service_pb2.DescribeCascadeResponse:
    """Return the message that describes a cascade."""
    return cascade_service_pb2.DescribeCascadeResponse(
        summary=summary_to_wire(description.summary),
        operation=description.operation,
        fields=description.fields,
        labels=description.labels,
        stages=[stage_to_wire(stage) for stage in description.stages],
        llm_share=description.llm_share,
        development_metrics=description.development_metrics,
    )


def description_from_wire(
    message: cascade_service_pb2.DescribeCascadeResponse,
) -> CascadeDescription:
    """Return what a cascade reads, answers and is made of.

    Raises:
        InputError: The state of its certificate is one this version does not know.
    """
    return CascadeDescription(
        summary=summary_from_wire(message.summary),
        operation=message.operation,
        fields=tuple(message.fields),
        labels=tuple(message.labels),
        stages=tuple(stage_from_wire(stage) for stage in message.stages),
        llm_share=message.llm_share,
        development_metrics=dict(message.development_metrics),
    )
