from headgate.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AdviseNewsRequest(_message.Message):
    __slots__ = ("cascade", "items")
    CASCADE_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    cascade: str
    items: _containers.RepeatedCompositeFieldContainer[NewsItem]
    def __init__(self, cascade: _Optional[str] = ..., items: _Optional[_Iterable[_Union[NewsItem, _Mapping]]] = ...) -> None: ...

class NewsItem(_message.Message):
    __slots__ = ("id", "text", "context")
    ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    id: str
    text: bytes
    context: bytes
    def __init__(self, id: _Optional[str] = ..., text: _Optional[bytes] = ..., context: _Optional[bytes] = ...) -> None: ...

class AdviseNewsResponse(_message.Message):
    __slots__ = ("advices", "revision", "request_id")
    ADVICES_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    advices: _containers.RepeatedCompositeFieldContainer[NewsAdvice]
    revision: str
    request_id: str
    def __init__(self, advices: _Optional[_Iterable[_Union[NewsAdvice, _Mapping]]] = ..., revision: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class NewsAdvice(_message.Message):
    __slots__ = ("id", "verdict", "probability", "confidence", "tier", "views", "similar_items", "path", "rationale", "usage", "certificate_id", "guarantee", "degraded", "cached", "lossy_input", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    VIEWS_FIELD_NUMBER: _ClassVar[int]
    SIMILAR_ITEMS_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    RATIONALE_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_ID_FIELD_NUMBER: _ClassVar[int]
    GUARANTEE_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    LOSSY_INPUT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: str
    verdict: str
    probability: float
    confidence: float
    tier: _types_pb2.Tier
    views: _containers.RepeatedCompositeFieldContainer[_types_pb2.Advice]
    similar_items: _containers.RepeatedCompositeFieldContainer[_types_pb2.Evidence]
    path: _containers.RepeatedCompositeFieldContainer[_types_pb2.Step]
    rationale: str
    usage: _types_pb2.Usage
    certificate_id: str
    guarantee: _types_pb2.GuaranteeState
    degraded: str
    cached: bool
    lossy_input: bool
    error: _types_pb2.RecordError
    def __init__(self, id: _Optional[str] = ..., verdict: _Optional[str] = ..., probability: _Optional[float] = ..., confidence: _Optional[float] = ..., tier: _Optional[_Union[_types_pb2.Tier, str]] = ..., views: _Optional[_Iterable[_Union[_types_pb2.Advice, _Mapping]]] = ..., similar_items: _Optional[_Iterable[_Union[_types_pb2.Evidence, _Mapping]]] = ..., path: _Optional[_Iterable[_Union[_types_pb2.Step, _Mapping]]] = ..., rationale: _Optional[str] = ..., usage: _Optional[_Union[_types_pb2.Usage, _Mapping]] = ..., certificate_id: _Optional[str] = ..., guarantee: _Optional[_Union[_types_pb2.GuaranteeState, str]] = ..., degraded: _Optional[str] = ..., cached: bool = ..., lossy_input: bool = ..., error: _Optional[_Union[_types_pb2.RecordError, _Mapping]] = ...) -> None: ...
