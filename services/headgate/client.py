"""A typed client for backend systems; it needs grpcio and protobuf only.

[Record] -> v1 request -> gRPC, with retries and a deadline -> v1 reply -> [Result]

Logs are often not UTF-8. Decode them with `errors="surrogateescape"`, as in
`open(path, errors="surrogateescape")` or `data.decode(errors="surrogateescape")`: the client then
sends the very bytes of the file, and a result says in `lossy_input` whether the server had to
replace some.

The client is synchronous and may be shared between threads. In asyncio, call it through
`asyncio.to_thread`, or use the stubs of `headgate.v1` on a `grpc.aio` channel with
`CHANNEL_OPTIONS`.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TypeVar

import grpc

from headgate import __version__, wire
from headgate.errors import InputError, RemoteError, UnavailableError
from headgate.types import (
    Candidate,
    CascadeDescription,
    CascadeSummary,
    Deadline,
    Explanation,
    Hit,
    Prediction,
    Record,
    Result,
    Verification,
)
from headgate.v1 import (
    cascade_service_pb2,
    cascade_service_pb2_grpc,
    classifier_service_pb2,
    classifier_service_pb2_grpc,
    log_analysis_service_pb2,
    log_analysis_service_pb2_grpc,
    reranker_service_pb2,
    reranker_service_pb2_grpc,
    retriever_service_pb2,
    retriever_service_pb2_grpc,
    verifier_service_pb2,
    verifier_service_pb2_grpc,
)

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")
_Answers = TypeVar("_Answers", bound=Sequence[object])

_MIB = 2**20
# A server takes messages of 4 MiB; the slack lets the server refuse what is just over it, with its
# own words. A reply may be larger than its request: each result brings evidence and a rationale.
_MAX_SEND_BYTES = 5 * _MIB
_MAX_RECEIVE_BYTES = 32 * _MIB

# A stopping server answers CANCELLED. Every call is safe to repeat: it changes nothing there.
_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
}

CHANNEL_OPTIONS: tuple[tuple[str, str | int], ...] = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.max_send_message_length", _MAX_SEND_BYTES),
    ("grpc.max_receive_message_length", _MAX_RECEIVE_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.primary_user_agent", f"headgate/{__version__}"),
)
"""What every channel to a Headgate server should be opened with: retries, sizes, user agent."""

_FIRST_POLL_S = 0.1
_LONGEST_POLL_S = 2.0


class Client:
    """Calls one Headgate server.

    Every call has a deadline, is retried while the server is unavailable or stopping, and raises
    `RemoteError` with the server's status and reason when it fails as a whole. A record that
    fails alone has its error in its own place, and the others have their answers.
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
            timeout_s: Deadline of a call that names none.
            metadata: Sent with every call, such as an API key.

        Raises:
            InputError: `timeout_s` is not a positive, finite number.
        """
        self._target = target
        self._timeout_s = _positive(timeout_s)
        self._metadata = tuple(metadata)
        self._channel = (
            grpc.insecure_channel(target, options=CHANNEL_OPTIONS)
            if tls is None
            else grpc.secure_channel(target, tls, options=CHANNEL_OPTIONS)
        )
        self._cascades = cascade_service_pb2_grpc.CascadeServiceStub(self._channel)

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
        self._channel.close()

    def wait_until_ready(self, timeout_s: float) -> None:
        """Return once the server is there and each of its cascades can answer.

        Raises:
            UnavailableError: That was not so within `timeout_s`; it says what was missing.
            RemoteError: The server refuses, which waiting does not change.
        """
        deadline = Deadline.after(_positive(timeout_s))
        poll_s = _FIRST_POLL_S
        problem = self._why_not_ready(deadline)
        while problem and deadline.remaining_s() > poll_s:
            time.sleep(poll_s)
            poll_s = min(2 * poll_s, _LONGEST_POLL_S)
            problem = self._why_not_ready(deadline)
        if problem:
            raise UnavailableError(
                self._target,
                f"not ready after {timeout_s} s: {problem}",
                "Look at the server's log, or wait longer.",
            )

    def list_cascades(self, *, timeout_s: float | None = None) -> list[CascadeSummary]:
        """Return one line about each cascade of the server."""
        request = cascade_service_pb2.ListCascadesRequest()
        reply = self._call(self._cascades.ListCascades, request, timeout_s)
        return [wire.summary_from_wire(cascade) for cascade in reply.cascades]

    def describe_cascade(
        self, cascade: str = "", *, timeout_s: float | None = None
    ) -> CascadeDescription:
        """Return what a cascade reads, answers and is made of."""
        request = cascade_service_pb2.DescribeCascadeRequest(cascade=cascade)
        reply = self._call(self._cascades.DescribeCascade, request, timeout_s)
        return wire.description_from_wire(reply)

    def run_cascade(
        self, records: Sequence[Record], *, cascade: str = "", timeout_s: float | None = None
    ) -> list[Result]:
        """Return one result a record, in the order of `records`.

        Args:
            records: At most 1,000.
            cascade: May be empty when the server has one only; the same for every other method.
            timeout_s: Seconds until the call is given up; the client's own when None; the same
                for every other method.
        """
        request = cascade_service_pb2.RunCascadeRequest(
            cascade=cascade, records=[wire.record_to_wire(record) for record in records]
        )
        reply = self._call(self._cascades.RunCascade, request, timeout_s)
        return [wire.result_from_wire(result) for result in _all_of(reply.results, records)]

    def stream_cascade(
        self, records: Sequence[Record], *, cascade: str = "", timeout_s: float | None = None
    ) -> Iterator[tuple[int, Result]]:
        """Yield each result as soon as it is there, with the position of its record.

        The call starts with the first `next` and is cancelled when the iterator is closed.
        """
        request = cascade_service_pb2.StreamCascadeRequest(
            cascade=cascade, records=[wire.record_to_wire(record) for record in records]
        )
        missing = set(range(len(records)))
        with _as_remote_error():
            call = self._cascades.StreamCascade(
                request, timeout=self._timeout(timeout_s), metadata=self._metadata
            )
            try:
                for reply in call:
                    if reply.index not in missing:
                        raise _miscounted(f"a result for position {reply.index} nobody waits for")
                    missing.remove(reply.index)
                    yield reply.index, wire.result_from_wire(reply.result)
            finally:
                call.cancel()
        if missing:
            raise _miscounted(f"no result for {len(missing)} of {len(records)} records")

    def explain_cascade(
        self, records: Sequence[Record], *, cascade: str = "", timeout_s: float | None = None
    ) -> list[Explanation]:
        """Return which path each record would take, without a call of the large model."""
        request = cascade_service_pb2.ExplainCascadeRequest(
            cascade=cascade, records=[wire.record_to_wire(record) for record in records]
        )
        reply = self._call(self._cascades.ExplainCascade, request, timeout_s)
        explanations = _all_of(reply.explanations, records)
        return [wire.explanation_from_wire(explanation) for explanation in explanations]

    def analyze_logs(
        self, records: Sequence[Record], *, cascade: str = "", timeout_s: float | None = None
    ) -> list[Result]:
        """Return one result a log record, in the order of `records`.

        Args:
            records: With the field `log` or `line`, and `description` where the cascade reads
                one; the candidates are the causes to choose from.
            cascade: A cascade of the `logs` domain.
            timeout_s: Seconds until the call is given up; the client's own when None.

        Raises:
            InputError: A record has other fields.
        """
        request = log_analysis_service_pb2.AnalyzeLogsRequest(
            cascade=cascade, logs=[wire.log_record_to_wire(record) for record in records]
        )
        stub = log_analysis_service_pb2_grpc.LogAnalysisServiceStub(self._channel)
        reply = self._call(stub.AnalyzeLogs, request, timeout_s)
        return [wire.result_from_wire(result) for result in _all_of(reply.results, records)]

    def classify(
        self,
        records: Sequence[Record],
        *,
        cascade: str = "",
        stage: str = "",
        timeout_s: float | None = None,
    ) -> list[Prediction | RemoteError]:
        """Return the small model's prediction or the error of each record, in their order.

        The options of a prediction come most probable first. An empty `stage` is the cascade's
        last classify stage.
        """
        request = classifier_service_pb2.ClassifyRequest(
            cascade=cascade,
            stage=stage,
            records=[wire.record_to_wire(record) for record in records],
        )
        stub = classifier_service_pb2_grpc.ClassifierServiceStub(self._channel)
        reply = self._call(stub.Classify, request, timeout_s)
        return [wire.prediction_from_wire(c) for c in _all_of(reply.classifications, records)]

    def retrieve(
        self,
        queries: Sequence[str],
        top_k: int = 0,
        *,
        cascade: str = "",
        stage: str = "",
        timeout_s: float | None = None,
    ) -> list[tuple[Hit, ...]]:
        """Return the nearest documents of each query, nearest first.

        Args:
            queries: Texts to search with, at most 1,000.
            top_k: Documents a query; the stage's own number when 0.
            cascade: May be empty when the server has one only.
            stage: The cascade's last retrieve stage when empty.
            timeout_s: Seconds until the call is given up; the client's own when None.
        """
        request = retriever_service_pb2.RetrieveRequest(
            cascade=cascade,
            stage=stage,
            queries=[wire.text_to_wire(query) for query in queries],
            top_k=top_k,
        )
        stub = retriever_service_pb2_grpc.RetrieverServiceStub(self._channel)
        reply = self._call(stub.Retrieve, request, timeout_s)
        retrievals = _all_of(reply.retrievals, queries)
        return [tuple(map(wire.hit_from_wire, retrieval.hits)) for retrieval in retrievals]

    def rerank(
        self,
        items: Sequence[tuple[str, Sequence[Candidate]]],
        *,
        cascade: str = "",
        timeout_s: float | None = None,
    ) -> list[tuple[tuple[str, float], ...]]:
        """Return each item's candidates as (id, score), best first.

        Args:
            items: A text, and the candidates that should fit it.
            cascade: May be empty when the server has one only.
            timeout_s: Seconds until the call is given up; the client's own when None.
        """
        request = reranker_service_pb2.RerankRequest(
            cascade=cascade, items=[_rerank_item(query, candidates) for query, candidates in items]
        )
        stub = reranker_service_pb2_grpc.RerankerServiceStub(self._channel)
        reply = self._call(stub.Rerank, request, timeout_s)
        return [wire.ranking_from_wire(ranking) for ranking in _all_of(reply.rankings, items)]

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

        Args:
            records: At most 1,000.
            proposals: Answers to be confirmed or not, one a record; or none.
            cascade: May be empty when the server has one only.
            stage: The cascade's last verify stage when empty.
            timeout_s: Seconds until the call is given up; the client's own when None.
        """
        request = verifier_service_pb2.VerifyRequest(
            cascade=cascade,
            stage=stage,
            records=[wire.record_to_wire(record) for record in records],
            proposals=proposals,
        )
        stub = verifier_service_pb2_grpc.VerifierServiceStub(self._channel)
        reply = self._call(stub.Verify, request, timeout_s)
        return [wire.verification_from_wire(v) for v in _all_of(reply.verifications, records)]

    def _call(
        self,
        method: Callable[..., _Reply],
        request: _Request,
        timeout_s: float | None,
        *,
        wait_for_ready: bool = False,
    ) -> _Reply:
        with _as_remote_error():
            return method(
                request,
                timeout=self._timeout(timeout_s),
                metadata=self._metadata,
                wait_for_ready=wait_for_ready,
            )

    def _timeout(self, timeout_s: float | None) -> float:
        return self._timeout_s if timeout_s is None else _positive(timeout_s)

    def _why_not_ready(self, deadline: Deadline) -> str:
        """Return what is missing, empty when nothing is; waits for a connection."""
        request = cascade_service_pb2.ListCascadesRequest()
        # Never zero: a call may start a moment after the last look at the clock.
        timeout_s = max(deadline.remaining_s(), 0.001)
        try:
            reply = self._call(self._cascades.ListCascades, request, timeout_s, wait_for_ready=True)
        except RemoteError as error:
            if error.status in {"UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED"}:
                return str(error)
            raise
        if not reply.cascades:
            return "the server has no cascade"
        return "; ".join(f"{c.name}: {c.problem}" for c in reply.cascades if not c.ready)


