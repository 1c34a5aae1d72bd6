"""`headgate deploy`, `rollback`, `undeploy`: cascades on a Ray cluster, and off it again.

FILE... | NAME... -> Change, everything checked -> shown | carried out, or put back
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headgate.cli.cluster import (
    DEFAULT_ADDRESS,
    Address,
    ClusterStateDir,
    DryRun,
    GatewayHost,
    GatewayPort,
    Gateways,
    MetricsPort,
    MostGateways,
    TimeoutS,
    ask_gateway,
    cluster_at,
)
from headgate.cli.options import CascadeFiles, OutputFormat
from headgate.cli.output import Output, emit, emit_json, note
from headgate.cli.serve import listening_address
from headgate.errors import InputError

if TYPE_CHECKING:
    from headgate.serving.cluster.deploying import Change
    from headgate.serving.cluster.rest import ClusterClient

EVERYWHERE = "0.0.0.0"  # noqa: S104 - only where the operator says that the network is trusted


def deploy(  # noqa: PLR0913 - each is an option of the command line
    files: CascadeFiles,
    *,
    address: Address = DEFAULT_ADDRESS,
    gateways: Gateways = None,
    most_gateways: MostGateways = None,
    host: GatewayHost = None,
    port: GatewayPort = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Serve without encryption beyond each node.")
    ] = False,
    metrics_port: MetricsPort = None,
    state_dir: ClusterStateDir = None,
    timeout_s: TimeoutS = 300.0,
    dry_run: DryRun = False,
    output: OutputFormat = Output.TABLE,
) -> None:
    """Put fitted cascades on a Ray cluster, beside those that run there.

    Thresholds, prompts, budgets and new cascades reach the gateways in place. When something does
    not come up, what ran before is put back and the exit code is 69. What is not said of gateways
    stays as it is.
    """
    from headgate.cascade.load import load_cascade
    from headgate.serving.cluster.deploying import deploy_change
    from headgate.serving.cluster.settings import AskedSettings

    if host is not None:
        listening_address(host, port or 1, insecure=insecure)
    asked = AskedSettings(host, port, metrics_port, _absolute(state_dir), gateways, most_gateways)
    cascades = [load_cascade(file) for file in files]
    with cluster_at(address) as cluster:
        change = deploy_change(cluster, cascades, asked, EVERYWHERE if insecure else "127.0.0.1")
        _carry_out(cluster, change, (timeout_s, dry_run, output))


def _absolute(state_dir: Path | None) -> str | None:
    """Return the directory as nodes of the cluster name it."""
    if state_dir is not None and not state_dir.is_absolute():
        problem = "it is relative, and is looked for on each node"
        raise InputError(f"--state-dir {state_dir}", problem, "Name it from /.")
    return None if state_dir is None else str(state_dir)


def rollback(
    *,
    address: Address = DEFAULT_ADDRESS,
    timeout_s: TimeoutS = 300.0,
    dry_run: DryRun = False,
    output: OutputFormat = Output.TABLE,
) -> None:
    """Go back to the cascades as they were before the last deploy, rollback or undeploy.

    Also ends a deployment that is half finished. Gateways listen as they did then.
    """
    from headgate.serving.cluster.deploying import rollback_change

    with cluster_at(address) as cluster:
        _carry_out(cluster, rollback_change(cluster), (timeout_s, dry_run, output))


def undeploy(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Names of cascades.", show_default=False),
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="End all cascades, and the gateways with them.")
    ] = False,
    address: Address = DEFAULT_ADDRESS,
    timeout_s: TimeoutS = 300.0,
    dry_run: DryRun = False,
    output: OutputFormat = Output.TABLE,
) -> None:
    """End cascades on a Ray cluster; other people's applications stay.

    With --all nothing is left to roll back to, and Serve ends too where nobody else uses it.
    """
    from headgate.serving.cluster.deploying import undeploy_change

    if bool(names) == everything:
        raise InputError("undeploy", "name cascades, or say --all", "Names: headgate status.")
    with cluster_at(address) as cluster:
        change = undeploy_change(cluster, None if everything else names or ())
        _carry_out(cluster, change, (timeout_s, dry_run, output))


def _carry_out(cluster: ClusterClient, change: Change, how: tuple[float, bool, Output]) -> None:
    """Show the change, do it unless it is only to be shown, and tell what came of it."""
    from headgate.serving.cluster.changes import changes
    from headgate.serving.cluster.deploying import Conduct, carry_out

    timeout_s, dry_run, output = how
    found = [] if change.nothing else changes(change.before.details, change.body)
    lines = [_line(each.app, each.deployment, each.key, str(each.scope)) for each in found]
    for line in change.notes:
        note(f"note: {line}")
    if output is Output.TABLE:
        emit("\n".join(lines) or "nothing changes")
    started = time.perf_counter()
    if not (dry_run or change.nothing):
        carry_out(cluster, change, Conduct(timeout_s, note, ask_gateway))
    elapsed_s = round(time.perf_counter() - started, 2)
    if output is Output.JSON:
        told = {"address": cluster.address, "done": not dry_run, "elapsed_s": elapsed_s}
        emit_json({**told, "changes": lines, "notes": list(change.notes)}, indent=2)
    elif not dry_run:
        note(f"done in {elapsed_s:.1f} s")


def _line(app: str, deployment: str, key: str, scope: str) -> str:
    """Return one change in words, such as `headgate/Gateway: cascade parts: new (in place)`."""
    place = "/".join(filter(None, (app or "Ray Serve", deployment)))
    return f"{place}: {key} ({scope})" if key else f"{place} ({scope})"
