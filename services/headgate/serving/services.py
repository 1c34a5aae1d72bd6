"""The gRPC services: each method turns messages into values, asks an engine, and turns back.

request message -> limits -> records -> engine or capability -> results -> response message
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from headgate import wire
from headgate.cascade import capabilities
from headgate.cascade.explain import explain
from headgate.cascade.nodes import GateNode, Node
from headgate.errors import HeadgateError, InputError
from headgate.serving.host import Host
from headgate.serving.limits import Limits, check_given, check_ids
from headgate.serving.news_advising import NewsAdvisingService
from headgate.serving.question_answering import QuestionAnsweringService
from headgate.serving.rpc import Call, Service
from headgate.serving.schema_matching import SchemaMatchingService
from headgate.serving.service import EngineService, check_reached, origin_of, reached
from headgate.types import CascadeDescription, StageSummary
from headgate.v1 import (
    cascade_service_pb2,
    classifier_service_pb2,
    log_analysis_service_pb2,
    reranker_service_pb2,
    retriever_service_pb2,
    verifier_service_pb2,
)


class CascadeService(EngineService):
    """`headgate.v1.CascadeService`."""

    descriptor = cascade_service_pb2.DESCRIPTOR.services_by_name["CascadeService"]

    async def RunCascade(
        self, request: cascade_service_pb2.RunCascadeRequest, call: Call
    ) -> cascade_service_pb2.RunCascadeResponse:
        """Run a batch."""
        engine = self._engine(request.cascade)
        results = await engine.run(
            self._records(request.records, engine), call.deadline, origin=origin_of(call)
        )
        return cascade_service_pb2.RunCascadeResponse(
            results=map(wire.result_to_wire, reached(results)),
            revision=engine.revision,
            request_id=call.request_id,
        )

    async def StreamCascade(
        self, request: cascade_service_pb2.StreamCascadeRequest, call: Call
    ) -> AsyncGenerator[cascade_service_pb2.StreamCascadeResponse, None]:
        """Run a batch and send each result as soon as it is there."""
        engine = self._engine(request.cascade)
        records = self._records(request.records, engine)
        async with aclosing(
            engine.stream(records, call.deadline, origin=origin_of(call))
        ) as results:
            async for index, result in results:
                yield cascade_service_pb2.StreamCascadeResponse(
                    index=index,
                    result=wire.result_to_wire(result),
                    revision=engine.revision,
                    request_id=call.request_id,
                )

    async def ListCascades(
        self, request: cascade_service_pb2.ListCascadesRequest, call: Call
    ) -> cascade_service_pb2.ListCascadesResponse:
        """List what is served, broken cascades too."""
        del request, call
        summaries = [wire.summary_to_wire(hosted.summary) for hosted in self._host.hosted]
        return cascade_service_pb2.ListCascadesResponse(cascades=summaries)

    async def DescribeCascade(
        self, request: cascade_service_pb2.DescribeCascadeRequest, call: Call
    ) -> cascade_service_pb2.DescribeCascadeResponse:
        """Describe one cascade."""
        del call
        engine = self._engine(request.cascade)
        hosted = next(each for each in self._host.hosted if each.engine is engine)
        description = CascadeDescription(
            summary=hosted.summary,
            operation=engine.task.operation,
            fields=engine.task.fields,
            labels=engine.task.labels,
            stages=tuple(map(_stage_summary, engine.nodes)),
            llm_share=engine.about.llm_share,
            development_metrics=engine.about.metrics,
        )
        return wire.description_to_wire(description)

    async def ExplainCascade(
        self, request: cascade_service_pb2.ExplainCascadeRequest, call: Call
    ) -> cascade_service_pb2.ExplainCascadeResponse:
        """Explain a batch without calling a large model."""
        engine = self._engine(request.cascade)
        explanations = await explain(engine, self._records(request.records, engine), call.deadline)
        return cascade_service_pb2.ExplainCascadeResponse(
            explanations=map(wire.explanation_to_wire, reached(explanations)),
            revision=engine.revision,
        )

    async def SubmitFeedback(
        self, request: cascade_service_pb2.SubmitFeedbackRequest, call: Call
    ) -> cascade_service_pb2.SubmitFeedbackResponse:
        """Take the right answers to earlier records."""
        del call
        self._check("feedback", request.feedback)
        feedback = [wire.feedback_from_wire(each) for each in request.feedback]
        check_given("feedback", "record_id", [each.record_id for each in feedback])
        check_given("feedback", "label", [each.label for each in feedback])
        outcomes = await self._host.feedback(request.cascade, feedback)
        return cascade_service_pb2.SubmitFeedbackResponse(
            outcomes=map(wire.outcome_to_wire, outcomes)
        )


class LogAnalysisService(EngineService):
    """`headgate.v1.LogAnalysisService`."""

    descriptor = log_analysis_service_pb2.DESCRIPTOR.services_by_name["LogAnalysisService"]

    async def AnalyzeLogs(
        self, request: log_analysis_service_pb2.AnalyzeLogsRequest, call: Call
    ) -> log_analysis_service_pb2.AnalyzeLogsResponse:
        """Run a batch of logs with typed fields."""
        engine = self._engine(request.cascade)
        self._check("logs", request.logs)
        field = engine.task.fields[0]
        records = [
            wire.log_record_from_wire(each, index, field) for index, each in enumerate(request.logs)
        ]
        check_ids("logs", [record.id for record in records])
        results = await engine.run(records, call.deadline, origin=origin_of(call))
        return log_analysis_service_pb2.AnalyzeLogsResponse(
            results=map(wire.result_to_wire, reached(results)),
            revision=engine.revision,
            request_id=call.request_id,
        )


class ClassifierService(EngineService):
    """`headgate.v1.ClassifierService`."""

    descriptor = classifier_service_pb2.DESCRIPTOR.services_by_name["ClassifierService"]

    async def Classify(
        self, request: classifier_service_pb2.ClassifyRequest, call: Call
    ) -> classifier_service_pb2.ClassifyResponse:
        """Classify with a small model alone."""
        engine = self._engine(request.cascade)
        records = self._records(request.records, engine)
        found = await capabilities.classify(engine, records, call.deadline, stage=request.stage)
        check_reached([each if isinstance(each, HeadgateError) else None for each in found])
        rows = [
            wire.prediction_to_wire(record.id, each)
            for record, each in zip(records, found, strict=True)
        ]
        return classifier_service_pb2.ClassifyResponse(
            classifications=rows, revision=engine.revision
        )


class RetrieverService(EngineService):
    """`headgate.v1.RetrieverService`."""

    descriptor = retriever_service_pb2.DESCRIPTOR.services_by_name["RetrieverService"]

    async def Retrieve(
        self, request: retriever_service_pb2.RetrieveRequest, call: Call
    ) -> retriever_service_pb2.RetrieveResponse:
        """Search a cascade's index."""
        engine = self._engine(request.cascade)
        self._limits.check_count("queries", len(request.queries))
        self._limits.check_sizes("queries", map(len, request.queries), self._limits.max_item_bytes)
        if request.top_k > self._limits.max_top_k:
            raise InputError(
                "top_k", f"it is {request.top_k}", f"Ask for at most {self._limits.max_top_k}."
            )
        queries = [wire.text_from_wire(query)[0] for query in request.queries]
        found = await capabilities.retrieve(
            engine, queries, call.deadline, stage=request.stage, top_k=request.top_k
        )
        retrievals = [
            retriever_service_pb2.Retrieval(hits=map(wire.hit_to_wire, hits)) for hits in found
        ]
        return retriever_service_pb2.RetrieveResponse(
            retrievals=retrievals, revision=engine.revision
        )


