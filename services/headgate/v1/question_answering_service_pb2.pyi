from headgate.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AnswerQuestionsRequest(_message.Message):
    __slots__ = ("cascade", "questions")
    CASCADE_FIELD_NUMBER: _ClassVar[int]
    QUESTIONS_FIELD_NUMBER: _ClassVar[int]
    cascade: str
    questions: _containers.RepeatedCompositeFieldContainer[Question]
    def __init__(self, cascade: _Optional[str] = ..., questions: _Optional[_Iterable[_Union[Question, _Mapping]]] = ...) -> None: ...

class Question(_message.Message):
    __slots__ = ("id", "text")
    ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    id: str
    text: bytes
    def __init__(self, id: _Optional[str] = ..., text: _Optional[bytes] = ...) -> None: ...

class AnswerQuestionsResponse(_message.Message):
    __slots__ = ("answers", "revision", "request_id")
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[QuestionAnswer]
    revision: str
    request_id: str
    def __init__(self, answers: _Optional[_Iterable[_Union[QuestionAnswer, _Mapping]]] = ..., revision: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class StreamAnswersRequest(_message.Message):
    __slots__ = ("cascade", "questions")
    CASCADE_FIELD_NUMBER: _ClassVar[int]
    QUESTIONS_FIELD_NUMBER: _ClassVar[int]
    cascade: str
    questions: _containers.RepeatedCompositeFieldContainer[Question]
    def __init__(self, cascade: _Optional[str] = ..., questions: _Optional[_Iterable[_Union[Question, _Mapping]]] = ...) -> None: ...

class StreamAnswersResponse(_message.Message):
    __slots__ = ("plan", "step", "answer", "revision", "request_id")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    plan: QuestionPlan
    step: StepDone
    answer: QuestionAnswer
    revision: str
    request_id: str
    def __init__(self, plan: _Optional[_Union[QuestionPlan, _Mapping]] = ..., step: _Optional[_Union[StepDone, _Mapping]] = ..., answer: _Optional[_Union[QuestionAnswer, _Mapping]] = ..., revision: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class QuestionPlan(_message.Message):
    __slots__ = ("question_id", "steps")
    QUESTION_ID_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    question_id: str
    steps: _containers.RepeatedCompositeFieldContainer[_types_pb2.PlanStep]
    def __init__(self, question_id: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[_types_pb2.PlanStep, _Mapping]]] = ...) -> None: ...

class StepDone(_message.Message):
    __slots__ = ("question_id", "answer")
    QUESTION_ID_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    question_id: str
    answer: StepAnswer
    def __init__(self, question_id: _Optional[str] = ..., answer: _Optional[_Union[StepAnswer, _Mapping]] = ...) -> None: ...

class StepAnswer(_message.Message):
    __slots__ = ("step", "question", "answer", "abstained", "confidence", "tier", "passages", "path", "usage", "degraded", "error")
    STEP_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ABSTAINED_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    PASSAGES_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    step: int
    question: str
    answer: str
    abstained: bool
    confidence: float
    tier: _types_pb2.Tier
    passages: _containers.RepeatedCompositeFieldContainer[Passage]
    path: _containers.RepeatedCompositeFieldContainer[_types_pb2.Step]
    usage: _types_pb2.Usage
    degraded: str
    error: _types_pb2.RecordError
    def __init__(self, step: _Optional[int] = ..., question: _Optional[str] = ..., answer: _Optional[str] = ..., abstained: bool = ..., confidence: _Optional[float] = ..., tier: _Optional[_Union[_types_pb2.Tier, str]] = ..., passages: _Optional[_Iterable[_Union[Passage, _Mapping]]] = ..., path: _Optional[_Iterable[_Union[_types_pb2.Step, _Mapping]]] = ..., usage: _Optional[_Union[_types_pb2.Usage, _Mapping]] = ..., degraded: _Optional[str] = ..., error: _Optional[_Union[_types_pb2.RecordError, _Mapping]] = ...) -> None: ...

class Passage(_message.Message):
    __slots__ = ("id", "title", "text", "similarity", "cited")
    ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    CITED_FIELD_NUMBER: _ClassVar[int]
    id: str
    title: str
    text: str
    similarity: float
    cited: bool
    def __init__(self, id: _Optional[str] = ..., title: _Optional[str] = ..., text: _Optional[str] = ..., similarity: _Optional[float] = ..., cited: bool = ...) -> None: ...

class QuestionAnswer(_message.Message):
    __slots__ = ("id", "answer", "abstained", "confidence", "tier", "passages", "plan", "steps", "path", "rationale", "usage", "certificate_id", "guarantee", "degraded", "cached", "lossy_input", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ABSTAINED_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    PASSAGES_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
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
    answer: str
    abstained: bool
    confidence: float
    tier: _types_pb2.Tier
    passages: _containers.RepeatedCompositeFieldContainer[Passage]
    plan: _containers.RepeatedCompositeFieldContainer[_types_pb2.PlanStep]
    steps: _containers.RepeatedCompositeFieldContainer[StepAnswer]
    path: _containers.RepeatedCompositeFieldContainer[_types_pb2.Step]
    rationale: str
    usage: _types_pb2.Usage
    certificate_id: str
    guarantee: _types_pb2.GuaranteeState
    degraded: str
    cached: bool
    lossy_input: bool
    error: _types_pb2.RecordError
    def __init__(self, id: _Optional[str] = ..., answer: _Optional[str] = ..., abstained: bool = ..., confidence: _Optional[float] = ..., tier: _Optional[_Union[_types_pb2.Tier, str]] = ..., passages: _Optional[_Iterable[_Union[Passage, _Mapping]]] = ..., plan: _Optional[_Iterable[_Union[_types_pb2.PlanStep, _Mapping]]] = ..., steps: _Optional[_Iterable[_Union[StepAnswer, _Mapping]]] = ..., path: _Optional[_Iterable[_Union[_types_pb2.Step, _Mapping]]] = ..., rationale: _Optional[str] = ..., usage: _Optional[_Union[_types_pb2.Usage, _Mapping]] = ..., certificate_id: _Optional[str] = ..., guarantee: _Optional[_Union[_types_pb2.GuaranteeState, str]] = ..., degraded: _Optional[str] = ..., cached: bool = ..., lossy_input: bool = ..., error: _Optional[_Union[_types_pb2.RecordError, _Mapping]] = ...) -> None: ...
