# ruff: noqa: N802 - RPC methods carry their names from the contract
"""A Headgate server whose answers are written down; real sockets, no models."""

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import grpc

from headgate.v1 import (
    cascade_service_pb2,
    cascade_service_pb2_grpc,
    classifier_service_pb2,
    classifier_service_pb2_grpc,
    log_analysis_service_pb2,
    log_analysis_service_pb2_grpc,
    news_advising_service_pb2,
    news_advising_service_pb2_grpc,
    question_answering_service_pb2,
    question_answering_service_pb2_grpc,
    reranker_service_pb2,
    reranker_service_pb2_grpc,
    retriever_service_pb2,
    retriever_service_pb2_grpc,
    schema_matching_service_pb2,
    schema_matching_service_pb2_grpc,
    types_pb2,
    verifier_service_pb2,
    verifier_service_pb2_grpc,
)

ADD_SERVICERS = (
    cascade_service_pb2_grpc.add_CascadeServiceServicer_to_server,
    classifier_service_pb2_grpc.add_ClassifierServiceServicer_to_server,
    log_analysis_service_pb2_grpc.add_LogAnalysisServiceServicer_to_server,
    news_advising_service_pb2_grpc.add_NewsAdvisingServiceServicer_to_server,
    question_answering_service_pb2_grpc.add_QuestionAnsweringServiceServicer_to_server,
    reranker_service_pb2_grpc.add_RerankerServiceServicer_to_server,
    retriever_service_pb2_grpc.add_RetrieverServiceServicer_to_server,
    schema_matching_service_pb2_grpc.add_SchemaMatchingServiceServicer_to_server,
    verifier_service_pb2_grpc.add_VerifierServiceServicer_to_server,
)


def canned_results(records):
    return [types_pb2.Result(record_id=record.id, answer="match") for record in records]


