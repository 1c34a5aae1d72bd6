"""What a deploy would do to what runs: per changed key, how far the change reaches.

what Serve says of itself, body  ->  [Change]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from headgate.serving.cluster.body import GATEWAY_APP
from headgate.serving.cluster.scopes import Scope, scope_of_application, scope_of_deployment

Keys: TypeAlias = Mapping[str, Any]

_SERVE_KEYS = ("proxy_location", "http_options")
"""Of the body beside its applications, those that Serve tells of itself."""


@dataclass(frozen=True, slots=True)
class Change:
    """One key that differs."""

    app: str
    """The application; empty for what concerns Serve as a whole."""
    deployment: str
    """Empty for what concerns the whole application."""
    key: str
    """Empty for an application that comes or goes."""
    scope: Scope


def changes(running: Keys, body: Keys) -> list[Change]:
    """Return what differs, in the order of the body, and last what would be removed.

    Args:
        running: What `GET /api/serve/applications/` says.
        body: What would be put; applications of others are no part of it and stay as they are.
    """
    apps: Mapping[str, Keys] = running.get("applications") or {}
    configs = {name: each.get("deployed_app_config") for name, each in apps.items()}
    found = list(_of_serve(running, body)) if apps else []
    for app in body["applications"]:
        found += _of_application(configs.get(app["name"]), app)
    named = {app["name"] for app in body["applications"]}
    gone = [name for name in apps if is_ours(name) and name not in named]
    return found + [Change(name, "", "", Scope.REMOVED) for name in gone]


def is_ours(app: str) -> bool:
    """Return whether an application of this name is Headgate's."""
    return app == GATEWAY_APP or app.startswith(f"{GATEWAY_APP}-")


def _of_serve(running: Keys, body: Keys) -> Iterator[Change]:
    for key in _SERVE_KEYS:
        if key in running and key in body:
            present, wanted = running[key], body[key]
            if isinstance(wanted, Mapping) and isinstance(present, Mapping):
                # Serve tells of defaults, too; only what the body says can differ.
                present = {name: present.get(name) for name in wanted}
            for part in differences(present, wanted):
                yield Change("", "", _dotted(key, part), Scope.NEXT_START)


def _of_application(running: Keys | None, wanted: Keys) -> Iterator[Change]:
    name = wanted["name"]
    if running is None:
        yield Change(name, "", "", Scope.NEW)
        return
    for key in _keys(running, wanted):
        if key not in ("name", "deployments"):
            for part in differences(running.get(key), wanted.get(key)):
                yield Change(name, "", _dotted(key, part), scope_of_application(key))
    before, after = _by_name(running.get("deployments")), _by_name(wanted.get("deployments"))
    for deployment in _keys(before, after):
        pair = before.get(deployment, {}), after.get(deployment, {})
        for key, scope in _of_deployment(*pair):
            yield Change(name, deployment, key, scope)


def _of_deployment(before: Keys, after: Keys) -> Iterator[tuple[str, Scope]]:
    for key in _keys(before, after):
        if key == "user_config":
            parts = _of_user_config(before.get(key) or {}, after.get(key) or {})
            yield from ((part, Scope.IN_PLACE) for part in parts)
            continue
        for part in differences(before.get(key), after.get(key)):
            yield _dotted(key, part), scope_of_deployment(key, part.partition(".")[0])


def _of_user_config(before: Keys, after: Keys) -> Iterator[str]:
    """Yield what differs of the cascades of a gateway, in words of their files."""
    olds, news = _cascades(before), _cascades(after)
    for name in _keys(olds, news):
        if name not in olds or name not in news:
            yield f"cascade {name}: {'new' if name in news else 'removed'}"
            continue
        for part in differences(olds[name], news[name]):
            yield f"cascade {name}: {part.removeprefix('document.')}"


def _cascades(user_config: Keys) -> dict[str, Keys]:
    """Return each cascade with the revision of its artifact; the rest are books of `deploy`."""
    artifacts: Keys = user_config.get("artifacts") or {}
    found: dict[str, Keys] = {}
    for cascade in user_config.get("cascades") or ():
        name = str(cascade["document"]["metadata"]["name"])
        found[name] = {**cascade, "artifact revision": artifacts.get(name)}
    return found


def differences(before: object, after: object) -> list[str]:
    """Return the dotted keys at which two values differ; an empty one for the values as a whole.

    Items of a list that have names are told apart by them.
    """
    if before == after:
        return []
    old, new = _as_keys(before), _as_keys(after)
    if old is None or new is None:
        return [""]
    found = []
    for key in _keys(old, new):
        found += [_dotted(key, part) for part in differences(old.get(key), new.get(key))]
    return found or [""]  # the same items in another order


def _as_keys(value: object) -> Keys | None:
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        return None
    return _by_name(value) if value and all("name" in each for each in value) else None


def _by_name(items: Sequence[Keys] | None) -> dict[str, Keys]:
    return {str(each["name"]): each for each in items or ()}


def _keys(before: Keys, after: Keys) -> list[str]:
    """Return the keys of both, each once, those of `after` first."""
    return list({**after, **before})


def _dotted(*parts: str) -> str:
    return ".".join(filter(None, parts))
