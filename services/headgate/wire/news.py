"""What news advising sends: items, and what is advised about each.

GivenItem <-> v1.NewsItem, NewsAdvice <-> v1.NewsAdvice
"""

from __future__ import annotations

from headgate.news import GivenItem, NewsAdvice
from headgate.v1 import news_advising_service_pb2
from headgate.wire.guarantee import guarantee_from_wire, guarantee_to_wire
from headgate.wire.parts import (
    advice_from_wire,
    advice_to_wire,
    error_from_wire,
    hit_from_wire,
    hit_to_wire,
    maybe_error_to_wire,
    step_from_wire,
    step_to_wire,
    tier_from_wire,
    tier_to_wire,
    usage_from_wire,
    usage_to_wire,
)
from headgate.wire.text import name_to_wire, prose_to_wire, text_from_wire, text_to_wire


def news_item_to_wire(item: GivenItem) -> news_advising_service_pb2.NewsItem:
    """Return the message for one item; `lossy` stays behind, the server finds its own.

    Raises:
        InputError: Its id is not valid Unicode.
    """
    return news_advising_service_pb2.NewsItem(
        id=name_to_wire("item", item.id),
        text=text_to_wire(item.text),
        context=text_to_wire(item.context),
    )


def news_item_from_wire(message: news_advising_service_pb2.NewsItem, index: int) -> GivenItem:
    """Return the item; never raises, whatever the bytes are.

    Args:
        message: As it came.
        index: Its position in the request, from 0; the id when the message has none.
    """
    text, lossy_text = text_from_wire(message.text)
    context, lossy_context = text_from_wire(message.context)
    return GivenItem(message.id or str(index), text, context, lossy_text or lossy_context)


def news_advice_to_wire(advice: NewsAdvice) -> news_advising_service_pb2.NewsAdvice:
    """Return the message for what is advised about one item."""
    return news_advising_service_pb2.NewsAdvice(
        id=prose_to_wire(advice.id),
        verdict=prose_to_wire(advice.verdict),
        probability=advice.probability,
        confidence=advice.confidence,
        tier=tier_to_wire(advice.tier),
        views=[advice_to_wire(view) for view in advice.views],
        similar_items=[hit_to_wire(hit) for hit in advice.similar],
        path=[step_to_wire(step) for step in advice.path],
        rationale=prose_to_wire(advice.rationale),
        usage=usage_to_wire(advice.usage),
        certificate_id=advice.certificate_id,
        guarantee=guarantee_to_wire(advice.guarantee),
        degraded=advice.degraded,
        cached=advice.cached,
        lossy_input=advice.lossy_input,
        error=maybe_error_to_wire(advice.error),
    )


def news_advice_from_wire(message: news_advising_service_pb2.NewsAdvice) -> NewsAdvice:
    """Return what is advised about one item; its error, if any, is a `RemoteError`.

    Raises:
        InputError: A tier, a decision or a guarantee is one this version does not know.
    """
    return NewsAdvice(
        id=message.id,
        verdict=message.verdict,
        probability=message.probability,
        confidence=message.confidence,
        tier=tier_from_wire(message.tier),
        views=tuple(advice_from_wire(view) for view in message.views),
        similar=tuple(hit_from_wire(hit) for hit in message.similar_items),
        path=tuple(step_from_wire(step) for step in message.path),
        rationale=message.rationale,
        usage=usage_from_wire(message.usage),
        certificate_id=message.certificate_id,
        guarantee=guarantee_from_wire(message.guarantee),
        degraded=message.degraded,
        cached=message.cached,
        lossy_input=message.lossy_input,
        error=error_from_wire(message.error) if message.HasField("error") else None,
    )
