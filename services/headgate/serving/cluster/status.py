"""What a cluster runs of ours, for the person on call.

Running, what gateways say of themselves -> Status: a row a cascade, a row a tier
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.cascade.load import from_inline
from headgate.serving.cluster.body import JsonObject, Part
from headgate.serving.cluster.messages import last_line
from headgate.serving.cluster.needs import Need, needs_of
from headgate.serving.cluster.nodes import shown
from headgate.serving.cluster.running import Running
from headgate.types import CascadeSummary


@dataclass(frozen=True, slots=True)
class CascadeStatus:
    """One cascade that is deployed."""

    name: str
    revision: str
    """As it was put; gateways that have it in force answer with it."""
    ready: bool | None
    """Whether every gateway that was asked answers with this revision; None when none was."""
    problem: str
    """Why not; empty when nothing is known to be wrong."""


@dataclass(frozen=True, slots=True)
class TierStatus:
    """One deployment: the gateways, or the replicas of one model."""

    application: str
    deployment: str
    used_by: tuple[str, ...]
    """Cascades, by name."""
    status: str
    """Serve's word for it."""
    running: int
    """Replicas that answer."""
    wanted: int
    """Replicas that there are to be at this moment."""
    least: int
    most: int
    reserves: str
    """What each replica reserves of its node."""
    nodes: Mapping[str, int]
    """Replicas by the address of their node."""
    message: str
    """What Serve says, in its last line; empty when it says nothing."""


@dataclass(frozen=True, slots=True)
class Status:
    """Everything of ours on one cluster."""

    address: str
    """Of Ray's dashboard."""
    ray: str
    """Version of Ray."""
    cascades: tuple[CascadeStatus, ...]
    tiers: tuple[TierStatus, ...]
    gateways: tuple[str, ...]
    """Where they listen, one address a node."""
    previous: tuple[str, ...] | None
    """Cascades that a rollback goes back to; None when nothing is kept."""


Answers = Sequence[Sequence[CascadeSummary]]
"""Of each gateway that was asked: its cascades."""


def status_of(address: str, ray: str, running: Running, answers: Answers) -> Status:
    """Return what runs of ours.

    Args:
        address: Of the dashboard.
        ray: Its version.
        running: What Serve says.
        answers: What the gateways say that are in reach.

    Raises:
        InputError: What runs was not deployed by this version of Headgate.
    """
    parts = running.parts
    previous = running.previous
    return Status(
        address,
        ray,
        tuple(_cascade(part, answers) for part in parts),
        tuple(_tiers(running, parts)),
        tuple(running.gateway_addresses()),
        None if previous is None else tuple(_names(previous)),
    )


def _names(applications: Sequence[JsonObject]) -> list[str]:
    return [part.name for part in Running(_as_details(applications)).parts]


def _as_details(applications: Sequence[JsonObject]) -> JsonObject:
    return {"applications": {each["name"]: {"deployed_app_config": each} for each in applications}}


def _cascade(part: Part, answers: Answers) -> CascadeStatus:
    revision = f"{from_inline(part.cascade).revision}-{part.artifact}"
    problems = list(filter(None, (_problem(part.name, revision, each) for each in answers)))
    ready = not problems if answers else None
    return CascadeStatus(part.name, revision, ready, problems[0] if problems else "")


def _problem(name: str, revision: str, cascades: Sequence[CascadeSummary]) -> str:
    found = next((each for each in cascades if each.name == name), None)
    if found is None:
        return "a gateway does not serve it"
    if not found.ready:
        return found.problem
    return "" if found.revision == revision else f"a gateway answers as {found.revision}"


def _tiers(running: Running, parts: Sequence[Part]) -> Iterator[TierStatus]:
    users: dict[str, list[str]] = {}
    for part in parts:
        for application in part.applications:
            users.setdefault(application["name"], []).append(part.name)
    for config in running.ours:
        name = config["name"]
        used_by = tuple(users.get(name, [part.name for part in parts]))
        app: Mapping[str, Any] = running.details["applications"][name]
        needs = {need.deployment: need for need in needs_of([config])}
        for deployment, told in (app.get("deployments") or {"": {}}).items():
            yield _tier(app, told, used_by, (name, deployment, needs.get(deployment)))


def _tier(
    app: Mapping[str, Any],
    told: Mapping[str, Any],
    used_by: tuple[str, ...],
    about: tuple[str, str, Need | None],
) -> TierStatus:
    name, deployment, need = about
    running = [each for each in told.get("replicas", ()) if each.get("state") == "RUNNING"]
    message = told.get("message") or app.get("message") or ""
    # Serve says of every replica that is older than 30 s that it starts slowly.
    starts = told.get("status") == "UPDATING" and "failed" not in message
    wanted = int(told.get("target_num_replicas", 0))
    return TierStatus(
        application=name,
        deployment=deployment,
        used_by=used_by,
        status=str(told.get("status") or app.get("status")),
        running=len(running),
        wanted=wanted,
        least=need.least if need else wanted,
        most=need.most if need else wanted,
        reserves=shown(need.resources) if need else "",
        nodes=dict(Counter(str(each.get("node_ip")) for each in running)),
        message=last_line(message) if message and not starts else "",
    )
