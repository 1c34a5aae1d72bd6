from google.protobuf import timestamp_pb2 as _timestamp_pb2
from headgate.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunCascadeRequest(_message.Message):
    __slots__ = ("cascade", "records")
    CASCADE_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    cascade: str
    records: _containers.RepeatedCompositeFieldContainer[_types_pb2.Record]
    def __init__(self, cascade: _Optional[str] = ..., records: _Optional[_Iterable[_Union[_types_pb2.Record, _Mapping]]] = ...) -> None: ...

class RunCascadeResponse(_message.Message):
    __slots__ = ("results", "revision", "request_id")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_types_pb2.Result]
    revision: str
    request_id: str
    def __init__(self, results: _Optional[_Iterable[_Union[_types_pb2.Result, _Mapping]]] = ..., revision: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class StreamCascadeRequest(_message.Message):
    __slots__ = ("cascade", "records")
    CASCADE_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    cascade: str
    records: _containers.RepeatedCompositeFieldContainer[_types_pb2.Record]
    def __init__(self, cascade: _Optional[str] = ..., records: _Optional[_Iterable[_Union[_types_pb2.Record, _Mapping]]] = ...) -> None: ...

class StreamCascadeResponse(_message.Message):
    __slots__ = ("index", "result", "revision", "request_id")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    index: int
    result: _types_pb2.Result
    revision: str
    request_id: str
    def __init__(self, index: _Optional[int] = ..., result: _Optional[_Union[_types_pb2.Result, _Mapping]] = ..., revision: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ListCascadesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListCascadesResponse(_message.Message):
    __slots__ = ("cascades",)
    CASCADES_FIELD_NUMBER: _ClassVar[int]
    cascades: _containers.RepeatedCompositeFieldContainer[CascadeSummary]
    def __init__(self, cascades: _Optional[_Iterable[_Union[CascadeSummary, _Mapping]]] = ...) -> None: ...

class CascadeSummary(_message.Message):
    __slots__ = ("name", "revision", "description", "ready", "problem", "certificate")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    name: str
    revision: str
    description: str
    ready: bool
    problem: str
    certificate: CertificateSummary
    def __init__(self, name: _Optional[str] = ..., revision: _Optional[str] = ..., description: _Optional[str] = ..., ready: bool = ..., problem: _Optional[str] = ..., certificate: _Optional[_Union[CertificateSummary, _Mapping]] = ...) -> None: ...

class CertificateSummary(_message.Message):
    __slots__ = ("id", "kind", "mode", "epsilon", "delta", "certified", "n", "bad", "p_value", "automation", "labels_needed", "issued", "state", "problem")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    CERTIFIED_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    BAD_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    AUTOMATION_FIELD_NUMBER: _ClassVar[int]
    LABELS_NEEDED_FIELD_NUMBER: _ClassVar[int]
    ISSUED_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    mode: str
    epsilon: float
    delta: float
    certified: bool
    n: int
    bad: int
    p_value: float
    automation: float
    labels_needed: int
    issued: _timestamp_pb2.Timestamp
    state: _types_pb2.GuaranteeState
    problem: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., mode: _Optional[str] = ..., epsilon: _Optional[float] = ..., delta: _Optional[float] = ..., certified: bool = ..., n: _Optional[int] = ..., bad: _Optional[int] = ..., p_value: _Optional[float] = ..., automation: _Optional[float] = ..., labels_needed: _Optional[int] = ..., issued: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[_types_pb2.GuaranteeState, str]] = ..., problem: _Optional[str] = ...) -> None: ...

class DescribeCascadeRequest(_message.Message):
    __slots__ = ("cascade",)
    CASCADE_FIELD_NUMBER: _ClassVar[int]
    cascade: str
    def __init__(self, cascade: _Optional[str] = ...) -> None: ...

class DescribeCascadeResponse(_message.Message):
    __slots__ = ("summary", "operation", "fields", "labels", "stages", "llm_share", "development_metrics")
    class DevelopmentMetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    LLM_SHARE_FIELD_NUMBER: _ClassVar[int]
    DEVELOPMENT_METRICS_FIELD_NUMBER: _ClassVar[int]
    summary: CascadeSummary
    operation: str
    fields: _containers.RepeatedScalarFieldContainer[str]
    labels: _containers.RepeatedScalarFieldContainer[str]
    stages: _containers.RepeatedCompositeFieldContainer[StageSummary]
    llm_share: float
    development_metrics: _containers.ScalarMap[str, float]
    def __init__(self, summary: _Optional[_Union[CascadeSummary, _Mapping]] = ..., operation: _Optional[str] = ..., fields: _Optional[_Iterable[str]] = ..., labels: _Optional[_Iterable[str]] = ..., stages: _Optional[_Iterable[_Union[StageSummary, _Mapping]]] = ..., llm_share: _Optional[float] = ..., development_metrics: _Optional[_Mapping[str, float]] = ...) -> None: ...

