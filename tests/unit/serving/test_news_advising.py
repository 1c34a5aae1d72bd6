"""News items through the service, on an engine that asks a large model about each second one."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.one_engine import OneEngine
from headgate import wire
from headgate.client import Client
from headgate.domains.logs import LogTask
from headgate.domains.news import MOST_CHARS, NewsTask
from headgate.domains.task import Task
from headgate.errors import DeadlineError, HeadgateError, InputError, NotFoundError
from headgate.news import GivenItem, NewsAdvice
from headgate.serving.limits import Limits
from headgate.serving.news_advising import NewsAdvisingService
from headgate.serving.rpc import Call
from headgate.serving.server import GrpcServer
from headgate.types import Advice, Deadline, Hit, Origin, Record, Result, Tier
from headgate.v1.news_advising_service_pb2 import AdviseNewsRequest, NewsItem

LABELS = ("real", "fake")
VIEWS = (
    Advice("textual_description", 0.75, "It shouts.", usefulness=0.5),
    Advice("commonsense", 0.25, "Frogs do fall."),
)
SIMILAR = (Hit("n0", 0.5, "It rained fish.", {"label": "fake"}),)
TWO = (
    NewsItem(id="a", text=b"It rained frogs.", context=b"A blog"),
    NewsItem(id="b", text=b"The bridge is open."),
)


class Judges:
    """An engine that believes everything without a context, and asks about the rest."""

    name, revision = "news", "r1"

    def __init__(self, task: Task | None = None, error: HeadgateError | None = None):
        self.task = task or NewsTask(LABELS)
        self.error = error
        self.asked: list[Record] = []
        self.origin = Origin()

    async def run(
        self, records: Sequence[Record], deadline: Deadline, *, origin: Origin
    ) -> list[Result]:
        assert deadline.remaining_s() > 0
        self.asked, self.origin = list(records), origin
        return [self._result(record) for record in records]

    def _result(self, record: Record) -> Result:
        try:
            self.task.check(record)
        except InputError as error:
            return Result(record.id, error=error)
        if self.error is not None:
            return Result(record.id, error=self.error)
        if "context" not in record.fields:
            return Result(record.id, "real", 0.75, Tier.SMALL)
        return Result(record.id, "fake", 0.875, Tier.LARGE, evidence=SIMILAR, advice=VIEWS)


async def reply_of(*items: NewsItem, engine: Judges | None = None, cascade: str = ""):
    service = NewsAdvisingService(OneEngine("news", engine or Judges()), Limits())  # type: ignore[arg-type]
    call = Call(Deadline.after(30), "r-1", "tests")
    return await service.AdviseNews(AdviseNewsRequest(cascade=cascade, items=items), call)


async def advised(*items: NewsItem, engine: Judges | None = None) -> list[NewsAdvice]:
    reply = await reply_of(*items, engine=engine)
    return [wire.news_advice_from_wire(advice) for advice in reply.advices]


async def test_every_item_gets_its_advice_in_order():
    assert await advised(*TWO) == [
        NewsAdvice("a", "fake", 0.875, 0.875, Tier.LARGE, VIEWS, SIMILAR),
        NewsAdvice("b", "real", 0.25, 0.75, Tier.SMALL),
    ]


async def test_the_engine_is_asked_in_the_name_of_the_caller():
    engine = Judges()

    reply = await reply_of(NewsItem(text=b"It rained."), engine=engine, cascade="news")

    assert engine.asked == [Record("0", {"text": "It rained."})]
    assert engine.origin == Origin("r-1", "tests")
    assert (reply.revision, reply.request_id) == ("r1", "r-1")
    assert reply.advices[0].id == "0"


async def test_a_blank_context_is_no_context():
    engine = Judges()

    await advised(TWO[0], NewsItem(text=b"It rained.", context=b" \n"), engine=engine)

    assert [record.fields for record in engine.asked] == [
        {"text": "It rained frogs.", "context": "A blog"},
        {"text": "It rained."},
    ]


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        pytest.param(NewsItem(id="c"), "'text' is missing or blank", id="empty"),
        pytest.param(NewsItem(id="c", text=b" \n\t"), "'text' is missing or blank", id="blank"),
        pytest.param(
            NewsItem(id="c", context=b"A blog"), "'text' is missing or blank", id="context-alone"
        ),
        pytest.param(
            NewsItem(id="c", text=b"a" * (MOST_CHARS + 1)), "'text' has 100001", id="a-book"
        ),
        pytest.param(
            NewsItem(id="c", text=b"a", context=b"b" * (MOST_CHARS + 1)),
            "'context' has 100001",
            id="a-book-of-context",
        ),
    ],
)
async def test_an_item_that_cannot_be_judged_has_its_error_in_its_place(item, problem):
    good, bad, other = await advised(TWO[0], item, TWO[1])

    assert (good.error, other.error) == (None, None)
    assert (bad.id, bad.verdict, bad.probability, bad.tier) == ("c", "", 0.0, None)
    assert bad.error is not None
    assert bad.error.status == "INVALID_ARGUMENT"
    assert problem in str(bad.error)


async def test_the_longest_item_is_judged():
    """Characters count, not bytes: each of these has four."""
    longest = "\U0001f4f0" * MOST_CHARS

    (advice,) = await advised(NewsItem(text=longest.encode(), context=longest.encode()))

    assert (advice.error, advice.verdict) == (None, "fake")


@pytest.mark.parametrize("field", ["text", "context"])
async def test_bytes_that_are_not_utf_8_are_replaced_and_told(field):
    engine = Judges()
    given = {"text": b"It rained.", "context": b"A blog", field: "Grüße".encode("latin-1")}

    clean, lossy = await advised(TWO[1], NewsItem(id="c", **given), engine=engine)

    assert (clean.lossy_input, lossy.lossy_input) == (False, True)
    assert engine.asked[1].fields[field] == "Gr��e"


async def test_a_call_that_reached_no_answer_fails_as_a_whole():
    with pytest.raises(DeadlineError):
        await advised(*TWO, engine=Judges(error=DeadlineError("stage", "late", "Wait.")))


async def test_a_call_of_blank_items_only_is_answered():
    (advice,) = await advised(NewsItem())

    assert advice.error is not None


@pytest.mark.parametrize(
    ("items", "place"),
    [
        pytest.param([], "items", id="none"),
        pytest.param([NewsItem(text=b"It rained.")] * 1001, "items", id="too-many"),
        pytest.param([TWO[0], TWO[0]], "items[1].id", id="one-id-twice"),
        pytest.param(
            [NewsItem(text=b"It rained."), NewsItem(id="0", text=b"It snowed.")],
            "items[1].id",
            id="an-id-that-is-anothers-position",
        ),
    ],
)
async def test_a_request_that_cannot_be_answered_is_refused(items, place):
    with pytest.raises(InputError) as refused:
        await advised(*items)

    assert refused.value.place == place


async def test_two_items_of_one_text_are_two_items():
    first, second = await advised(
        NewsItem(id="a", text=b"It rained."), NewsItem(text=b"It rained.")
    )

    assert (first.id, second.id) == ("a", "1")
    assert first.verdict == second.verdict == "real"


async def test_a_cascade_of_another_domain_is_refused():
    """Even one that decides between two labels of the same names."""
    with pytest.raises(InputError) as refused:
        await advised(*TWO, engine=Judges(LogTask("level", LABELS)))

    assert str(refused.value) == (
        "cascade 'news': it decides level, and judges no news. Name a cascade of the domain `news`."
    )


async def test_a_cascade_that_is_not_there_is_not_found():
    with pytest.raises(NotFoundError):
        await reply_of(*TWO, cascade="logs")


@pytest.mark.slow
async def test_any_bytes_of_an_item_are_answered():
    drawn: list[tuple[bytes, bytes]] = []

    @settings(deadline=None, max_examples=100, database=None, derandomize=True)
    @given(st.binary(max_size=100), st.binary(max_size=100))
    def collect(text, context):
        drawn.append((text, context))

    collect()
    advices = await advised(*[NewsItem(text=text, context=context) for text, context in drawn])

    assert [advice.id for advice in advices] == [str(index) for index in range(len(drawn))]


async def test_the_client_gets_what_the_service_tells():
    server = GrpcServer(OneEngine("news", Judges()), Limits(), address="127.0.0.1:0")  # type: ignore[arg-type]
    await server.start()

    def ask() -> list[NewsAdvice]:
        items = [
            GivenItem("a", "It rained frogs.", "A blog"),
            GivenItem("b", "The bridge is open."),
        ]
        with Client(f"127.0.0.1:{server.port}", timeout_s=10.0) as client:
            return client.advise_news(items)

    advices = await asyncio.to_thread(ask)
    await server.stop(0)

    assert advices == await advised(*TWO)
