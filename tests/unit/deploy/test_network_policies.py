"""Who may reach which port of which pod, worked out from the policies as Kubernetes does."""

import pytest

from fakes.manifests import container, groups, of_kind, shipped

pytestmark = pytest.mark.slow  # kubectl is a program of its own

RAY = {"podSelector": {"matchLabels": {"headgate/part-of": "ray"}}}
CALLERS = {"namespaceSelector": {"matchLabels": {"headgate/may-call": "true"}}}
MONITORING = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
ANY = "any"


@pytest.fixture
def objects():
    return shipped("overlays/gpu")


def selected(objects, group, direction):
    """The policies that hold for a group's pods in a direction."""
    labels = groups(objects)[group]["template"]["metadata"]["labels"]
    return [
        policy["spec"]
        for policy in of_kind(objects, "NetworkPolicy")
        if direction in policy["spec"]["policyTypes"]
        and policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    ]


def let_in(objects, group):
    """(who, port) for everything that may come in."""
    rules = [
        rule for spec in selected(objects, group, "Ingress") for rule in spec.get("ingress", [])
    ]
    assert all(rule["from"] for rule in rules)
    return [
        (peer, port)
        for rule in rules
        for peer in rule["from"]
        for port in ([each["port"] for each in rule["ports"]] if "ports" in rule else [ANY])
    ]


def let_out(objects, group):
    """Ports by which something may go out beyond the cluster's own pods."""
    rules = [rule for spec in selected(objects, group, "Egress") for rule in spec.get("egress", [])]
    beyond = [rule for rule in rules if rule.get("to") != [RAY]]
    return {port["port"] for rule in beyond for port in rule["ports"]}


@pytest.mark.parametrize("group", ["head", "gateway", "cpu", "gpu"])
def test_every_pod_is_closed_but_for_what_is_named(objects, group):
    for direction in ("Ingress", "Egress"):
        closed = [each for each in selected(objects, group, direction) if len(each) == 2]
        assert len(closed) == 1


def test_callers_reach_the_port_of_gateways_and_nothing_else(objects):
    by_callers = {
        name: [port for peer, port in let_in(objects, name) if peer == CALLERS]
        for name in groups(objects)
    }

    assert by_callers == {"head": [], "gateway": [50051], "cpu": [], "gpu": []}


@pytest.mark.parametrize("group", ["head", "gateway", "cpu", "gpu"])
def test_only_pods_of_the_cluster_reach_every_port(objects, group):
    assert [peer for peer, port in let_in(objects, group) if port == ANY] == [RAY]


@pytest.mark.parametrize("group", ["gateway", "cpu", "gpu"])
def test_prometheus_reaches_metrics_and_nothing_else(objects, group):
    assert sorted(port for peer, port in let_in(objects, group) if peer == MONITORING) == [
        8080,
        9464,
    ]


def test_only_kuberay_reaches_the_dashboard(objects):
    peers = [peer for peer, port in let_in(objects, "head") if port == 8265]

    assert len(peers) == 2
    for peer in peers:
        assert "kuberay-operator" in peer["podSelector"]["matchLabels"].values()
    assert {port for name in ("gateway", "cpu", "gpu") for _, port in let_in(objects, name)} == {
        ANY,
        50051,
        9464,
        8080,
    }


def test_pods_reach_names_tls_and_traces_and_the_head_the_api_server(objects):
    assert let_out(objects, "gateway") == let_out(objects, "gpu") == {53, 443, 4317}
    assert let_out(objects, "head") == {53, 443, 4317, 6443}


def test_nothing_reaches_the_credentials_of_the_machine(objects):
    blocks = [
        peer["ipBlock"]
        for policy in of_kind(objects, "NetworkPolicy")
        for rule in policy["spec"].get("egress", [])
        for peer in rule.get("to", [])
        if "ipBlock" in peer
    ]

    assert blocks
    assert all(each["except"] == ["169.254.0.0/16"] for each in blocks)


def test_every_port_that_is_let_in_is_one_that_a_pod_has(objects):
    have = {
        port["containerPort"]
        for group in groups(objects).values()
        for port in container(group)["ports"]
    }

    named = {port for name in groups(objects) for _, port in let_in(objects, name)} - {ANY}
    assert named <= have
