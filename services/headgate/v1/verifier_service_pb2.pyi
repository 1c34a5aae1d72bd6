from headgate.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VerifyRequest(_message.Message):
    __slots__ = ("cascade", "stage", "records", "proposals")
    CASCADE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    PROPOSALS_FIELD_NUMBER: _ClassVar[int]
    cascade: str
    stage: str
    records: _containers.RepeatedCompositeFieldContainer[_types_pb2.Record]
    proposals: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, cascade: _Optional[str] = ..., stage: _Optional[str] = ..., records: _Optional[_Iterable[_Union[_types_pb2.Record, _Mapping]]] = ..., proposals: _Optional[_Iterable[str]] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("verifications", "revision")
    VERIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    verifications: _containers.RepeatedCompositeFieldContainer[Verification]
    revision: str
    def __init__(self, verifications: _Optional[_Iterable[_Union[Verification, _Mapping]]] = ..., revision: _Optional[str] = ...) -> None: ...

class Verification(_message.Message):
    __slots__ = ("record_id", "answer", "confirmed", "rationale", "usage", "error")
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    RATIONALE_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    record_id: str
    answer: str
    confirmed: bool
    rationale: str
    usage: _types_pb2.Usage
    error: _types_pb2.RecordError
    def __init__(self, record_id: _Optional[str] = ..., answer: _Optional[str] = ..., confirmed: bool = ..., rationale: _Optional[str] = ..., usage: _Optional[_Union[_types_pb2.Usage, _Mapping]] = ..., error: _Optional[_Union[_types_pb2.RecordError, _Mapping]] = ...) -> None: ...
