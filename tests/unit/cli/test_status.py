import socket

import pytest

from fakes.canned_server import CannedServer
from fakes.placed_cascades import with_encoder
from fakes.ray_dashboard import FakeDashboard
from headgate.serving.cluster.body import cluster_body, part_of
from headgate.serving.cluster.settings import GatewaySettings
from headgate.v1.cascade_service_pb2 import CascadeSummary


@pytest.fixture
def dashboard(monkeypatch):
    with FakeDashboard() as started:
        monkeypatch.setenv("RAY_DASHBOARD_ADDRESS", started.address)
        monkeypatch.setenv("RAY_AUTH_TOKEN", "unused")
        yield started


@pytest.fixture
def nowhere():
    """An address nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"127.0.0.1:{taken.getsockname()[1]}"


def test_an_empty_cluster_is_said_to_be_empty(headgate, dashboard):
    ended = headgate("status")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"nothing of Headgate runs at http://{dashboard.address} (Ray 2.60.0)\n"


def test_cascades_and_tiers_are_told(headgate, dashboard, fitted, tmp_path, nowhere):
    placed = with_encoder(tmp_path, more="replicas: {min: 2, max: 4}")
    dashboard.put(cluster_body([fitted, placed], GatewaySettings(nowhere)))

    told = headgate("status", "--output", "json").data

    revisions = {each["name"]: each["revision"] for each in told["cascades"]}
    assert revisions["parts"] == f"{fitted.revision}-{part_of(fitted).artifact}"
    assert [each["ready"] for each in told["cascades"]] == [None, None]
    gateway, encoder = told["tiers"]
    assert (gateway["application"], gateway["used_by"]) == ("headgate", ["parts", "placed"])
    assert encoder["used_by"] == ["placed"]
    assert (encoder["running"], encoder["wanted"]) == (2, 2)
    assert (encoder["least"], encoder["most"]) == (2, 4)
    assert encoder["reserves"] == "1 CPU"
    assert encoder["nodes"] == {"127.0.0.1": 2}
    assert told["previous"] is None
    assert told["gateways"] == [nowhere]


def test_what_gateways_answer_is_compared_with_what_was_put(headgate, dashboard, fitted):
    with CannedServer() as gateway:
        dashboard.put(cluster_body([fitted], GatewaySettings(f"127.0.0.1:{gateway.port}")))
        gateway.lists.clear()
        gateway.lists.append([CascadeSummary(name="parts", revision="old-1", ready=True)])
        (told,) = headgate("status", "--output", "json").data["cascades"]

    assert told["ready"] is False
    assert told["problem"] == "a gateway answers as old-1"


def test_a_cascade_that_cannot_answer_says_why(headgate, dashboard, fitted):
    with CannedServer() as gateway:
        dashboard.put(cluster_body([fitted], GatewaySettings(f"127.0.0.1:{gateway.port}")))
        gateway.lists.clear()
        gateway.lists.append([CascadeSummary(name="parts", problem="no key", ready=False)])
        ended = headgate("status")

    assert ended.out.splitlines()[1].split(None, 3)[2:] == ["no", "no key"]


def test_a_failed_tier_shows_the_last_line_of_its_error(headgate, dashboard, fitted, nowhere):
    dashboard.put(cluster_body([fitted], GatewaySettings(nowhere)))
    dashboard.fares["headgate"].append(
        ("DEPLOY_FAILED", "Traceback\nheadgate.errors.UnavailableError: port taken. Stop it.")
    )

    (tier,) = headgate("status", "--output", "json").data["tiers"]

    assert tier["status"] == "DEPLOY_FAILED"
    assert tier["message"] == "UnavailableError: port taken. Stop it"
    assert (tier["running"], tier["wanted"]) == (0, 1)


def test_a_table_tells_where_gateways_are_and_what_a_rollback_brings(
    headgate, dashboard, fitted, nowhere
):
    dashboard.put(cluster_body([fitted], GatewaySettings(nowhere)))

    ended = headgate("status")

    assert ended.code == 0
    assert ended.out.splitlines()[-2:] == [f"gateways: {nowhere}", "rollback: nothing kept"]


def test_a_cluster_nobody_answers_at_ends_with_69(headgate, nowhere):
    ended = headgate("status", "--address", nowhere)

    assert (ended.code, ended.out) == (69, "")
    assert "nobody answers there" in ended.err
