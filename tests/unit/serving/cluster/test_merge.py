import pytest

from fakes.placed_cascades import with_encoder, with_large_model
from headgate.errors import InputError, NotFoundError
from headgate.serving.cluster.body import cluster_body, part_of
from headgate.serving.cluster.merge import (
    deployed,
    is_there,
    last_good,
    put_body,
    rolled_back,
    steps_of,
    undeployed,
)
from headgate.serving.cluster.running import Running, parts_of, user_config
from headgate.serving.cluster.settings import GatewaySettings

SETTINGS = GatewaySettings("127.0.0.1:50051")
SHOP = {"name": "shop", "route_prefix": "/shop", "import_path": "shop:app", "runtime_env": {"a": 1}}


def cluster(applications, *others, states=None, **serve):
    """A cluster that runs these applications, ours first."""
    apps = {
        each["name"]: {
            "status": (states or {}).get(each["name"], "RUNNING"),
            "deployed_app_config": each,
            "deployments": {},
        }
        for each in (*applications, *others)
    }
    return Running({"proxy_location": "Disabled", "applications": apps, **serve})


def served(*cascades, **states):
    return cluster(cluster_body(cascades, SETTINGS)["applications"], SHOP, states=states)


def names(applications):
    return [each["name"] for each in applications]


def cascades_of(body):
    return [part.name for part in parts_of(body["applications"])]


EMPTY = Running({"applications": {}})


def test_the_first_deployment_has_nothing_to_go_back_to(parts):
    body = deployed(EMPTY, [part_of(parts)], SETTINGS)

    assert cascades_of(body) == ["parts"]
    assert user_config(body["applications"][0])["previous"] is None


def test_cascades_that_nobody_speaks_of_stay_with_their_models(parts, tmp_path):
    large = with_large_model(tmp_path, parts)
    running = served(parts, large)

    body = deployed(running, [part_of(parts)], SETTINGS)

    assert cascades_of(body) == ["large", "parts"]
    assert body["applications"][1] == running.ours[1]


def test_a_cascade_of_the_same_name_is_replaced(parts, tmp_path):
    """Its large model had replicas of its own, which nobody needs any more."""
    running = served(with_large_model(tmp_path, parts, "parts"))

    body = deployed(running, [part_of(parts)], SETTINGS)

    assert cascades_of(body) == ["parts"]
    assert names(body["applications"]) == ["headgate"]


def test_kept_cascades_need_none_of_their_files(parts, tmp_path):
    """They may be on the cluster only; the operator's machine has no part in them."""
    encoder = with_encoder(tmp_path / "e")
    running = served(encoder)
    (tmp_path / "e").rename(tmp_path / "gone")

    body = deployed(running, [part_of(parts)], SETTINGS)

    assert cascades_of(body) == ["parts", "placed"]
    assert body["applications"][1:] == running.ours[1:]


def test_what_runs_is_kept_as_the_previous_state_one_level_deep(parts, pairs):
    first = served(parts)
    second = cluster(deployed(first, [part_of(pairs)], SETTINGS)["applications"])

    third = deployed(second, [part_of(parts)], GatewaySettings("127.0.0.1:7"))

    previous = user_config(third["applications"][0])["previous"]
    assert [part.name for part in parts_of(previous)] == ["pairs", "parts"]
    assert user_config(previous[0])["previous"] is None


def test_going_back_brings_the_state_before_and_a_second_time_the_one_after(parts, pairs):
    before = served(parts)
    after = cluster(deployed(before, [part_of(pairs)], SETTINGS)["applications"])

    back = rolled_back(after)
    forth = rolled_back(cluster(back["applications"]))

    assert cascades_of(back) == ["parts"]
    assert cascades_of(forth) == ["pairs", "parts"]


def test_with_nothing_kept_there_is_no_way_back(parts):
    with pytest.raises(NotFoundError, match="nothing to go back to"):
        rolled_back(served(parts))


@pytest.mark.parametrize("state", ["DEPLOY_FAILED", "DEPLOYING"])
def test_what_never_came_up_is_not_gone_back_to(parts, pairs, state):
    before = served(parts)
    applications = deployed(before, [part_of(pairs)], SETTINGS)["applications"]
    failed = cluster(applications, states={"headgate": state})

    assert [part.name for part in parts_of(last_good(failed))] == ["parts"]
    assert user_config(rolled_back(failed)["applications"][0])["previous"] is None


def test_what_failed_is_replaced_by_what_was_good_and_the_new(parts, pairs, tmp_path):
    before = served(parts)
    large = part_of(with_large_model(tmp_path, parts))
    applications = deployed(before, [large], SETTINGS)["applications"]
    failed = cluster(applications, states={large.applications[0]["name"]: "DEPLOY_FAILED"})

    body = deployed(failed, [part_of(pairs)], SETTINGS)

    assert cascades_of(body) == ["pairs", "parts"]
    assert names(body["applications"]) == ["headgate"]


