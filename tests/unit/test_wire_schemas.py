import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate import wire
from headgate.errors import InputError, RemoteError
from headgate.matches import (
    Abstention,
    ColumnMatch,
    GivenColumn,
    GivenTable,
    MatchCandidate,
    TableMatch,
)
from headgate.types import Decision, GuaranteeState, Step, Tier, Usage
from headgate.v1 import schema_matching_service_pb2

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.text(string.ascii_lowercase, min_size=1, max_size=8)
counts = st.integers(0, 2**32 - 1)
floats = st.floats(allow_nan=False)
maybe = st.none() | floats
usages = st.builds(Usage, counts, counts, counts, floats, st.booleans())
steps = st.builds(Step, names, names, st.sampled_from(Decision), floats, maybe, detail=texts)
tables = st.builds(
    GivenTable,
    texts,
    columns=st.lists(
        st.builds(GivenColumn, texts, st.lists(texts, max_size=3).map(tuple), texts), max_size=3
    ).map(tuple),
)
candidates = st.builds(MatchCandidate, texts, floats, maybe, maybe, maybe, maybe)
columns = st.builds(
    ColumnMatch,
    id=texts,
    name=texts,
    index=counts,
    target=st.none() | texts,
    abstention=st.none() | st.sampled_from(Abstention),
    candidates=st.lists(candidates, max_size=2).map(tuple),
    none_score=maybe,
    confidence=floats,
    tier=st.none() | st.sampled_from(Tier),
    path=st.lists(steps, max_size=2).map(tuple),
    rationale=texts,
    usage=usages,
    certificate_id=names,
    guarantee=st.sampled_from(GuaranteeState),
    degraded=texts,
    cached=st.booleans(),
)
matches = st.builds(
    TableMatch,
    name=texts,
    columns=st.lists(columns, max_size=2).map(tuple),
    usage=usages,
    notes=st.lists(texts, max_size=2).map(tuple),
    lossy_input=st.booleans(),
    degraded=texts,
)


def parsed(message):
    """Return what the other side of a connection gets."""
    return type(message).FromString(message.SerializeToString())


def table_over_the_wire(table):
    return wire.table_from_wire(parsed(wire.table_to_wire(table)), "target")


class TestTable:
    @given(tables)
    def test_columns_come_back_equal(self, table):
        assert table_over_the_wire(table) == table

    @given(st.binary())
    def test_files_come_back_byte_by_byte(self, content):
        assert table_over_the_wire(GivenTable("t", csv=content)).csv == content
        assert table_over_the_wire(GivenTable("t", arrow_ipc=content)).arrow_ipc == content

    @pytest.mark.parametrize(
        "column",
        [
            pytest.param(GivenColumn("a", ("ok", "Gr\udcfc\udcdfe")), id="in-a-value"),
            pytest.param(GivenColumn("a", (), "Gr\udcfc\udcdfe"), id="in-a-description"),
        ],
    )
    def test_bytes_that_are_not_utf_8_mark_it_as_lossy(self, column):
        table = table_over_the_wire(GivenTable("t", columns=(GivenColumn("b"), column)))

        assert table.lossy
        assert "Gr��e" in (*table.columns[1].values, table.columns[1].description)

    @pytest.mark.parametrize(
        "table",
        [
            pytest.param(GivenTable("t"), id="none"),
            pytest.param(GivenTable("t", columns=(), csv=b""), id="two"),
        ],
    )
    def test_other_than_one_form_is_refused(self, table):
        with pytest.raises(InputError, match="Give one of `columns`, `csv` and `arrow_ipc`"):
            wire.table_to_wire(table)

    @pytest.mark.parametrize(
        "table",
        [
            pytest.param(GivenTable("\ud800", csv=b""), id="table"),
            pytest.param(GivenTable("t", columns=(GivenColumn("\ud800"),)), id="column"),
        ],
    )
    def test_a_name_that_cannot_be_sent_is_refused(self, table):
        with pytest.raises(InputError, match="not valid Unicode"):
            wire.table_to_wire(table)

    def test_a_message_that_holds_nothing_is_refused(self):
        with pytest.raises(InputError) as caught:
            wire.table_from_wire(schema_matching_service_pb2.Table(name="t"), "sources[1]")

        assert caught.value.place == "sources[1]"


class TestTableMatch:
    @given(matches)
    def test_it_comes_back_equal(self, match):
        assert wire.table_match_from_wire(parsed(wire.table_match_to_wire(match))) == match

    def test_errors_come_back_as_remote_errors(self):
        error = RemoteError("INTERNAL", "RECORD_FAILED", "no")
        column = ColumnMatch("a", "a", 0, error=error)

        match = wire.table_match_from_wire(
            parsed(wire.table_match_to_wire(TableMatch("t", (column,), error=error)))
        )

        assert match.error is not None
        assert match.error.args == error.args
        assert match.columns[0].error is not None
        assert match.columns[0].error.args == error.args

    def test_a_score_of_zero_is_not_an_absent_one(self):
        candidate = MatchCandidate("a", 0.0, similarity=0.0, value_overlap=0.0)
        match = TableMatch("t", (ColumnMatch("a", "a", 0, candidates=(candidate,)),))

        back = wire.table_match_from_wire(parsed(wire.table_match_to_wire(match)))

        assert back.columns[0].candidates == (candidate,)

    def test_an_abstention_from_a_newer_server_is_refused(self):
        message = schema_matching_service_pb2.ColumnMatch(abstention=99)

        with pytest.raises(InputError, match="99, which this version does not know"):
            wire.column_match_from_wire(message)
