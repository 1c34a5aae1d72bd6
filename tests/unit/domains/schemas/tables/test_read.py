import json
import sys
from subprocess import run

import pyarrow as pa
import pytest

from headgate.domains.schemas.tables import TableFormat, read_given, read_table
from headgate.domains.schemas.tables.limits import MAX_COLUMNS, MAX_TABLE_BYTES
from headgate.domains.schemas.tables.sniff import sniff_format
from headgate.errors import InputError
from headgate.matches import GivenColumn, GivenTable

CSV = b"id,town\n1,Kiel\n2,Bonn\n"
JSON = json.dumps({"id": {"values": [1, 2]}, "town": {"values": ["Kiel", "Bonn"]}}).encode()


def arrow(new):
    sink = pa.BufferOutputStream()
    table = pa.table({"id": [1, 2], "town": ["Kiel", "Bonn"]})
    with new(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


FORMATS = {
    "csv": (CSV, TableFormat.CSV),
    "json": (JSON, TableFormat.JSON),
    "stream": (arrow(pa.ipc.new_stream), TableFormat.ARROW),
    "file": (arrow(pa.ipc.new_file), TableFormat.ARROW),
}


@pytest.mark.parametrize(("content", "format"), FORMATS.values(), ids=FORMATS)
def test_one_table_has_one_content_in_every_format(content, format):  # noqa: A002 - as it is called
    assert sniff_format(content, "t") is format
    assert (
        read_table(content, "t", place="t").content_hash
        == read_table(CSV, "t", place="t").content_hash
    )


def test_a_format_that_is_given_is_not_guessed():
    table = read_table(JSON, "t", place="t", format=TableFormat.CSV)

    assert table.ids[0].startswith("{")


def test_a_file_above_the_limit_is_refused():
    with pytest.raises(InputError, match="Give at most 67108864 bytes"):
        read_table(b"a" * (MAX_TABLE_BYTES + 1), "t", place="t")


def test_arrow_is_not_loaded_for_other_formats():
    code = (
        "import sys; from headgate.domains.schemas.tables import read_table;"
        "read_table(b'a,b', 't', place='t'); sys.exit('pyarrow' in sys.modules)"
    )

    run([sys.executable, "-c", code], check=True, timeout=60)  # noqa: S603 - our own


class TestGiven:
    def test_columns_are_gathered(self):
        columns = (GivenColumn("id", ("1", "", "1")), GivenColumn("", (), "Where"))

        table = read_given(GivenTable("t", columns=columns, lossy=True), "sources[0]")

        assert table.ids == ("id", "column 2")
        assert (table.columns[0].counts, table.columns[0].nulls) == ((2,), 1)
        assert table.columns[1].description == "Where"
        assert table.lossy

    @pytest.mark.parametrize(
        "table",
        [
            pytest.param(GivenTable("t", csv=CSV), id="csv"),
            pytest.param(GivenTable("t", arrow_ipc=FORMATS["file"][0]), id="arrow"),
        ],
    )
    def test_files_are_read_as_what_they_are_given_as(self, table):
        assert read_given(table, "target").ids == ("id", "town")

    @pytest.mark.parametrize(
        ("table", "problem"),
        [
            pytest.param(GivenTable("t"), "it is empty", id="nothing"),
            pytest.param(GivenTable("t", csv=b""), "it is empty", id="an-empty-file"),
            pytest.param(GivenTable("t", columns=()), "it has no columns", id="no-columns"),
            pytest.param(
                GivenTable("t", columns=(GivenColumn("a"),) * (MAX_COLUMNS + 1)),
                "it has 10001 columns",
                id="too-many-columns",
            ),
            pytest.param(GivenTable("t", arrow_ipc=CSV), "it is no Arrow IPC", id="csv-as-arrow"),
        ],
    )
    def test_what_is_no_table_is_refused(self, table, problem):
        with pytest.raises(InputError) as caught:
            read_given(table, "sources[3]")

        assert caught.value.place == "sources[3]"
        assert caught.value.problem.startswith(problem)
