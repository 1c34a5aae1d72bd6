import asyncio
import gc
import json
import shutil
import socket
import urllib.request
from dataclasses import replace

import grpc
import pytest

from fakes.otlp_collector import collecting
from headgate.cascade.load import inline
from headgate.errors import SpecFileError, UnavailableError
from headgate.serving.gateway import Gateway
from headgate.v1.cascade_service_pb2 import ListCascadesRequest
from headgate.v1.cascade_service_pb2_grpc import CascadeServiceStub


class KeptGateway(Gateway):
    """A gateway whose drain the test awaits, as Serve does; the collector must not begin one."""

    def __del__(self):
        """Do nothing."""

    @property
    def host(self):
        """Its cascades."""
        return self._host

    async def drain(self):
        """Do what Serve does at a graceful stop."""
        await Gateway.__del__(self)


def config(*cascades):
    return {"cascades": [inline(each) for each in cascades]}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture
async def gateway():
    port = free_port()
    started = KeptGateway(f"127.0.0.1:{port}")
    started.port = port
    yield started
    await started.drain()
    gc.unfreeze()  # a gateway takes its process for its own


async def served_by(gateway):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.port}") as channel:
        reply = await CascadeServiceStub(channel).ListCascades(ListCascadesRequest(), timeout=10)
    return [each.name for each in reply.cascades]


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


async def test_nothing_listens_before_the_first_configuration(gateway, parts):
    before = listens(gateway.port)
    await gateway.reconfigure(config(parts))

    assert not before
    assert await served_by(gateway) == ["parts"]


async def test_a_new_configuration_is_served_on_the_same_port(gateway, parts, pairs):
    await gateway.reconfigure(config(parts))

    await gateway.reconfigure(config(parts, pairs))

    assert await served_by(gateway) == ["pairs", "parts"]


@pytest.mark.parametrize(
    "wrong", [{}, {"cascades": None}, {"cascades": [{}]}, {"cascades": ["cascade.yaml"]}]
)
async def test_the_last_good_configuration_stays_when_a_later_one_is_wrong(
    gateway, parts, wrong, caplog
):
    await gateway.reconfigure(config(parts))

    await gateway.reconfigure(wrong)

    assert await served_by(gateway) == ["parts"]
    assert "reconfigure_refused" in caplog.text


async def test_what_is_kept_for_the_next_deployment_loads_nothing_again(gateway, parts):
    await gateway.reconfigure(config(parts))
    before = gateway.host.engine("parts")

    await gateway.reconfigure({**config(parts), "previous": [{"name": "headgate"}]})

    assert gateway.host.engine("parts") is before


async def test_a_new_fit_of_the_same_file_is_loaded(gateway, parts):
    await gateway.reconfigure({**config(parts), "artifacts": {"parts": "one"}})
    before = gateway.host.engine("parts")

    await gateway.reconfigure({**config(parts), "artifacts": {"parts": "two"}})

    assert gateway.host.engine("parts") is not before


async def test_a_cascade_that_was_not_loaded_is_tried_again(gateway, parts, tmp_path):
    absent = replace(parts, artifact=str(tmp_path / "fitted"))
    await gateway.reconfigure(config(absent))
    shutil.copytree(parts.artifact, tmp_path / "fitted")

    await gateway.reconfigure(config(absent))

    assert gateway.host.engine("parts").name == "parts"


async def test_a_first_configuration_that_is_wrong_is_an_error(gateway):
    with pytest.raises(SpecFileError):
        await gateway.reconfigure({"cascades": [{}]})

    assert not listens(gateway.port)


async def test_a_taken_port_is_an_error_of_the_first_configuration(parts):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gateway = KeptGateway(f"127.0.0.1:{taken.getsockname()[1]}")

        with pytest.raises(UnavailableError):
            await gateway.reconfigure(config(parts))
        await gateway.drain()


async def test_a_drained_gateway_listens_no_more(gateway, parts):
    await gateway.reconfigure(config(parts))

    await gateway.drain()

    assert not listens(gateway.port)


@pytest.mark.slow
async def test_metrics_are_served_from_the_first_configuration_until_it_drains(parts):
    metrics = free_port()
    gateway = KeptGateway(f"127.0.0.1:{free_port()}", "", f"127.0.0.1:{metrics}")
    before = listens(metrics)
    await gateway.reconfigure(config(parts))
    url = f"http://127.0.0.1:{metrics}/metrics"
    with await asyncio.to_thread(urllib.request.urlopen, url, timeout=10) as reply:
        text = reply.read().decode()
    await gateway.drain()
    gc.unfreeze()

    assert not before
    assert 'headgate_guarantee_state{cascade="parts",state="uncertified"} 1.0' in text
    assert not listens(metrics)


@pytest.mark.slow
async def test_a_taken_port_of_metrics_keeps_no_gateway_from_serving(parts, caplog):
    """Two gateways of a node share the port of calls; the second tells its metrics elsewhere."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = free_port()
        metrics = f"127.0.0.1:{taken.getsockname()[1]}"
        gateway = KeptGateway(f"127.0.0.1:{port}", "", metrics)
        gateway.port = port
        await gateway.reconfigure(config(parts))
        names = await served_by(gateway)
        await gateway.drain()
        gc.unfreeze()

    assert names == ["parts"]
    assert f"metrics_moved asked={metrics} port=" in caplog.text


async def test_calls_at_work_are_reported_for_scaling(gateway, parts):
    await gateway.reconfigure(config(parts))

    assert await gateway.record_autoscaling_stats() == {"in_flight": 0.0}


async def test_a_gateway_logs_a_line_a_call_and_hands_over_its_spans_when_it_stops(
    parts, monkeypatch, capsys
):
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        port = free_port()
        started = KeptGateway(f"127.0.0.1:{port}")
        started.port = port
        await started.reconfigure(config(parts))
        await served_by(started)

        await started.drain()
        gc.unfreeze()
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    (span,) = collector.spans
    assert (line["event"], line["code"], line["trace_id"]) == ("rpc", "OK", span.trace_id)
    assert line["method"] == span.name == "headgate.v1.CascadeService/ListCascades"