class StageSummary(_message.Message):
    __slots__ = ("name", "kind", "model", "threshold")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    model: str
    threshold: float
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., model: _Optional[str] = ..., threshold: _Optional[float] = ...) -> None: ...

class ExplainCascadeRequest(_message.Message):
    __slots__ = ("cascade", "records")
    CASCADE_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    cascade: str
    records: _containers.RepeatedCompositeFieldContainer[_types_pb2.Record]
    def __init__(self, cascade: _Optional[str] = ..., records: _Optional[_Iterable[_Union[_types_pb2.Record, _Mapping]]] = ...) -> None: ...

class ExplainCascadeResponse(_message.Message):
    __slots__ = ("explanations", "revision")
    EXPLANATIONS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    explanations: _containers.RepeatedCompositeFieldContainer[Explanation]
    revision: str
    def __init__(self, explanations: _Optional[_Iterable[_Union[Explanation, _Mapping]]] = ..., revision: _Optional[str] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("record_id", "small_answer", "confidence", "tier", "path", "evidence", "expected_usage", "error", "gates", "parts")
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    SMALL_ANSWER_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_USAGE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    GATES_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    record_id: str
    small_answer: str
    confidence: float
    tier: _types_pb2.Tier
    path: _containers.RepeatedCompositeFieldContainer[_types_pb2.Step]
    evidence: _containers.RepeatedCompositeFieldContainer[_types_pb2.Evidence]
    expected_usage: _types_pb2.Usage
    error: _types_pb2.RecordError
    gates: _containers.RepeatedCompositeFieldContainer[GateExplanation]
    parts: _containers.RepeatedCompositeFieldContainer[Explanation]
    def __init__(self, record_id: _Optional[str] = ..., small_answer: _Optional[str] = ..., confidence: _Optional[float] = ..., tier: _Optional[_Union[_types_pb2.Tier, str]] = ..., path: _Optional[_Iterable[_Union[_types_pb2.Step, _Mapping]]] = ..., evidence: _Optional[_Iterable[_Union[_types_pb2.Evidence, _Mapping]]] = ..., expected_usage: _Optional[_Union[_types_pb2.Usage, _Mapping]] = ..., error: _Optional[_Union[_types_pb2.RecordError, _Mapping]] = ..., gates: _Optional[_Iterable[_Union[GateExplanation, _Mapping]]] = ..., parts: _Optional[_Iterable[_Union[Explanation, _Mapping]]] = ...) -> None: ...

class GateExplanation(_message.Message):
    __slots__ = ("gate", "predicted", "raw_score", "confidence", "threshold", "kept", "alternatives")
    GATE_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_FIELD_NUMBER: _ClassVar[int]
    RAW_SCORE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVES_FIELD_NUMBER: _ClassVar[int]
    gate: str
    predicted: str
    raw_score: float
    confidence: float
    threshold: float
    kept: bool
    alternatives: _containers.RepeatedCompositeFieldContainer[Alternative]
    def __init__(self, gate: _Optional[str] = ..., predicted: _Optional[str] = ..., raw_score: _Optional[float] = ..., confidence: _Optional[float] = ..., threshold: _Optional[float] = ..., kept: bool = ..., alternatives: _Optional[_Iterable[_Union[Alternative, _Mapping]]] = ...) -> None: ...

class Alternative(_message.Message):
    __slots__ = ("epsilon", "certified", "threshold", "kept")
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    CERTIFIED_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    epsilon: float
    certified: bool
    threshold: float
    kept: bool
    def __init__(self, epsilon: _Optional[float] = ..., certified: bool = ..., threshold: _Optional[float] = ..., kept: bool = ...) -> None: ...

class SubmitFeedbackRequest(_message.Message):
    __slots__ = ("cascade", "feedback")
    CASCADE_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    cascade: str
    feedback: _containers.RepeatedCompositeFieldContainer[Feedback]
    def __init__(self, cascade: _Optional[str] = ..., feedback: _Optional[_Iterable[_Union[Feedback, _Mapping]]] = ...) -> None: ...

class Feedback(_message.Message):
    __slots__ = ("record_id", "request_id", "label")
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    record_id: str
    request_id: str
    label: str
    def __init__(self, record_id: _Optional[str] = ..., request_id: _Optional[str] = ..., label: _Optional[str] = ...) -> None: ...

class SubmitFeedbackResponse(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[FeedbackOutcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[FeedbackOutcome, _Mapping]]] = ...) -> None: ...

class FeedbackOutcome(_message.Message):
    __slots__ = ("record_id", "error")
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    record_id: str
    error: _types_pb2.RecordError
    def __init__(self, record_id: _Optional[str] = ..., error: _Optional[_Union[_types_pb2.RecordError, _Mapping]] = ...) -> None: ...
