import grpc
import pytest

from fakes.canned_server import CannedServer
from headgate.client import Client
from headgate.errors import InputError, RemoteError
from headgate.news import GivenItem, NewsAdvice

LATIN_1 = "Grüße".encode("latin-1")
TWO = (GivenItem("a", "It rained frogs.", "A blog"), GivenItem("", "The bridge is open."))


@pytest.fixture
def server():
    with CannedServer() as running:
        yield running


@pytest.fixture
def client(server):
    with Client(f"127.0.0.1:{server.port}", timeout_s=10.0) as client:
        yield client


def test_items_are_advised_on_in_order(server, client):
    advices = client.advise_news(TWO, cascade="n", request_id="r-1")

    assert advices == [NewsAdvice("a", "fake", 0.75), NewsAdvice("", "fake", 0.75)]
    (sent,) = server.requests
    assert sent.cascade == "n"
    assert [(each.id, each.text, each.context) for each in sent.items] == [
        ("a", b"It rained frogs.", b"A blog"),
        ("", b"The bridge is open.", b""),
    ]
    assert server.metadata["x-request-id"] == "r-1"


def test_an_item_that_is_not_utf_8_arrives_unharmed(server, client):
    text = LATIN_1.decode(errors="surrogateescape")

    client.advise_news([GivenItem("a", text, text)])

    (sent,) = server.requests[0].items
    assert (sent.text, sent.context) == (LATIN_1, LATIN_1)


def test_an_id_that_cannot_be_sent_is_refused_before_anything_is_sent(server, client):
    with pytest.raises(InputError, match="not valid Unicode"):
        client.advise_news([GivenItem("\ud800", "It rained.")])

    assert server.requests == []


def test_a_server_that_forgets_an_item_is_an_error(server, client):
    server.forgets = True

    with pytest.raises(RemoteError, match="1 answers to 2 questions"):
        client.advise_news(TWO)


def test_a_call_that_fails_as_a_whole_raises_the_servers_status(server, client):
    server.failures.append(grpc.StatusCode.INVALID_ARGUMENT)

    with pytest.raises(RemoteError) as caught:
        client.advise_news(TWO)

    assert caught.value.status == "INVALID_ARGUMENT"
