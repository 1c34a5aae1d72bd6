"""What the verbs for a cluster share: where it is, its token, and its gateways.

--address, environment -> ClusterClient;  host:port -> what a gateway serves | None
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from headgate.errors import RemoteError

if TYPE_CHECKING:
    from headgate.serving.cluster.rest import ClusterClient
    from headgate.types import CascadeSummary

ASK_TIMEOUT_S = 3.0
"""For one gateway; those of a cluster may be out of reach."""

Address: TypeAlias = Annotated[
    str,
    typer.Option(
        "--address",
        metavar="URL",
        # The name that Ray's own `serve deploy` reads.
        envvar="RAY_DASHBOARD_ADDRESS",
        help="Ray's dashboard; its token is read where Ray reads it.",
    ),
]
TimeoutS: TypeAlias = Annotated[
    float,
    typer.Option(
        "--timeout-s", min=1, max=86_400, help="Seconds until which everything has to run."
    ),
]
DryRun: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
]
Gateways: TypeAlias = Annotated[
    int | None, typer.Option(min=1, max=64, help="How many gateways; one when nobody says.")
]
MostGateways: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, max=64, help="Most gateways, if their number is to follow their calls."),
]
GatewayHost: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Address that gateways listen on; with --insecure every one of their node, "
        "else 127.0.0.1."
    ),
]
GatewayPort: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, max=65535, help="Port that gateways listen on; 50051 when nobody says."),
]
MetricsPort: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, max=65535, help="Port of metrics for Prometheus; none when nobody says."),
]
ClusterStateDir: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        metavar="DIR",
        help="Where decisions and states of certificates are kept; all nodes share it.",
    ),
]
DEFAULT_ADDRESS = "http://127.0.0.1:8265"
"""Ray's dashboard on this machine."""


@contextlib.contextmanager
def cluster_at(address: str) -> Iterator[ClusterClient]:
    """Yield the client of a cluster, with the operator's token.

    Raises:
        InputError: The address is none of a dashboard, or the token cannot be read.
    """
    from headgate.serving.cluster.auth import find_token
    from headgate.serving.cluster.rest import ClusterClient

    with ClusterClient(address, find_token(os.environ, Path.home())) as cluster:
        yield cluster


def ask_gateway(address: str) -> Sequence[CascadeSummary] | None:
    """Return the cascades of the gateway at `host:port`; None when it is out of reach."""
    from headgate.client import Client

    with Client(address, timeout_s=ASK_TIMEOUT_S) as client:
        try:
            return client.list_cascades()
        except RemoteError:
            return None
