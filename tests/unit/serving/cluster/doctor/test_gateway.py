import asyncio
import socket
from dataclasses import replace

import pytest

from fakes.canned_server import CannedServer
from fakes.certificates import certificate
from fakes.fitted_parts import fit_parts, write_parts
from fakes.running_server import running
from headgate.client import Client
from headgate.errors import RemoteError
from headgate.serving.cluster.doctor.gateway import gateway
from headgate.types import CascadeSummary, GuaranteeState

SUMMARY = CascadeSummary("logs", "1a")


def ask(target):
    with Client(target, timeout_s=3.0) as client:
        return client.list_cascades()


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    return fit_parts(tmp_path_factory.mktemp("fitted"))


@pytest.fixture
def free():
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return f"127.0.0.1:{port}"


@pytest.fixture
async def seen(fitted):
    """Returns the findings about a real server that says this of its cascades."""
    async with running(fitted) as server:

        async def look(*summaries):
            say = (lambda target: summaries) if summaries else ask
            return await asyncio.to_thread(gateway, server.target, say, wanted=True)

        yield look


async def test_a_gateway_that_serves_is_fine(seen):
    (finding,) = await seen()

    assert finding.level == "ok"
    assert finding.what.endswith("serves parts")


async def test_a_cascade_that_cannot_answer_is_an_error(tmp_path):
    loaded = write_parts(tmp_path, artifact="absent")
    async with running(loaded) as server:
        (finding,) = await asyncio.to_thread(gateway, server.target, ask, wanted=True)

    assert finding.level == "error"
    assert finding.what.startswith("the served cascade 'parts' cannot answer: ")


@pytest.mark.parametrize(
    ("state", "level", "word"),
    [
        (GuaranteeState.VOID, "error", "voided"),
        (GuaranteeState.SUSPECT, "warning", "drifted"),
        (GuaranteeState.UNCERTIFIED, "warning", "without a certificate: a prompt differs"),
    ],
)
async def test_the_state_of_a_served_certificate_is_told(seen, state, level, word):
    summary = replace(SUMMARY, certificate=certificate().summary(state, "a prompt differs."))

    (finding,) = await seen(summary)

    assert (finding.level, word in finding.what) == (level, True)
    assert finding.mend.startswith("headgate ")


async def test_a_certificate_that_holds_is_fine(seen):
    held = certificate().summary(GuaranteeState.CERTIFIED, "")

    (finding,) = await seen(replace(SUMMARY, certificate=held))

    assert finding.level == "ok"


def test_nothing_at_a_port_is_an_error_only_where_a_gateway_has_to_be(free):
    (wanted,) = gateway(free, ask, wanted=True)
    (unasked,) = gateway(free, ask, wanted=False)

    assert (wanted.level, unasked.level) == ("error", "ok")
    assert wanted.what == f"nothing answers at {free}"


def test_a_program_that_speaks_no_grpc_is_foreign(answering):
    with answering(200, {}) as http:
        address = http.url.removeprefix("http://")
        (finding,) = gateway(address, ask, wanted=False)

    assert finding.level == "error"
    assert finding.what == f"something that does not speak gRPC answers at {address}"
    port = address.rpartition(":")[2]
    assert finding.mend.startswith(f"ss -ltnp 'sport = :{port}' names it")


def test_a_grpc_server_without_health_is_foreign():
    with CannedServer() as server:
        (finding,) = gateway(f"127.0.0.1:{server.port}", ask, wanted=True)

    assert finding.what.startswith("a gRPC server that is not Headgate answers at")


async def test_a_server_with_health_and_without_our_calls_is_foreign():
    def refuse(target):
        raise RemoteError("UNIMPLEMENTED", "UNIMPLEMENTED", "no such method")

    async with running() as server:
        (finding,) = await asyncio.to_thread(gateway, server.target, refuse, wanted=True)

    assert "not Headgate (UNIMPLEMENTED)" in finding.what


@pytest.mark.parametrize("address", ["no-such-host.invalid:1", "[::1]:1"])
def test_an_address_that_leads_nowhere_answers_nothing(address):
    (finding,) = gateway(address, ask, wanted=True)

    assert finding.level == "error"
