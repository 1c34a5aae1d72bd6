from headgate.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Abstention(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ABSTENTION_UNSPECIFIED: _ClassVar[Abstention]
    ABSTENTION_NONE_FITS: _ClassVar[Abstention]
    ABSTENTION_TAKEN: _ClassVar[Abstention]
    ABSTENTION_UNLIKELY: _ClassVar[Abstention]
ABSTENTION_UNSPECIFIED: Abstention
ABSTENTION_NONE_FITS: Abstention
ABSTENTION_TAKEN: Abstention
ABSTENTION_UNLIKELY: Abstention

class MatchSchemasRequest(_message.Message):
    __slots__ = ("cascade", "sources", "target")
    CASCADE_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    cascade: str
    sources: _containers.RepeatedCompositeFieldContainer[Table]
    target: Table
    def __init__(self, cascade: _Optional[str] = ..., sources: _Optional[_Iterable[_Union[Table, _Mapping]]] = ..., target: _Optional[_Union[Table, _Mapping]] = ...) -> None: ...

class Table(_message.Message):
    __slots__ = ("name", "columns", "csv", "arrow_ipc")
    NAME_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    CSV_FIELD_NUMBER: _ClassVar[int]
    ARROW_IPC_FIELD_NUMBER: _ClassVar[int]
    name: str
    columns: ColumnList
    csv: bytes
    arrow_ipc: bytes
    def __init__(self, name: _Optional[str] = ..., columns: _Optional[_Union[ColumnList, _Mapping]] = ..., csv: _Optional[bytes] = ..., arrow_ipc: _Optional[bytes] = ...) -> None: ...

class ColumnList(_message.Message):
    __slots__ = ("columns",)
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedCompositeFieldContainer[Column]
    def __init__(self, columns: _Optional[_Iterable[_Union[Column, _Mapping]]] = ...) -> None: ...

class Column(_message.Message):
    __slots__ = ("name", "description", "values")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: bytes
    values: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, name: _Optional[str] = ..., description: _Optional[bytes] = ..., values: _Optional[_Iterable[bytes]] = ...) -> None: ...

class MatchSchemasResponse(_message.Message):
    __slots__ = ("matches", "revision", "request_id")
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    matches: _containers.RepeatedCompositeFieldContainer[TableMatch]
    revision: str
    request_id: str
    def __init__(self, matches: _Optional[_Iterable[_Union[TableMatch, _Mapping]]] = ..., revision: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class TableMatch(_message.Message):
    __slots__ = ("name", "columns", "usage", "notes", "lossy_input", "degraded", "error")
    NAME_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    LOSSY_INPUT_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    name: str
    columns: _containers.RepeatedCompositeFieldContainer[ColumnMatch]
    usage: _types_pb2.Usage
    notes: _containers.RepeatedScalarFieldContainer[str]
    lossy_input: bool
    degraded: str
    error: _types_pb2.RecordError
    def __init__(self, name: _Optional[str] = ..., columns: _Optional[_Iterable[_Union[ColumnMatch, _Mapping]]] = ..., usage: _Optional[_Union[_types_pb2.Usage, _Mapping]] = ..., notes: _Optional[_Iterable[str]] = ..., lossy_input: bool = ..., degraded: _Optional[str] = ..., error: _Optional[_Union[_types_pb2.RecordError, _Mapping]] = ...) -> None: ...

class ColumnMatch(_message.Message):
    __slots__ = ("id", "name", "index", "target", "abstention", "candidates", "none_score", "confidence", "tier", "path", "rationale", "usage", "certificate_id", "guarantee", "degraded", "cached", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    ABSTENTION_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    NONE_SCORE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    RATIONALE_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_ID_FIELD_NUMBER: _ClassVar[int]
    GUARANTEE_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    index: int
    target: str
    abstention: Abstention
    candidates: _containers.RepeatedCompositeFieldContainer[MatchCandidate]
    none_score: float
    confidence: float
    tier: _types_pb2.Tier
    path: _containers.RepeatedCompositeFieldContainer[_types_pb2.Step]
    rationale: str
    usage: _types_pb2.Usage
    certificate_id: str
    guarantee: _types_pb2.GuaranteeState
    degraded: str
    cached: bool
    error: _types_pb2.RecordError
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., index: _Optional[int] = ..., target: _Optional[str] = ..., abstention: _Optional[_Union[Abstention, str]] = ..., candidates: _Optional[_Iterable[_Union[MatchCandidate, _Mapping]]] = ..., none_score: _Optional[float] = ..., confidence: _Optional[float] = ..., tier: _Optional[_Union[_types_pb2.Tier, str]] = ..., path: _Optional[_Iterable[_Union[_types_pb2.Step, _Mapping]]] = ..., rationale: _Optional[str] = ..., usage: _Optional[_Union[_types_pb2.Usage, _Mapping]] = ..., certificate_id: _Optional[str] = ..., guarantee: _Optional[_Union[_types_pb2.GuaranteeState, str]] = ..., degraded: _Optional[str] = ..., cached: bool = ..., error: _Optional[_Union[_types_pb2.RecordError, _Mapping]] = ...) -> None: ...

class MatchCandidate(_message.Message):
    __slots__ = ("target", "score", "similarity", "name_similarity", "value_overlap", "large_score")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    NAME_SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    VALUE_OVERLAP_FIELD_NUMBER: _ClassVar[int]
    LARGE_SCORE_FIELD_NUMBER: _ClassVar[int]
    target: str
    score: float
    similarity: float
    name_similarity: float
    value_overlap: float
    large_score: float
    def __init__(self, target: _Optional[str] = ..., score: _Optional[float] = ..., similarity: _Optional[float] = ..., name_similarity: _Optional[float] = ..., value_overlap: _Optional[float] = ..., large_score: _Optional[float] = ...) -> None: ...