def test_what_fell_ill_later_is_still_the_last_good_state(parts):
    """A node that is gone says nothing against the deployment."""
    ill = served(parts, headgate="UNHEALTHY")

    assert [part.name for part in parts_of(last_good(ill))] == ["parts"]


def test_cascades_are_ended_by_name_with_the_models_that_only_they_use(parts, tmp_path):
    running = served(parts, with_large_model(tmp_path, parts))

    body = undeployed(running, ["large"])

    assert cascades_of(body) == ["parts"]
    assert names(body["applications"]) == ["headgate"]


def test_without_a_cascade_there_is_no_gateway(parts, pairs):
    assert undeployed(served(parts, pairs), ["pairs", "parts"]) == {"applications": []}


def test_a_cascade_that_is_not_deployed_cannot_be_ended(parts):
    with pytest.raises(NotFoundError) as caught:
        undeployed(served(parts), ["parts", "other"])
    assert str(caught.value) == "cascade 'other': it is not deployed. Deployed: parts."


def test_models_come_before_the_gateways_and_go_after_them(parts, tmp_path):
    old = part_of(with_large_model(tmp_path / "old", parts, "parts"))
    new = part_of(with_encoder(tmp_path / "new", "parts"))
    running = cluster(deployed(EMPTY, [old], SETTINGS)["applications"])
    (was,), (will_be,) = names(old.applications), names(new.applications)
    wanted = deployed(running, [new], SETTINGS)["applications"]

    beside, turned, done = steps_of(running, wanted)

    assert set(names(beside)) == {"headgate", was, will_be}
    assert beside[0] == running.gateway
    assert set(names(turned)) == {"headgate", was, will_be}
    assert turned[0] == wanted[0]
    assert names(done) == ["headgate", will_be]


def test_a_change_of_the_gateway_alone_is_one_step(parts, pairs):
    running = served(parts)
    wanted = deployed(running, [part_of(pairs)], SETTINGS)["applications"]

    assert steps_of(running, wanted) == [wanted]


def test_the_first_gateways_start_beside_their_models(parts, tmp_path):
    wanted = deployed(EMPTY, [part_of(with_large_model(tmp_path, parts))], SETTINGS)["applications"]

    assert steps_of(EMPTY, wanted) == [wanted]


def test_what_is_there_needs_no_step(parts):
    running = served(parts)
    wanted = deployed(running, [part_of(parts)], SETTINGS)["applications"]

    assert is_there(running, wanted)
    assert not is_there(EMPTY, wanted)
    assert is_there(EMPTY, [])


def test_what_others_run_is_put_back_as_it_came(parts):
    running = served(parts)
    imperative = {"status": "RUNNING", "deployed_app_config": None, "deployments": {}}
    running.details["applications"]["by-hand"] = imperative

    body = put_body(running, [], {})

    assert body["applications"] == [SHOP]


def test_serve_keeps_the_options_that_it_runs_with(parts):
    """Put otherwise, they would not be in force, and a target capacity would be lost."""
    running = cluster(
        [], proxy_location="EveryNode", http_options={"port": 8001}, target_capacity=50
    )
    ours = {"proxy_location": "Disabled", "controller_options": {}}

    assert put_body(running, [], ours) == {
        "proxy_location": "EveryNode",
        "http_options": {"port": 8001},
        "target_capacity": 50,
        "applications": [],
    }
    assert put_body(EMPTY, [], ours) == {**ours, "applications": []}


def test_a_gateway_that_something_else_configured_is_refused(parts):
    strange = {
        "name": "headgate",
        "args": {},
        "deployments": [{"name": "G", "user_config": {"a": 1}}],
    }

    with pytest.raises(InputError, match="not deployed by this version"):
        deployed(cluster([strange]), [part_of(parts)], SETTINGS)


@pytest.mark.parametrize(
    ("address", "node", "found"),
    [
        pytest.param("0.0.0.0:1", "10.0.0.7", ["10.0.0.7:1"], id="every-interface"),
        pytest.param("[::]:1", "fd00::7", ["[fd00::7]:1"], id="every-interface-of-ipv6"),
        pytest.param("gate.example:1", "10.0.0.7", ["gate.example:1"], id="by-name"),
        pytest.param("127.0.0.1:1", "127.0.0.1", ["127.0.0.1:1"], id="this-machine"),
        pytest.param("127.0.0.1:1", "203.0.113.7", [], id="another-machine's-own"),
        pytest.param("localhost:1", "203.0.113.7", [], id="another-machine's-own-name"),
    ],
)
def test_gateways_are_called_on_the_nodes_where_they_run(parts, address, node, found):
    applications = cluster_body([parts], GatewaySettings(address))["applications"]
    running = cluster(applications)
    replicas = [{"state": "RUNNING", "node_ip": node}, {"state": "STOPPING", "node_ip": "10.0.0.9"}]
    running.details["applications"]["headgate"]["deployments"] = {"Gateway": {"replicas": replicas}}

    assert running.gateway_addresses() == found
