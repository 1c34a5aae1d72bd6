"""What callers say of earlier answers, and the names by which they and their calls are known.

Feedback <-> v1.Feedback, FeedbackOutcome <-> v1.FeedbackOutcome, str <-> metadata
"""

from __future__ import annotations

from headgate.errors import InputError
from headgate.types import Feedback, FeedbackOutcome
from headgate.v1 import cascade_service_pb2
from headgate.wire.parts import error_from_wire, maybe_error_to_wire
from headgate.wire.text import name_to_wire

REQUEST_ID = "x-request-id"
"""The metadata by which a caller names its call."""
CALLER = "x-headgate-caller"
"""The metadata by which a caller names itself."""

_MAX_NAME_CHARACTERS = 128


def check_call_name(key: str, name: str) -> str:
    """Return `name`, which names a call or a caller in the metadata `key`.

    Raises:
        InputError: It is empty, longer than 128 characters or not printable ASCII.
    """
    if not (0 < len(name) <= _MAX_NAME_CHARACTERS and name.isascii() and name.isprintable()):
        raise InputError(
            key,
            f"it is not 1 to {_MAX_NAME_CHARACTERS} printable ASCII characters",
            "Take a shorter or plainer one, such as a UUID, or leave it out.",
        )
    return name


def feedback_to_wire(feedback: Feedback) -> cascade_service_pb2.Feedback:
    """Return the message for one right answer.

    Raises:
        InputError: An id or the label is not valid Unicode.
    """
    place = f"feedback on record {feedback.record_id!r}"
    return cascade_service_pb2.Feedback(
        record_id=name_to_wire(place, feedback.record_id),
        request_id=name_to_wire(place, feedback.request_id),
        label=name_to_wire(place, feedback.label),
    )


def feedback_from_wire(message: cascade_service_pb2.Feedback) -> Feedback:
    """Return the right answer to one record."""
    return Feedback(message.record_id, message.label, message.request_id)


def outcome_to_wire(outcome: FeedbackOutcome) -> cascade_service_pb2.FeedbackOutcome:
    """Return the message for what became of one piece of feedback."""
    return cascade_service_pb2.FeedbackOutcome(
        record_id=outcome.record_id, error=maybe_error_to_wire(outcome.error)
    )


def outcome_from_wire(message: cascade_service_pb2.FeedbackOutcome) -> FeedbackOutcome:
    """Return what became of one piece of feedback; its error, if any, is a `RemoteError`."""
    error = error_from_wire(message.error) if message.HasField("error") else None
    return FeedbackOutcome(message.record_id, error)
