"""Tables through the service, on an engine that pairs columns of one name."""

import contextlib
import json
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.one_engine import OneEngine
from headgate import wire
from headgate.domains.schemas.match_record import NO_MATCH, TableRecord
from headgate.domains.schemas.match_task import MATCH_COLUMNS
from headgate.errors import DeadlineError, HeadgateError, InputError
from headgate.matches import Abstention, GivenColumn, GivenTable, TableMatch
from headgate.serving.limits import Limits
from headgate.serving.rpc import Call
from headgate.serving.schema_matching import MAX_SOURCE_COLUMNS, SchemaMatchingService
from headgate.types import Deadline, Origin, Result
from headgate.v1.schema_matching_service_pb2 import MatchSchemasRequest, Table

TARGET = GivenTable("target", csv=b"id,town\n1,Kiel\n")


class SameNames:
    """An engine that pairs columns of one name and remembers what it was asked."""

    name, revision = "tables", "r1"

    def __init__(self, operation: str = MATCH_COLUMNS, error: HeadgateError | None = None):
        self.task = SimpleNamespace(operation=operation)
        self.error = error
        self.asked: list[TableRecord] = []
        self.origin = Origin()

    async def run(
        self, records: Sequence[TableRecord], deadline: Deadline, *, origin: Origin
    ) -> list[Result]:
        assert deadline.remaining_s() > 0
        self.asked, self.origin = list(records), origin
        return [self._result(record) for record in records]

    def _result(self, record: TableRecord) -> Result:
        if self.error is not None:
            return Result(record.id, error=self.error)
        pairs = {own: own for own in record.source.ids if own in record.target.ids}
        parts = tuple(
            Result(own, pairs.get(own, NO_MATCH), ranking=((pairs.get(own, NO_MATCH), 1.0),))
            for own in record.source.ids
        )
        return Result(record.id, json.dumps(pairs), parts=parts)


async def respond(request, engine=None):
    """Return the reply to a request and the engine that answered."""
    engine = engine or SameNames()
    service = SchemaMatchingService(OneEngine("tables", engine), Limits())  # type: ignore[arg-type]
    call = Call(Deadline.after(30), "q1", "tests")
    return await service.MatchSchemas(request, call), engine


async def matched(*sources, target=TARGET, engine=None) -> list[TableMatch]:
    request = MatchSchemasRequest(
        sources=[wire.table_to_wire(source) for source in sources],
        target=wire.table_to_wire(target),
    )
    reply, _ = await respond(request, engine)
    return [wire.table_match_from_wire(match) for match in reply.matches]


async def refusal(request, engine=None) -> InputError:
    with pytest.raises(InputError) as caught:
        await respond(request, engine)
    return caught.value


async def test_every_source_table_gets_its_pairs_in_order():
    columns = (GivenColumn("town", ("Kiel",)), GivenColumn("note"))

    first, second = await matched(
        GivenTable("a", csv=b"id,fax\n"), GivenTable("b", columns=columns)
    )

    assert (first.name, first.pairs) == ("a", {"id": "id"})
    assert (second.name, second.pairs) == ("b", {"town": "town"})
    assert second.columns[1].abstention is Abstention.NONE_FITS


async def test_the_engine_is_asked_about_tables_that_were_read():
    request = MatchSchemasRequest(
        cascade="tables", sources=[Table(csv=b"id\n1\n2\n")], target=Table(csv=b"town\n")
    )

    reply, engine = await respond(request)

    (record,) = engine.asked
    assert (record.id, record.source.column("id").rows, record.target.ids) == ("0", 2, ("town",))
    assert engine.origin == Origin("q1", "tests")
    assert (reply.revision, reply.request_id) == ("r1", "q1")
    assert reply.matches[0].name == "0"


async def test_a_table_that_cannot_be_read_has_its_error_in_its_place():
    good, bad, other = await matched(
        GivenTable("a", csv=b"id\n"), GivenTable("b", csv=b"\0"), GivenTable("c", csv=b"town\n")
    )

    assert (good.error, other.error) == (None, None)
    assert (bad.name, bad.columns) == ("b", ())
    assert bad.error is not None
    assert bad.error.status == "INVALID_ARGUMENT"
    assert str(bad.error).endswith(
        "sources[1]: it is no text: there are NUL bytes in it. Give CSV, Arrow IPC or JSON."
    )


async def test_what_was_done_to_read_tables_is_told():
    target = GivenTable("t", csv="id,köln\n".encode("latin-1"))

    (match,) = await matched(GivenTable("a", csv=b"id,b\n1\n1,2\n"), target=target)

    assert match.lossy_input
    assert [note.partition(":")[0] for note in match.notes] == [
        "rows with more or fewer cells than there are columns",
        "target",
    ]


@pytest.mark.parametrize(
    ("request_", "place"),
    [
        pytest.param(MatchSchemasRequest(target=Table(csv=b"a")), "sources", id="no-sources"),
        pytest.param(MatchSchemasRequest(sources=[Table(csv=b"a")]), "target", id="no-target"),
        pytest.param(
            MatchSchemasRequest(sources=[Table(csv=b"a")], target=Table(csv=b"")),
            "target",
            id="an-empty-target",
        ),
        pytest.param(
            MatchSchemasRequest(
                sources=[Table(name="x", csv=b"a"), Table(name="x", csv=b"a")],
                target=Table(csv=b"a"),
            ),
            "sources[1].id",
            id="one-name-twice",
        ),
        pytest.param(
            MatchSchemasRequest(
                sources=[Table(csv=b"a," * (MAX_SOURCE_COLUMNS // 2))] * 2,
                target=Table(csv=b"a"),
            ),
            "sources",
            id="too-many-columns-together",
        ),
    ],
)
async def test_a_request_that_cannot_be_answered_is_refused(request_, place):
    assert (await refusal(request_)).place == place


async def test_a_cascade_of_another_domain_is_refused():
    request = MatchSchemasRequest(sources=[Table(csv=b"a")], target=Table(csv=b"a"))

    error = await refusal(request, SameNames(operation="level"))

    assert str(error) == (
        "cascade 'tables': it decides level, and matches no tables. "
        "Name a cascade of the domain `schemas`."
    )


async def test_a_call_that_reached_no_answer_fails_as_a_whole():
    engine = SameNames(error=DeadlineError("stage", "too late", "Wait."))

    with pytest.raises(DeadlineError):
        await matched(GivenTable("a", csv=b"id\n"), engine=engine)


async def test_a_call_that_could_read_no_table_is_answered():
    (match,) = await matched(GivenTable("a", csv=b"\0"))

    assert match.error is not None


@pytest.mark.slow
async def test_any_bytes_of_a_table_are_answered_or_refused():
    drawn: list[bytes] = []

    @settings(deadline=None, max_examples=100, database=None, derandomize=True)
    @given(st.binary(max_size=100))
    def collect(content):
        drawn.append(content)

    collect()
    for content in drawn:
        request = MatchSchemasRequest(
            sources=[Table(csv=content), Table(arrow_ipc=content)], target=Table(csv=b"a")
        )
        reply, _ = await respond(request)
        assert len(reply.matches) == 2
        with contextlib.suppress(InputError):
            await respond(MatchSchemasRequest(sources=[Table(csv=b"a")], target=Table(csv=content)))
