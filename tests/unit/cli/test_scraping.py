"""What is read of endpoints of metrics, and of other ones."""

import contextlib
import socket
import threading

import pytest

from fakes.exposition import free_port
from fakes.metrics_endpoint import metrics_endpoint, told
from headgate.cli.scraping import check_address, parse, scrape, scrape_all
from headgate.errors import InputError, UnavailableError


@contextlib.contextmanager
def sends(*parts):
    """Yield the address of a server that answers one connection with these bytes and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            connection, _ = listening.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(4096)
                for part in parts:
                    connection.sendall(part)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def test_samples_are_read_by_name_and_labels_in_their_order():
    found = parse('a_total{y="2",x="1"} 3\nb 0.5\n')

    assert list(found.items()) == [(("a_total", (("x", "1"), ("y", "2"))), 3.0), (("b", ()), 0.5)]


def test_a_gateway_is_read_over_its_port():
    with metrics_endpoint(told(small=4)) as address:
        found = scrape(address)

    assert [value for _, value in found.named("headgate_build_info")] == [1]
    assert next(found.named("headgate_requests_total")) == (
        {"cascade": "logs", "tier": "triage", "outcome": "answered"},
        4,
    )


def test_several_are_read_in_order_and_those_that_fail_say_why():
    nobody = f"127.0.0.1:{free_port()}"
    with metrics_endpoint(told(small=1)) as one, metrics_endpoint(told(small=2)) as two:
        first, second, third = scrape_all([two, nobody, one])

    assert [next(each.named("headgate_requests_total"))[1] for each in (first, third)] == [2, 1]
    assert (second.place, second.problem) == (nobody, "no answer (ConnectionRefusedError)")


@pytest.mark.parametrize(
    ("text", "status", "problem"),
    [
        pytest.param("up 1\n", 200, "it is no gateway of Headgate", id="other-metrics"),
        pytest.param("", 200, "it is no gateway of Headgate", id="nothing"),
        pytest.param("<html>hello</html>", 200, "what it tells are no metrics", id="a-page"),
        pytest.param("not here", 404, "what it tells are no metrics", id="not-found"),
    ],
)
def test_what_is_no_gateway_is_named(text, status, problem):
    endpoint = metrics_endpoint(text, status=status)
    with endpoint as address, pytest.raises(UnavailableError) as caught:
        scrape(address)

    assert (caught.value.place, caught.value.problem) == (address, problem)


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        pytest.param([], "no answer (RemoteDisconnected)", id="hangs-up"),
        pytest.param([b"SSH-2.0-x\r\n"], "no answer (BadStatusLine)", id="not-http"),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe\n"], "what it tells are no metrics", id="not-utf-8"
        ),
        pytest.param(
            [b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"],
            "what it tells are no metrics",
            id="somewhere-else",
        ),
    ],
)
def test_what_speaks_otherwise_is_named(parts, problem):
    with sends(*parts) as address, pytest.raises(UnavailableError) as caught:
        scrape(address)

    assert caught.value.problem == problem


def test_a_body_without_end_is_given_up():
    endless = [b"HTTP/1.1 200 OK\r\n\r\n", *[b"#" * 2**20] * 64]
    with sends(*endless) as address, pytest.raises(UnavailableError) as caught:
        scrape(address)

    assert caught.value.problem == "what it tells are no metrics"


@pytest.mark.parametrize("address", ["127.0.0.1:9464", "[::1]:9464", "gateway-1.local:65535"])
def test_an_address_is_a_host_and_a_port(address):
    assert check_address(address) == address


@pytest.mark.parametrize(
    "address", ["", "9464", ":9464", "host:", "host:0", "host:65536", "host:x", "host:-1", "h:²"]
)
def test_another_text_is_no_address(address):
    with pytest.raises(InputError) as caught:
        check_address(address)

    assert "HOST:PORT" in str(caught.value)
