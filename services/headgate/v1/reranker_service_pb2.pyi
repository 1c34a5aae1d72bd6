from headgate.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RerankRequest(_message.Message):
    __slots__ = ("cascade", "items")
    CASCADE_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    cascade: str
    items: _containers.RepeatedCompositeFieldContainer[RerankItem]
    def __init__(self, cascade: _Optional[str] = ..., items: _Optional[_Iterable[_Union[RerankItem, _Mapping]]] = ...) -> None: ...

class RerankItem(_message.Message):
    __slots__ = ("query", "candidates")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    query: bytes
    candidates: _containers.RepeatedCompositeFieldContainer[_types_pb2.Candidate]
    def __init__(self, query: _Optional[bytes] = ..., candidates: _Optional[_Iterable[_Union[_types_pb2.Candidate, _Mapping]]] = ...) -> None: ...

class RerankResponse(_message.Message):
    __slots__ = ("rankings", "revision")
    RANKINGS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    rankings: _containers.RepeatedCompositeFieldContainer[Ranking]
    revision: str
    def __init__(self, rankings: _Optional[_Iterable[_Union[Ranking, _Mapping]]] = ..., revision: _Optional[str] = ...) -> None: ...

class Ranking(_message.Message):
    __slots__ = ("candidates",)
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    candidates: _containers.RepeatedCompositeFieldContainer[RankedCandidate]
    def __init__(self, candidates: _Optional[_Iterable[_Union[RankedCandidate, _Mapping]]] = ...) -> None: ...

class RankedCandidate(_message.Message):
    __slots__ = ("id", "score")
    ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    id: str
    score: float
    def __init__(self, id: _Optional[str] = ..., score: _Optional[float] = ...) -> None: ...
