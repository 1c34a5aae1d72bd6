"""Dashboards and alerts name what gateways tell, and are what their code makes."""

import asyncio
import json
import re
from pathlib import Path

import pytest
import yaml

from fakes.exposition import free_port, names_in, samples_in, scrape
from fakes.fitted_parts import part_records
from fakes.running_server import running
from headgate import wire
from headgate.serving.metrics import serve_metrics
from headgate.serving.metrics.dashboards import FILE, WIDE, dashboard, main
from headgate.serving.metrics.panels import STATES
from headgate.types import GuaranteeState
from headgate.v1.cascade_service_pb2 import RunCascadeRequest

DEPLOY = Path(__file__).parents[4] / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yaml"
NAME = re.compile(r"headgate_\w+")


def panels():
    return dashboard()["panels"]


def expressions():
    """Return every expression of the dashboard and of the alerts."""
    drawn = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    asked = [each["query"] for each in dashboard()["templating"]["list"]]
    return [*drawn, *asked, *(rule["expr"] for rule in rules())]


def rules():
    (group,) = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return group["rules"]


@pytest.fixture(scope="module")
def texts():
    """Every other text of the deployment that may name a metric."""
    return [
        path.read_text(encoding="utf-8")
        for folder in ("grafana", "prometheus")
        for path in sorted((DEPLOY / folder).rglob("*.yaml"))
    ]


@pytest.mark.slow
async def test_every_metric_that_is_named_is_told_by_a_gateway_after_traffic(
    parts, watched, texts, tmp_path
):
    port = free_port()
    records = list(map(wire.record_to_wire, part_records()))
    async with running(parts, watched, state_dir=str(tmp_path)) as server:
        stop = serve_metrics(server.host, f"127.0.0.1:{port}")
        await server.rpc("RunCascade")(RunCascadeRequest(cascade="parts", records=records))
        text = await asyncio.to_thread(scrape, f"127.0.0.1:{port}")
        await asyncio.to_thread(stop)

    told = names_in(samples_in(text))
    families = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    asked = {name for each in expressions() for name in NAME.findall(each)}
    assert asked - told == set()
    assert {name for each in texts for name in NAME.findall(each)} - told - families == set()
    # Counts and sums of histograms are for those who need a mean; everything else is shown.
    assert {name for name in told - asked if not name.endswith(("_count", "_sum"))} == set()


def test_the_committed_dashboard_is_what_its_code_makes(tmp_path):
    main(str(tmp_path))

    made = (tmp_path / FILE).read_text(encoding="utf-8")
    assert made == (DEPLOY / "grafana" / FILE).read_text(encoding="utf-8")


@pytest.mark.parametrize("expression", expressions())
def test_brackets_of_an_expression_close(expression):
    closing = {")": "(", "]": "[", "}": "{"}
    open_ones = []
    for sign in expression:
        if sign in closing.values():
            open_ones.append(sign)
        elif sign in closing:
            assert open_ones.pop() == closing[sign]

    assert open_ones == []


def test_panels_have_names_of_their_own_and_do_not_overlap():
    cells = set()
    for panel in panels():
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells
        assert max(x for x, _ in own) < WIDE
        cells |= own

    titles = [panel["title"] for panel in panels()]
    assert len(set(titles)) == len(titles)
    assert [panel["id"] for panel in panels()] == list(range(1, len(titles) + 1))


def test_counters_are_shown_as_rates_and_never_as_they_are():
    """A counter starts anew with its process."""
    for expression in expressions():
        for found in re.finditer(r"headgate_\w+_total(\{[^}]*\})?", expression):
            assert expression[found.end()] == "["


def test_every_state_of_a_certificate_has_its_colour():
    (timeline,) = [panel for panel in panels() if panel["type"] == "state-timeline"]
    (mapping,) = timeline["fieldConfig"]["defaults"]["mappings"]

    assert [each["text"] for each in mapping["options"].values()] == list(STATES)
    assert sorted(STATES) == sorted(state.value for state in GuaranteeState)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_whom_it_wakes_what_happened_and_what_to_do(rule):
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"].endswith(".")
    assert len(rule["annotations"]["description"]) > 40
    assert re.fullmatch(r"Headgate[A-Z]\w+", rule["alert"])


def test_the_dashboard_is_json_of_a_moderate_size():
    assert len(json.dumps(dashboard())) < 100_000


def test_prometheus_reads_the_rules_and_the_port_that_is_documented():
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text("utf-8"))

    assert config["rule_files"] == [ALERTS.name]
    (job,) = config["scrape_configs"]
    assert job["job_name"] == "headgate"
    assert job["static_configs"][0]["targets"][0].endswith(":9464")
