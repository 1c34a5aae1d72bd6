"""Several nodes, really: where tiers land, how they scale, and what a dead node costs.

The models are stubs with a fixed time; Ray, Serve, gateways, gate and clients are as they are. One
cluster for all tests of the file, in the order in which they stand.
"""

import pytest

from fakes.callers import Load, failed
from fakes.ray_cluster import NodeKind, free_port, ray_nodes
from fakes.stub_models import ENCODER_S, LARGE_MODEL_S, VECTORS
from fakes.stubbed_cascade import fit_stubbed
from fakes.stubbed_cluster import StubbedClient, StubbedCluster
from headgate.client import Client
from headgate.errors import InputError
from headgate.types import Tier

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(300)]

ENCODER = """replicas: {min: 2, max: 2}
      resources: {cpu: 3, labels: {room: small}}"""
LARGE_MODEL = """replicas: {min: 0, max: 2}
      resources: {cpu: 1, gpu: 0.5, accelerator: L4}
      scaling: {up_after_s: 0.5, down_after_s: 2, zero_after_s: 2}"""
SMALL = NodeKind(cpus=5, labels={"room": "small"})
WITH_GPU = NodeKind(cpus=3, gpus=1, accelerator="L4")
TIMES = {ENCODER_S: "0.005", LARGE_MODEL_S: "0.2"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A head, two nodes for encoders, one with a GPU, and a cascade on them."""
    cascade = fit_stubbed(
        tmp_path_factory.mktemp("stubbed"), encoder=ENCODER, large_model=LARGE_MODEL
    )
    seen = {VECTORS: str(cascade.vectors), **TIMES}
    with (
        ray_nodes(NodeKind(cpus=1), WITH_GPU, SMALL, SMALL, **seen) as nodes,
        StubbedClient(nodes.dashboard) as client,
    ):
        found = StubbedCluster(nodes, client, cascade, free_port(), lambda line: None)
        found.deploy(cascade.loaded, gateways=2)
        yield found


@pytest.fixture(scope="module")
def sent_on(cluster):
    """The records that the small model is unsure of."""
    with Client(cluster.address, timeout_s=60) as client:
        explained = client.explain_cascade(cluster.cascade.records)
    pairs = zip(cluster.cascade.records, explained, strict=True)
    return [record for record, each in pairs if each.tier is Tier.LARGE]


def ids(nodes):
    return {str(node.node_id) for node in nodes}


def test_every_tier_lands_where_it_may(cluster, sent_on):
    with Client(cluster.address, timeout_s=60) as client:
        (result,) = client.run_cascade(sent_on[:1])

    gpu, *small = cluster.nodes.nodes
    assert result.tier is Tier.LARGE
    assert cluster.nodes_of("LargeModel") == ids([gpu])
    assert cluster.nodes_of("Encoder") == ids(small)
    assert len(cluster.pids("Gateway")) == 2


def test_the_large_model_comes_with_work_and_goes_without(cluster, sent_on):
    """Its share of the calls is limited, so that the small model answers some by itself."""
    cluster.wait_for("LargeModel", 0)

    with Load(cluster.address, sent_on, threads=8) as load:
        cluster.wait_for("LargeModel", 2)
        calls = load.stop()
    cluster.wait_for("LargeModel", 0)

    assert failed(calls) == 0
    assert "large" in {each.tier for each in calls}
    assert not any(each.degraded for each in calls)


def test_a_tier_that_no_node_can_hold_is_refused_and_nothing_changes(cluster):
    before = cluster.revision()

    with pytest.raises(InputError, match="room"):
        cluster.deploy(cluster.cascade.changed("room: small", "room: huge"), gateways=2)
    cluster.cascade.changed("room: huge", "room: small")

    assert cluster.revision() == before
    assert len(cluster.pids("Encoder")) == 2


def test_no_call_fails_when_a_node_dies_under_load(cluster):
    kept = cluster.cascade.records
    with Load(cluster.address, kept, threads=6) as load:
        load.wait_for(100)
        cluster.nodes.kill(-1)
        load.wait_for(load.count() + 400)
        cluster.wait_for("Gateway", 2)
        calls = load.stop()

    assert failed(calls) == 0
    assert len(cluster.pids("Encoder")) == 1
