"""`headgate export kubernetes`: what runs cascades on Kubernetes, as files to apply.

FILE... -> a kustomization in a directory; on stdout, what is to be copied to the pods' volume
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from headgate.cli.options import CascadeFiles, Quiet
from headgate.cli.output import Output, emit, emit_json, note, table

if TYPE_CHECKING:
    from headgate.cascade.load import LoadedCascade

app = typer.Typer(help="Write cascades in the form of other tools.", no_args_is_help=True)

Target: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--output", metavar="DIR", file_okay=False, help="Where to: new, empty or an export."
    ),
]
_CLAIM = "of one volume that all pods may have at once"


@app.callback()
def _targets() -> None:
    """Keep `kubernetes` a verb of its own, though it is the only one."""


@app.command()
def kubernetes(  # noqa: PLR0913 - each is an option of the command line
    files: CascadeFiles,
    *,
    directory: Target,
    namespace: Annotated[str, typer.Option(help="Where everything is created.")] = "headgate",
    image: Annotated[
        str | None, typer.Option(metavar="NAME:TAG", help="Image of pods without a GPU.")
    ] = None,
    gpu_image: Annotated[
        str | None, typer.Option(metavar="NAME:TAG", help="Image of pods with a GPU.")
    ] = None,
    gateways: Annotated[
        int, typer.Option(min=1, max=64, help="How many there are, each in a pod of its own.")
    ] = 2,
    artifacts: Annotated[
        str, typer.Option(metavar="PATH", help="Where pods see the volume of artifacts.")
    ] = "/artifacts",
    artifacts_claim: Annotated[
        str, typer.Option(metavar="NAME", help=f"The claim {_CLAIM}.")
    ] = "headgate-artifacts",
    state_claim: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"For decisions and certificates: the claim {_CLAIM}. Without it they end with "
            "their pod.",
        ),
    ] = None,
    output: Annotated[
        Output, typer.Option("--output-format", help="How data is written to stdout.")
    ] = Output.TABLE,
    quiet: Quiet = False,
) -> None:
    """Write a kustomization for KubeRay that runs these cascades, and no others.

    The cascades are fitted, and their artifacts are read here. Local artifacts, recordings,
    weights and corpora are to be copied to a volume that all pods mount: stdout says what, and
    where to. Nothing is sent to a cluster.
    """
    from headgate.cascade.load import load_cascade
    from headgate.serving.cluster.exporting import write_export
    from headgate.serving.cluster.kubernetes import KubernetesOptions, export

    given = {"image": image, "gpu_image": gpu_image}
    options = KubernetesOptions(
        namespace=namespace,
        gateways=gateways,
        artifacts=artifacts,
        artifacts_claim=artifacts_claim,
        state_claim=state_claim,
        **{name: each for name, each in given.items() if each is not None},
    )
    cascades = [load_cascade(file) for file in files]
    made = export(cascades, options)
    write_export(made.files, directory)
    if not quiet:
        _say(cascades, directory, lost=state_claim is None)
    _show(made.copies, output)


def _say(cascades: Sequence[LoadedCascade], directory: Path, *, lost: bool) -> None:
    """Tell what is done, and what is left to do."""
    from headgate.serving.cluster.pod_files import secrets_of

    names = ", ".join(loaded.name for loaded in cascades)
    note(f"{names} -> {directory}; to run it: kubectl apply --server-side -k {directory}")
    secrets = secrets_of(cascades)
    if variables := sorted({each.env for each in secrets if each.env}):
        note(f"pods read {', '.join(variables)} from the Secret headgate-environment")
    for place in sorted({each.file for each in secrets if each.file}):
        note(f"pods read a key from {place}: mount it there")
    if lost and any(loaded.spec.deferral.audits for loaded in cascades):
        note("decisions and states of certificates end with their pod: give a --state-claim")


def _show(copies: Mapping[str, str], output: Output) -> None:
    rows = sorted({(os.path.normpath(local), there) for local, there in copies.items()})
    if output is Output.JSON:
        emit_json({"copy": [{"from": local, "to": there} for local, there in rows]}, indent=2)
    elif rows:
        emit(table(("copy", "to, in the pods"), rows))
