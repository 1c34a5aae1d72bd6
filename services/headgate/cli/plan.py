"""`headgate plan`: what would run where, what does not fit, what a deploy would restart, the cost.

FILE... -> body -> needs -> nodes of a file or of a cluster -> tables | JSON

Nothing is deployed. With a launcher's file no cluster is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.cluster import cluster_at
from headgate.cli.exits import GATE_FAILED
from headgate.cli.options import CascadeFiles, OutputFormat
from headgate.cli.output import Output, emit, emit_json, note
from headgate.cli.plan_tables import Planned, as_json, tables
from headgate.errors import InputError

if TYPE_CHECKING:
    from headgate.cascade.load import LoadedCascade
    from headgate.serving.cluster.nodes import Cluster
    from headgate.serving.cluster.running import Running

LOOPBACK = "127.0.0.1"
"""Where first gateways listen unless `deploy` is told otherwise; a plan is the same everywhere."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a running cluster says of itself."""

    running: Running
    nodes: Cluster
    grows: bool
    """Whether an autoscaler may add nodes."""


def plan(
    files: CascadeFiles,
    *,
    cluster: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Node types: a file for `ray up`; no cluster is asked."),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Ray's dashboard: its nodes, unless --cluster names others, and what runs there.",
        ),
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="US dollars an hour of each node type, in YAML."),
    ] = None,
    gateways: Annotated[
        int | None, typer.Option(min=1, max=64, help="How many gateways there are to be.")
    ] = None,
    output: OutputFormat = Output.TABLE,
) -> None:
    """Show what would run where, what a deploy would change, and what the nodes cost.

    The exit code is 1 when something does not fit. Nothing is deployed.
    """
    from headgate.cascade.load import load_cascade
    from headgate.serving.cluster.launcher import read_cluster
    from headgate.serving.host import check_names

    cascades = [load_cascade(file) for file in files]
    check_names(cascades)
    seen = _look(address) if address else None
    nodes = read_cluster(cluster) if cluster else seen.nodes if seen else None
    planned = _planned(_body(cascades, seen, gateways), nodes, seen, prices)
    if output is Output.JSON:
        emit_json(as_json(planned), indent=2)
    else:
        emit("\n\n".join(tables(planned)))
    for each in _notes(cascades, nodes, seen):
        note(each)
    if planned.plan is not None and planned.plan.misfits:
        raise typer.Exit(GATE_FAILED)


def _look(address: str) -> _Seen:
    """Return what runs on a cluster, and on which nodes."""
    from headgate.serving.cluster.nodes import live_cluster
    from headgate.serving.cluster.running import Running

    with cluster_at(address) as client:
        client.version()
        details = client.applications()
        return _Seen(Running(details), live_cluster(client.nodes()), client.grows())


def _body(
    cascades: Sequence[LoadedCascade], seen: _Seen | None, gateways: int | None
) -> dict[str, Any]:
    """Return what a deploy would put, without the applications of others."""
    from headgate.serving.cluster.body import cluster_body, part_of
    from headgate.serving.cluster.merge import deployed
    from headgate.serving.cluster.settings import AskedSettings

    running = seen.running.settings if seen else None
    settings = AskedSettings(replicas=gateways).over(running, LOOPBACK)
    if seen is None:
        return cluster_body(cascades, settings)
    return deployed(seen.running, [part_of(loaded) for loaded in cascades], settings)


def _planned(
    body: Mapping[str, Any], nodes: Cluster | None, seen: _Seen | None, prices: Path | None
) -> Planned:
    from headgate.serving.cluster.changes import changes
    from headgate.serving.cluster.needs import needs_of, needs_of_others
    from headgate.serving.cluster.planning import plan as placed

    needs = needs_of(body["applications"])
    found = changes(seen.running.details, body) if seen else None
    if nodes is None:
        if prices is not None:
            problem = "prices are of nodes, and none are named"
            raise InputError("--prices", problem, "Name them, with --cluster or --address.")
        return Planned(needs, None, {}, found)
    if seen is not None:
        needs = [*needs, *needs_of_others(seen.running.details)]
    listed = _prices(prices, nodes)
    return Planned(needs, placed(needs, nodes, listed), listed or {}, found)


def _prices(path: Path | None, nodes: Cluster) -> dict[str, float] | None:
    """Return a price for every node type; None where no list is named."""
    from headgate.serving.cluster.prices import check_prices, read_prices

    if path is None:
        return None
    found = read_prices(path)
    check_prices(found, [kind.name for kind in nodes.types], str(path))
    return found


def _notes(
    cascades: Sequence[LoadedCascade], nodes: Cluster | None, seen: _Seen | None
) -> Iterator[str]:
    """Yield what the figures leave out."""
    from headgate.cascade.lm_spec import OpenAiSpec

    if nodes is None:
        yield "no nodes are named: --cluster FILE or --address URL says where all this would go"
    elif nodes.live and seen is not None and seen.grows:
        yield "this cluster may add nodes by itself: --cluster FILE says which, and how many"
    paid = [
        f"{name} of {loaded.name}"
        for loaded in cascades
        for name, spec in loaded.spec.models.items()
        if isinstance(spec, OpenAiSpec)
    ]
    if paid:
        yield f"what calls cost by the token is in no figure here: {', '.join(paid)}"