class RerankerService(EngineService):
    """`headgate.v1.RerankerService`."""

    descriptor = reranker_service_pb2.DESCRIPTOR.services_by_name["RerankerService"]

    async def Rerank(
        self, request: reranker_service_pb2.RerankRequest, call: Call
    ) -> reranker_service_pb2.RerankResponse:
        """Order candidates with the small model."""
        engine = self._engine(request.cascade)
        self._check("items", request.items)
        items = [
            (
                wire.text_from_wire(item.query)[0],
                [wire.candidate_from_wire(each)[0] for each in item.candidates],
            )
            for item in request.items
        ]
        pairs = sum(len(candidates) for _, candidates in items)
        self._limits.check_count("items.candidates", pairs)
        rankings = await capabilities.rerank(engine, items, call.deadline)
        return reranker_service_pb2.RerankResponse(
            rankings=map(wire.ranking_to_wire, rankings), revision=engine.revision
        )


class VerifierService(EngineService):
    """`headgate.v1.VerifierService`."""

    descriptor = verifier_service_pb2.DESCRIPTOR.services_by_name["VerifierService"]

    async def Verify(
        self, request: verifier_service_pb2.VerifyRequest, call: Call
    ) -> verifier_service_pb2.VerifyResponse:
        """Decide with the large model alone."""
        engine = self._engine(request.cascade)
        verifications = await capabilities.verify(
            engine,
            self._records(request.records, engine),
            call.deadline,
            stage=request.stage,
            proposals=list(request.proposals),
            caller=call.caller,
        )
        return verifier_service_pb2.VerifyResponse(
            verifications=map(wire.verification_to_wire, reached(verifications)),
            revision=engine.revision,
        )


SERVICES: tuple[type[EngineService], ...] = (
    CascadeService,
    LogAnalysisService,
    SchemaMatchingService,
    QuestionAnsweringService,
    NewsAdvisingService,
    ClassifierService,
    RetrieverService,
    RerankerService,
    VerifierService,
)


def all_services(host: Host, limits: Limits) -> list[Service]:
    """Return every service of the contract."""
    return [service(host, limits) for service in SERVICES]  # type: ignore[misc]


def _stage_summary(node: Node) -> StageSummary:
    if isinstance(node, GateNode):
        return StageSummary(node.name, node.kind, threshold=node.gate.threshold)
    return StageSummary(node.name, node.kind, node.model)
