"""Compose for one machine: what is reachable, confined, and there to be mounted."""

import re

import pytest
import yaml

import headgate
from fakes.manifests import REPOSITORY

FOLDER = REPOSITORY / "deploy" / "compose"
SERVICES = ("headgate", "prometheus", "grafana")


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((FOLDER / "compose.yaml").read_text())


def test_there_is_a_gateway_and_what_watches_it(compose):
    assert tuple(compose["services"]) == SERVICES


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_those_of_this_machine_alone(compose, name):
    assert all(each.startswith("127.0.0.1:") for each in compose["services"][name]["ports"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_may_do_no_more_than_it_must(compose, name):
    service = compose["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].split(":")[0]) > 0
    assert {"cpus", "mem_limit", "pids_limit"} <= set(service)
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service)


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_one_for_good(compose, name):
    tag = compose["services"][name]["image"].rpartition(":")[2]

    assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag)
    if name == "headgate":
        assert tag == headgate.__version__


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there_and_files_are_read_only(compose, name):
    for volume in compose["services"][name]["volumes"]:
        if volume["type"] == "volume":
            assert volume["source"] in compose["volumes"]
            continue
        assert volume["read_only"] is True
        if volume["source"] != "../../artifacts":  # made by `headgate fit`
            assert (FOLDER / volume["source"]).exists()


def test_prometheus_reads_the_metrics_of_the_gateway(compose):
    config = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    (job,) = config["scrape_configs"]
    command = compose["services"]["headgate"]["entrypoint"][-1]

    assert job["static_configs"] == [{"targets": ["headgate:9464"]}]
    assert "--metrics-port 9464" in command
    (rules,) = config["rule_files"]
    targets = [each["target"] for each in compose["services"]["prometheus"]["volumes"]]
    assert f"/etc/prometheus/{rules}" in targets


def test_grafana_finds_prometheus_and_the_dashboard(compose):
    grafana = compose["services"]["grafana"]
    provider = yaml.safe_load(
        (REPOSITORY / "deploy/grafana/provisioning/dashboards/headgate.yaml").read_text()
    )
    targets = {each["target"] for each in grafana["volumes"]}

    assert grafana["environment"]["PROMETHEUS_URL"] == "http://prometheus:9090"
    assert f"{provider['providers'][0]['options']['path']}/headgate.json" in targets
    assert "/etc/grafana/provisioning" in targets


def test_whoever_looks_at_grafana_may_only_look(compose):
    said = compose["services"]["grafana"]["environment"]

    assert said["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert said["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"


def test_metrics_are_among_the_three(compose):
    assert compose["networks"]["metrics"] == {"internal": True}
    assert all("metrics" in each["networks"] for each in compose["services"].values())


def test_no_secret_is_in_the_file(compose):
    text = (FOLDER / "compose.yaml").read_text()

    assert not re.search(r"(?i)password|token|secret", text)
