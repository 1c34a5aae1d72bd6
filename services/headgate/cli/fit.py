"""`headgate fit`: labelled rows in, an artifact out.

FILE, labels -> train and development rows -> fit -> artifact -> figures
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from headgate.cli.certificate import certificate_rows
from headgate.cli.exits import GATE_FAILED
from headgate.cli.options import (
    ArtifactDir,
    CascadeFile,
    NoProgress,
    OutputFormat,
    Quiet,
    with_artifact,
)
from headgate.cli.output import Output, emit, emit_json, note, percent, table
from headgate.cli.progress import progress

if TYPE_CHECKING:
    from headgate.artifact import Artifact
    from headgate.cascade.fitted import Fitted
    from headgate.cascade.load import LoadedCascade
    from headgate.fitting.fit import Rows

TrainLabels: TypeAlias = Annotated[
    Path, typer.Option(help="Labelled rows to train on, JSON Lines.")
]
DevelopmentLabels: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Labelled rows to set thresholds on; a part of --labels if absent."),
]
Seed: TypeAlias = Annotated[int, typer.Option(min=0, help="The same rows and seed fit the same.")]


def fit(  # noqa: PLR0913 - each is an option of the command line
    file: CascadeFile,
    *,
    labels: TrainLabels,
    dev: DevelopmentLabels = None,
    artifact: ArtifactDir = None,
    seed: Seed = 0,
    output: OutputFormat = Output.TABLE,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Fit a cascade on labelled rows and write its artifact.

    A classifier is trained for each classify stage; thresholds and the store of error cases come
    of the development rows. With a certificate in the file the large model is asked about
    development rows, once each; otherwise no large model is called. The exit code is 1 when the
    labels do not suffice for the certificate; the artifact is written all the same, and says so.
    """
    from headgate.cascade.fitted import read_fitted
    from headgate.cascade.load import load_cascade

    loaded = with_artifact(load_cascade(file), artifact)
    rows = _rows(loaded, labels, dev, seed)
    if not quiet:
        counts = f"{len(rows.train)} rows, {len(rows.development)} for thresholds"
        note(f"fitting {loaded.name} on {counts} -> {loaded.artifact}")
    from headgate.fitting.fit import fit_cascade

    with progress(shown=not (quiet or no_progress)) as report:
        written = fit_cascade(loaded, rows, seed=seed, environment=os.environ, report=report)
    fitted = read_fitted(written, loaded.spec)
    _show(loaded, written, fitted, output)
    _refuse_uncertified(fitted)


def _rows(loaded: LoadedCascade, labels: Path, dev: Path | None, seed: int) -> Rows:
    from headgate.cascade.assemble import task_of
    from headgate.domains.tasks import read_labels
    from headgate.fitting.fit import Rows
    from headgate.fitting.split import split_rows

    task = task_of(loaded)
    train = read_labels(labels, task)
    if dev is None:
        return Rows(*split_rows(train, seed))
    return Rows(train, read_labels(dev, task))


def _show(loaded: LoadedCascade, written: Artifact, fitted: Fitted, output: Output) -> None:
    figures = _figures(fitted)
    certificate = fitted.certificate
    thresholds = {name: gate.threshold for name, gate in fitted.gates.items()}
    where = {"artifact": written.place, "revision": written.revision}
    if output is Output.JSON:
        own = None if certificate is None else {**certificate.model_dump(), "id": certificate.id}
        shown = {"name": loaded.name, **figures, "thresholds": thresholds, "certificate": own}
        emit_json({**shown, **where}, indent=2)
        return
    rows = [
        ("train rows", str(figures["train_rows"])),
        ("development rows", str(figures["development_rows"])),
        ("small model alone, accuracy", percent(figures["small_accuracy"])),
        ("kept by the gates, accuracy", percent(figures["kept_accuracy"])),
        ("sent past all gates", percent(figures["escalated_share"])),
        *((f"threshold of {name}", f"{value:.4f}") for name, value in thresholds.items()),
        ("error cases", str(figures["error_cases"])),
        *(certificate_rows(certificate) if certificate else ()),
        *where.items(),
    ]
    emit(table(["fitted", loaded.name], rows))


def _refuse_uncertified(fitted: Fitted) -> None:
    """End with 1 when the file asks for a certificate that the labels do not give."""
    certificate = fitted.certificate
    if certificate is None or certificate.certified or certificate.mode == "expectation":
        return
    note(
        f"headgate: not certified: {certificate.reason}. At least {certificate.labels_needed} "
        "labels are needed."
    )
    raise typer.Exit(GATE_FAILED)


def _figures(fitted: Fitted) -> dict[str, float | None]:
    """Return the fit's figures; rows as whole numbers, and nothing about gates without a gate."""
    figures: dict[str, float | None] = dict(fitted.metrics)
    for name in ("train_rows", "development_rows", "error_cases"):
        figures[name] = int(fitted.metrics[name])
    if not fitted.gates:
        figures.update(kept_accuracy=None, escalated_share=None)
    return figures
