"""Cascades on a real Ray with a dashboard: deployed, changed in place, put back, ended.

One cluster for all tests of the file, which go on where the one before left it.
"""

import httpx2
import pytest

from fakes.fitted_parts import part_records, write_parts
from fakes.placed_cascades import with_large_model
from fakes.ray_cluster import NodeKind, free_port, ray_nodes
from fakes.sample_cascade import copy_sample, sample_records
from headgate.cascade.load import load_cascade
from headgate.cli.cluster import ask_gateway
from headgate.client import Client
from headgate.errors import InputError, UnavailableError
from headgate.serving.cluster.deploying import (
    Conduct,
    carry_out,
    deploy_change,
    rollback_change,
    undeploy_change,
)
from headgate.serving.cluster.rest import ClusterClient
from headgate.serving.cluster.running import Running
from headgate.serving.cluster.settings import AskedSettings

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(240)]

SHOP = {
    "name": "shop",
    "route_prefix": None,
    "import_path": "fakes.shop_app:build",
    "args": {},
    "deployments": [{"name": "Shop", "ray_actor_options": {"num_cpus": 1}}],
}
"""Somebody else's: it takes one of the three CPUs."""


class Operator:
    """Deploys from this process, as the verbs do."""

    def __init__(self, cluster, state_dir):
        self.cluster = cluster
        self.address = f"127.0.0.1:{free_port()}"
        self.state_dir = str(state_dir)
        self.said = []

    def deploy(self, *cascades, timeout_s=120.0):
        port = int(self.address.rpartition(":")[2])
        asked = AskedSettings(port=port, state_dir=self.state_dir)
        self.carry_out(deploy_change(self.cluster, cascades, asked, "127.0.0.1"), timeout_s)

    def carry_out(self, change, timeout_s=120.0):
        carry_out(self.cluster, change, Conduct(timeout_s, self.said.append, ask_gateway))

    def processes(self):
        """Return the processes of all replicas, by application."""
        running = Running(self.cluster.applications())
        apps = running.details["applications"]
        return {name: {each["pid"] for each in running.replicas(name)} for name in apps}

    def run(self, loaded, records):
        with Client(self.address, timeout_s=60) as client:
            return client.run_cascade(records, cascade=loaded.name)

    def revision(self, name):
        with Client(self.address, timeout_s=60) as client:
            return {each.name: each.revision for each in client.list_cascades()}[name]


@pytest.fixture(scope="module")
def operator(tmp_path_factory):
    with ray_nodes(NodeKind(cpus=3)) as nodes, ClusterClient(nodes.dashboard) as cluster:
        yield Operator(cluster, tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def placed(sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("placed")
    return copy_sample(folder, name="placed", placement="deployment", artifact=sample.artifact)


def test_a_cascade_is_deployed_beside_what_others_run(operator, placed, sample):
    operator.cluster.put({"proxy_location": "Disabled", "applications": [SHOP]})

    operator.deploy(placed)

    results = operator.run(placed, sample_records(sample, 5))
    assert not any(each.error or each.degraded for each in results)
    assert set(operator.processes()) > {"headgate", "shop"}


def test_a_budget_changes_in_place(operator, placed):
    before = operator.processes()

    content = placed.path.read_text().replace("usd_per_hour: 1}", "usd_per_hour: 2}")
    placed.path.write_text(content)
    changed = load_cascade(placed.path)
    operator.deploy(changed)

    assert operator.processes() == before
    assert operator.revision("placed").startswith(changed.revision)


def test_a_new_cascade_joins_in_place(operator, placed, parts):
    before = operator.processes()

    operator.deploy(parts)

    assert operator.processes() == before
    assert operator.run(parts, part_records()[:1])[0].answer == "disk"


def test_a_key_that_the_cluster_does_not_have_is_put_back(operator, parts, tmp_path):
    """The gateway keeps the cascade back, and Serve calls it running."""
    before = operator.processes()
    block = "{kind: lm, engine: openai, model: m, api_key: {env: HEADGATE_TEST_NO_SUCH_KEY}}"
    keyless = write_parts(tmp_path, "keyless", artifact=parts.artifact, large_model=block)

    with pytest.raises(UnavailableError) as caught:
        operator.deploy(keyless)

    assert "HEADGATE_TEST_NO_SUCH_KEY" in caught.value.problem
    assert caught.value.remedy == "What ran before runs again."
    assert operator.processes() == before
    assert operator.run(parts, part_records()[:1])[0].answer == "disk"


def test_an_accelerator_that_no_node_has_is_refused(operator, parts, tmp_path):
    before = operator.cluster.applications()["applications"]

    with pytest.raises(InputError, match="no node of the cluster has one"):
        operator.deploy(
            with_large_model(tmp_path, parts, more="resources: {gpu: 1, accelerator: L4}")
        )
    after = operator.cluster.applications()["applications"]
    assert [(n, a["last_deployed_time_s"]) for n, a in after.items()] == [
        (n, a["last_deployed_time_s"]) for n, a in before.items()
    ]


def test_what_finds_no_room_in_time_is_put_back(operator, sample, tmp_path):
    """Three CPUs, of which others take one, and 2.5 are wanted."""
    before = operator.processes()
    wide = copy_sample(tmp_path, name="wide", placement="deployment", artifact=sample.artifact)
    content = wide.path.read_text()
    wider = "placement: deployment, resources: {cpu: 2.5}"
    wide.path.write_text(content.replace("placement: deployment", wider))

    with pytest.raises(UnavailableError) as caught:
        operator.deploy(load_cascade(wide.path), timeout_s=8)

    assert "CPU" in caught.value.problem
    assert caught.value.remedy == "What ran before runs again."
    assert operator.processes()["headgate"] == before["headgate"]


def test_going_back_brings_the_state_before(operator, placed, parts):
    before = operator.processes()

    operator.carry_out(rollback_change(operator.cluster))

    with Client(operator.address, timeout_s=60) as client:
        assert [each.name for each in client.list_cascades()] == ["placed"]
    assert operator.processes() == before


def test_all_is_ended_and_what_others_run_stays(operator):
    shop = operator.processes()["shop"]

    operator.carry_out(undeploy_change(operator.cluster, None))

    assert operator.processes() == {"shop": shop}
    with pytest.raises(UnavailableError), Client(operator.address, timeout_s=2) as client:
        client.wait_until_ready(1)
    assert httpx2.get(f"{operator.cluster.address}/api/version").status_code == 200