def _positive(timeout_s: float) -> float:
    if not 0 < timeout_s < math.inf:
        raise InputError(
            "timeout_s", f"{timeout_s!r} is no deadline", "Give a positive number of seconds."
        )
    return timeout_s


def _rerank_item(query: str, candidates: Sequence[Candidate]) -> reranker_service_pb2.RerankItem:
    return reranker_service_pb2.RerankItem(
        query=wire.text_to_wire(query), candidates=map(wire.candidate_to_wire, candidates)
    )


def _all_of(answers: _Answers, asked: Sequence[object]) -> _Answers:
    """Return `answers` if there is one for each of `asked`, so that no record is lost unseen."""
    if len(answers) != len(asked):
        raise _miscounted(f"{len(answers)} answers to {len(asked)} questions")
    return answers


def _miscounted(problem: str) -> RemoteError:
    return RemoteError("INTERNAL", "ANSWERS_MISCOUNTED", f"the server sent {problem}")


@contextmanager
def _as_remote_error() -> Iterator[None]:
    """Turn gRPC's errors into ours, at the border."""
    try:
        yield
    except grpc.RpcError as error:
        status = error.code().name
        reason = _reason(error.trailing_metadata() or ()) or status
        raise RemoteError(status, reason, error.details() or "no details") from error


def _reason(trailers: Sequence[tuple[str, str | bytes]]) -> str:
    """Return the `google.rpc.ErrorInfo.reason` of a failed call; empty when there is none."""
    details = dict(trailers).get("grpc-status-details-bin", b"")
    try:
        # Only some installations have googleapis-common-protos; the status alone is enough.
        from google.protobuf.message import DecodeError
        from google.rpc import error_details_pb2, status_pb2
    except ImportError:
        return ""
    info = error_details_pb2.ErrorInfo()
    try:
        found = any(detail.Unpack(info) for detail in status_pb2.Status.FromString(details).details)
    except DecodeError:
        return ""
    return str(info.reason) if found else ""
