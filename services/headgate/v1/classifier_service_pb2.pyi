from headgate.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ClassifyRequest(_message.Message):
    __slots__ = ("cascade", "stage", "records")
    CASCADE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    cascade: str
    stage: str
    records: _containers.RepeatedCompositeFieldContainer[_types_pb2.Record]
    def __init__(self, cascade: _Optional[str] = ..., stage: _Optional[str] = ..., records: _Optional[_Iterable[_Union[_types_pb2.Record, _Mapping]]] = ...) -> None: ...

class ClassifyResponse(_message.Message):
    __slots__ = ("classifications", "revision")
    CLASSIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    classifications: _containers.RepeatedCompositeFieldContainer[Classification]
    revision: str
    def __init__(self, classifications: _Optional[_Iterable[_Union[Classification, _Mapping]]] = ..., revision: _Optional[str] = ...) -> None: ...

class Classification(_message.Message):
    __slots__ = ("record_id", "answer", "confidence", "options", "error")
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    record_id: str
    answer: str
    confidence: float
    options: _containers.RepeatedCompositeFieldContainer[ScoredOption]
    error: _types_pb2.RecordError
    def __init__(self, record_id: _Optional[str] = ..., answer: _Optional[str] = ..., confidence: _Optional[float] = ..., options: _Optional[_Iterable[_Union[ScoredOption, _Mapping]]] = ..., error: _Optional[_Union[_types_pb2.RecordError, _Mapping]] = ...) -> None: ...

class ScoredOption(_message.Message):
    __slots__ = ("option", "probability")
    OPTION_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    option: str
    probability: float
    def __init__(self, option: _Optional[str] = ..., probability: _Optional[float] = ...) -> None: ...
