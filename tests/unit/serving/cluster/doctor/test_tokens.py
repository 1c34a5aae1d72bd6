import socket

import pytest

from headgate.errors import InputError
from headgate.serving.cluster.doctor.finding import Level
from headgate.serving.cluster.doctor.tokens import is_local, open_dashboard, token_file, token_mode

REMOTE = "http://10.1.2.3:8265"


@pytest.fixture
def home(tmp_path):
    """A home directory with a token of Ray, of this mode."""

    def make(mode, text="0123abcd"):
        file = tmp_path / ".ray" / "auth_token"
        file.parent.mkdir()
        file.write_text(text)
        file.chmod(mode)
        return tmp_path

    return make


@pytest.mark.parametrize("mode", ["", "disabled", "TOKEN"])
def test_another_machine_s_cluster_needs_token_mode(mode):
    (finding,) = token_mode(REMOTE, {"RAY_AUTH_MODE": mode})

    assert (finding.level, finding.mend) == (Level.ERROR, "export RAY_AUTH_MODE=token")


def test_token_mode_is_fine_and_so_is_a_cluster_of_this_machine():
    (remote,) = token_mode(REMOTE, {"RAY_AUTH_MODE": "token"})
    (local,) = token_mode("http://127.0.0.1:8265", {})

    assert (remote.level, local.level) == (Level.OK, Level.OK)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_token_that_others_may_read_is_closed_by_chmod(home, mode):
    folder = home(mode)

    (finding,) = token_file({}, folder)

    assert finding.level is Level.ERROR
    assert finding.mend == f"chmod 600 {folder}/.ray/auth_token"
    assert "0123abcd" not in finding.what


def test_a_token_of_its_owner_alone_is_fine(home):
    (finding,) = token_file({}, home(0o600))

    assert finding.level is Level.OK


def test_the_file_that_the_environment_names_is_looked_at(tmp_path):
    file = tmp_path / "token"
    file.write_text("0123abcd")
    file.chmod(0o666)

    (finding,) = token_file({"RAY_AUTH_TOKEN_PATH": str(file)}, tmp_path)

    assert finding.mend == f"chmod 600 {file}"


def test_no_file_at_all_is_fine(tmp_path):
    (absent,) = token_file({}, tmp_path)
    (given,) = token_file({"RAY_AUTH_TOKEN": "0123abcd"}, tmp_path)

    assert absent.what.endswith("there is none")
    assert given.what.endswith("it comes from RAY_AUTH_TOKEN")


def test_what_is_no_token_is_an_error_of_ours(home):
    with pytest.raises(InputError, match="holds no token"):
        token_file({}, home(0o600, "two words"))


def test_a_dashboard_that_asks_for_a_token_is_fine(answering):
    with answering(401) as dashboard:
        (finding,) = open_dashboard(dashboard.url)

    assert finding.level is Level.OK
    assert "Authorization" not in dashboard.seen[0][1]


def test_a_dashboard_of_this_machine_without_a_token_is_a_note(answering):
    with answering(200, {}) as dashboard:
        (finding,) = open_dashboard(dashboard.url)

    assert finding.level is Level.NOTE


def test_a_dashboard_of_another_machine_without_a_token_is_an_error(answering):
    """An address that is no loopback stands for another machine: this one's own."""
    with answering(200, {}) as dashboard:
        other = dashboard.url.replace("127.0.0.1", "0.0.0.0")  # noqa: S104 - only asked
        (finding,) = open_dashboard(other)

    assert finding.level is Level.ERROR
    assert "RAY_AUTH_MODE=token" in finding.mend


def test_a_dashboard_that_is_not_there_or_fails_is_said_elsewhere(answering):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with answering(500) as dashboard:
        assert open_dashboard(dashboard.url) == []
    assert open_dashboard(f"http://127.0.0.1:{port}") == []


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("http://127.0.0.1:8265", True),
        ("http://[::1]:8265", True),
        ("http://localhost:8265", True),
        ("http://head:8265", False),
        ("https://10.0.0.1", False),
    ],
)
def test_only_loopback_is_this_machine_s_alone(address, local):
    assert is_local(address) is local
