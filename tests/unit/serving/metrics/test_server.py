"""The port that Prometheus reads: a real one."""

import asyncio
import contextlib
import socket

import pytest

from fakes.exposition import free_port, samples_in, scrape
from headgate import __version__
from headgate.cascade.load import inline
from headgate.serving.host import Host
from headgate.serving.metrics import serve_metrics
from headgate.serving.metrics.server import PORTS

BUILD = f'headgate_build_info{{version="{__version__}"}}'


@pytest.fixture
async def host(parts):
    host = Host()
    await host.configure([inline(parts)])
    yield host
    await host.close()


@pytest.fixture
def port():
    return free_port()


async def read(port):
    return samples_in(await asyncio.to_thread(scrape, f"127.0.0.1:{port}"))


@pytest.mark.slow
async def test_a_scrape_sees_what_is_served_now_until_the_server_stops(host, parts, pairs, port):
    stop = serve_metrics(host, f"127.0.0.1:{port}")
    before = await read(port)
    await host.configure([inline(pairs)])
    after = await read(port)
    await asyncio.to_thread(stop)

    assert before[BUILD] == after[BUILD] == 1
    assert any('cascade="parts"' in name for name in before)
    assert {name for name in after if "cascade=" in name and 'cascade="pairs"' not in name} == set()
    with socket.create_server(("127.0.0.1", port)):
        pass


@pytest.mark.slow
async def test_a_second_gateway_of_a_node_takes_the_next_free_port_and_says_which(
    host, port, caplog
):
    other = Host()
    stops = [serve_metrics(each, f"127.0.0.1:{port}") for each in (host, other)]
    moved = int(caplog.text.partition(f"metrics_moved asked=127.0.0.1:{port} port=")[2])
    first, second = await read(port), await read(moved)
    for stop in stops:
        await asyncio.to_thread(stop)

    assert port < moved < port + PORTS
    assert any('cascade="parts"' in name for name in first)
    assert second[BUILD] == 1
    assert not any("cascade=" in name for name in second)


async def test_where_no_port_is_free_the_gateway_goes_on_without(host, caplog):
    """The last port there is has none after it."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            stack.enter_context(socket.create_server(("127.0.0.1", 65535)))

        serve_metrics(host, "127.0.0.1:65535")()

    assert "metrics_not_served address=127.0.0.1:65535 error=OSError" in caplog.text


async def test_an_address_that_is_not_ours_is_logged(host, caplog):
    """203.0.113.0/24 is for examples, and nobody's."""
    serve_metrics(host, "203.0.113.9:9000")()

    assert "metrics_not_served address=203.0.113.9:9000" in caplog.text
