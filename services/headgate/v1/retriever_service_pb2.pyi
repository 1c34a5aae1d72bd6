from headgate.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RetrieveRequest(_message.Message):
    __slots__ = ("cascade", "stage", "queries", "top_k")
    CASCADE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    QUERIES_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    cascade: str
    stage: str
    queries: _containers.RepeatedScalarFieldContainer[bytes]
    top_k: int
    def __init__(self, cascade: _Optional[str] = ..., stage: _Optional[str] = ..., queries: _Optional[_Iterable[bytes]] = ..., top_k: _Optional[int] = ...) -> None: ...

class RetrieveResponse(_message.Message):
    __slots__ = ("retrievals", "revision")
    RETRIEVALS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    retrievals: _containers.RepeatedCompositeFieldContainer[Retrieval]
    revision: str
    def __init__(self, retrievals: _Optional[_Iterable[_Union[Retrieval, _Mapping]]] = ..., revision: _Optional[str] = ...) -> None: ...

class Retrieval(_message.Message):
    __slots__ = ("hits",)
    HITS_FIELD_NUMBER: _ClassVar[int]
    hits: _containers.RepeatedCompositeFieldContainer[_types_pb2.Evidence]
    def __init__(self, hits: _Optional[_Iterable[_Union[_types_pb2.Evidence, _Mapping]]] = ...) -> None: ...
