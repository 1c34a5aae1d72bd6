"""The service that advises on news items, each with the views of a large model where it was asked.

v1.NewsItem -> Record -> engine -> Result -> NewsAdvice -> response message
"""

from __future__ import annotations

from collections.abc import Sequence

from headgate import wire
from headgate.cascade.engine import Engine
from headgate.domains.news import CONTEXT, JUDGE_NEWS, TEXT
from headgate.domains.news_advice import news_advice
from headgate.errors import InputError
from headgate.news import GivenItem
from headgate.serving.limits import check_ids
from headgate.serving.rpc import Call
from headgate.serving.service import EngineService, check_reached, origin_of
from headgate.types import Record
from headgate.v1 import news_advising_service_pb2


class NewsAdvisingService(EngineService):
    """`headgate.v1.NewsAdvisingService`."""

    descriptor = news_advising_service_pb2.DESCRIPTOR.services_by_name["NewsAdvisingService"]

    async def AdviseNews(  # noqa: N802 - named by the contract
        self, request: news_advising_service_pb2.AdviseNewsRequest, call: Call
    ) -> news_advising_service_pb2.AdviseNewsResponse:
        """Advise on news items."""
        engine = self._judging(request.cascade)
        records = self._items(request.items)
        results = await engine.run(records, call.deadline, origin=origin_of(call))
        advices = [
            news_advice(record, result, engine.task.labels)
            for record, result in zip(records, results, strict=True)
        ]
        check_reached([advice.error for advice in advices])
        return news_advising_service_pb2.AdviseNewsResponse(
            advices=map(wire.news_advice_to_wire, advices),
            revision=engine.revision,
            request_id=call.request_id,
        )

    def _judging(self, cascade: str) -> Engine:
        """Return the engine of a cascade that judges news.

        Raises:
            InputError: It is of another domain.
            NotFoundError: There is none of that name.
        """
        engine = self._engine(cascade)
        if engine.task.operation != JUDGE_NEWS:
            raise InputError(
                f"cascade {engine.name!r}",
                f"it decides {engine.task.operation}, and judges no news",
                "Name a cascade of the domain `news`.",
            )
        return engine

    def _items(self, messages: Sequence[news_advising_service_pb2.NewsItem]) -> list[Record]:
        """Return a record for each item; the task has the limit of their length.

        Raises:
            InputError: There is none, there are too many, or two have one id.
        """
        self._limits.check_count("items", len(messages))
        given = [wire.news_item_from_wire(each, index) for index, each in enumerate(messages)]
        check_ids("items", [each.id for each in given])
        return [_record(each) for each in given]


def _record(item: GivenItem) -> Record:
    """Return the record of an item; a blank context is no context."""
    fields = {TEXT: item.text}
    if item.context.strip():
        fields[CONTEXT] = item.context
    return Record(item.id, fields, lossy=item.lossy)
