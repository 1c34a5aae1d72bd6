import asyncio

import pytest

from fakes.fitted_parts import write_parts
from fakes.ray_dashboard import FakeDashboard, node
from fakes.running_server import running


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """A home of its own, without a token of Ray."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "HEADGATE_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def doctor(headgate):
    """Runs `headgate doctor`; returns its findings by check, and checks the exit code."""

    def command(*arguments):
        ended = headgate("doctor", *arguments, "--output", "json")
        found = {}
        for each in ended.data:
            found.setdefault(each["check"], []).append(each)
        errors = any(each["level"] == "error" for each in ended.data)
        assert (ended.code, ended.err) == (1 if errors else 0, "")
        return found

    return command


def test_this_machine_is_looked_at_without_any_file(doctor):
    found = doctor()

    assert list(found) == ["versions", "processor", "token", "ports", "state", "gateway"]
    assert found["versions"][0]["level"] == "ok"


def test_a_fitted_cascade_is_fine(doctor, fitted):
    found = doctor(fitted.path)

    assert {each["level"] for each in found["parts"]} == {"ok"}


def test_the_table_has_the_level_first_and_the_command_last(headgate, tmp_path):
    bare = write_parts(tmp_path / "bare", artifact="absent")

    ended = headgate("doctor", bare.path)

    row = next(line for line in ended.out.splitlines() if "no artifact" in line)
    assert ended.code == 1
    assert row.startswith("error")
    assert row.endswith(f"headgate fit {bare.path} --labels LABELS")


def test_a_file_that_is_wrong_does_not_hide_the_others(doctor, fitted, tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("kind: Cascade\n")

    found = doctor(wrong, tmp_path / "absent.yaml", fitted.path)

    assert {each["level"] for each in found[str(wrong)]} == {"error"}
    assert "there is no such file" in found[str(tmp_path / "absent.yaml")][0]["what"]
    assert {each["level"] for each in found["parts"]} == {"ok"}


def test_a_token_that_others_read_is_an_error(doctor, home):
    token = home / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("0123abcd")
    token.chmod(0o644)

    (finding,) = doctor()["token"]

    assert (finding["level"], finding["mend"]) == ("error", f"chmod 600 {token}")


def test_a_cluster_of_two_nodes_is_looked_at(doctor, fitted):
    with FakeDashboard() as dashboard:
        dashboard.nodes = [node(), node(head=False)]
        found = doctor(fitted.path, "--address", dashboard.address)

    assert [found[each][0]["level"] for each in ("token mode", "dashboard")] == ["ok", "note"]
    assert found["cluster"][0]["what"].startswith("the cluster runs Ray 2.60.0")
    warning = found["parts"][-1]
    assert (warning["level"], "2 nodes need it" in warning["what"]) == ("warning", True)


def test_a_cluster_that_nobody_answers_at_is_a_finding_and_not_the_end(doctor, fitted):
    found = doctor(fitted.path, "--address", "http://127.0.0.1:1")

    assert found["cluster"][0]["what"].startswith("http://127.0.0.1:1: nobody answers there")
    assert found["parts"][0]["level"] == "ok"


def test_a_cluster_with_a_token_or_another_version_is_a_finding(doctor):
    with FakeDashboard() as dashboard:
        dashboard.token = "secret"
        asked = doctor("--address", dashboard.address)
        dashboard.token, dashboard.version = "", "3.0.0"
        newer = doctor("--address", dashboard.address)

    assert "it asks for a token" in asked["cluster"][0]["what"]
    assert asked["dashboard"][0]["level"] == "ok"
    assert "it runs Ray 3.0" in newer["cluster"][0]["what"]


def test_a_token_that_is_none_is_a_finding_and_the_cluster_is_asked_without(doctor, home):
    token = home / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("two words")

    with FakeDashboard() as dashboard:
        found = doctor("--address", dashboard.address)

    assert "it holds no token" in found["token"][0]["what"]
    assert found["cluster"][0]["level"] == "ok"


@pytest.mark.slow
async def test_a_gateway_that_is_named_has_to_answer(doctor, fitted):
    async with running(fitted) as server:
        served = await asyncio.to_thread(doctor, "--gateway", server.target)
        target = server.target

    assert served["gateway"][0]["what"] == f"{target} serves parts"


@pytest.mark.parametrize("target", ["50051", "host:", "host:0", "host:70000", ":1"])
def test_a_gateway_that_is_no_address_is_refused(headgate, target):
    ended = headgate("doctor", "--gateway", target)

    assert ended.code == 2
    assert "--gateway: it is no HOST:PORT" in ended.err


def test_an_address_that_is_none_is_refused(headgate):
    ended = headgate("doctor", "--address", "ray://head:10001")

    assert ended.code == 2
    assert "it is a Ray client's address" in ended.err
