"""What each deployment of a Serve body reserves: how often, how much, and where it may be.

applications of the body  ->  [Need], one a deployment

Nothing of Ray is loaded: a plan is made on machines without a cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from headgate.serving.cluster.body import GATEWAY_APP, LLM_BUILDER
from headgate.serving.cluster.changes import is_ours

Options: TypeAlias = Mapping[str, Any]

DEFAULT_CPUS = 1.0
"""What Serve reserves for a replica that says nothing of CPUs."""

_WHY = {
    "Gateway": "takes calls; models with `placement: inline` run in it",
    "Encoder": "encoder",
    "LargeModel": "large model (transformers)",
}


@dataclass(frozen=True, slots=True)
class Need:
    """One deployment: what each of its replicas takes of one node."""

    app: str
    """The Serve application."""
    deployment: str
    """Its name in the application."""
    least: int
    """Fewest replicas."""
    most: int
    """Most replicas."""
    resources: Mapping[str, float]
    """By the name that Ray gives it: `CPU`, `GPU`, `memory` in bytes, or a custom one."""
    labels: Mapping[str, str]
    """What its node must be labelled with."""
    accelerator: str | None
    """The kind of accelerator that its node must have, as Ray names it."""
    per_node: int | None
    """Most replicas on one node; None for as many as there is room for."""
    why: str
    """What it is for."""

    @property
    def name(self) -> str:
        """Return application and deployment, as messages name it."""
        return f"{self.app}/{self.deployment}"


def needs_of(applications: Sequence[Options]) -> list[Need]:
    """Return what each deployment reserves, in the order of the body.

    Args:
        applications: Of the body that `cluster_body` makes.
    """
    users = _users(applications)
    found = [need for app in applications for need in _of_application(app)]
    return [
        replace(need, why=f"{need.why} of {', '.join(users[need.app])}")
        if need.app in users
        else need
        for need in found
    ]


def needs_of_others(running: Options) -> list[Need]:
    """Return what applications that are not Headgate's reserve now.

    Args:
        running: What `GET /api/serve/applications/` says.
    """
    found = []
    for app, details in (running.get("applications") or {}).items():
        if not is_ours(app):
            deployments = (details.get("deployments") or {}).items()
            found += [_of_other(app, name, deployment) for name, deployment in deployments]
    return found


def _of_other(app: str, name: str, deployment: Options) -> Need:
    """Return what one of them takes; where it may be is known to its owner alone."""
    replicas = int(deployment.get("target_num_replicas") or 0)
    resources = deployment.get("required_resources") or {}
    return Need(
        app=app,
        deployment=name,
        least=replicas,
        most=replicas,
        resources={each: float(amount) for each, amount in resources.items() if amount},
        labels={},
        accelerator=None,
        per_node=None,
        why="not Headgate's; stays",
    )


def _users(applications: Sequence[Options]) -> dict[str, list[str]]:
    """Return which cascades use an application, as the gateway's configuration says."""
    users: dict[str, list[str]] = {}
    gateways = [app for app in applications if app["name"] == GATEWAY_APP]
    configs = [each.get("user_config") or {} for app in gateways for each in app["deployments"]]
    for config in configs:
        for cascade, apps in (config.get("models") or {}).items():
            for app in apps:
                users.setdefault(app, []).append(cascade)
    return users


def _of_application(app: Options) -> Iterator[Need]:
    if app["import_path"] == LLM_BUILDER:
        yield from _of_llm(app)
        return
    for deployment in app.get("deployments", ()):
        yield _of_deployment(app["name"], deployment)


def _of_deployment(app: str, deployment: Options) -> Need:
    options = deployment.get("ray_actor_options") or {}
    least, most = _replicas(deployment)
    return Need(
        app=app,
        deployment=deployment["name"],
        least=least,
        most=most,
        resources=_resources(options),
        labels=dict(options.get("label_selector") or {}),
        accelerator=options.get("accelerator_type"),
        per_node=deployment.get("max_replicas_per_node"),
        why=_WHY.get(deployment["name"], "deployment"),
    )


def _of_llm(app: Options) -> Iterator[Need]:
    """Yield what Ray Serve LLM makes of its configurations: the models, and what answers HTTP.

    Source: ray 2.60, `LLMServer.get_deployment_options`, `OpenAiIngress.get_deployment_options`.
    """
    models = [_of_model(app["name"], each) for each in app["args"]["llm_configs"]]
    yield from models
    given = dict(app["args"].get("ingress_deployment_config") or {})
    rests = all(model.least == 0 for model in models)
    bounds = {"min_replicas": 0 if rests else 1, "max_replicas": 1}
    scaling = given.get("autoscaling_config") or {}
    ingress = {**given, "name": "OpenAiIngress", "autoscaling_config": {**bounds, **scaling}}
    for deployment in _overridden(app, ingress):
        yield replace(_of_deployment(app["name"], deployment), why="HTTP of the large model")


def _overridden(app: Options, deployment: Options) -> Iterator[Options]:
    """Yield the deployment with what the body says of it by its name."""
    given = (each for each in app.get("deployments", ()) if each["name"] == deployment["name"])
    yield {**deployment, **next(given, {})}


def _of_model(app: str, config: Options) -> Need:
    """Return what one model takes: the GPUs of a replica are wanted on one node.

    Ray would spread them over nodes, where weights that are split over them crawl.
    """
    deployment = dict(config.get("deployment_config") or {})
    options = dict(deployment.get("ray_actor_options") or {})
    total = _resources(options)
    for bundle in _bundles(config):
        total = {name: total.get(name, 0.0) + bundle.get(name, 0.0) for name in {**total, **bundle}}
    model = config.get("model_loading_config", {}).get("model_id", "")
    own = _of_deployment(app, {**deployment, "name": f"LLMServer:{model}"})
    return replace(
        own,
        resources=total,
        accelerator=config.get("accelerator_type") or own.accelerator,
        why="large model (ray_llm)",
    )


def _bundles(config: Options) -> list[Mapping[str, float]]:
    """Return what the workers of one replica reserve, one a GPU unless the file says otherwise."""
    engine = config.get("engine_kwargs") or {}
    workers = engine.get("tensor_parallel_size", 1) * engine.get("pipeline_parallel_size", 1)
    group = config.get("placement_group_config") or {}
    if group.get("bundles"):
        return list(group["bundles"])
    return [group.get("bundle_per_worker") or {"GPU": 1.0}] * workers


def _replicas(deployment: Options) -> tuple[int, int]:
    scaling = deployment.get("autoscaling_config")
    if scaling is None:
        count = int(deployment.get("num_replicas") or 1)
        return count, count
    least = int(scaling.get("min_replicas", 1))
    return least, max(least, int(scaling.get("max_replicas", 1)))


def _resources(options: Options) -> dict[str, float]:
    named = {
        "CPU": options.get("num_cpus", DEFAULT_CPUS),
        "GPU": options.get("num_gpus"),
        "memory": options.get("memory"),
        **(options.get("resources") or {}),
    }
    return {name: float(amount) for name, amount in named.items() if amount}
