"""`headgate recertify`: a new certificate from audits and feedback, without a fit.

FILE, log of decisions -> uniform sample -> thresholds, certificate -> artifact -> figures
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from headgate.cli.certificate import certificate_rows
from headgate.cli.exits import GATE_FAILED
from headgate.cli.options import (
    ArtifactDir,
    CascadeFile,
    OutputFormat,
    Quiet,
    StateDir,
    state_directory,
    with_artifact,
)
from headgate.cli.output import Output, emit, emit_json, note, percent, table
from headgate.errors import InputError

if TYPE_CHECKING:
    from headgate.fitting.recertify import Recertified


def recertify(
    file: CascadeFile,
    *,
    state_dir: StateDir = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Use decisions from this moment on, ISO 8601."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be certified; write nothing.")
    ] = False,
    artifact: ArtifactDir = None,
    output: OutputFormat = Output.TABLE,
    quiet: Quiet = False,
) -> None:
    """Certify a cascade anew on its own audits and feedback, and set its threshold by them.

    Only the uniform sample of all records counts. A running server takes the new certificate up
    when it is started again. The exit code is 1 when the labels do not suffice; nothing is
    written then.
    """
    from headgate.cascade.decision_log import read_decisions
    from headgate.cascade.load import load_cascade
    from headgate.fitting.recertify import certificate_in_service
    from headgate.fitting.recertify import recertify as certify_anew

    loaded = with_artifact(load_cascade(file), artifact)
    present = certificate_in_service(loaded)
    folder = state_directory(state_dir) / loaded.name
    found = certify_anew(loaded, read_decisions(folder, present.id, _moment(since)))
    if not quiet:
        note(
            f"{found.decisions} decisions, {found.sample} of them sampled uniformly, "
            f"{found.gold} with feedback, {found.missing} without the large model's answer"
        )
    written = found.certificate.certified and not dry_run
    place = found.write().place if written else "nothing is written"
    _show(found, place, output)
    if not found.certificate.certified:
        raise typer.Exit(GATE_FAILED)


def _moment(text: str | None) -> float:
    if text is None:
        return 0.0
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise InputError("--since", "it is no time", "Write it like 2026-11-27T08:00Z.") from None


def _show(found: Recertified, place: str, output: Output) -> None:
    estimate = found.estimate
    if output is Output.JSON:
        emit_json(
            {
                "certificate": {**found.certificate.model_dump(), "id": found.certificate.id},
                "decisions": found.decisions,
                "sample": found.sample,
                "missing": found.missing,
                "gold": found.gold,
                "disagreement": estimate,
                "artifact": place,
            },
            indent=2,
        )
        return
    interval = f"{percent(estimate.risk)} ({estimate.low:.2%} to {estimate.high:.2%})"
    rows = [
        *certificate_rows(found.certificate),
        ("disagreement under the present gate, all audits weighted", interval),
        ("artifact", place),
    ]
    emit(table(["recertified", ""], rows))