class CannedServer(
    cascade_service_pb2_grpc.CascadeServiceServicer,
    classifier_service_pb2_grpc.ClassifierServiceServicer,
    log_analysis_service_pb2_grpc.LogAnalysisServiceServicer,
    news_advising_service_pb2_grpc.NewsAdvisingServiceServicer,
    question_answering_service_pb2_grpc.QuestionAnsweringServiceServicer,
    reranker_service_pb2_grpc.RerankerServiceServicer,
    retriever_service_pb2_grpc.RetrieverServiceServicer,
    schema_matching_service_pb2_grpc.SchemaMatchingServiceServicer,
    verifier_service_pb2_grpc.VerifierServiceServicer,
):
    """A real gRPC server with canned answers, which fails as it is told."""

    def __init__(self):
        self.port = 0
        """Where it listens, on 127.0.0.1, once entered."""
        self.requests = []
        self.metadata = {}
        """Of the latest call."""
        self.peers = set()
        """Addresses that calls came from, one a connection."""
        self.failures = deque()
        """What the next calls end with: a status code, or a whole status."""
        self.streamed = [0, 1]
        """Positions that are streamed."""
        self.news = []
        """What StreamAnswers sends."""
        self.lists = deque([[cascade_service_pb2.CascadeSummary(name="logs", ready=True)]])
        """What ListCascades answers, call by call; the last one stays."""
        self.untaken = set()
        """Ids of records on which feedback is not taken."""
        self.forgets = False
        """Whether the first of several news items gets no advice."""
        self.hangs = False
        """Whether calls get no answer until the server stops."""
        self.stream_ended = threading.Event()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(4)
        self._server = grpc.server(self._pool)

    def __enter__(self):
        for add in ADD_SERVICERS:
            add(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return self

    def __exit__(self, *exception):
        self._stopping.set()
        self._server.stop(0).wait()
        self._pool.shutdown()

    def _take(self, request, context):
        self.requests.append(request)
        self.metadata = dict(context.invocation_metadata())
        self.peers.add(context.peer())
        if self.hangs:
            self._stopping.wait()
        if self.failures:
            failure = self.failures.popleft()
            if isinstance(failure, grpc.StatusCode):
                context.abort(failure, "not now")
            context.abort_with_status(failure)

    def RunCascade(self, request, context):
        self._take(request, context)
        results = canned_results(request.records)
        return cascade_service_pb2.RunCascadeResponse(results=results)

    def StreamCascade(self, request, context):
        context.add_callback(self.stream_ended.set)
        self._take(request, context)
        for index in self.streamed:
            yield cascade_service_pb2.StreamCascadeResponse(
                index=index, result=types_pb2.Result(record_id=str(index))
            )

    def ListCascades(self, request, context):
        self._take(request, context)
        cascades = self.lists.popleft() if len(self.lists) > 1 else self.lists[0]
        return cascade_service_pb2.ListCascadesResponse(cascades=cascades)

    def DescribeCascade(self, request, context):
        self._take(request, context)
        return cascade_service_pb2.DescribeCascadeResponse(operation="level", labels=["info"])

    def ExplainCascade(self, request, context):
        self._take(request, context)
        explanations = [
            cascade_service_pb2.Explanation(record_id=record.id) for record in request.records
        ]
        return cascade_service_pb2.ExplainCascadeResponse(explanations=explanations)

    def SubmitFeedback(self, request, context):
        self._take(request, context)
        error = types_pb2.RecordError(
            code="NOT_FOUND", reason="NOT_FOUND", message="no such record"
        )
        outcomes = [
            cascade_service_pb2.FeedbackOutcome(
                record_id=each.record_id, error=error if each.record_id in self.untaken else None
            )
            for each in request.feedback
        ]
        return cascade_service_pb2.SubmitFeedbackResponse(outcomes=outcomes)

    def AnalyzeLogs(self, request, context):
        self._take(request, context)
        results = canned_results(request.logs)
        return log_analysis_service_pb2.AnalyzeLogsResponse(results=results)

    def MatchSchemas(self, request, context):
        self._take(request, context)
        column = schema_matching_service_pb2.ColumnMatch(id="id", name="id", target="order_id")
        matches = [
            schema_matching_service_pb2.TableMatch(name=table.name, columns=[column])
            for table in request.sources
        ]
        return schema_matching_service_pb2.MatchSchemasResponse(matches=matches)

    def AnswerQuestions(self, request, context):
        self._take(request, context)
        answers = [
            question_answering_service_pb2.QuestionAnswer(id=question.id, answer="1901")
            for question in request.questions
        ]
        return question_answering_service_pb2.AnswerQuestionsResponse(answers=answers)

    def StreamAnswers(self, request, context):
        context.add_callback(self.stream_ended.set)
        self._take(request, context)
        yield from self.news

    def AdviseNews(self, request, context):
        self._take(request, context)
        advices = [
            news_advising_service_pb2.NewsAdvice(id=item.id, verdict="fake", probability=0.75)
            for item in request.items[1 if self.forgets else 0 :]
        ]
        return news_advising_service_pb2.AdviseNewsResponse(advices=advices)

    def Classify(self, request, context):
        self._take(request, context)
        right = classifier_service_pb2.Classification(
            options=[classifier_service_pb2.ScoredOption(option="match", probability=1.0)]
        )
        wrong = classifier_service_pb2.Classification(
            error=types_pb2.RecordError(code="INTERNAL", reason="RECORD_FAILED", message="no")
        )
        return classifier_service_pb2.ClassifyResponse(classifications=[right, wrong])

    def Retrieve(self, request, context):
        self._take(request, context)
        hits = [types_pb2.Evidence(id="7", similarity=0.5, text="past")]
        retrieval = retriever_service_pb2.Retrieval(hits=hits)
        return retriever_service_pb2.RetrieveResponse(retrievals=[retrieval])

    def Rerank(self, request, context):
        self._take(request, context)
        ranked = [reranker_service_pb2.RankedCandidate(id="y", score=2.0)]
        ranking = reranker_service_pb2.Ranking(candidates=ranked)
        return reranker_service_pb2.RerankResponse(rankings=[ranking])

    def Verify(self, request, context):
        self._take(request, context)
        verification = verifier_service_pb2.Verification(
            record_id="a", answer="match", confirmed=True, usage=types_pb2.Usage(calls=1)
        )
        return verifier_service_pb2.VerifyResponse(verifications=[verification])
