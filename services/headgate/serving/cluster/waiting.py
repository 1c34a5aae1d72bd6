"""Waits until applications run, or says why they do not.

cluster, names, deadline -> Running | the constructor's error, or the resource that is missing
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headgate.errors import UnavailableError
from headgate.serving.cluster.body import JsonObject
from headgate.serving.cluster.fit import fit
from headgate.serving.cluster.merge import RUNNING, UNHEALTHY
from headgate.serving.cluster.messages import last_line
from headgate.serving.cluster.misfits import misfits
from headgate.serving.cluster.needs import needs_of
from headgate.serving.cluster.nodes import live_cluster, shown
from headgate.serving.cluster.rest import ClusterClient
from headgate.serving.cluster.running import Running
from headgate.types import Deadline

FIRST_POLL_S = 0.1
LONGEST_POLL_S = 1.0

_FAILED = ("DEPLOY_FAILED", UNHEALTHY)
_START_FAILED = "A replica failed to start"
_FINAL = ("ArtifactError", "ModelError", "InputError", "SpecFileError")
"""Errors of ours that another try of the constructor does not mend."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an application does not run."""

    place: str
    problem: str


def look(cluster: ClusterClient) -> Running:
    """Return what the cluster runs now."""
    return Running(cluster.applications())


def wait_until_running(
    cluster: ClusterClient, names: Collection[str], deadline: Deadline, say: Say
) -> Running:
    """Return once these applications run.

    Args:
        cluster: Where they were put.
        names: Of the applications.
        deadline: Until when they are waited for.
        say: Told of progress, whenever there is some.

    Raises:
        UnavailableError: One of them failed, or the time is over; with the reason.
    """
    poll_s, said = FIRST_POLL_S, ""
    while True:
        running = look(cluster)
        for failure in _failures(running, names):
            raise _not_running(failure)
        waiting = [name for name in sorted(names) if running.states().get(name) != RUNNING]
        if not waiting:
            return running
        if deadline.remaining_s() <= poll_s:
            raise _not_running(_missing(cluster, running, waiting[0]))
        progress = "; ".join(_progress(running, name) for name in waiting)
        if progress != said:
            say(f"waiting for {progress}")
            said = progress
        time.sleep(poll_s)
        poll_s = min(1.5 * poll_s, LONGEST_POLL_S)


def wait_until_gone(cluster: ClusterClient, deadline: Deadline, say: Say) -> Running:
    """Return once no application of ours is left.

    Raises:
        UnavailableError: The time is over.
    """
    poll_s = FIRST_POLL_S
    running = look(cluster)
    while left := sorted(running.states()):
        if deadline.remaining_s() <= poll_s:
            raise _not_running(Failure(f"application {left[0]!r}", "it has not ended in time"))
        if poll_s == FIRST_POLL_S:
            say(f"ending {', '.join(left)}")
        time.sleep(poll_s)
        poll_s = min(1.5 * poll_s, LONGEST_POLL_S)
        running = look(cluster)
    return running


def _not_running(failure: Failure) -> UnavailableError:
    return UnavailableError(failure.place, failure.problem, "")


def _failures(running: Running, names: Collection[str]) -> Iterator[Failure]:
    for name in sorted(names):
        app: Mapping[str, Any] = running.details["applications"].get(name, {})
        for text in _said(app):
            yield Failure(f"application {name!r}", f"it does not run ({text})")


def _said(app: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a failed application says, and of one that starts what will not mend."""
    deployments = list(app.get("deployments", {}).values())
    if app.get("status") in _FAILED:
        messages = [each["message"] for each in deployments if each.get("status") in _FAILED]
        yield last_line("\n".join([app.get("message", ""), *filter(None, messages)]))
        return
    for each in deployments:
        message = each.get("message", "")
        if each.get("status") == "UPDATING" and message.startswith(_START_FAILED):
            said = message.splitlines()[-1]
            if any(said.startswith(f"headgate.errors.{name}:") for name in _FINAL):
                yield last_line(said)


def _progress(running: Running, name: str) -> str:
    app: JsonObject = running.details["applications"].get(name, {})
    wanted = sum(each.get("target_num_replicas", 0) for each in app.get("deployments", {}).values())
    up = sum(each.get("state") == RUNNING for each in running.replicas(name))
    return f"{name} ({up} of {wanted} replicas)" if wanted else f"{name} (being built)"


def _missing(cluster: ClusterClient, running: Running, name: str) -> Failure:
    """Return what an application that does not come up asks for, beside what there is.

    Serve says nothing when Ray finds no place for a replica.
    """
    config = running.details["applications"].get(name, {}).get("deployed_app_config")
    nodes = live_cluster(cluster.nodes())
    needs = needs_of([config]) if config else []
    wanted = [(need, max(need.least, 1)) for need in needs]
    for each in misfits(wanted, nodes, fit(wanted, nodes)):
        return Failure(f"application {name!r}", f"it {each.problem}")
    reserved = ", ".join(shown(need.resources) for need in needs)
    usage = "; ".join(
        f"{used:g} of {total:g} {resource} are taken"
        for resource, (used, total) in cluster.usage().items()
        if any(resource in need.resources for need in needs) and resource != "memory"
    )
    started = _progress(running, name)
    return Failure(
        f"application {name!r}",
        f"it did not run in time: {started}; a replica reserves {reserved}; {usage}",
    )
