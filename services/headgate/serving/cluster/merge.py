"""What is put on a cluster so that what else runs there stays.

Running, parts or names -> our applications as they are to be -> steps -> body of each PUT

A PUT is the whole truth: Serve deletes what it leaves out. So everybody else's applications are
in each body as they came, and so are the cascades that nobody spoke of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from headgate.errors import NotFoundError
from headgate.serving.cluster.body import GATEWAY_APP, JsonObject, Part, body_of
from headgate.serving.cluster.running import Running, parts_of, user_config
from headgate.serving.cluster.settings import GatewaySettings

RUNNING = "RUNNING"
UNHEALTHY = "UNHEALTHY"


def deployed(running: Running, parts: Sequence[Part], settings: GatewaySettings) -> JsonObject:
    """Return the body of everything of ours once these cascades are there, or there anew.

    Cascades that are served and not among them stay; models that no cascade needs any more go. What
    an earlier deployment left behind half finished or failed goes, too.

    Raises:
        InputError: What runs was not deployed by this version of Headgate.
    """
    return _body(running, together(running, parts), settings)


def together(running: Running, parts: Sequence[Part]) -> list[Part]:
    """Return what is served and not among these parts, and then these.

    Raises:
        InputError: What runs was not deployed by this version of Headgate.
    """
    new = {part.name for part in parts}
    kept = [part for part in parts_of(last_good(running) or []) if part.name not in new]
    return [*kept, *parts]


def undeployed(running: Running, names: Collection[str]) -> JsonObject:
    """Return the body of everything of ours once these cascades are gone.

    Without any cascade there is no gateway either.

    Raises:
        NotFoundError: One of them is not served.
        InputError: What runs was not deployed by this version of Headgate.
    """
    served = {part.name for part in running.parts}
    for name in sorted(set(names) - served):
        known = ", ".join(sorted(served)) or "none"
        raise NotFoundError(f"cascade {name!r}", "it is not deployed", f"Deployed: {known}.")
    kept = [part for part in running.parts if part.name not in names]
    settings = running.settings
    if not kept or settings is None:
        return {"applications": []}
    return _body(running, kept, settings)


def rolled_back(running: Running) -> JsonObject:
    """Return the body of everything of ours as it was before the last change.

    What runs now is what a second rollback goes back to, if it came up.

    Raises:
        NotFoundError: Nothing was there before, or nobody knows.
    """
    if running.previous is None:
        raise NotFoundError(
            "cluster", "nothing to go back to is kept", "See: headgate status; headgate undeploy."
        )
    now = without_previous(running.ours) if _came_up(running) else None
    return {"applications": [_with_previous(each, now) for each in running.previous]}


def _body(running: Running, parts: Sequence[Part], settings: GatewaySettings) -> JsonObject:
    arguments = {app["name"]: app.get("args") or {} for app in running.ours}
    good = last_good(running)
    previous = None if good is None else without_previous(good)
    return body_of(parts, settings, running=arguments, previous=previous)


def last_good(running: Running) -> list[JsonObject] | None:
    """Return our applications as they were last put with success: now, or before the last change.

    None when they never were.
    """
    if running.ours and _came_up(running):
        return running.ours
    return running.previous


def _came_up(running: Running) -> bool:
    """Return whether everything of ours ran once as it was put, even if it is ill by now."""
    return all(state in (RUNNING, UNHEALTHY) for state in running.states().values())


def is_there(running: Running, wanted: Iterable[JsonObject]) -> bool:
    """Return whether exactly this runs already, whatever was there before it."""
    return _came_up(running) and _by_name(without_previous(running.ours)) == _by_name(
        without_previous(wanted)
    )


def steps_of(running: Running, wanted: Sequence[JsonObject]) -> list[list[JsonObject]]:
    """Return our applications after each step on the way; each step is waited for.

    Models come first, then the gateways turn to them, and what nobody calls any more goes last: no
    call meets a model that is not there. If models do not come up, no gateway was touched. The
    first gateways have no calls yet, and start beside their models.
    """
    there, to_be = _by_name(running.ours), _by_name(wanted)
    models = {name: app for name, app in to_be.items() if name != GATEWAY_APP}
    beside = [{**there, **models}] if GATEWAY_APP in there else []
    steps = [*beside, {**there, **to_be}, to_be]
    found, last = [], there
    for step in steps:
        if step != last:
            found.append(list(step.values()))
            last = step
    return found


def put_body(running: Running, ours: Sequence[JsonObject], options: JsonObject) -> JsonObject:
    """Return the body of a PUT: ours, everybody else's, and the options of Serve.

    Args:
        running: What is there now.
        ours: Headgate's applications as they are to be.
        options: Of Serve, for its first start; those it runs with are put back as they are.
    """
    of_serve = running.serve_options if running.serve_runs else options
    return {**of_serve, "applications": [*ours, *running.foreign]}


def without_previous(applications: Iterable[JsonObject]) -> list[JsonObject]:
    """Return the applications without what the gateway keeps of an earlier state."""
    return [_with_previous(each, None) for each in applications]


def _with_previous(application: JsonObject, previous: list[JsonObject] | None) -> JsonObject:
    if application["name"] != GATEWAY_APP or not user_config(application):
        return application
    first, *rest = application["deployments"]
    config: dict[str, Any] = {**user_config(application), "previous": previous}
    return {**application, "deployments": [{**first, "user_config": config}, *rest]}


def _by_name(applications: Iterable[JsonObject]) -> dict[str, JsonObject]:
    return {each["name"]: each for each in applications}
