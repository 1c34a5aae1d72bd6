"""Deploys, goes back and ends: everything checked first, and put back when it fails.

cascade files, cluster -> Change: what runs, what is to run, notes -> PUT, wait, ask the gateways
                                                                      | the last good one again
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from headgate.cascade.load import LoadedCascade, from_inline
from headgate.errors import HeadgateError, UnavailableError
from headgate.serving.app import check_fitted
from headgate.serving.cluster.body import JsonObject, Part, disputed, part_of
from headgate.serving.cluster.checks import (
    check_proxy,
    check_room,
    check_settled,
    check_state_dir,
    notes_on,
)
from headgate.serving.cluster.merge import (
    UNHEALTHY,
    deployed,
    is_there,
    last_good,
    put_body,
    rolled_back,
    steps_of,
    together,
    undeployed,
)
from headgate.serving.cluster.nodes import live_cluster
from headgate.serving.cluster.rest import ClusterClient
from headgate.serving.cluster.running import Running, parts_of
from headgate.serving.cluster.settings import AskedSettings
from headgate.serving.cluster.waiting import Say, look, wait_until_gone, wait_until_running
from headgate.types import CascadeSummary, Deadline

IN_FORCE_S = 5.0
"""Longest time for a configuration to be in force at a gateway that Serve says has it."""
PUT_BACK_S = 120.0
"""Longest time for what ran before to run again."""

Ask = Callable[[str], Sequence[CascadeSummary] | None]
"""Asks the gateway at `host:port` for its cascades; None when it is out of reach."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done to a cluster; nothing of it has been sent."""

    before: Running
    body: JsonObject
    """Ours, as it is to be."""
    notes: tuple[str, ...] = ()
    """What could not be checked from here."""

    @property
    def wanted(self) -> list[JsonObject]:
        """Return our applications as they are to be."""
        return list(self.body["applications"])

    @property
    def nothing(self) -> bool:
        """Return whether all of it is there already."""
        return is_there(self.before, self.wanted)


@dataclass(frozen=True, slots=True)
class Conduct:
    """How a change is carried out."""

    timeout_s: float
    """Until when everything has to run."""
    say: Say
    """Told of progress, a line each time."""
    ask: Ask
    in_force_s: float = IN_FORCE_S
    """Until when a gateway that Serve calls ready has to answer as it was put."""


def deploy_change(
    cluster: ClusterClient,
    cascades: Sequence[LoadedCascade],
    asked: AskedSettings,
    default_host: str,
) -> Change:
    """Return what deploying means here, once everything that can be checked has been.

    Raises:
        InputError: Two cascades have one name, audits have no directory, or no node has what a
            model reserves; or the cluster is not one that Headgate runs on.
        ArtifactError: A cascade is not fitted, or for another file.
        UnavailableError: Nobody answers, or an earlier deployment is half finished.
    """
    check_fitted(cascades)
    cluster.version()
    before = look(cluster)
    check_settled(before)
    settings = asked.over(before.settings, default_host)
    check_state_dir(cascades, settings)
    parts = [part_of(loaded) for loaded in cascades]
    body = deployed(before, parts, settings)
    check_proxy(body, before)
    nodes = live_cluster(cluster.nodes())
    missing = check_room(body["applications"], nodes, grows=cluster.grows())
    count = sum(kind.least for kind in nodes.types)
    shared = disputed(together(before, parts))
    return Change(before, body, (*missing, *shared, *notes_on(cascades, before, count)))


def rollback_change(cluster: ClusterClient) -> Change:
    """Return what going back to the state before the last change means.

    Raises:
        NotFoundError: Nothing is kept.
        InputError: The cluster is not one that Headgate runs on.
        UnavailableError: Nobody answers.
    """
    cluster.version()
    before = look(cluster)
    return Change(before, rolled_back(before))


def undeploy_change(cluster: ClusterClient, names: Collection[str] | None) -> Change:
    """Return what ending these cascades means, or all of ours.

    Raises:
        NotFoundError: A cascade is not deployed.
        InputError: The cluster is not one that Headgate runs on.
        UnavailableError: Nobody answers, or an earlier deployment is half finished.
    """
    cluster.version()
    before = look(cluster)
    if names is None:
        return Change(before, {"applications": []})
    check_settled(before)
    return Change(before, undeployed(before, names))


