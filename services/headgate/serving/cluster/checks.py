"""What is found out before anything is sent to a cluster.

LoadedCascade, Running, body, nodes -> the first mistake, as one line | notes for the operator
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headgate.cascade.lm_spec import OpenAiSpec
from headgate.cascade.load import LoadedCascade
from headgate.errors import InputError, UnavailableError
from headgate.serving.cluster.body import JsonObject
from headgate.serving.cluster.fit import fit
from headgate.serving.cluster.misfits import Misfit, misfits
from headgate.serving.cluster.needs import Need, needs_of
from headgate.serving.cluster.nodes import Cluster
from headgate.serving.cluster.running import Running
from headgate.serving.cluster.settings import GatewaySettings


def check_state_dir(cascades: Sequence[LoadedCascade], settings: GatewaySettings) -> None:
    """Refuse audits without a place for what they find out.

    Raises:
        InputError: Names the first cascade with audits.
    """
    audited = [each for each in cascades if each.spec.deferral.audits is not None]
    if audited and not settings.state_dir:
        raise InputError(
            f"cascade {audited[0].name!r}",
            "audits keep decisions, and no directory is named for them",
            "Name one that all nodes share, with --state-dir.",
        )


def check_settled(running: Running) -> None:
    """Refuse to begin while an earlier deployment is still under way.

    Raises:
        UnavailableError: Names what is not settled, and the ways out.
    """
    under_way = [name for name, state in running.states().items() if state == "DEPLOYING"]
    if under_way:
        end = "headgate rollback" if running.previous is not None else "headgate undeploy --all"
        raise UnavailableError(
            f"application {under_way[0]!r}",
            "an earlier deployment of it is half finished",
            f"Wait until `headgate status` shows it running, or end it with: {end}.",
        )


def check_room(applications: Sequence[JsonObject], cluster: Cluster, *, grows: bool) -> list[str]:
    """Refuse what no node can hold, or the nodes together cannot.

    Args:
        applications: Of ours, as they are to be.
        cluster: The nodes that are alive.
        grows: Whether an autoscaler may add others; what is missing is then only said.

    Returns:
        What an autoscaler has to bring.

    Raises:
        InputError: Says what is needed and what the cluster has.
    """
    found = list(_without_room(needs_of(applications), cluster))
    if not grows:
        for each in found:
            raise InputError(place_of(each.need), each.problem, each.remedy)
    return [f"{place_of(each.need)} {each.problem}: an autoscaler has to add it" for each in found]


def _without_room(needs: Sequence[Need], cluster: Cluster) -> Iterator[Misfit]:
    """Yield what finds no place even alone, or else what finds none beside the others.

    A model at rest takes nothing, and has to have a place when it is called.
    """
    alone: list[Misfit] = []
    for need in needs:
        wanted = [(need, 1)]
        alone.extend(misfits(wanted, cluster, fit(wanted, cluster)))
    yield from alone
    if not alone:
        together = [(need, need.least) for need in needs]
        yield from misfits(together, cluster, fit(together, cluster))


def place_of(need: Need) -> str:
    """Return how messages name a deployment."""
    return f"{need.name} ({need.why})"


def check_proxy(body: JsonObject, running: Running) -> None:
    """Refuse a model that answers HTTP where Serve was started without its proxy.

    Raises:
        InputError: Serve has to be started anew.
    """
    present = running.serve_options.get("proxy_location")
    if running.serve_runs and present == "Disabled" and body["proxy_location"] != "Disabled":
        raise InputError(
            "Ray Serve",
            "it runs without its HTTP proxy, which models of the engine 'ray_llm' are called by",
            "End it with: headgate undeploy --all, and deploy all cascades again.",
        )


def notes_on(cascades: Sequence[LoadedCascade], running: Running, nodes: int) -> list[str]:
    """Return what cannot be checked from here, for the operator to see to."""
    found = [*_secrets(cascades), *_local_files(cascades, nodes)]
    if running.serve_runs and running.gateway is None:
        found.append(
            "Ray Serve was started by others: the settings that Headgate starts it with, such as "
            "calls between replicas by gRPC, are not in force"
        )
    return found


def _secrets(cascades: Sequence[LoadedCascade]) -> Iterator[str]:
    for loaded in cascades:
        for name, spec in loaded.spec.models.items():
            if isinstance(spec, OpenAiSpec) and spec.api_key is not None:
                key = spec.api_key
                where = f"variable {key.env}" if key.env else f"file {key.file}"
                yield f"{name!r} of {loaded.name!r} reads its key on the cluster: {where}"


def _local_files(cascades: Sequence[LoadedCascade], nodes: int) -> Iterator[str]:
    if nodes > 1:
        for loaded in cascades:
            if "://" not in loaded.artifact:
                yield f"{loaded.name!r}: every node needs its files in {loaded.artifact}"
