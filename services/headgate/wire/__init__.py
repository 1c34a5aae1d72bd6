"""Where our values become v1 messages and back: one pair of functions a type.

server: bytes -> v1 message -> x_from_wire -> value -> engine -> value -> x_to_wire -> v1 message
client: value -> x_to_wire -> v1 message -> bytes -> v1 message -> x_from_wire -> value
"""

from headgate.wire.answers import (
    explanation_from_wire,
    explanation_to_wire,
    prediction_from_wire,
    prediction_to_wire,
    ranking_from_wire,
    ranking_to_wire,
    result_from_wire,
    result_to_wire,
    verification_from_wire,
    verification_to_wire,
)
from headgate.wire.cascades import (
    description_from_wire,
    description_to_wire,
    stage_from_wire,
    stage_to_wire,
    summary_from_wire,
    summary_to_wire,
)
from headgate.wire.feedback import (
    CALLER,
    REQUEST_ID,
    check_call_name,
    feedback_from_wire,
    feedback_to_wire,
    outcome_from_wire,
    outcome_to_wire,
)
from headgate.wire.guarantee import (
    certificate_from_wire,
    certificate_to_wire,
    gate_from_wire,
    gate_to_wire,
    guarantee_from_wire,
    guarantee_to_wire,
)
from headgate.wire.parts import (
    error_from_wire,
    error_to_wire,
    hit_from_wire,
    hit_to_wire,
    step_from_wire,
    step_to_wire,
    usage_from_wire,
    usage_to_wire,
)
from headgate.wire.records import (
    candidate_from_wire,
    candidate_to_wire,
    log_record_from_wire,
    log_record_to_wire,
    record_from_wire,
    record_to_wire,
)
from headgate.wire.schemas import (
    column_match_from_wire,
    column_match_to_wire,
    table_from_wire,
    table_match_from_wire,
    table_match_to_wire,
    table_to_wire,
)
from headgate.wire.text import text_from_wire, text_to_wire

__all__ = [
    "CALLER",
    "REQUEST_ID",
    "candidate_from_wire",
    "candidate_to_wire",
    "certificate_from_wire",
    "certificate_to_wire",
    "check_call_name",
    "column_match_from_wire",
    "column_match_to_wire",
    "description_from_wire",
    "description_to_wire",
    "error_from_wire",
    "error_to_wire",
    "explanation_from_wire",
    "explanation_to_wire",
    "feedback_from_wire",
    "feedback_to_wire",
    "gate_from_wire",
    "gate_to_wire",
    "guarantee_from_wire",
    "guarantee_to_wire",
    "hit_from_wire",
    "hit_to_wire",
    "log_record_from_wire",
    "log_record_to_wire",
    "outcome_from_wire",
    "outcome_to_wire",
    "prediction_from_wire",
    "prediction_to_wire",
    "ranking_from_wire",
    "ranking_to_wire",
    "record_from_wire",
    "record_to_wire",
    "result_from_wire",
    "result_to_wire",
    "stage_from_wire",
    "stage_to_wire",
    "step_from_wire",
    "step_to_wire",
    "summary_from_wire",
    "summary_to_wire",
    "table_from_wire",
    "table_match_from_wire",
    "table_match_to_wire",
    "table_to_wire",
    "text_from_wire",
    "text_to_wire",
    "usage_from_wire",
    "usage_to_wire",
    "verification_from_wire",
    "verification_to_wire",
]
