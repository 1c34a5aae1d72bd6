"""The schema matching sample, fitted and served on a real Ray cluster of this machine."""

import csv
import io
import os
import socket

import pyarrow as pa
import pytest

from fakes.sample_tables import fit_tables, sample_matches, sample_sources, sample_target
from headgate.client import Client
from headgate.errors import RemoteError
from headgate.matches import Abstention, GivenTable
from headgate.serving.app import deploy
from headgate.serving.cluster.settings import GatewaySettings
from headgate.serving.flags import SERVE_FLAGS
from headgate.types import GuaranteeState, Tier

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def client(embedded_int8, tmp_path_factory):
    """A client of one gateway that serves the fitted sample."""
    del embedded_int8  # made before the cluster is there
    loaded = fit_tables(tmp_path_factory.mktemp("tables"))
    os.environ["RAY_AUTH_MODE"] = "disabled"  # no token in the home directory
    os.environ.update(SERVE_FLAGS)
    import ray
    from ray import serve

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(proxy_location="Disabled", http_options={"host": "127.0.0.1"})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    deploy([loaded], GatewaySettings(address, str(tmp_path_factory.mktemp("state"))))
    with Client(address, timeout_s=60) as found:
        found.wait_until_ready(60)
        yield found
    ray.shutdown()


@pytest.fixture(scope="module")
def matches(client):
    """What is found for the tables of the sample's test rows."""
    return client.match_schemas(list(sample_sources().values()), sample_target())


def test_most_pairs_that_are_proposed_are_right(matches):
    right = sample_matches()
    pairs = [(match.name, *pair) for match in matches for pair in match.pairs.items()]
    hits = [target in right[table].get(source, ()) for table, source, target in pairs]

    assert len(pairs) >= 0.7 * sum(map(len, right.values()))
    assert sum(hits) >= 0.8 * len(hits)


def test_pairs_of_a_table_are_one_to_one(matches):
    for match in matches:
        assert len(set(match.pairs.values())) == len(match.pairs)


def test_both_models_decide_and_every_column_says_which_and_why(matches):
    columns = [column for match in matches for column in match.columns]

    assert {column.tier for column in columns} == {Tier.SMALL, Tier.LARGE}
    assert all(column.error is None for column in columns)
    assert all((column.target is None) == (column.abstention is not None) for column in columns)
    assert {step.kind for column in columns for step in column.path} == {
        "retrieve",
        "gate",
        "rerank",
    }
    asked = [column for column in columns if column.tier is Tier.LARGE]
    scored = [
        each for column in asked for each in column.candidates if each.large_score is not None
    ]
    assert scored
    assert all(0 <= each.score <= 1 for column in columns for each in column.candidates)
    assert sum(match.usage.calls for match in matches) < len(asked)  # columns share prompts


def test_answers_fall_under_the_certificate_of_columns(client, matches):
    (summary,) = client.list_cascades()

    assert summary.certificate is not None
    assert summary.certificate.certified
    claims = {(column.guarantee, column.certificate_id) for column in wanted_columns(matches)}
    claimed = (GuaranteeState.CERTIFIED, summary.certificate.id)
    assert claimed in claims
    # A partner that is not the column's own answer claims nothing.
    assert claims <= {claimed, (GuaranteeState.UNCERTIFIED, "")}


def wanted_columns(matches):
    """The columns that were answered as the policy wants."""
    return [column for match in matches for column in match.columns if not column.degraded]


def test_a_table_gives_the_same_pairs_as_csv_and_as_arrow(client):
    name, source = next(iter(sample_sources().items()))
    rows = list(csv.reader(io.StringIO(source.csv.decode("utf-8-sig"))))
    if len(rows[0]) == 1:
        rows = list(csv.reader(io.StringIO(source.csv.decode("utf-8-sig")), delimiter=";"))
    arrays = [pa.array([row[place] or None for row in rows[1:]]) for place in range(len(rows[0]))]
    sink = io.BytesIO()
    table = pa.Table.from_arrays(arrays, names=rows[0])
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)

    as_csv, as_arrow = (
        client.match_schemas([given], sample_target())[0]
        for given in (source, GivenTable(name, arrow_ipc=sink.getvalue()))
    )

    assert as_arrow.pairs == as_csv.pairs


def test_a_table_that_cannot_be_read_leaves_the_others_their_answers(client):
    source = next(iter(sample_sources().values()))
    broken = GivenTable("broken", arrow_ipc=b"\0\1\2 no table")

    good, bad = client.match_schemas([source, broken], sample_target())

    assert good.pairs
    assert bad.error is not None
    assert "no table" not in str(bad.error)


def test_a_column_of_nothing_known_has_no_partner(client):
    source = GivenTable("odd", csv=b"zzqx\n\n")

    (match,) = client.match_schemas([source], sample_target())

    (column,) = match.columns
    assert column.target is None
    assert column.abstention in (Abstention.NONE_FITS, Abstention.UNLIKELY)


def test_records_of_text_are_no_tables(client):
    from headgate.types import Record

    (result,) = client.run_cascade([Record("1", {"source": "a,b\n1,2\n", "target": "A,B\n3,4\n"})])
    with pytest.raises(RemoteError):
        client.classify([Record("1", {"line": "x"})])

    assert [part.record_id for part in result.parts] == ["1/a", "1/b"]
