import json
import socket

import pytest

from fakes.canned_server import CannedServer
from fakes.fitted_parts import write_parts
from fakes.placed_cascades import with_encoder
from fakes.ray_dashboard import FakeDashboard
from headgate.serving.cluster.body import part_of
from headgate.v1.cascade_service_pb2 import CascadeSummary

SECRET = "canary-4711"


@pytest.fixture
def dashboard(monkeypatch, tmp_path):
    """A made-up cluster that the environment names; the operator has no token."""
    with FakeDashboard() as started:
        monkeypatch.setenv("RAY_DASHBOARD_ADDRESS", started.address)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
            monkeypatch.delenv(name, raising=False)
        yield started


@pytest.fixture
def deploy(headgate, dashboard):
    """Deploys with gateways where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    def command(*arguments):
        return headgate("deploy", *arguments, "--port", port)

    return command


def test_what_changes_is_shown_and_done(deploy, dashboard, fitted):
    ended = deploy(fitted.path)

    assert ended.code == 0
    assert ended.out == "headgate (new)\n"
    assert ended.err.splitlines()[-1].startswith("done in ")
    assert list(dashboard.running) == ["headgate"]


def test_a_dry_run_shows_it_and_sends_nothing(deploy, dashboard, fitted):
    ended = deploy(fitted.path, "--dry-run")

    assert (ended.code, ended.out) == (0, "headgate (new)\n")
    assert dashboard.puts == []


def test_a_second_time_nothing_changes(deploy, dashboard, fitted):
    deploy(fitted.path)

    ended = deploy(fitted.path)

    assert (ended.code, ended.out) == (0, "nothing changes\n")
    assert len(dashboard.puts) == 1


def test_json_tells_what_was_done(deploy, dashboard, fitted):
    ended = deploy(fitted.path, "--output", "json")

    assert ended.data["changes"] == ["headgate (new)"]
    assert ended.data["address"] == f"http://{dashboard.address}"
    assert ended.data["done"] is True


def test_a_deployment_that_fails_ends_with_69_and_one_line_that_says_why(
    deploy, dashboard, tmp_path
):
    loaded = with_encoder(tmp_path / "e")
    (encoder,) = part_of(loaded).applications
    dashboard.fares[encoder["name"]].append(
        ("DEPLOY_FAILED", "headgate.errors.ModelError: no weights. Fetch them.")
    )

    ended = deploy(loaded.path)

    assert ended.code == 69
    assert ended.err.splitlines()[-1] == (
        f"headgate: application {encoder['name']!r}: "
        "it does not run (ModelError: no weights. Fetch them). "
        "Nothing of it is left on the cluster."
    )
    assert dashboard.running == {}


def test_gateways_in_reach_are_asked(headgate, dashboard, fitted):
    part = part_of(fitted)
    revision = f"{fitted.revision}-{part.artifact}"
    with CannedServer() as gateway:
        gateway.lists.clear()
        gateway.lists.append([CascadeSummary(name="parts", revision=revision, ready=True)])
        ended = headgate("deploy", fitted.path, "--port", gateway.port)

    assert ended.code == 0
    assert len(gateway.requests) == 1
    assert "was not asked" not in ended.err


@pytest.mark.parametrize("host", ["0.0.0.0", "203.0.113.9"])  # noqa: S104
def test_plaintext_beyond_a_node_has_to_be_asked_for(deploy, dashboard, fitted, host):
    ended = deploy(fitted.path, "--host", host)

    assert ended.code == 2
    assert ended.err.startswith(f"headgate: --host {host}: others could reach it")
    assert dashboard.puts == []


@pytest.mark.parametrize(
    ("options", "host"),
    [((), "127.0.0.1"), (("--insecure",), "0.0.0.0")],  # noqa: S104
)
def test_gateways_listen_beyond_their_node_where_the_network_is_trusted(
    deploy, dashboard, fitted, options, host
):
    deploy(fitted.path, *options)

    assert dashboard.running["headgate"]["args"]["address"].startswith(f"{host}:")


def test_a_state_directory_has_to_be_the_same_on_all_nodes(deploy, dashboard, fitted):
    ended = deploy(fitted.path, "--state-dir", "kept")

    assert ended.code == 2
    assert "--state-dir kept: it is relative" in ended.err
    assert dashboard.puts == []


def test_an_address_nobody_answers_at_ends_with_69(headgate, fitted):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"

    ended = headgate("deploy", fitted.path, "--address", address)

    assert (ended.code, ended.out) == (69, "")
    assert ended.err.startswith(f"headgate: http://{address}: nobody answers there")
    assert len(ended.err.splitlines()) == 1


def test_a_missing_token_and_a_wrong_one_end_with_2(deploy, dashboard, fitted, monkeypatch):
    dashboard.token = SECRET
    missing = deploy(fitted.path)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "canary-0000")
    wrong = deploy(fitted.path)
    monkeypatch.setenv("RAY_AUTH_TOKEN", SECRET)
    right = deploy(fitted.path)

    assert (missing.code, wrong.code, right.code) == (2, 2, 0)
    assert "it asks for a token, and none was found" in missing.err
    assert "it refuses the token of RAY_AUTH_TOKEN" in wrong.err
    assert "canary" not in missing.err + wrong.err + right.err + right.out


def test_a_version_of_ray_outside_the_range_ends_with_2(deploy, dashboard, fitted):
    dashboard.version = "2.9.3"

    ended = deploy(fitted.path)

    assert ended.code == 2
    assert "it runs Ray 2.9, and Headgate needs 2.60 or later, below 3" in ended.err


def test_where_keys_are_read_is_noted_and_the_keys_are_not(deploy, dashboard, fitted, tmp_path):
    block = "{kind: lm, engine: openai, model: m, api_key: {env: SOME_KEY}}"
    loaded = write_parts(tmp_path, "live", artifact=fitted.artifact, large_model=block)

    ended = deploy(loaded.path)

    assert ended.code == 0
    assert "note: 'llm' of 'live' reads its key on the cluster: variable SOME_KEY" in ended.err


def test_going_back_and_ending(headgate, deploy, dashboard, fitted, parts_pair):
    deploy(fitted.path)
    deploy(parts_pair.path)
    back = headgate("rollback")
    ended = headgate("undeploy", "parts")

    assert (back.code, back.out) == (0, "headgate/Gateway: cascade pairs: removed (in place)\n")
    assert (ended.code, ended.out) == (0, "headgate (removed)\n")
    assert dashboard.running == {}


@pytest.fixture(scope="session")
def parts_pair(tmp_path_factory):
    """A second fitted cascade, "pairs"."""
    from fakes.fitted_parts import fit_pairs

    return fit_pairs(tmp_path_factory.mktemp("pairs"))


def test_with_nothing_kept_going_back_ends_with_2(headgate, deploy, fitted):
    deploy(fitted.path)

    ended = headgate("rollback")

    assert ended.code == 2
    assert "nothing to go back to is kept" in ended.err


@pytest.mark.parametrize("arguments", [(), ("parts", "--all")], ids=["nothing", "both"])
def test_what_is_to_end_has_to_be_said_in_one_way(headgate, dashboard, arguments):
    ended = headgate("undeploy", *arguments)

    assert ended.code == 2
    assert "name cascades, or say --all" in ended.err


def test_a_cascade_that_is_not_deployed_cannot_be_ended(headgate, deploy, fitted):
    deploy(fitted.path)

    ended = headgate("undeploy", "other")

    assert (ended.code, ended.out) == (2, "")
    assert "cascade 'other': it is not deployed. Deployed: parts." in ended.err


def test_all_is_ended(headgate, deploy, dashboard, fitted):
    deploy(fitted.path)

    ended = headgate("undeploy", "--all", "--output", "json")

    assert ended.data["changes"] == ["headgate (removed)"]
    assert dashboard.running == {}
    assert json.loads(ended.out)["done"] is True
