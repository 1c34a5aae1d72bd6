from dataclasses import replace

import pytest

from fakes.placed_cascades import with_encoder, with_large_model
from fakes.ray_dashboard import FakeDashboard, node
from headgate.errors import ArtifactError, InputError, NotFoundError, UnavailableError
from headgate.serving.cluster.body import part_of
from headgate.serving.cluster.checks import check_proxy
from headgate.serving.cluster.deploying import (
    Conduct,
    carry_out,
    deploy_change,
    rollback_change,
    undeploy_change,
)
from headgate.serving.cluster.rest import ClusterClient
from headgate.serving.cluster.running import Running, parts_of
from headgate.serving.cluster.settings import AskedSettings
from headgate.types import CascadeSummary

SHOP = {"name": "shop", "route_prefix": "/shop", "import_path": "shop:app", "args": {"a": 1}}
REFUSED = "headgate.errors.ArtifactError: /fitted: it was altered. Fit it again."


@pytest.fixture
def dashboard():
    with FakeDashboard() as started:
        yield started


class Operator:
    """Deploys on the made-up cluster and notes what is said; gateways are out of reach."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.said = []
        self.asked = []
        self.answers = None

    def ask(self, address):
        self.asked.append(address)
        return self.answers

    def deploy(self, *cascades, timeout_s=10.0, **asked):
        change = deploy_change(self.cluster, cascades, AskedSettings(**asked), "127.0.0.1")
        self.carry_out(change, timeout_s)
        return change

    def carry_out(self, change, timeout_s=10.0):
        carry_out(self.cluster, change, Conduct(timeout_s, self.said.append, self.ask, 0.0))


@pytest.fixture
def operator(dashboard):
    with ClusterClient(dashboard.address) as cluster:
        yield Operator(cluster)


def served(dashboard):
    return [part.name for part in parts_of(list(dashboard.running.values()))]


def large_app(loaded):
    (application,) = part_of(loaded).applications
    return application["name"]


def test_a_first_deployment_starts_serve_as_it_has_to_be(dashboard, operator, parts):
    operator.deploy(parts, replicas=2)

    (body,) = dashboard.puts
    assert body["proxy_location"] == "Disabled"
    assert "RAY_SERVE_USE_GRPC_BY_DEFAULT" in body["controller_options"]["runtime_env"]["env_vars"]
    assert body["applications"][0]["args"]["address"] == "127.0.0.1:50051"
    assert served(dashboard) == ["parts"]


def test_others_applications_survive(dashboard, operator, parts):
    dashboard.put({"applications": [SHOP]})
    dashboard.imperative("by-hand")

    change = operator.deploy(parts)

    assert dashboard.running["shop"] == SHOP
    assert set(dashboard.running) == {"shop", "by-hand", "headgate"}
    assert any("started by others" in each for each in change.notes)


def test_a_second_cascade_joins_the_first(dashboard, operator, parts, pairs):
    operator.deploy(parts)
    change = operator.deploy(pairs)

    assert served(dashboard) == ["pairs", "parts"]
    assert not change.nothing


def test_what_is_deployed_already_is_nothing_to_do(dashboard, operator, parts):
    operator.deploy(parts)

    change = deploy_change(operator.cluster, [parts], AskedSettings(), "127.0.0.1")

    assert change.nothing
    assert len(dashboard.puts) == 1


def test_models_run_before_a_gateway_turns_to_them(dashboard, operator, parts, tmp_path):
    operator.deploy(parts)
    loaded = with_large_model(tmp_path, parts)
    dashboard.fares[large_app(loaded)].extend([("DEPLOYING", ""), ("RUNNING", "")])

    operator.deploy(loaded)

    first, before, after = (body["applications"] for body in dashboard.puts)
    assert before[0] == first[0]
    assert [each["name"] for each in before[1:]] == [large_app(loaded)]
    assert after[0] != first[0]
    assert any(each.startswith(f"waiting for {large_app(loaded)}") for each in operator.said)


@pytest.mark.parametrize(
    "fares",
    [
        pytest.param([("DEPLOY_FAILED", f"Error:\nTraceback\n{REFUSED}")], id="failed"),
        pytest.param([("UNHEALTHY", REFUSED)], id="ill"),
        pytest.param(
            [("DEPLOYING", f"A replica failed to start with exception. Error:\n{REFUSED}")],
            id="starting-in-vain",
        ),
    ],
)
def test_a_first_deployment_that_fails_leaves_nothing(dashboard, operator, parts, tmp_path, fares):
    loaded = with_encoder(tmp_path)
    dashboard.fares[large_app(loaded)].extend(fares)

    with pytest.raises(UnavailableError) as caught:
        operator.deploy(loaded)

    assert caught.value.problem == (
        "it does not run (ArtifactError: /fitted: it was altered. Fit it again)"
    )
    assert caught.value.remedy == "Nothing of it is left on the cluster."
    assert dashboard.running == {}
    assert dashboard.shut_downs == 1


def test_a_deployment_that_fails_is_put_back(dashboard, operator, parts, tmp_path):
    dashboard.put({"applications": [SHOP]})
    operator.deploy(parts)
    before = dict(dashboard.running)
    loaded = with_encoder(tmp_path)
    dashboard.fares[large_app(loaded)].append(("DEPLOY_FAILED", REFUSED))

    with pytest.raises(UnavailableError) as caught:
        operator.deploy(loaded)

    assert caught.value.place == f"application {large_app(loaded)!r}"
    assert caught.value.remedy == "What ran before runs again."
    assert dashboard.running == before
    assert dashboard.shut_downs == 0


def test_after_a_deployment_that_failed_the_way_back_is_what_it_was(
    dashboard, operator, parts, pairs, tmp_path
):
    operator.deploy(parts)
    operator.deploy(pairs)
    before = dict(dashboard.running)
    loaded = with_encoder(tmp_path)
    dashboard.fares[large_app(loaded)].append(("DEPLOY_FAILED", REFUSED))
    with pytest.raises(UnavailableError):
        operator.deploy(loaded)

    assert dashboard.running == before
    operator.carry_out(rollback_change(operator.cluster))
    assert served(dashboard) == ["parts"]


def test_what_finds_no_place_in_time_is_said_with_what_there_is(
    dashboard, operator, parts, tmp_path
):
    """Serve itself says nothing of a replica that Ray cannot place."""
    loaded = with_encoder(tmp_path, more="resources: {cpu: 3.5}")
    dashboard.fares[large_app(loaded)].append(("DEPLOYING", ""))

    with pytest.raises(UnavailableError) as caught:
        operator.deploy(loaded, timeout_s=0.2)

    assert "(0 of 1 replicas)" in caught.value.problem
    assert "a replica reserves 3.5 CPUs" in caught.value.problem
    assert "1 of 4 CPU are taken" in caught.value.problem


def test_a_gateway_that_keeps_its_old_configuration_is_found_out(dashboard, operator, parts, pairs):
    operator.deploy(parts)
    before = dict(dashboard.running)
    operator.answers = [CascadeSummary("parts", "old", "", ready=True)]

    with pytest.raises(UnavailableError, match="cascade 'pairs' is not served"):
        operator.deploy(pairs)

    assert operator.asked[-1] == "127.0.0.1:50051"
    assert dashboard.running == before


@pytest.mark.parametrize(
    ("summary", "says"),
    [
        pytest.param(
            CascadeSummary("parts", "", "", ready=False, problem="variable KEY: it holds no key."),
            "cannot answer (variable KEY: it holds no key)",
            id="not-ready",
        ),
        pytest.param(
            CascadeSummary("parts", "other-1", "", ready=True), "answers as other-1", id="otherwise"
        ),
    ],
)
def test_a_cascade_that_does_not_answer_as_it_was_put_is_a_failure(
    dashboard, operator, parts, summary, says
):
    operator.answers = [summary]

    with pytest.raises(UnavailableError) as caught:
        operator.deploy(parts)

    assert caught.value.place == "gateway 127.0.0.1:50051"
    assert says in caught.value.problem
    assert dashboard.running == {}


def test_gateways_that_answer_as_they_were_put_are_content(dashboard, operator, parts):
    part = part_of(parts)
    operator.answers = [
        CascadeSummary("parts", f"{parts.revision}-{part.artifact}", "", ready=True)
    ]

    operator.deploy(parts)

    assert served(dashboard) == ["parts"]


def test_gateways_out_of_reach_are_said_not_to_have_been_asked(operator, parts):
    operator.deploy(parts)

    assert operator.said[-1] == (
        "the gateway at 127.0.0.1:50051 is out of reach from here, and was not asked"
    )


def test_two_cascades_of_one_name_are_refused_before_anything_is_sent(dashboard, operator, parts):
    with pytest.raises(InputError, match="'parts'"):
        operator.deploy(parts, parts)
    assert dashboard.puts == []


def test_a_missing_artifact_is_refused_before_anything_is_sent(
    dashboard, operator, parts, tmp_path
):
    with pytest.raises(ArtifactError):
        operator.deploy(replace(parts, artifact=str(tmp_path / "gone")))
    assert dashboard.puts == []


def test_audits_without_a_directory_are_refused_before_anything_is_sent(
    dashboard, operator, watched
):
    with pytest.raises(InputError, match="audits keep decisions"):
        operator.deploy(watched)
    assert dashboard.puts == []

    operator.deploy(watched, state_dir="/state")
    assert dashboard.running["headgate"]["args"]["state_dir"] == "/state"


@pytest.mark.parametrize(
    ("resources", "says"),
    [
        pytest.param("{gpu: 1, accelerator: L4}", "1 GPU of type L4; no node", id="accelerator"),
        pytest.param("{gpu: 1}", "needs 1 GPU", id="gpu"),
        pytest.param("{cpu: 5}", "the largest node has 4 CPUs", id="too-large"),
        pytest.param("{labels: {disk: fast}}", "disk=fast", id="label"),
    ],
)
def test_what_no_node_has_is_refused_before_anything_is_sent(
    dashboard, operator, tmp_path, resources, says
):
    with pytest.raises(InputError) as caught:
        operator.deploy(with_encoder(tmp_path, more=f"resources: {resources}"))

    assert says in caught.value.problem
    assert dashboard.puts == []


def test_a_model_at_rest_has_to_have_a_place_too(dashboard, operator, parts, tmp_path):
    loaded = with_large_model(tmp_path, parts, more="resources: {gpu: 1, accelerator: H100}")

    with pytest.raises(InputError, match="H100"):
        operator.deploy(loaded)
    assert dashboard.puts == []


def test_what_an_autoscaler_may_add_is_only_said(dashboard, operator, parts, tmp_path):
    dashboard.types = {"a1": "ray.head.default"}
    loaded = with_large_model(tmp_path, parts, more="resources: {gpu: 1}")

    change = operator.deploy(loaded)

    assert any("an autoscaler has to add it" in each for each in change.notes)
    assert large_app(loaded) in dashboard.running


def test_a_node_that_is_gone_counts_for_nothing(dashboard, operator, tmp_path):
    dashboard.nodes = [node(4), {**node(8, GPU=1.0), "state": "DEAD"}]

    with pytest.raises(InputError, match="needs 1 GPU"):
        operator.deploy(with_encoder(tmp_path, more="resources: {gpu: 1}"))


def test_a_half_finished_deployment_is_not_built_upon(dashboard, operator, parts, pairs):
    operator.deploy(parts)
    operator.deploy(pairs)
    dashboard.fares["headgate"].append(("DEPLOYING", ""))
    puts = len(dashboard.puts)

    with pytest.raises(UnavailableError) as caught:
        operator.deploy(parts)

    assert caught.value.problem == "an earlier deployment of it is half finished"
    assert caught.value.remedy.endswith("or end it with: headgate rollback.")
    assert len(dashboard.puts) == puts


def test_a_half_finished_first_deployment_can_only_be_ended(dashboard, operator, parts):
    operator.deploy(parts)
    dashboard.fares["headgate"].append(("DEPLOYING", ""))

    with pytest.raises(UnavailableError, match="headgate undeploy --all"):
        operator.deploy(parts)


def test_a_failed_deployment_may_be_replaced(dashboard, operator, parts, pairs):
    operator.deploy(parts)
    operator.deploy(pairs)
    dashboard.fares["headgate"].extend(
        [("DEPLOY_FAILED", ""), ("DEPLOY_FAILED", ""), ("RUNNING", "")]
    )

    operator.deploy(pairs)

    assert served(dashboard) == ["pairs", "parts"]


def test_what_is_ill_and_not_changed_keeps_no_change_back(dashboard, operator, parts, tmp_path):
    """A budget is lowered while a GPU node is gone."""
    loaded = with_large_model(tmp_path, parts)
    operator.deploy(loaded)
    dashboard.fares[large_app(loaded)].append(("UNHEALTHY", "a node is gone"))

    operator.deploy(replace(loaded, prompts={"decide": "Which one?"}))

    assert served(dashboard) == ["large"]


def test_going_back_and_forth(dashboard, operator, parts, pairs):
    operator.deploy(parts)
    operator.deploy(pairs)

    operator.carry_out(rollback_change(operator.cluster))
    back = served(dashboard)
    operator.carry_out(rollback_change(operator.cluster))

    assert back == ["parts"]
    assert served(dashboard) == ["pairs", "parts"]


def test_going_back_ends_a_half_finished_deployment(dashboard, operator, parts, pairs):
    operator.deploy(parts)
    operator.deploy(pairs)
    dashboard.fares["headgate"].extend([("DEPLOYING", "")] * 3 + [("RUNNING", "")])

    operator.carry_out(rollback_change(operator.cluster))

    assert served(dashboard) == ["parts"]


def test_with_nothing_kept_there_is_no_way_back(dashboard, operator, parts):
    operator.deploy(parts)

    with pytest.raises(NotFoundError):
        rollback_change(operator.cluster)


def test_cascades_are_ended_by_name(dashboard, operator, parts, pairs):
    dashboard.put({"applications": [SHOP]})
    operator.deploy(parts, pairs)

    operator.carry_out(undeploy_change(operator.cluster, ["pairs"]))

    assert served(dashboard) == ["parts"]
    assert dashboard.running["shop"] == SHOP


def test_all_is_ended_and_serve_with_it_unless_others_use_it(dashboard, operator, parts):
    operator.deploy(parts)
    operator.carry_out(undeploy_change(operator.cluster, None))
    alone = (dashboard.running, dashboard.shut_downs)

    dashboard.put({"applications": [SHOP]})
    operator.deploy(parts)
    operator.carry_out(undeploy_change(operator.cluster, None))

    assert alone == ({}, 1)
    assert (dashboard.running, dashboard.shut_downs) == ({"shop": SHOP}, 1)


def test_a_change_of_where_gateways_listen_is_kept_for_the_next_deployment(
    dashboard, operator, parts, pairs
):
    operator.deploy(parts, port=7001, metrics_port=7002, replicas=3)
    operator.deploy(pairs)

    gateway = dashboard.running["headgate"]
    assert gateway["args"]["address"] == "127.0.0.1:7001"
    assert gateway["args"]["metrics_address"] == "127.0.0.1:7002"
    assert gateway["deployments"][0]["num_replicas"] == 3


def test_a_body_that_serve_refuses_is_put_back(dashboard, operator, parts):
    dashboard.replies["PUT /api/serve/applications/"] = (400, "validation error")

    with pytest.raises(UnavailableError) as caught:
        operator.deploy(parts)

    assert "Ray Serve refuses what it was sent" in caught.value.problem
    assert caught.value.remedy.startswith("Putting back what ran before failed, too")


def test_an_interruption_puts_back_what_ran_before(dashboard, operator, parts, pairs):
    operator.deploy(parts)
    before = dict(dashboard.running)
    dashboard.fares["headgate"].append(("DEPLOYING", ""))
    change = deploy_change_of(operator, pairs, dashboard)

    def interrupt(text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(operator.cluster, change, Conduct(10.0, Once(interrupt), operator.ask))
    assert dashboard.running == before


def deploy_change_of(operator, loaded, dashboard):
    """Return the change as it was seen before the gateways began to change."""
    fares = dashboard.fares.pop("headgate")
    change = deploy_change(operator.cluster, [loaded], AskedSettings(), "127.0.0.1")
    dashboard.fares["headgate"] = fares
    return change


class Once:
    """Does something at the first call alone."""

    def __init__(self, act):
        self.act = act

    def __call__(self, text):
        act, self.act = self.act, lambda text: None
        act(text)


@pytest.mark.parametrize(
    ("present", "refused"), [("Disabled", True), ("EveryNode", False), (None, False)]
)
def test_a_model_that_answers_http_needs_the_proxy_that_serve_was_started_with(present, refused):
    running = Running({"proxy_location": present, "applications": {}})
    body = {"proxy_location": "EveryNode"}
    if not refused:
        check_proxy(body, running)
        return

    with pytest.raises(InputError, match="without its HTTP proxy"):
        check_proxy(body, running)
