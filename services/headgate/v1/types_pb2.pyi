from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Tier(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIER_UNSPECIFIED: _ClassVar[Tier]
    TIER_SMALL: _ClassVar[Tier]
    TIER_LARGE: _ClassVar[Tier]

class Decision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_UNSPECIFIED: _ClassVar[Decision]
    DECISION_ANSWERED: _ClassVar[Decision]
    DECISION_KEPT: _ClassVar[Decision]
    DECISION_ESCALATED: _ClassVar[Decision]
    DECISION_RETRIEVED: _ClassVar[Decision]
    DECISION_FAILED: _ClassVar[Decision]
    DECISION_PLANNED: _ClassVar[Decision]

class GuaranteeState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GUARANTEE_STATE_UNSPECIFIED: _ClassVar[GuaranteeState]
    GUARANTEE_STATE_CERTIFIED: _ClassVar[GuaranteeState]
    GUARANTEE_STATE_SUSPECT: _ClassVar[GuaranteeState]
    GUARANTEE_STATE_VOID: _ClassVar[GuaranteeState]
    GUARANTEE_STATE_UNCERTIFIED: _ClassVar[GuaranteeState]
TIER_UNSPECIFIED: Tier
TIER_SMALL: Tier
TIER_LARGE: Tier
DECISION_UNSPECIFIED: Decision
DECISION_ANSWERED: Decision
DECISION_KEPT: Decision
DECISION_ESCALATED: Decision
DECISION_RETRIEVED: Decision
DECISION_FAILED: Decision
DECISION_PLANNED: Decision
GUARANTEE_STATE_UNSPECIFIED: GuaranteeState
GUARANTEE_STATE_CERTIFIED: GuaranteeState
GUARANTEE_STATE_SUSPECT: GuaranteeState
GUARANTEE_STATE_VOID: GuaranteeState
GUARANTEE_STATE_UNCERTIFIED: GuaranteeState

class Candidate(_message.Message):
    __slots__ = ("id", "text")
    ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    id: str
    text: bytes
    def __init__(self, id: _Optional[str] = ..., text: _Optional[bytes] = ...) -> None: ...

class Record(_message.Message):
    __slots__ = ("id", "fields", "candidates")
    class FieldsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bytes
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    id: str
    fields: _containers.ScalarMap[str, bytes]
    candidates: _containers.RepeatedCompositeFieldContainer[Candidate]
    def __init__(self, id: _Optional[str] = ..., fields: _Optional[_Mapping[str, bytes]] = ..., candidates: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("stage", "kind", "decision", "score", "elapsed_ms", "detail")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_MS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    stage: str
    kind: str
    decision: Decision
    score: float
    elapsed_ms: float
    detail: str
    def __init__(self, stage: _Optional[str] = ..., kind: _Optional[str] = ..., decision: _Optional[_Union[Decision, str]] = ..., score: _Optional[float] = ..., elapsed_ms: _Optional[float] = ..., detail: _Optional[str] = ...) -> None: ...

class Evidence(_message.Message):
    __slots__ = ("id", "similarity", "text", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    id: str
    similarity: float
    text: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, id: _Optional[str] = ..., similarity: _Optional[float] = ..., text: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("calls", "input_tokens", "output_tokens", "cost_usd", "estimated")
    CALLS_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COST_USD_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    estimated: bool
    def __init__(self, calls: _Optional[int] = ..., input_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., cost_usd: _Optional[float] = ..., estimated: bool = ...) -> None: ...

class RecordError(_message.Message):
    __slots__ = ("code", "reason", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    reason: str
    message: str
    def __init__(self, code: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("record_id", "answer", "confidence", "tier", "path", "evidence", "rationale", "usage", "certificate_id", "degraded", "lossy_input", "cached", "error", "guarantee", "parts", "ranking", "plan", "asked", "cited", "advice")
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    RATIONALE_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_ID_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    LOSSY_INPUT_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    GUARANTEE_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    RANKING_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    ASKED_FIELD_NUMBER: _ClassVar[int]
    CITED_FIELD_NUMBER: _ClassVar[int]
    ADVICE_FIELD_NUMBER: _ClassVar[int]
    record_id: str
    answer: str
    confidence: float
    tier: Tier
    path: _containers.RepeatedCompositeFieldContainer[Step]
    evidence: _containers.RepeatedCompositeFieldContainer[Evidence]
    rationale: str
    usage: Usage
    certificate_id: str
    degraded: str
    lossy_input: bool
    cached: bool
    error: RecordError
    guarantee: GuaranteeState
    parts: _containers.RepeatedCompositeFieldContainer[Result]
    ranking: _containers.RepeatedCompositeFieldContainer[RankedOption]
    plan: _containers.RepeatedCompositeFieldContainer[PlanStep]
    asked: str
    cited: _containers.RepeatedScalarFieldContainer[str]
    advice: _containers.RepeatedCompositeFieldContainer[Advice]
    def __init__(self, record_id: _Optional[str] = ..., answer: _Optional[str] = ..., confidence: _Optional[float] = ..., tier: _Optional[_Union[Tier, str]] = ..., path: _Optional[_Iterable[_Union[Step, _Mapping]]] = ..., evidence: _Optional[_Iterable[_Union[Evidence, _Mapping]]] = ..., rationale: _Optional[str] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., certificate_id: _Optional[str] = ..., degraded: _Optional[str] = ..., lossy_input: bool = ..., cached: bool = ..., error: _Optional[_Union[RecordError, _Mapping]] = ..., guarantee: _Optional[_Union[GuaranteeState, str]] = ..., parts: _Optional[_Iterable[_Union[Result, _Mapping]]] = ..., ranking: _Optional[_Iterable[_Union[RankedOption, _Mapping]]] = ..., plan: _Optional[_Iterable[_Union[PlanStep, _Mapping]]] = ..., asked: _Optional[str] = ..., cited: _Optional[_Iterable[str]] = ..., advice: _Optional[_Iterable[_Union[Advice, _Mapping]]] = ...) -> None: ...

class Advice(_message.Message):
    __slots__ = ("perspective", "probability", "rationale", "usefulness")
    PERSPECTIVE_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    RATIONALE_FIELD_NUMBER: _ClassVar[int]
    USEFULNESS_FIELD_NUMBER: _ClassVar[int]
    perspective: str
    probability: float
    rationale: str
    usefulness: float
    def __init__(self, perspective: _Optional[str] = ..., probability: _Optional[float] = ..., rationale: _Optional[str] = ..., usefulness: _Optional[float] = ...) -> None: ...

class PlanStep(_message.Message):
    __slots__ = ("id", "text", "needs_context", "refers_to")
    ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    NEEDS_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REFERS_TO_FIELD_NUMBER: _ClassVar[int]
    id: int
    text: str
    needs_context: bool
    refers_to: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, id: _Optional[int] = ..., text: _Optional[str] = ..., needs_context: bool = ..., refers_to: _Optional[_Iterable[int]] = ...) -> None: ...

class RankedOption(_message.Message):
    __slots__ = ("option", "score")
    OPTION_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    option: str
    score: float
    def __init__(self, option: _Optional[str] = ..., score: _Optional[float] = ...) -> None: ...
