import socket
import threading

import pytest

from fakes.ray_dashboard import FakeDashboard, node
from headgate.errors import InputError, UnavailableError
from headgate.serving.cluster.auth import Token, find_token
from headgate.serving.cluster.messages import last_line
from headgate.serving.cluster.rest import ClusterClient, dashboard_url

SECRET = "canary-4711"


@pytest.fixture
def dashboard():
    with FakeDashboard() as started:
        yield started


@pytest.fixture
def cluster(dashboard):
    with ClusterClient(dashboard.address) as client:
        yield client


def test_what_a_dashboard_tells_is_returned(dashboard, cluster):
    dashboard.nodes = [node(2), node(8, head=False)]

    assert cluster.version() == "2.60.0"
    assert cluster.applications() == dashboard.details
    assert [each["resources_total"]["CPU"] for each in cluster.nodes()] == [2, 8]
    assert cluster.usage()["CPU"] == (1.0, 4.0)


def test_a_body_is_put_as_it_is(dashboard, cluster):
    body = {"proxy_location": "Disabled", "applications": [{"name": "a", "deployments": []}]}

    cluster.put(body)

    assert dashboard.puts == [body]
    assert list(dashboard.running) == ["a"]


def test_serve_is_shut_down(dashboard, cluster):
    cluster.shut_down()

    assert dashboard.shut_downs == 1


@pytest.mark.parametrize(
    ("types", "grows"),
    [
        pytest.param({"a1": "node_a1"}, False, id="made-up-types"),
        pytest.param({"a1": "ray.head.default"}, True, id="types-of-a-launcher"),
        pytest.param(None, False, id="nothing-told"),
    ],
)
def test_an_autoscaler_is_known_by_its_node_types(dashboard, cluster, types, grows):
    dashboard.types = types

    assert cluster.grows() is grows


def test_an_address_nobody_answers_at_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with ClusterClient(f"127.0.0.1:{port}") as cluster, pytest.raises(UnavailableError) as caught:
        cluster.version()
    assert str(caught.value) == (
        f"http://127.0.0.1:{port}: nobody answers there (ConnectError). "
        "Give that of Ray's dashboard, such as http://head:8265, with --address."
    )


def hang_up(server):
    server.accept()[0].close()


def test_a_connection_that_is_closed_without_an_answer_is_said():
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=hang_up, args=(server,), daemon=True).start()
        address = f"127.0.0.1:{server.getsockname()[1]}"

        with ClusterClient(address) as cluster, pytest.raises(UnavailableError, match="nobody"):
            cluster.version()


@pytest.mark.parametrize(
    ("version", "refused"),
    [
        pytest.param("2.60.0", False, id="the-oldest"),
        pytest.param("2.61.1rc1", False, id="a-later-one"),
        pytest.param("2.59.9", True, id="too-old"),
        pytest.param("3.0.0", True, id="too-new"),
    ],
)
def test_versions_of_ray_outside_the_range_are_refused(dashboard, cluster, version, refused):
    dashboard.version = version
    if not refused:
        assert cluster.version() == version
        return

    with pytest.raises(InputError) as caught:
        cluster.version()
    assert caught.value.problem == (
        f"it runs Ray {version[:-2]}, and Headgate needs 2.60 or later, below 3"
    )


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param((404, "not here"), id="no-such-path"),
        pytest.param((200, "<html>"), id="a-page"),
        pytest.param((200, "[]"), id="another-json"),
        pytest.param((200, '{"ray_version": 7}'), id="another-version"),
        pytest.param((302, ""), id="a-redirection"),
        pytest.param((403, "Forbidden"), id="a-refusal-without-a-token"),
    ],
)
def test_another_server_is_said_to_be_no_dashboard(dashboard, cluster, reply):
    dashboard.replies["GET /api/version"] = reply

    with pytest.raises(InputError, match="no dashboard of Ray"):
        cluster.version()


def test_details_of_something_else_are_refused(dashboard, cluster):
    dashboard.replies["GET /api/serve/applications/"] = (200, "{}")
    dashboard.replies["GET /api/v0/nodes"] = (200, "{}")

    with pytest.raises(InputError):
        cluster.applications()
    with pytest.raises(InputError):
        cluster.nodes()


