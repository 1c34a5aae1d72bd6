from headgate.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AnalyzeLogsRequest(_message.Message):
    __slots__ = ("cascade", "logs")
    CASCADE_FIELD_NUMBER: _ClassVar[int]
    LOGS_FIELD_NUMBER: _ClassVar[int]
    cascade: str
    logs: _containers.RepeatedCompositeFieldContainer[LogRecord]
    def __init__(self, cascade: _Optional[str] = ..., logs: _Optional[_Iterable[_Union[LogRecord, _Mapping]]] = ...) -> None: ...

class LogRecord(_message.Message):
    __slots__ = ("id", "log", "description", "causes")
    ID_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CAUSES_FIELD_NUMBER: _ClassVar[int]
    id: str
    log: bytes
    description: bytes
    causes: _containers.RepeatedCompositeFieldContainer[_types_pb2.Candidate]
    def __init__(self, id: _Optional[str] = ..., log: _Optional[bytes] = ..., description: _Optional[bytes] = ..., causes: _Optional[_Iterable[_Union[_types_pb2.Candidate, _Mapping]]] = ...) -> None: ...

class AnalyzeLogsResponse(_message.Message):
    __slots__ = ("results", "revision", "request_id")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_types_pb2.Result]
    revision: str
    request_id: str
    def __init__(self, results: _Optional[_Iterable[_Union[_types_pb2.Result, _Mapping]]] = ..., revision: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...
