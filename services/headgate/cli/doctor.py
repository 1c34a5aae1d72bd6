"""`headgate doctor`: what is wrong on this machine, on a cluster and with cascades.

FILE..., --address, --gateway -> checks -> findings, each with what mends it
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headgate.cli.exits import GATE_FAILED
from headgate.cli.options import OutputFormat, StateDir, state_directory
from headgate.cli.output import Output, emit, emit_json, plain_fields, table
from headgate.errors import InputError

if TYPE_CHECKING:
    from headgate.serving.cluster.doctor.finding import Found
    from headgate.serving.cluster.rest import ClusterClient
    from headgate.types import CascadeSummary

GATEWAY = "127.0.0.1:50051"
"""Looked at when nobody says where; nothing has to be there then."""
ASK_TIMEOUT_S = 5.0


def doctor(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Cascade files.", show_default=False),
    ] = None,
    *,
    address: Annotated[
        str | None, typer.Option(metavar="URL", help="Ray's dashboard, to look at a cluster.")
    ] = None,
    gateway: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="A gateway that has to answer.", show_default=False),
    ] = None,
    state_dir: StateDir = None,
    output: OutputFormat = Output.TABLE,
) -> None:
    """Look for what is wrong, and say what mends it; exit 1 when something is an error.

    This machine is always looked at. Nothing is changed, and no key or token is shown.
    """
    from headgate.serving.cluster.doctor.checks import Patient, checks_of
    from headgate.serving.cluster.doctor.examine import examine, is_well

    patient = Patient(
        files=files or [],
        state_dir=state_directory(state_dir),
        environment=os.environ,
        home=Path.home(),
        gateway=checked_target(gateway) if gateway else GATEWAY,
        ask=_cascades_at,
        gateway_wanted=gateway is not None,
        cluster=_cluster(address) if address else None,
    )
    try:
        found = examine(checks_of(patient))
    finally:
        if patient.cluster is not None:
            patient.cluster.close()
    _show(found, output)
    if not is_well(found):
        raise typer.Exit(GATE_FAILED)


def checked_target(text: str) -> str:
    """Return `host:port` as it was written.

    Raises:
        InputError: It is something else.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise InputError("--gateway", "it is no HOST:PORT", "Write it like 127.0.0.1:50051.")
    return text


def _cluster(address: str) -> ClusterClient:
    """Return the client of a cluster; what is wrong with the token is a finding of its own."""
    from headgate.serving.cluster.auth import find_token
    from headgate.serving.cluster.rest import ClusterClient

    try:
        token = find_token(os.environ, Path.home())
    except InputError:
        token = None
    return ClusterClient(address, token)


def _cascades_at(target: str) -> Sequence[CascadeSummary]:
    from headgate.client import Client

    with Client(target, timeout_s=ASK_TIMEOUT_S) as client:
        return client.list_cascades()


def _show(found: Sequence[Found], output: Output) -> None:
    if output is Output.JSON:
        rows = [{"check": each.check, **plain_fields(each.finding)} for each in found]
        emit_json(rows, indent=2)
        return
    cells = [
        (each.finding.level, each.check, each.finding.what, each.finding.mend or "-")
        for each in found
    ]
    emit(table(["level", "check", "what", "what mends it"], cells))
