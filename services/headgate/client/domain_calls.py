"""The calls of single domains: logs, tables, questions and news.

[Record]         ->  Connection  ->  [Result]
[GivenTable]     ->  Connection  ->  [TableMatch]
[GivenQuestion]  ->  Connection  ->  [QuestionAnswer], or an AnswerEvent at a time
[GivenItem]      ->  Connection  ->  [NewsAdvice]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from headgate import wire
from headgate.client.connection import Connection
from headgate.client.replies import all_of, miscounted
from headgate.matches import GivenTable, TableMatch
from headgate.news import GivenItem, NewsAdvice
from headgate.questions import Answered, AnswerEvent, GivenQuestion, QuestionAnswer
from headgate.types import Record, Result
from headgate.v1.log_analysis_service_pb2 import AnalyzeLogsRequest
from headgate.v1.log_analysis_service_pb2_grpc import LogAnalysisServiceStub
from headgate.v1.news_advising_service_pb2 import AdviseNewsRequest
from headgate.v1.news_advising_service_pb2_grpc import NewsAdvisingServiceStub
from headgate.v1.question_answering_service_pb2 import (
    AnswerQuestionsRequest,
    StreamAnswersRequest,
    StreamAnswersResponse,
)
from headgate.v1.question_answering_service_pb2_grpc import QuestionAnsweringServiceStub
from headgate.v1.schema_matching_service_pb2 import MatchSchemasRequest
from headgate.v1.schema_matching_service_pb2_grpc import SchemaMatchingServiceStub


class DomainCalls:
    """The part of a client that knows what logs, tables, questions and news are."""

    def __init__(self, connection: Connection) -> None:
        """Take the connection over which all is asked."""
        self._connection = connection
        self._logs = connection.stub(LogAnalysisServiceStub)
        self._schemas = connection.stub(SchemaMatchingServiceStub)
        self._questions = connection.stub(QuestionAnsweringServiceStub)
        self._news = connection.stub(NewsAdvisingServiceStub)

    def analyze_logs(
        self,
        records: Sequence[Record],
        *,
        cascade: str = "",
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> list[Result]:
        """Return one result a log record.

        A record has the field `log` or `line`, and `description` where the cascade reads one; its
        candidates are the causes to choose from.

        Raises:
            InputError: A record has other fields.
        """
        request = AnalyzeLogsRequest(
            cascade=cascade, logs=[wire.log_record_to_wire(record) for record in records]
        )
        reply = self._connection.call(
            self._logs.AnalyzeLogs, request, timeout_s, request_id=request_id
        )
        return [wire.result_from_wire(result) for result in all_of(reply.results, records)]

    def match_schemas(
        self,
        sources: Sequence[GivenTable],
        target: GivenTable,
        *,
        cascade: str = "",
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> list[TableMatch]:
        """Return, for each source table, its columns' candidates in the target and the pairs.

        A source table that cannot be read has its error in its own place. A request is at most
        4 MiB: of a large table give some thousand rows.

        Raises:
            InputError: A table is not given in exactly one form.
        """
        request = MatchSchemasRequest(
            cascade=cascade,
            sources=[wire.table_to_wire(source) for source in sources],
            target=wire.table_to_wire(target),
        )
        reply = self._connection.call(
            self._schemas.MatchSchemas, request, timeout_s, request_id=request_id
        )
        return [wire.table_match_from_wire(match) for match in all_of(reply.matches, sources)]

    def answer_questions(
        self,
        questions: Sequence[GivenQuestion],
        *,
        cascade: str = "",
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> list[QuestionAnswer]:
        """Return the answer to each question, with the plan, steps and passages it came by.

        A question that cannot be answered has its error in its own place.

        Raises:
            InputError: An id cannot be sent.
        """
        request = AnswerQuestionsRequest(
            cascade=cascade, questions=[wire.question_to_wire(question) for question in questions]
        )
        reply = self._connection.call(
            self._questions.AnswerQuestions, request, timeout_s, request_id=request_id
        )
        answers = all_of(reply.answers, questions)
        return [wire.question_answer_from_wire(answer) for answer in answers]

    def stream_answers(
        self,
        questions: Sequence[GivenQuestion],
        *,
        cascade: str = "",
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> Iterator[AnswerEvent]:
        """Yield the plan, the steps and last the answer of each question as soon as they are there.

        The call starts with the first `next` and is cancelled when the iterator is closed. What
        was yielded stays true when the call fails later; a started stream is not retried.

        Raises:
            InputError: An id cannot be sent.
        """
        request = StreamAnswersRequest(
            cascade=cascade, questions=[wire.question_to_wire(question) for question in questions]
        )
        call = self._connection.stream(
            self._questions.StreamAnswers, request, timeout_s, request_id=request_id
        )
        with closing(call) as replies:
            yield from _each_answered(replies, questions)

    def advise_news(
        self,
        items: Sequence[GivenItem],
        *,
        cascade: str = "",
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> list[NewsAdvice]:
        """Return what is advised about each item, with the views that it rests on.

        An item that cannot be judged has its error in its own place.

        Raises:
            InputError: An id cannot be sent.
        """
        request = AdviseNewsRequest(
            cascade=cascade, items=[wire.news_item_to_wire(item) for item in items]
        )
        reply = self._connection.call(
            self._news.AdviseNews, request, timeout_s, request_id=request_id
        )
        return [wire.news_advice_from_wire(advice) for advice in all_of(reply.advices, items)]


def _each_answered(
    replies: Iterable[StreamAnswersResponse], questions: Sequence[GivenQuestion]
) -> Iterator[AnswerEvent]:
    """Yield what this version knows of the replies; of each question the answer, and that last."""
    missing = {question.id or str(index) for index, question in enumerate(questions)}
    for reply in replies:
        event = wire.answer_event_from_wire(reply)
        if event is None:
            continue
        if event.question_id not in missing:
            raise miscounted(f"news of question {event.question_id!r}, answered or unasked")
        if isinstance(event, Answered):
            missing.remove(event.question_id)
        yield event
    if missing:
        raise miscounted(f"no answer to {len(missing)} of {len(questions)} questions")
