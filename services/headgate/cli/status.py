"""`headgate status`: what a Ray cluster runs of ours, once or until Ctrl-C.

cluster, its gateways -> Status -> tables | JSON
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from headgate.cli.cluster import DEFAULT_ADDRESS, Address, ask_gateway, cluster_at
from headgate.cli.options import OutputFormat
from headgate.cli.output import Output, emit, emit_json, table

if TYPE_CHECKING:
    from headgate.serving.cluster.rest import ClusterClient
    from headgate.serving.cluster.status import CascadeStatus, Status, TierStatus

EVERY_S = 2.0
"""Between two looks."""
MOST_ASKED = 8
"""Gateways that are asked at each look: one a node, and there may be many."""


def status(
    *,
    address: Address = DEFAULT_ADDRESS,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")
    ] = False,
    output: OutputFormat = Output.TABLE,
) -> None:
    """Show the cascades of a Ray cluster, and the replicas that answer for them."""
    with cluster_at(address) as cluster:
        if not watch:
            _show(_look(cluster), output)
            return
        try:
            while True:
                found = _look(cluster)
                if sys.stdout.isatty():
                    emit("\x1b[2J\x1b[H")  # clears the terminal
                _show(found, output)
                time.sleep(EVERY_S)
        except KeyboardInterrupt:
            return


def _look(cluster: ClusterClient) -> Status:
    from headgate.serving.cluster.running import Running
    from headgate.serving.cluster.status import status_of

    ray = cluster.version()
    running = Running(cluster.applications())
    asked = [ask_gateway(each) for each in running.gateway_addresses()[:MOST_ASKED]]
    answers = [each for each in asked if each is not None]
    return status_of(cluster.address, ray, running, answers)


def _show(found: Status, output: Output) -> None:
    if output is Output.JSON:
        emit_json(found)
        return
    if not found.cascades and not found.tiers:
        emit(f"nothing of Headgate runs at {found.address} (Ray {found.ray})")
        return
    cascades = table(
        ("cascade", "revision", "ready", "problem"), list(map(_cascade, found.cascades))
    )
    columns = ("tier", "of", "status", "replicas", "bounds", "reserves", "nodes", "message")
    tiers = table(columns, list(map(_tier, found.tiers)))
    back = "nothing kept" if found.previous is None else ", ".join(found.previous) or "no cascade"
    listening = ", ".join(found.gateways) or "out of reach"
    emit(f"{cascades}\n\n{tiers}\n\ngateways: {listening}\nrollback: {back}")


def _cascade(each: CascadeStatus) -> tuple[str, ...]:
    ready = {True: "yes", False: "no", None: "not asked"}[each.ready]
    return each.name, each.revision, ready, each.problem


def _tier(each: TierStatus) -> tuple[str, ...]:
    nodes = ", ".join(f"{node}: {count}" for node, count in each.nodes.items())
    return (
        "/".join(filter(None, (each.application, each.deployment))),
        ", ".join(each.used_by),
        each.status,
        f"{each.running}/{each.wanted}",
        f"{each.least} to {each.most}",
        each.reserves,
        nodes,
        each.message,
    )
