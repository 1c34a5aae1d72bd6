"""The calls a backend system makes, each with our own values in and out.

[Record]  ->  Client: wire.x_to_wire -> Connection -> wire.x_from_wire  ->  [Result]
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from types import TracebackType

import grpc

from headgate import wire
from headgate.client.connection import Connection
from headgate.client.domain_calls import DomainCalls
from headgate.client.replies import all_of, miscounted
from headgate.errors import RemoteError, UnavailableError
from headgate.types import (
    Candidate,
    CascadeDescription,
    CascadeSummary,
    Deadline,
    Explanation,
    Feedback,
    FeedbackOutcome,
    Hit,
    Prediction,
    Record,
    Result,
    Verification,
)
from headgate.v1.cascade_service_pb2 import (
    DescribeCascadeRequest,
    ExplainCascadeRequest,
    ListCascadesRequest,
    RunCascadeRequest,
    StreamCascadeRequest,
    SubmitFeedbackRequest,
)
from headgate.v1.cascade_service_pb2_grpc import CascadeServiceStub
from headgate.v1.classifier_service_pb2 import ClassifyRequest
from headgate.v1.classifier_service_pb2_grpc import ClassifierServiceStub
from headgate.v1.reranker_service_pb2 import RerankItem, RerankRequest
from headgate.v1.reranker_service_pb2_grpc import RerankerServiceStub
from headgate.v1.retriever_service_pb2 import RetrieveRequest
from headgate.v1.retriever_service_pb2_grpc import RetrieverServiceStub
from headgate.v1.verifier_service_pb2 import VerifyRequest
from headgate.v1.verifier_service_pb2_grpc import VerifierServiceStub

_FIRST_POLL_S = 0.1
_LONGEST_POLL_S = 2.0
_WORTH_WAITING = frozenset({"UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED"})


class Client(DomainCalls):
    """Calls one Headgate server.

    Every call has a deadline and is retried while the server is unavailable or stopping. A call
    that fails as a whole raises `RemoteError` with the server's status and reason; a record that
    fails alone has its error in its own place. Batches hold at most 1,000; answers keep their
    order.

    In every method an empty `cascade` is the only one the server has, an empty `stage` is the
    cascade's last one of the fitting kind, and a `timeout_s` of None is the client's own. A
    `request_id`, of 1 to 128 printable ASCII characters, names the call in later feedback.
    """

    def __init__(
        self,
        target: str,
        *,
        tls: grpc.ChannelCredentials | None = None,
        timeout_s: float = 30.0,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Open a channel; the first call connects it.

        Args:
            target: Where the server is, such as `localhost:9090` or `dns:///headgate:9090`.
            tls: Such as `grpc.ssl_channel_credentials()`; without it nothing is encrypted.
            timeout_s: Seconds after which a call is given up.
            metadata: Sent with every call, such as an API key, or the caller's name in
                `x-headgate-caller`.

        Raises:
            InputError: `timeout_s` is not a positive, finite number.
        """
        self._target = target
        super().__init__(Connection(target, tls=tls, timeout_s=timeout_s, metadata=metadata))
        self._cascades = self._connection.stub(CascadeServiceStub)
        self._classifier = self._connection.stub(ClassifierServiceStub)
        self._retriever = self._connection.stub(RetrieverServiceStub)
        self._reranker = self._connection.stub(RerankerServiceStub)
        self._verifier = self._connection.stub(VerifierServiceStub)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the channel; calls that are still running end."""
        self._connection.close()

    def wait_until_ready(self, timeout_s: float) -> None:
        """Return once the server is there and each of its cascades can answer.

        Raises:
            UnavailableError: That was not so within `timeout_s`; it says what was missing.
            RemoteError: The server refuses, which waiting does not change.
        """
        deadline = Deadline.after(timeout_s)
        poll_s = _FIRST_POLL_S
        problem = self._why_not_ready(timeout_s)
        while problem and deadline.remaining_s() > poll_s:
            time.sleep(poll_s)
            poll_s = min(2 * poll_s, _LONGEST_POLL_S)
            # Never zero: the deadline may pass between the sleep and this look at the clock.
            problem = self._why_not_ready(max(deadline.remaining_s(), 0.001))
        if problem:
            raise UnavailableError(
                self._target,
                f"not ready after {timeout_s} s: {problem}",
                "Look at the server's log, or wait longer.",
            )

    def list_cascades(self, *, timeout_s: float | None = None) -> list[CascadeSummary]:
        """Return one line about each cascade of the server."""
        request = ListCascadesRequest()
        reply = self._connection.call(self._cascades.ListCascades, request, timeout_s)
        return [wire.summary_from_wire(cascade) for cascade in reply.cascades]

    def describe_cascade(
        self, cascade: str = "", *, timeout_s: float | None = None
    ) -> CascadeDescription:
        """Return what a cascade reads, answers and is made of."""
        request = DescribeCascadeRequest(cascade=cascade)
        reply = self._connection.call(self._cascades.DescribeCascade, request, timeout_s)
        return wire.description_from_wire(reply)

    def run_cascade(
        self,
        records: Sequence[Record],
        *,
        cascade: str = "",
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> list[Result]:
        """Return one result a record."""
        request = RunCascadeRequest(
            cascade=cascade, records=[wire.record_to_wire(record) for record in records]
        )
        reply = self._connection.call(
            self._cascades.RunCascade, request, timeout_s, request_id=request_id
        )
        return [wire.result_from_wire(result) for result in all_of(reply.results, records)]

    def stream_cascade(
        self,
        records: Sequence[Record],
        *,
        cascade: str = "",
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> Iterator[tuple[int, Result]]:
        """Yield each result as soon as it is there, with its record's position from 0.

        The call starts with the first `next` and is cancelled when the iterator is closed. What
        was yielded stays true when the call fails later; a started stream is not retried.
        """
        request = StreamCascadeRequest(
            cascade=cascade, records=[wire.record_to_wire(record) for record in records]
        )
        missing = set(range(len(records)))
        call = self._connection.stream(
            self._cascades.StreamCascade, request, timeout_s, request_id=request_id
        )
        with closing(call) as replies:
            for reply in replies:
                if reply.index not in missing:
                    raise miscounted(f"position {reply.index} twice or unasked")
                missing.remove(reply.index)
                yield reply.index, wire.result_from_wire(reply.result)
        if missing:
            raise miscounted(f"nothing for {len(missing)} of {len(records)} records")

    def explain_cascade(
        self, records: Sequence[Record], *, cascade: str = "", timeout_s: float | None = None
    ) -> list[Explanation]:
        """Return which path each record would take, without a call of the large model."""
        request = ExplainCascadeRequest(
            cascade=cascade, records=[wire.record_to_wire(record) for record in records]
        )
        reply = self._connection.call(self._cascades.ExplainCascade, request, timeout_s)
        explanations = all_of(reply.explanations, records)
        return [wire.explanation_from_wire(explanation) for explanation in explanations]

    def submit_feedback(
        self, feedback: Sequence[Feedback], *, cascade: str = "", timeout_s: float | None = None
    ) -> list[FeedbackOutcome]:
        """Tell the right answers to earlier records; return what became of each.

        Feedback that is not taken has its error in its own place. The same label for the same
        record counts once, so that a call which failed may be made again.
        """
        request = SubmitFeedbackRequest(
            cascade=cascade, feedback=[wire.feedback_to_wire(each) for each in feedback]
        )
        reply = self._connection.call(self._cascades.SubmitFeedback, request, timeout_s)
        return [wire.outcome_from_wire(outcome) for outcome in all_of(reply.outcomes, feedback)]

    def classify(
        self,
        records: Sequence[Record],
        *,
        cascade: str = "",
        stage: str = "",
        timeout_s: float | None = None,
    ) -> list[Prediction | RemoteError]:
        """Return the small model's prediction or the error of each record.

        The options of a prediction come most probable first.
        """
        request = ClassifyRequest(
            cascade=cascade,
            stage=stage,
            records=[wire.record_to_wire(record) for record in records],
        )
        reply = self._connection.call(self._classifier.Classify, request, timeout_s)
        answers = all_of(reply.classifications, records)
        return [wire.prediction_from_wire(answer) for answer in answers]

    def retrieve(
        self,
        queries: Sequence[str],
        *,
        top_k: int = 0,
        cascade: str = "",
        stage: str = "",
        timeout_s: float | None = None,
    ) -> list[tuple[Hit, ...]]:
        """Return the `top_k` nearest documents of each query, nearest first.

        The stage's own number of documents is returned when `top_k` is 0.
        """
        request = RetrieveRequest(
            cascade=cascade,
            stage=stage,
            queries=[wire.text_to_wire(query) for query in queries],
            top_k=top_k,
        )
        reply = self._connection.call(self._retriever.Retrieve, request, timeout_s)
        answers = all_of(reply.retrievals, queries)
        return [tuple(wire.hit_from_wire(hit) for hit in answer.hits) for answer in answers]

    def rerank(
        self,
        items: Sequence[tuple[str, Sequence[Candidate]]],
        *,
        cascade: str = "",
        timeout_s: float | None = None,
    ) -> list[tuple[tuple[str, float], ...]]:
        """Return the candidates of each (text, candidates) as (id, score), best first."""
        request = RerankRequest(
            cascade=cascade, items=[_rerank_item(query, candidates) for query, candidates in items]
        )
        reply = self._connection.call(self._reranker.Rerank, request, timeout_s)
        return [wire.ranking_from_wire(ranking) for ranking in all_of(reply.rankings, items)]

    def verify(
        self,
        records: Sequence[Record],
        proposals: Sequence[str] = (),
        *,
        cascade: str = "",
        stage: str = "",
        timeout_s: float | None = None,
    ) -> list[Verification]:
        """Return the large model's decision on each record. Every record may cost.

        `proposals` are answers to be confirmed or not, one a record or none at all.
        """
        request = VerifyRequest(
            cascade=cascade,
            stage=stage,
            records=[wire.record_to_wire(record) for record in records],
            proposals=proposals,
        )
        reply = self._connection.call(self._verifier.Verify, request, timeout_s)
        answers = all_of(reply.verifications, records)
        return [wire.verification_from_wire(answer) for answer in answers]

    def _why_not_ready(self, timeout_s: float) -> str:
        """Return what is missing, empty when nothing is; waits for a connection."""
        try:
            reply = self._connection.call(
                self._cascades.ListCascades, ListCascadesRequest(), timeout_s, wait_for_ready=True
            )
        except RemoteError as error:
            if error.status in _WORTH_WAITING:
                return str(error)
            raise
        if not reply.cascades:
            return "the server has no cascade"
        return "; ".join(f"{c.name}: {c.problem}" for c in reply.cascades if not c.ready)


def _rerank_item(query: str, candidates: Sequence[Candidate]) -> RerankItem:
    return RerankItem(
        query=wire.text_to_wire(query),
        candidates=[wire.candidate_to_wire(candidate) for candidate in candidates],
    )
