import pytest

from fakes.placed_cascades import with_encoder, with_large_model
from fakes.ray_dashboard import FakeDashboard, node
from headgate.serving.cluster.body import cluster_body
from headgate.serving.cluster.settings import GatewaySettings

LAUNCHER = """\
max_workers: 4
head_node_type: head
available_node_types:
  head: {resources: {CPU: 0}, node_config: {}}
  cpu: {resources: {CPU: 4}, min_workers: 1, max_workers: 3, node_config: {}}
  gpu: {resources: {CPU: 8, GPU: 1, "accelerator_type:L4": 1}, node_config: {}}
"""
PRICES = "usd_per_hour: {head: 0.1, cpu: 0.2, gpu: 1.0}\n"
SETTINGS = GatewaySettings("127.0.0.1:50051")


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """A home without a token of Ray."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def launcher(tmp_path):
    path = tmp_path / "ray_cluster.yaml"
    path.write_text(LAUNCHER)
    return path


@pytest.fixture
def prices(tmp_path):
    path = tmp_path / "prices.yaml"
    path.write_text(PRICES)
    return path


@pytest.fixture
def dashboard():
    with FakeDashboard() as served:
        yield served


@pytest.fixture
def large(tmp_path, fitted):
    """A cascade whose large model takes an L4 and rests at none."""
    more = "replicas: {min: 0, max: 2}, resources: {cpu: 2, gpu: 1, accelerator: L4}"
    return with_large_model(tmp_path / "large", fitted, more=more)


def deployments(ended):
    return {each["deployment"]: each for each in ended.data["deployments"]}


def test_everything_has_a_place_on_the_nodes_of_a_file(headgate, large, launcher):
    ended = headgate("plan", large.path, "--cluster", launcher, "--output", "json")

    found, types = deployments(ended), {each["type"]: each for each in ended.data["nodes"]}
    assert (ended.code, ended.err) == (0, "")
    assert found["Gateway"]["at_least_on"] == {"cpu": 1}
    assert found["LargeModel"]["at_least_on"] == {}
    assert found["LargeModel"]["at_most_on"] == {"gpu": 2}
    assert found["LargeModel"]["accelerator"] == "L4"
    assert found["LargeModel"]["for"] == "large model (transformers) of large"
    assert (types["gpu"]["needed_at_least"], types["gpu"]["needed_at_most"]) == (0, 2)
    assert ended.data["does_not_fit"] == []
    assert (ended.data["usd_per_month"], ended.data["changes"]) == (None, None)


def test_a_month_is_priced_at_rest_and_at_full_load(headgate, large, launcher, prices):
    """Head and one worker are .3 an hour; two nodes with a GPU are 2 more."""
    ended = headgate(
        "plan", large.path, "--cluster", launcher, "--prices", prices, "--output", "json"
    )

    cost = ended.data["usd_per_month"]
    assert cost["at_least"] == pytest.approx(0.3 * 730)
    assert cost["at_most"] == pytest.approx(2.3 * 730)


def test_the_table_says_the_same(headgate, large, launcher, prices):
    ended = headgate("plan", large.path, "--cluster", launcher, "--prices", prices)

    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert ended.code == 0
    assert any(line.endswith("0 to 2 2 CPUs, 1 GPU, L4 - 2 on gpu") for line in lines)
    assert "cpu 4 CPUs 1 1 0.2 146.00 146.00" in lines
    assert lines[-1] == "all 219.00 1,679.00"


def test_what_does_not_fit_is_named_and_the_exit_code_is_1(headgate, tmp_path, fitted, launcher):
    more = "replicas: {min: 1, max: 5}, resources: {gpu: 1, accelerator: A100}"
    wide = with_large_model(tmp_path / "wide", fitted, more=more)

    ended = headgate("plan", wide.path, "--cluster", launcher, "--output", "json")

    (misfit,) = ended.data["does_not_fit"]
    assert ended.code == 1
    assert (misfit["at"], misfit["replicas"], misfit["of"]) == ("least", 1, 1)
    assert misfit["problem"] == "needs 1 GPU of type A100; no node type has one"


def test_what_fits_at_rest_only_says_which_limit_to_raise(headgate, tmp_path, fitted, launcher):
    more = "replicas: {min: 0, max: 5}, resources: {gpu: 1}"
    many = with_large_model(tmp_path / "many", fitted, more=more)

    ended = headgate("plan", many.path, "--cluster", launcher)

    assert ended.code == 1
    row = ended.out.splitlines()[-1]
    assert "2 of 5, at most" in row
    assert "Raise max_workers of gpu to 5 and max_workers of the cluster to 6." in row


def test_more_gateways_take_more(headgate, fitted, launcher):
    ended = headgate(
        "plan", fitted.path, "--cluster", launcher, "--gateways", 3, "--output", "json"
    )

    assert deployments(ended)["Gateway"]["min_replicas"] == 3


def test_without_nodes_only_the_needs_are_shown(headgate, fitted):
    ended = headgate("plan", fitted.path, "--output", "json")

    assert (ended.code, ended.data["nodes"]) == (0, None)
    assert ended.err.startswith("no nodes are named: --cluster FILE or --address URL says")


def test_a_running_cluster_gives_nodes_and_changes(headgate, fitted, large, dashboard):
    dashboard.put(cluster_body([fitted], SETTINGS))
    dashboard.nodes = [node(), node(8.0, head=False, GPU=2.0, **{"accelerator_type:L4": 1.0})]

    ended = headgate("plan", large.path, "--address", dashboard.address, "--output", "json")

    changes = {
        (each["app"].partition("-lm-")[0], each["key"]): each["scope"]
        for each in ended.data["changes"]
    }
    assert ended.code == 0
    assert changes == {
        ("headgate", "cascade large: new"): "in place",
        ("headgate", ""): "new",
    }
    assert [each["type"] for each in ended.data["nodes"]] == ["head", "8 CPUs, 2 GPUs, L4"]


def test_a_deploy_of_what_runs_changes_nothing(headgate, fitted, dashboard):
    dashboard.put(cluster_body([fitted], SETTINGS))

    ended = headgate("plan", fitted.path, "--address", dashboard.address)

    assert ended.code == 0
    assert ended.out.endswith("a deploy would change nothing\n")


def test_applications_of_others_take_their_room(headgate, fitted, dashboard):
    dashboard.put({"applications": [{"name": "theirs", "deployments": [{"name": "D"}]}]})
    theirs = dashboard.details["applications"]["theirs"]["deployments"]["D"]
    theirs |= {"target_num_replicas": 2, "required_resources": {"CPU": 2.0}}

    ended = headgate("plan", fitted.path, "--address", dashboard.address, "--output", "json")

    (misfit,) = ended.data["does_not_fit"]
    assert (misfit["deployment"], misfit["problem"]) == (
        "Gateway",
        "fits alone, but not beside the others on the head node",
    )
    assert deployments(ended)["D"]["for"] == "not Headgate's; stays"


def test_a_cluster_that_grows_is_said_to(headgate, fitted, dashboard):
    dashboard.types = {"a1": "worker"}

    ended = headgate("plan", fitted.path, "--address", dashboard.address)

    assert "this cluster may add nodes by itself" in ended.err


def test_calls_that_are_paid_by_the_token_are_said_to_be_left_out(headgate, tmp_path, fitted):
    from fakes.fitted_parts import live_parts

    paid = live_parts(tmp_path / "live", fitted, "http://127.0.0.1:1/v1")

    ended = headgate("plan", paid.path)

    assert "what calls cost by the token is in no figure here: llm of live" in ended.err


@pytest.mark.slow
def test_an_encoder_of_its_own_is_placed(headgate, tmp_path, launcher):
    placed = with_encoder(tmp_path / "placed", more="replicas: {min: 2, max: 3}")

    ended = headgate("plan", placed.path, "--cluster", launcher, "--output", "json")

    assert deployments(ended)["Encoder"]["at_least_on"] == {"cpu": 2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["--address", "http://127.0.0.1:1"],
            "http://127.0.0.1:1: nobody answers there (ConnectError).",
            id="nobody",
        ),
        pytest.param(
            ["--address", "ray://head:10001"], "it is a Ray client's address", id="client"
        ),
        pytest.param(["--cluster", "absent.yaml"], "absent.yaml: there is no such file", id="file"),
        pytest.param(
            ["--prices", "p.yaml"], "--prices: prices are of nodes, and none", id="prices"
        ),
    ],
)
def test_what_cannot_be_looked_at_is_one_line(headgate, fitted, arguments, message):
    ended = headgate("plan", fitted.path, *arguments)

    assert ended.code in (2, 69)
    assert message in ended.err
    assert ended.err.count("\n") == 1


def test_a_price_that_is_missing_is_one_line(headgate, fitted, launcher, tmp_path):
    prices = tmp_path / "prices.yaml"
    prices.write_text("usd_per_hour: {head: 1, cpu: 1}\n")

    ended = headgate("plan", fitted.path, "--cluster", launcher, "--prices", prices)

    assert ended.code == 2
    assert "there is no price of the node type 'gpu'" in ended.err


def test_a_wrong_token_a_wrong_version_and_two_of_one_name_are_one_line(
    headgate, fitted, dashboard
):
    dashboard.token = "secret"
    unknown = headgate("plan", fitted.path, "--address", dashboard.address)
    dashboard.token, dashboard.version = "", "2.59.0"
    old = headgate("plan", fitted.path, "--address", dashboard.address)
    twice = headgate("plan", fitted.path, fitted.path)

    assert (unknown.code, old.code, twice.code) == (2, 2, 2)
    assert "it asks for a token" in unknown.err
    assert "it runs Ray 2.59" in old.err
    assert "its name 'parts' is that of" in twice.err
    assert dashboard.puts == []


def test_a_cascade_that_is_not_fitted_is_one_line(headgate, tmp_path, launcher):
    from fakes.fitted_parts import write_parts

    bare = write_parts(tmp_path / "bare", artifact="absent")

    ended = headgate("plan", bare.path, "--cluster", launcher)

    assert ended.code == 2
    assert "there is no artifact here" in ended.err
