"""A certificate under watch on a real Ray cluster: audits, states, a watcher whose process dies."""

import asyncio
import json
import socket
import time
import urllib.request
from pathlib import Path

import pytest

from fakes.watched_cascade import (
    assignment,
    contradict,
    deferral,
    fit_watched,
    served_records,
    served_rows,
)
from headgate.cascade.decision_log import FILE, read_decisions
from headgate.client import Client
from headgate.errors import InputError, RemoteError, UnavailableError
from headgate.fitting.recertify import certificate_in_service
from headgate.serving.app import running
from headgate.serving.cluster.settings import GatewaySettings
from headgate.serving.watcher import STATE_FILE
from headgate.serving.watchers import NAMESPACE, ActorWatcher
from headgate.types import Feedback, GuaranteeState

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(180)]

CERTIFIED, _, VOID, _ = GuaranteeState
WITHIN_S = 60


@pytest.fixture
def loaded(tmp_path):
    """A cascade whose large model has changed its mind about everything; all is audited."""
    fitted = fit_watched(tmp_path / "cascade", deferral(audits="{share: 1.0, max_share: 1.0}"))
    contradict(fitted)
    return fitted


@pytest.fixture
def places(tmp_path):
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        address, metrics = (f"127.0.0.1:{each.getsockname()[1]}" for each in (one, other))
    return GatewaySettings(address, str(tmp_path / "state"), metrics)


def until(true, *, every_s=0.05):
    """Return what is true once it is; a server that is away for a moment is asked again."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        try:
            if found := true():
                return found
        except (RemoteError, UnavailableError):
            pass
        time.sleep(every_s)
    raise AssertionError(f"not within {WITHIN_S} s")


def metrics_of(places):
    url = f"http://{places.metrics_address}/metrics"
    with urllib.request.urlopen(url, timeout=10) as reply:
        lines = [line.rsplit(" ", 1) for line in reply.read().decode().splitlines()]
    return {name: float(value) for name, value in lines if not name.startswith("#")}


def kill_the_watcher():
    """End the watcher's process, as a crash does; Ray starts it anew."""
    import ray

    (name,) = [
        each["name"]
        for each in ray.util.list_named_actors(all_namespaces=True)
        if each["namespace"] == NAMESPACE
    ]
    ray.kill(ray.get_actor(name, namespace=NAMESPACE), no_restart=False)


def test_a_certificate_is_watched_across_processes(loaded, places, monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # no token in the home directory
    certificate = certificate_in_service(loaded)
    folder = Path(places.state_dir) / "made_up"

    with running([loaded], places), Client(places.address, timeout_s=60) as client:
        client.wait_until_ready(WITHIN_S)
        answers_carry_the_certificate(client, certificate)
        audits_make_it_void(client)
        metrics_tell_of_both(places)
        until(lambda: logged(folder, certificate, "call-3"))
        saved = updates_in(folder, certificate)
        kill_the_watcher()
        nothing_is_forgotten(client, folder, certificate)
        errors_of_watchers_hold_no_traceback(tmp_path)

    # The four records of the last moment are on the disk too.
    assert updates_in(folder, certificate) == saved + 4


def updates_in(folder, certificate):
    """Return of how many audits the saved state knows."""
    state = folder / STATE_FILE.format(certificate.id)
    return json.loads(state.read_text())["risk"]["updates"]


def answers_carry_the_certificate(client, certificate):
    (first,) = client.run_cascade(served_records(1), cascade="made_up", request_id="call-1")

    assert (first.certificate_id, first.guarantee) == (certificate.id, CERTIFIED)
    assert (first.tier.value, first.degraded, first.error) == ("small", "", None)
    assert first.answer == served_rows(1)[0]["label"]


def audits_make_it_void(client):
    client.run_cascade(served_records(20), cascade="made_up", request_id="call-2")

    until(lambda: client.list_cascades()[0].certificate.state is VOID)
    (result,) = client.run_cascade(served_records(1), cascade="made_up", request_id="call-3")
    assert (result.guarantee, result.tier.value) == (VOID, "large")


def metrics_tell_of_both(places):
    own = 'cascade="made_up"'

    def audited():
        found = metrics_of(places)
        return found if found[f"headgate_audits_total{{{own}}}"] == 21 else None

    found = until(audited)
    assert found[f"headgate_audit_disagreements_total{{{own}}}"] == 21
    assert found[f"headgate_guarantee_margin_ratio{{{own}}}"] == 0
    assert found[f'headgate_guarantee_state{{{own},state="void"}}'] == 1
    assert found[f'headgate_guarantee_state{{{own},state="certified"}}'] == 0


def nothing_is_forgotten(client, folder, certificate):
    """A new process finds the state, the log and the key; the gateway finds the process."""
    row = served_rows(3)[2]
    taken = until(lambda: told(client, Feedback(row["id"], row["label"], "call-2")))
    assert taken.error is None

    client.run_cascade(served_records(3), cascade="made_up", request_id="call-4")
    log = until(lambda: logged(folder, certificate, "call-4"))
    assert len([each for each in log if each.request_id == "call-2"]) == 20
    assert [each.gold for each in log if each.gold] == [row["label"]]
    (result,) = client.run_cascade(served_records(1), cascade="made_up", request_id="call-5")
    assert (result.guarantee, result.tier.value) == (VOID, "large")


def told(client, feedback):
    (outcome,) = client.submit_feedback([feedback], cascade="made_up")
    return outcome


def logged(folder, certificate, call):
    """Return the log once a call is in it."""
    found = read_decisions(folder, certificate.id)
    return found if any(each.request_id == call for each in found) else None


def errors_of_watchers_hold_no_traceback(tmp_path):
    """Ray's own text of an error is the traceback of another process."""

    async def problems():
        damaged_state = ActorWatcher(str(tmp_path / "damaged-state"))
        await damaged_state.assign(assignment())
        folder = tmp_path / "damaged-state"
        (folder / STATE_FILE.format("fedcba987654")).write_text("{canary")
        with pytest.raises(InputError) as refused:
            await damaged_state.assign(assignment(certificate_id="fedcba987654"))
        (tmp_path / "damaged-log").mkdir()
        (tmp_path / "damaged-log" / FILE).write_bytes(b"no database " * 100)
        with pytest.raises(UnavailableError) as missing:
            await ActorWatcher(str(tmp_path / "damaged-log")).key()
        return str(refused.value), str(missing.value)

    said = asyncio.run(problems())
    assert "the state of the watch cannot be read" in said[0]
    assert said[1] == "watcher: its process is gone or did not start. Try again, or see its log."
    assert not [each for each in said if "Traceback" in each or "canary" in each or "pid" in each]