def test_a_missing_token_and_a_wrong_one_are_told_apart(dashboard):
    dashboard.token = SECRET
    wrong = Token("canary-0000", "RAY_AUTH_TOKEN")

    with ClusterClient(dashboard.address, Token(SECRET, "a file")) as cluster:
        assert cluster.version() == "2.60.0"
    with ClusterClient(dashboard.address) as cluster, pytest.raises(InputError) as missing:
        cluster.version()
    with ClusterClient(dashboard.address, wrong) as cluster, pytest.raises(InputError) as refused:
        cluster.version()
    assert missing.value.problem == "it asks for a token, and none was found"
    assert "RAY_AUTH_TOKEN_PATH" in missing.value.remedy
    assert refused.value.problem == "it refuses the token of RAY_AUTH_TOKEN"
    assert "canary" not in str(refused.value)
    assert "canary" not in repr(wrong)


@pytest.mark.parametrize(
    ("reply", "error", "says"),
    [
        pytest.param(
            (400, "1 validation error\nname missing"), InputError, "refuses", id="refused"
        ),
        pytest.param((501, "no serve"), InputError, "not installed", id="without-serve"),
        pytest.param((500, "Traceback\nKeyError: 'x'"), UnavailableError, "KeyError", id="a-bug"),
        pytest.param((503, "GCS may be down"), UnavailableError, "GCS", id="no-controller"),
    ],
)
def test_what_serve_refuses_is_said_in_its_last_line(dashboard, cluster, reply, error, says):
    dashboard.replies["PUT /api/serve/applications/"] = reply

    with pytest.raises(error, match=says):
        cluster.put({"applications": []})


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("head:8265", "http://head:8265"),
        ("http://head:8265/", "http://head:8265"),
        ("https://ray.example/dashboard", "https://ray.example/dashboard"),
        ("[::1]:8265", "http://[::1]:8265"),
    ],
)
def test_an_address_is_taken_with_and_without_a_scheme(given, url):
    assert dashboard_url(given) == url


@pytest.mark.parametrize(
    "given",
    [
        "ray://head:10001",
        "ftp://head",
        "",
        "http://",
        "head:port",
        "a b:8265",
        "head:0",
        "http://h/?q",
    ],
)
def test_an_address_of_another_kind_is_refused(given):
    with pytest.raises(InputError) as caught:
        dashboard_url(given)
    assert caught.value.place == "--address"
    assert "http://head:8265" in caught.value.remedy


def test_a_ray_clients_address_is_named_as_such():
    with pytest.raises(InputError, match="a Ray client's address"):
        dashboard_url("ray://head:10001")


def test_a_password_in_an_address_is_refused_and_not_shown():
    with pytest.raises(InputError) as caught:
        dashboard_url(f"http://me:{SECRET}@head:8265")

    assert SECRET not in str(caught.value)


def test_the_token_is_looked_for_where_ray_looks(tmp_path):
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("of-home\n")
    (tmp_path / "named").write_text(" of-file\n")
    by_path = {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "named")}

    def value(environment):
        return find_token(environment, tmp_path).value

    assert value({}) == "of-home"
    assert value(by_path) == "of-file"
    assert value({**by_path, "RAY_AUTH_TOKEN": "of-variable"}) == "of-variable"
    assert find_token({}, tmp_path / "nobody") is None


@pytest.mark.parametrize("text", ["", " \n", "two words", "a\nb", "naïve", "\x07"])
def test_what_cannot_be_a_token_is_refused_and_not_shown(tmp_path, text):
    (tmp_path / "token").write_text(text, encoding="utf-8")

    with pytest.raises(InputError) as caught:
        find_token({"RAY_AUTH_TOKEN_PATH": str(tmp_path / "token")}, tmp_path)
    assert text.strip() == "" or text not in str(caught.value)


def test_a_named_file_without_a_token_is_said(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        find_token({"RAY_AUTH_TOKEN_PATH": str(tmp_path / "gone")}, tmp_path)


FAILED_START = """\
The deployment failed to start 3 times in a row. See the controller logs for details. Error:
\x1b[36mray::ServeReplica:headgate:Gateway.initialize()\x1b[39m (pid=2036, ip=192.0.2.2)
  File "/replica.py", line 51, in __init__
    raise ArtifactError(
headgate.errors.ArtifactError: /fitted: it was altered. Fit it again.
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            FAILED_START, "ArtifactError: /fitted: it was altered. Fit it again", id="ours"
        ),
        pytest.param("KeyError: 'x' (pid=7, ip=10.0.0.1) at 0x7f3a", "KeyError: 'x'", id="noise"),
        pytest.param(
            "GET http://me:pw@host/ Bearer abc", "GET http://me:***@host/ Bearer ***", id="keys"
        ),
        pytest.param("\n \n", "it says nothing", id="blank"),
    ],
)
def test_of_a_traceback_the_last_line_is_shown_without_addresses(text, line):
    assert last_line(text) == line


def test_a_long_line_is_cut():
    assert len(last_line("x" * 10_000)) == 401