def carry_out(cluster: ClusterClient, change: Change, conduct: Conduct) -> None:
    """Bring the cluster to what a change wants; when that fails, back to what ran before.

    Raises:
        UnavailableError: It failed; says why, and what runs now.
        KeyboardInterrupt: It was interrupted; what ran before was put back and not waited for.
    """
    try:
        running = _go(cluster, change, conduct)
        if change.wanted:
            _check_in_force(running, parts_of(change.wanted), conduct)
    except KeyboardInterrupt:
        conduct.say("interrupted; putting back what ran before")
        _put(cluster, last_good(change.before) or [], change.body)
        raise
    except HeadgateError as error:
        conduct.say("it failed; putting back what ran before")
        now = _put_back(cluster, change, conduct)
        raise UnavailableError(error.place, error.problem, now) from error


def _go(cluster: ClusterClient, change: Change, conduct: Conduct) -> Running:
    """Take the steps and wait for each, as far as it is about what differs."""
    deadline = Deadline.after(conduct.timeout_s)
    there = list(change.before.ours)
    running = change.before
    for step in steps_of(change.before, change.wanted):
        _put(cluster, step, change.body)
        names = {each["name"] for each in step if each not in there}
        running = wait_until_running(cluster, names, deadline, conduct.say)
    if not change.wanted:
        running = wait_until_gone(cluster, deadline, conduct.say)
        _end_serve(cluster, running)
    return running


def _end_serve(cluster: ClusterClient, running: Running) -> None:
    """End Serve where nobody else uses it: the next start of it may have other options."""
    if running.serve_runs and not running.details["applications"]:
        cluster.shut_down()


def _put(cluster: ClusterClient, ours: Sequence[JsonObject], options: JsonObject) -> None:
    """Put ours beside what everybody else runs at this moment."""
    of_serve = {name: value for name, value in options.items() if name != "applications"}
    cluster.put(put_body(look(cluster), ours, of_serve))


def _put_back(cluster: ClusterClient, change: Change, conduct: Conduct) -> str:
    """Return what runs now; nothing of a deployment that failed is left where none ran before."""
    good = last_good(change.before) or []
    deadline = Deadline.after(PUT_BACK_S)
    try:
        _put(cluster, good, change.body)
        if not good:
            _end_serve(cluster, wait_until_gone(cluster, deadline, conduct.say))
            return "Nothing of it is left on the cluster."
        ill = [name for name, state in change.before.states().items() if state == UNHEALTHY]
        names = {each["name"] for each in good}.difference(ill)
        wait_until_running(cluster, names, deadline, conduct.say)
    except HeadgateError as error:
        return f"Putting back what ran before failed, too ({error.problem}): headgate status."
    return "What ran before runs again."


def _check_in_force(running: Running, parts: Sequence[Part], conduct: Conduct) -> None:
    """Ask the gateways, as far as they can be reached, whether they serve what was put.

    A gateway that refuses a configuration keeps the one before, and Serve does not know.

    Raises:
        UnavailableError: A cascade is missing or not ready, or answers as before.
    """
    wanted = {part.name: _revision(part) for part in parts}
    for address in running.gateway_addresses():
        deadline = Deadline.after(conduct.in_force_s)
        # Until then an old replica that shares the port may still answer.
        while problem := _problem(address, wanted, conduct):
            if deadline.remaining_s() <= 0:
                raise UnavailableError(f"gateway {address}", problem, "")
            time.sleep(0.1)


def _revision(part: Part) -> str:
    """Return what a gateway calls the cascade once it is in force."""
    return f"{from_inline(part.cascade).revision}-{part.artifact}"


def _problem(address: str, wanted: Mapping[str, str], conduct: Conduct) -> str:
    """Return what is wrong with the cascades of a gateway; empty when nothing is known to be."""
    answer = conduct.ask(address)
    if answer is None:
        conduct.say(f"the gateway at {address} is out of reach from here, and was not asked")
        return ""
    found = {each.name: each for each in answer}
    for name, revision in wanted.items():
        if name not in found:
            return f"cascade {name!r} is not served"
        if not found[name].ready:
            return f"cascade {name!r} cannot answer ({found[name].problem.rstrip('.')})"
        if found[name].revision != revision:
            return f"cascade {name!r} answers as {found[name].revision}, and {revision} was put"
    return ""
