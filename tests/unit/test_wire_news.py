import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate import wire
from headgate.errors import InputError, RemoteError
from headgate.news import GivenItem, NewsAdvice
from headgate.types import Advice, Decision, GuaranteeState, Hit, Step, Tier, Usage
from headgate.v1 import news_advising_service_pb2, types_pb2

LATIN_1 = "Grüße".encode("latin-1")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.text(string.ascii_lowercase, min_size=1, max_size=8)
counts = st.integers(0, 2**32 - 1)
floats = st.floats(allow_nan=False)
steps = st.builds(
    Step, names, names, st.sampled_from(Decision), floats, st.none() | floats, detail=texts
)
items = st.builds(GivenItem, names, texts, texts)
views = st.builds(Advice, texts, floats, texts, usefulness=st.none() | floats)
hits = st.builds(Hit, texts, floats, texts, st.dictionaries(names, texts, max_size=2))
advices = st.builds(
    NewsAdvice,
    id=texts,
    verdict=texts,
    probability=floats,
    confidence=floats,
    tier=st.none() | st.sampled_from(Tier),
    views=st.lists(views, max_size=3).map(tuple),
    similar=st.lists(hits, max_size=2).map(tuple),
    path=st.lists(steps, max_size=2).map(tuple),
    rationale=texts,
    usage=st.builds(Usage, counts, counts, counts, floats, st.booleans()),
    certificate_id=names,
    guarantee=st.sampled_from(GuaranteeState),
    degraded=texts,
    cached=st.booleans(),
    lossy_input=st.booleans(),
)


def parsed(message):
    """Return what the other side of a connection gets."""
    return type(message).FromString(message.SerializeToString())


def item_over_the_wire(item, index=0):
    return wire.news_item_from_wire(parsed(wire.news_item_to_wire(item)), index)


def advice_over_the_wire(advice):
    return wire.news_advice_from_wire(parsed(wire.news_advice_to_wire(advice)))


class TestItem:
    @given(items)
    def test_it_comes_back_equal(self, item):
        assert item_over_the_wire(item) == item

    def test_without_an_id_its_position_is_taken(self):
        assert item_over_the_wire(GivenItem("", "It rained."), 3) == GivenItem("3", "It rained.")

    @pytest.mark.parametrize("field", ["text", "context"])
    def test_bytes_that_are_not_utf_8_mark_it_as_lossy(self, field):
        given = {"text": "a", "context": "b", field: LATIN_1.decode(errors="surrogateescape")}

        item = item_over_the_wire(GivenItem("a", **given))

        assert item == GivenItem("a", **{**given, field: "Gr��e"}, lossy=True)

    def test_that_it_is_lossy_is_not_sent(self):
        assert not item_over_the_wire(GivenItem("a", "It rained.", lossy=True)).lossy

    @given(st.binary(), st.binary())
    def test_any_bytes_are_an_item(self, text, context):
        message = news_advising_service_pb2.NewsItem(text=text, context=context)

        assert wire.news_item_from_wire(message, 0).id == "0"

    def test_an_id_that_cannot_be_sent_is_refused(self):
        with pytest.raises(InputError, match="not valid Unicode"):
            wire.news_item_to_wire(GivenItem("\ud800", "It rained."))


class TestAdvice:
    @given(advices)
    def test_it_comes_back_equal(self, advice):
        assert advice_over_the_wire(advice) == advice

    def test_a_view_that_was_not_weighed_is_no_view_of_no_use(self):
        views = (Advice("a", 0.5, "", usefulness=None), Advice("b", 0.5, "", usefulness=0.0))

        received = advice_over_the_wire(NewsAdvice("n", views=views))

        assert [view.usefulness for view in received.views] == [None, 0.0]

    def test_what_a_view_consumed_stays_behind(self):
        view = Advice("a", 0.5, "So it is.", Usage(1, 20, 5), cached=True)

        received = advice_over_the_wire(NewsAdvice("n", views=(view,)))

        assert received.views == (Advice("a", 0.5, "So it is."),)

    def test_an_error_comes_back_as_a_remote_error(self):
        error = RemoteError("INTERNAL", "RECORD_FAILED", "no")

        received = advice_over_the_wire(NewsAdvice("a", error=error))

        assert received.error is not None
        assert received.error.args == error.args

    def test_what_models_and_past_items_say_never_costs_the_advice(self):
        """A lone surrogate, which no message can hold, becomes a question mark."""
        odd = "a\ud800"
        advice = NewsAdvice(
            odd,
            verdict=odd,
            views=(Advice(odd, 0.5, odd),),
            similar=(Hit(odd, 0.5, odd, {odd: odd}),),
            rationale=odd,
        )

        received = advice_over_the_wire(advice)

        assert (received.id, received.verdict, received.rationale) == ("a?", "a?", "a?")
        assert received.views == (Advice("a?", 0.5, "a?"),)
        assert received.similar == (Hit("a?", 0.5, "a?", {"a?": "a?"}),)

    @pytest.mark.parametrize(
        "message",
        [
            pytest.param(news_advising_service_pb2.NewsAdvice(tier=99), id="tier"),
            pytest.param(news_advising_service_pb2.NewsAdvice(guarantee=99), id="guarantee"),
            pytest.param(
                news_advising_service_pb2.NewsAdvice(path=[types_pb2.Step(decision=99)]),
                id="decision",
            ),
        ],
    )
    def test_what_only_a_newer_server_knows_is_refused(self, message):
        with pytest.raises(InputError, match="99, which this version does not know"):
            wire.news_advice_from_wire(message)
