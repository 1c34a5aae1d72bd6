"""What is to run on a cluster, as the Serve REST API takes it.

LoadedCascade -> Part: its inlined file, its artifact's revision, the applications it needs
Parts, GatewaySettings -> body: applications of models, each once, and of the gateway

The same body is what `headgate serve` runs on one machine and what a RayService holds. Only this
file writes it, from checked values: Serve takes misspelt keys without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from headgate.artifact import Artifact
from headgate.cascade.load import LoadedCascade, inline
from headgate.serving.cluster.settings import GatewaySettings
from headgate.serving.flags import SERVE_FLAGS
from headgate.serving.scaling import gateway_scaling

JsonObject: TypeAlias = dict[str, Any]

GATEWAY_APP = "headgate"
GATEWAY_CPUS = 0.1
"""The gateway's share of Ray's bookkeeping; its inline models use what the machine has."""
BUILDERS = "headgate.serving.builders"
LLM_BUILDER = "ray.serve.llm:build_openai_app"
"""Of Ray Serve LLM; never imported here, for it needs vLLM."""

EVERY_DEPLOYMENT: Mapping[str, Any] = {
    # A replica that hangs is replaced in seconds, and not in half a minute.
    "health_check_period_s": 2,
    "health_check_timeout_s": 10,
    # The gateway writes a line for each call; Serve's for each hop keep Ray's log monitor busy.
    "logging_config": {"enable_access_log": False},
}
"""Options that no file says anything about."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one cascade brings to a cluster."""

    cascade: JsonObject
    """What `cascade.load.inline` made of its file."""
    artifact: str
    """Revision of its artifact: a new fit into the same directory is a change, too."""
    applications: tuple[JsonObject, ...]
    """Those of its models with replicas of their own."""

    @property
    def name(self) -> str:
        """Return the cascade's name."""
        return name_of(self.cascade)


def name_of(cascade: JsonObject) -> str:
    """Return the name of a cascade that `cascade.load.inline` made a value of."""
    return str(cascade["document"]["metadata"]["name"])


def cluster_body(cascades: Sequence[LoadedCascade], settings: GatewaySettings) -> JsonObject:
    """Return what runs when these cascades are all there is.

    Raises:
        ArtifactError: One of them is not fitted, or for another file.
    """
    return body_of([part_of(loaded) for loaded in cascades], settings)


def part_of(loaded: LoadedCascade) -> Part:
    """Return what a cascade brings.

    Raises:
        ArtifactError: It is not fitted, or for another file.
    """
    # Here, for what reads and writes bodies alone need not load what serves.
    from headgate.cascade.fitted import KIND
    from headgate.serving.cluster.models import model_applications

    artifact = Artifact.open(loaded.artifact, kind=KIND)
    return Part(inline(loaded), artifact.revision, tuple(model_applications(loaded, artifact)))


def body_of(
    parts: Sequence[Part],
    settings: GatewaySettings,
    *,
    running: Mapping[str, JsonObject] | None = None,
    previous: Sequence[JsonObject] | None = None,
) -> JsonObject:
    """Return what runs when these parts are all there is.

    Where two cascades share a model and want it placed differently, the later one decides.

    Args:
        parts: What each cascade brings; no two have one name.
        settings: Of the gateways.
        running: Arguments of applications that run, by name. They stay as they are where a part
            still means the same files by them: other arguments would restart the application.
        previous: Our applications as they were before, to go back to.
    """
    models = _united(parts, running or {})
    return {
        "proxy_location": "EveryNode" if any(map(_needs_proxy, models)) else "Disabled",
        # Serve's own default is every interface, and it cannot be changed while Serve runs.
        "http_options": {"host": "127.0.0.1", "port": 8000},
        "controller_options": {"runtime_env": {"env_vars": dict(SERVE_FLAGS)}},
        "applications": [gateway_application(parts, settings, previous=previous), *models],
    }


def gateway_application(
    parts: Sequence[Part],
    settings: GatewaySettings,
    *,
    previous: Sequence[JsonObject] | None = None,
) -> JsonObject:
    """Return the gateway's application; what may change in place is all in its `user_config`."""
    parts = sorted(parts, key=lambda part: part.name)  # the order of the files changes nothing
    options = {
        "user_config": {
            "cascades": [part.cascade for part in parts],
            "artifacts": {part.name: part.artifact for part in parts},
            "models": {part.name: _arguments(part.applications) for part in parts},
            "previous": None if previous is None else list(previous),
        },
        "ray_actor_options": {"num_cpus": GATEWAY_CPUS},
        # A new one listens before an old one stops; until then, they share the port.
        "max_surge_percent": 100,
        **EVERY_DEPLOYMENT,
        **_gateways(settings),
    }
    return application(GATEWAY_APP, "gateway", settings.arguments, ("Gateway", options))


def _gateways(settings: GatewaySettings) -> JsonObject:
    if settings.most_replicas is None:
        return {"num_replicas": settings.replicas}
    return {"autoscaling_config": gateway_scaling(settings.replicas, settings.most_replicas)}


def disputed(parts: Sequence[Part]) -> Iterator[str]:
    """Yield a line for each model that cascades share and want placed differently."""
    wanted = _by_application(parts)
    for name in sorted(wanted):
        *others, (last, decides) = wanted[name]
        losers = [each for each, app in others if app["deployments"] != decides["deployments"]]
        if losers:
            yield (
                f"{name} is shared, and placed as {last!r} says; {', '.join(map(repr, losers))} "
                "wants other replicas, resources or scaling"
            )


def _united(parts: Iterable[Part], running: Mapping[str, JsonObject]) -> list[JsonObject]:
    """Return the applications of all models, each once, in the order of their names."""
    wanted = _by_application(parts)
    return [
        _with_arguments([app for _, app in wanted[name]], running.get(name))
        for name in sorted(wanted)
    ]


def _by_application(parts: Iterable[Part]) -> dict[str, list[tuple[str, JsonObject]]]:
    """Return who wants which application, by its name, in the order of the parts."""
    wanted: dict[str, list[tuple[str, JsonObject]]] = {}
    for part in parts:
        for application in part.applications:
            wanted.setdefault(application["name"], []).append((part.name, application))
    return wanted


def _with_arguments(alike: Sequence[JsonObject], running: JsonObject | None) -> JsonObject:
    """Return the last one, with the arguments that run where one of them has these."""
    if running is not None and any(each["args"] == running for each in alike):
        return {**alike[-1], "args": running}
    return alike[-1]


def application(
    name: str, builder: str, arguments: Mapping[str, Any], deployment: tuple[str, JsonObject]
) -> JsonObject:
    """Return an application with one deployment, as Serve's REST API takes it.

    Args:
        name: The application's.
        builder: The function of `serving.builders` that makes it.
        arguments: What its replicas are started with; a change restarts them.
        deployment: Its name and its options.
    """
    return {
        "name": name,
        "route_prefix": None,
        "import_path": f"{BUILDERS}:{builder}",
        "args": dict(arguments),
        "deployments": [{"name": deployment[0], **deployment[1]}],
    }


def _arguments(applications: Iterable[JsonObject]) -> JsonObject:
    return {each["name"]: each["args"] for each in applications}


def _needs_proxy(application: JsonObject) -> bool:
    """Return whether an application answers HTTP, as those of Ray Serve LLM do."""
    return application.get("route_prefix") is not None
