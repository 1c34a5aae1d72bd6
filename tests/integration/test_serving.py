"""Cascades on a real Ray cluster of this machine: placement, a replica that dies, draining."""

import asyncio
import json
import os
import queue
import signal
import socket
import threading
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from fakes.fitted_parts import live_parts, part_records
from fakes.openai_endpoint import FakeEndpoint, says_label, waits_for
from fakes.sample_cascade import copy_sample, sample_records
from headgate import wire
from headgate.client import Client
from headgate.serving.app import deploy
from headgate.serving.builders import application_of
from headgate.serving.cluster.body import GATEWAY_APP, cluster_body
from headgate.serving.cluster.settings import GatewaySettings
from headgate.serving.flags import SERVE_FLAGS
from headgate.serving.log_files import session_folder
from headgate.v1.cascade_service_pb2 import RunCascadeRequest
from headgate.v1.cascade_service_pb2_grpc import CascadeServiceStub

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(180)]

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture(scope="module")
def cluster():
    """Ray with two CPUs and Serve without a proxy, for all tests of this file."""
    os.environ["RAY_AUTH_MODE"] = "disabled"  # no token in the home directory
    os.environ.update(SERVE_FLAGS)
    import ray
    from ray import serve

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(proxy_location="Disabled", http_options={"host": "127.0.0.1"})
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def address(cluster, sample, tmp_path_factory):
    """One gateway with the sample twice: its encoder inline, and in a replica of its own."""
    folder, state = tmp_path_factory.mktemp("placed"), tmp_path_factory.mktemp("state")
    placed = copy_sample(folder, name="placed", placement="deployment", artifact=sample.artifact)
    found = f"127.0.0.1:{free_port()}"
    deploy([sample, placed], GatewaySettings(found, str(state)))
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def replicas(app: str) -> set[int]:
    """Return the processes below this one that are replicas of applications named like that."""
    parents = {int(each.name): _parent(each) for each in Path("/proc").glob("[0-9]*")}
    found = set()
    for pid in parents:
        if _title(Path("/proc", str(pid))).startswith(f"ray::ServeReplica:{app}"):
            ancestor = pid
            while ancestor not in (0, os.getpid()):
                ancestor = parents.get(ancestor, 0)
            if ancestor:
                found.add(pid)
    return found


def _parent(process: Path) -> int:
    try:
        # After the name, which is in brackets and may hold blanks: state, parent, ...
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _title(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def test_an_encoder_answers_alike_inline_and_in_a_replica_of_its_own(address, sample):
    records = sample_records(sample, 20)
    with Client(address, timeout_s=60) as client:
        client.wait_until_ready(60)
        inline = client.run_cascade(records, cascade="log_analysis")
        placed = client.run_cascade(records, cascade="placed")

    assert [each.answer for each in placed] == [each.answer for each in inline]
    assert [each.tier for each in placed] == [each.tier for each in inline]
    assert [each.confidence for each in placed] == pytest.approx(
        [each.confidence for each in inline], abs=1e-6
    )
    assert not any(each.error or each.degraded for each in [*inline, *placed])


def test_each_call_is_a_line_in_the_log_of_its_gateway(address, sample):
    (pid,) = replicas(f"{GATEWAY_APP}:")
    with Client(address, timeout_s=60) as client:
        client.wait_until_ready(60)
        client.run_cascade(sample_records(sample, 3), cascade="log_analysis")

    log = session_folder() / f"gateway-{pid}.log"
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    (last,) = [each for each in calls if each.get("records") == 3]
    assert last["method"] == "headgate.v1.CascadeService/RunCascade"
    assert (last["code"], last["cascade"]) == ("OK", "log_analysis")


class Load:
    """Two callers without retries, one call after the other."""

    def __init__(self, address, records):
        self.records = records
        self.codes = set()
        self._answered = queue.SimpleQueue()
        self._address = address
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(2)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def until_more(self, count):
        """Return once so many calls from now on were answered."""
        while not self._answered.empty():
            self._answered.get()
        for _ in range(count):
            self._answered.get(timeout=60)

    def _call(self):
        options = [("grpc.enable_retries", 0)]
        with grpc.insecure_channel(self._address, options=options) as channel:
            run = CascadeServiceStub(channel).RunCascade
            request = RunCascadeRequest(
                cascade="placed", records=map(wire.record_to_wire, self.records)
            )
            while not self._stop.is_set():
                try:
                    reply = run(request, timeout=60)
                except grpc.RpcError as error:
                    self.codes.add(error.code())
                else:
                    self.codes.update(each.error.code for each in reply.results)
                    self._answered.put(reply)


def test_calls_succeed_again_after_an_encoders_replica_is_killed(address, sample):
    gateway, encoder = replicas(f"{GATEWAY_APP}:"), replicas("headgate-encoder-")
    assert (len(gateway), len(encoder)) == (1, 1)

    with Load(address, sample_records(sample, 5)) as load:
        load.until_more(5)
        for pid in encoder:
            os.kill(pid, signal.SIGKILL)
        load.until_more(20)

    # "" is a record without an error.
    assert load.codes <= {"", grpc.StatusCode.UNAVAILABLE}
    assert replicas(f"{GATEWAY_APP}:") == gateway
    (restarted,) = replicas("headgate-encoder-")
    assert restarted not in encoder


def test_a_gateway_that_is_deleted_ends_what_it_began(cluster, parts, tmp_path):
    from ray import serve

    async def begin_and_delete() -> None:
        may_answer = asyncio.Event()
        async with FakeEndpoint(waits_for(may_answer, says_label("disk"))) as endpoint:
            loaded = live_parts(tmp_path, parts, endpoint.base_url)
            found = f"127.0.0.1:{free_port()}"
            body = cluster_body([loaded], GatewaySettings(found))
            application = application_of(body["applications"][0])
            await asyncio.to_thread(serve.run, application, name="draining", route_prefix=None)
            async with grpc.aio.insecure_channel(found) as channel:
                await begin(channel, endpoint, may_answer)

    async def begin(channel, endpoint, may_answer) -> None:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == SERVING
        request = RunCascadeRequest(records=[wire.record_to_wire(part_records()[2])])
        call = CascadeServiceStub(channel).RunCascade(request, timeout=60)
        await asyncio.wait_for(endpoint.until_requests(1), 30)

        deleting = asyncio.create_task(asyncio.to_thread(serve.delete, "draining"))
        assert (await asyncio.wait_for(watch.read(), 30)).status == NOT_SERVING
        watch.cancel()
        may_answer.set()

        assert [each.answer for each in (await call).results] == ["disk"]
        await asyncio.wait_for(deleting, 60)

    asyncio.run(begin_and_delete())
